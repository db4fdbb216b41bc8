/* Prove a usual JPEG whole without decoding it: all its codes are read, and what they stand for is passed over.

   Usual is: baseline or extended sequential Huffman coding, 8 bits, gray or three colours in one scan. Of all else, and
   wherever a decoder might have something to say, nothing is claimed. ITU-T T.81, annexes B and F. */

#include "kernels.h"

#include <string.h>

#define QUICK 10 /* bits by which codes are looked up at once */

typedef struct {
    const uint8_t *at, *end;
    uint64_t bits; /* the next ones, at the top */
    int count;
} Bits;

/* What the next bits say: `length` of code and value together, `run` of coefficients it takes; 0 long codes; run 64 ends
   the block. `some_*`: the same for as many codes as the bits hold whole; 64 more where the last ends the block. */
typedef struct {
    uint8_t length, run, some_length, some_run;
} Said;

typedef struct {
    int known;
    int32_t most[18], offset[17]; /* of codes of each length, the largest, and what leads to its symbol */
    uint8_t symbols[256];
    Said said[1 << QUICK];
} Codes;

typedef struct {
    Codes codes[2][4];
    int quantized[4], components, blocks, interval;
    int height, width, widest, tallest;
    int id[3], sides[3][2], quantizer[3], dc[3], ac[3];
} Picture;

/* Whole bytes as long as there is room for them; at a marker, or the end, no more. */
static inline void fill(Bits *bits) {
    while (bits->count <= 56 && bits->at < bits->end) {
        if (bits->end - bits->at >= 8) {
            uint64_t word;
            memcpy(&word, bits->at, 8);
            if (!((word & ~(word + 0x0101010101010101)) & 0x8080808080808080)) { /* none of the eight is 255 */
                int bytes = (64 - bits->count) / 8;
                word = __builtin_bswap64(word);
                if (bytes < 8) word = word >> (64 - 8 * bytes) << (64 - 8 * bytes);
                bits->bits |= word >> bits->count;
                bits->count += 8 * bytes;
                bits->at += bytes;
                return;
            }
        }
        if (*bits->at == 0xff) {
            if (bits->end - bits->at < 2 || bits->at[1]) return;
            bits->bits |= (uint64_t)0xff << (56 - bits->count);
            bits->at += 2;
        } else
            bits->bits |= (uint64_t)*bits->at++ << (56 - bits->count);
        bits->count += 8;
    }
}

/* Lay out a table of codes by the number of those of each length and their symbols. */
static int lay_out(Codes *codes, const uint8_t *counts, const uint8_t *symbols, int total, int dc) {
    int32_t code = 0, place = 0;
    memcpy(codes->symbols, symbols, (size_t)total);
    memset(codes->said, 0, sizeof codes->said);
    for (int i = 0; i < total; i++)
        if (dc ? symbols[i] > 11 : (symbols[i] & 15) > 10 || (!(symbols[i] & 15) && symbols[i] && symbols[i] != 0xf0))
            return 0;
    for (int length = 1; length <= 16; length++) {
        codes->offset[length] = place - code;
        for (int i = 0; i < counts[length - 1]; i++, code++, place++) {
            int symbol = symbols[place], all = length + (symbol & 15);
            int run = dc ? 1 : symbol == 0 ? 64 : (symbol >> 4) + 1;
            if (length > QUICK) continue;
            Said said = {(uint8_t)all, (uint8_t)run, 0, 0};
            for (int32_t n = code << (QUICK - length); n < (code + 1) << (QUICK - length) && n < 1 << QUICK; n++)
                codes->said[n] = said;
        }
        if (code >= 1 << length) return 0; /* too many, or the one of ones alone, which none may have */
        codes->most[length] = counts[length - 1] ? code - 1 : -1;
        code <<= 1;
    }
    for (int n = 0; n < 1 << QUICK && !dc; n++) {
        int length = 0, run = 0;
        for (;;) {
            Said next = codes->said[n << length & ((1 << QUICK) - 1)];
            if (!next.length || length + next.length > QUICK || run + next.run > 127) break;
            length += next.length;
            run += next.run;
            if (next.run == 64) break;
        }
        codes->said[n].some_length = (uint8_t)length;
        codes->said[n].some_run = (uint8_t)run;
    }
    codes->known = 1;
    return 1;
}

/* One code with its value: its run, or 0 where there is no such code or the bits end before. */
static inline int pass(Bits *bits, const Codes *codes, int dc) {
    Said said = codes->said[bits->bits >> (64 - QUICK)];
    int length = said.length, run = said.run;
    if (!length) {
        for (int size = QUICK + 1;; size++) {
            if (size > 16) return 0;
            int32_t code = (int32_t)(bits->bits >> (64 - size));
            if (code > codes->most[size]) continue;
            int symbol = codes->symbols[(code + codes->offset[size]) & 255];
            length = size + (symbol & 15);
            run = dc ? 1 : symbol == 0 ? 64 : (symbol >> 4) + 1;
            break;
        }
    }
    if (length > bits->count) return 0;
    bits->bits <<= length;
    bits->count -= length;
    return run;
}

static inline int pass_block(Bits *bits, const Codes *dc, const Codes *ac) {
    fill(bits);
    if (!pass(bits, dc, 1)) return 0;
    for (int coefficient = 1; coefficient < 64;) {
        if (bits->count < 32) fill(bits);
        Said said = ac->said[bits->bits >> (64 - QUICK)];
        if (coefficient + (said.some_run & 63) < 64 && said.some_length && said.some_length <= bits->count) {
            bits->bits <<= said.some_length;
            bits->count -= said.some_length;
            coefficient += said.some_run & 63;
            if (said.some_run & 64) return 1;
            continue;
        }
        int run = pass(bits, ac, 0);
        if (!run) return 0;
        if (run == 64) return 1;
        coefficient += run;
        if (coefficient > 64) return 0;
    }
    return 1;
}

static int tables(Picture *picture, const uint8_t *at, const uint8_t *end) {
    while (at < end) {
        int total = 0, class = *at >> 4, id = *at & 15;
        if (end - at < 17 || class > 1 || id > 3) return 0;
        for (int i = 1; i <= 16; i++) total += at[i];
        if (total > 256 || end - at < 17 + total) return 0;
        if (!lay_out(&picture->codes[class][id], at + 1, at + 17, total, !class)) return 0;
        at += 17 + total;
    }
    return 1;
}

static int quantizers(Picture *picture, const uint8_t *at, const uint8_t *end) {
    for (; at < end; at += 65) {
        if (end - at < 65 || *at > 3) return 0;
        picture->quantized[*at] = 1;
    }
    return 1;
}

static int frame(Picture *picture, const uint8_t *at, const uint8_t *end) {
    if (picture->components || end - at < 6 || at[0] != 8) return 0;
    picture->height = at[1] << 8 | at[2];
    picture->width = at[3] << 8 | at[4];
    picture->components = at[5];
    if (!picture->height || !picture->width || (at[5] != 1 && at[5] != 3) || end - at != 6 + 3 * at[5]) return 0;
    for (int i = 0; i < picture->components; i++) {
        const uint8_t *one = at + 6 + 3 * i;
        int across = one[1] >> 4, down = one[1] & 15;
        for (int j = 0; j < i; j++)
            if (picture->id[j] == one[0]) return 0;
        if (across < 1 || across > 2 || down < 1 || down > 2 || one[2] > 3) return 0;
        picture->id[i] = one[0];
        picture->sides[i][0] = across;
        picture->sides[i][1] = down;
        picture->quantizer[i] = one[2];
        if (across > picture->widest) picture->widest = across;
        if (down > picture->tallest) picture->tallest = down;
        picture->blocks += across * down;
    }
    return picture->blocks <= 10;
}

static int scan(Picture *picture, const uint8_t *at, const uint8_t *end) {
    int components = picture->components;
    if (!components || end - at != 4 + 2 * components || at[0] != components) return 0;
    for (int i = 0; i < components; i++) {
        const uint8_t *one = at + 1 + 2 * i;
        picture->dc[i] = one[1] >> 4;
        picture->ac[i] = one[1] & 15;
        if (one[0] != picture->id[i] || picture->dc[i] > 3 || picture->ac[i] > 3) return 0;
        if (!picture->codes[0][picture->dc[i]].known || !picture->codes[1][picture->ac[i]].known) return 0;
        if (!picture->quantized[picture->quantizer[i]]) return 0;
    }
    return end[-3] == 0 && end[-2] == 63 && end[-1] == 0;
}

/* Whether a marker follows at once, but for bits that fill a byte. */
static int ends(Bits *bits, int marker) {
    if (bits->count >= 8 || bits->end - bits->at < 2 || bits->at[0] != 0xff || bits->at[1] != marker) return 0;
    bits->at += 2;
    bits->bits = 0;
    bits->count = 0;
    return 1;
}

static int units(const Picture *picture, const uint8_t *at, const uint8_t *end) {
    Bits bits = {at, end, 0, 0};
    int alone = picture->components == 1;
    int64_t across = (picture->width - 1) / (alone ? 8 : 8 * picture->widest) + 1;
    int64_t down = (picture->height - 1) / (alone ? 8 : 8 * picture->tallest) + 1;
    int64_t left = picture->interval, next = 0;
    for (int64_t unit = 0; unit < across * down; unit++, left--) {
        if (picture->interval && !left) {
            if (!ends(&bits, 0xd0 + (int)(next++ & 7))) return 0;
            left = picture->interval;
        }
        for (int i = 0; i < picture->components; i++) {
            const Codes *dc = &picture->codes[0][picture->dc[i]], *ac = &picture->codes[1][picture->ac[i]];
            int blocks = alone ? 1 : picture->sides[i][0] * picture->sides[i][1];
            while (blocks--)
                if (!pass_block(&bits, dc, ac)) return 0;
        }
    }
    return ends(&bits, 0xd9);
}

/* Whether it is sure that a decoder reads all of it and finds no fault: into `sure` 1, or 0 where that is not known. */
KERNEL void prove_whole(const uint8_t *data, uint64_t size, uint8_t *sure) {
    Picture picture; /* of its tables only what is laid out is read */
    const uint8_t *at = data + 2, *end = data + size;
    *sure = 0;
    picture.components = picture.blocks = picture.interval = picture.widest = picture.tallest = 0;
    memset(picture.quantized, 0, sizeof picture.quantized);
    for (int i = 0; i < 8; i++) picture.codes[i / 4][i % 4].known = 0;
    if (size < 4 || data[0] != 0xff || data[1] != 0xd8) return;
    for (;;) {
        if (end - at < 4 || at[0] != 0xff) return;
        int marker = at[1], length = at[2] << 8 | at[3];
        const uint8_t *from = at + 4, *to = at + 2 + length;
        if (length < 2 || end - at < 2 + length) return;
        at = to;
        if (marker == 0xc4) {
            if (!tables(&picture, from, to)) return;
        } else if (marker == 0xdb) {
            if (!quantizers(&picture, from, to)) return;
        } else if (marker == 0xdd) {
            if (to - from != 2) return;
            picture.interval = from[0] << 8 | from[1];
        } else if (marker == 0xc0 || marker == 0xc1) {
            if (!frame(&picture, from, to)) return;
        } else if (marker == 0xe0) {
            if (to - from >= 5 && !memcmp(from, "JFIF", 5) && (to - from < 14 || from[5] != 1)) return;
        } else if (marker == 0xee) {
            if (to - from >= 5 && !memcmp(from, "Adobe", 5) && (to - from < 12 || from[11] > 1)) return;
        } else if (marker == 0xda) {
            *sure = (uint8_t)(scan(&picture, from, to) && units(&picture, at, end));
            return;
        } else if (marker != 0xfe && (marker < 0xe1 || marker > 0xef))
            return;
    }
}
