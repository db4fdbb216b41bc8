/* See whether a usual JPEG is whole: follow its Huffman codes to the end, and make nothing of them.

   Usual is one sequential scan of 8 bits, gray or of three components, the last two of one block each. All that
   libjpeg might refuse or warn of is left to it. ITU-T T.81, annexes B and F. */

#include "kernels.h"

#include <string.h>

#define PEEK 10             /* bits looked up at once */
#define ENTRIES (1 << PEEK)
#define END 257             /* for how many coefficients the code that ends a block counts */
#define TOO_FAR(coefficients) (((coefficients) + 63) & 128) /* more than 64 of them, or than 63 and END */
#define UNKNOWN (65 << 5)
#define MOST_BLOCKS (1 << 20) /* of a component: libjpeg refuses a sum of DC differences that 32 bits do not hold */

/* One kind of codes. What one of them says: coefficients << 8 | bits of the code << 4 | bits behind it. */
typedef struct {
    uint8_t bytes[16 + 256]; /* as the file has them: how many codes of each length, then their symbols */
    int size;                /* of these bytes; 0 where nothing was made of them */
    uint32_t limit[17];      /* for a length the first number of 16 bits that begins with no such or shorter code */
    int32_t place[17];       /* what added to a code of that length gives its symbol's place */
    uint32_t one[ENTRIES];   /* 0 where a code is longer than what is looked up */
} Codes;

/* The codes of a component. For the next bits as many coefficients as they tell of: coefficients << 5 | bits. */
typedef struct {
    Codes dc, ac;
    uint16_t first[ENTRIES], later[ENTRIES]; /* from the DC coefficient on; from any other */
} Coder;

typedef struct {
    const uint8_t *bytes;
    int size;
} Slice;

typedef struct {
    uint64_t bits; /* the next one is the highest */
    int count;     /* below 0 once more were taken than there are */
    const uint8_t *at, *end;
} Reader;

/* What a symbol counts for: coefficients << 4 | bits that follow; 0 for one that is not usual. */
static int meaning(int symbol, int is_dc) {
    int run = symbol >> 4, bits = symbol & 15;
    if (is_dc) return symbol <= 11 ? 1 << 4 | symbol : 0;
    if (bits == 0) return run == 0 ? END << 4 : run == 15 ? 16 << 4 : 0;
    return bits <= 10 ? (run + 1) << 4 | bits : 0;
}

static int make_codes(Codes *codes, Slice from, int is_dc) {
    const uint8_t *symbol = from.bytes + 16;
    uint32_t code = 0;
    codes->size = 0;
    memcpy(codes->bytes, from.bytes, (size_t)from.size);
    memset(codes->one, 0, sizeof codes->one);
    for (int length = 1; length <= 16; length++, code <<= 1) {
        codes->place[length] = (int32_t)(symbol - from.bytes) - (int32_t)code;
        for (int i = 0; i < from.bytes[length - 1]; i++, code++) {
            int means = meaning(*symbol++, is_dc);
            if (!means || code + 1 >= 1u << length) return 0;
            if (length > PEEK) continue;
            uint32_t entry = (uint32_t)((means >> 4) << 8 | length << 4 | (means & 15));
            uint32_t *to = codes->one + (code << (PEEK - length));
            for (int j = 0; j < 1 << (PEEK - length); j++) to[j] = entry;
        }
        codes->limit[length] = code << (16 - length);
    }
    codes->size = from.size;
    return 1;
}

/* Put together all codes that lie in the bits looked up; what follows the last may lie behind. */
static void join(const uint32_t *first, const uint32_t *later, uint16_t *joined) {
    for (uint32_t peeked = 0; peeked < ENTRIES; peeked++) {
        uint32_t next = first[peeked], sum = next >> 8, used = (next >> 4 & 15) + (next & 15);
        if (!next) {
            joined[peeked] = UNKNOWN;
            continue;
        }
        while (sum < END && used < PEEK) {
            next = later[peeked << used & (ENTRIES - 1)];
            if (!next || (next >> 4 & 15) > PEEK - used || TOO_FAR(sum + (next >> 8))) break;
            sum += next >> 8;
            used += (next >> 4 & 15) + (next & 15);
        }
        joined[peeked] = (uint16_t)(sum << 5 | used);
    }
}

static int same(const Codes *codes, Slice as) {
    return codes->size == as.size && !memcmp(codes->bytes, as.bytes, (size_t)as.size);
}

/* A coder of those codes; the one given has those of the last file, which mostly are the same. */
static int make_coder(Coder *coder, Slice dc, Slice ac) {
    if (same(&coder->dc, dc) && same(&coder->ac, ac)) return 1;
    if (!make_codes(&coder->dc, dc, 1) || !make_codes(&coder->ac, ac, 0)) {
        coder->dc.size = 0;
        return 0;
    }
    join(coder->dc.one, coder->ac.one, coder->first);
    join(coder->ac.one, coder->ac.one, coder->later);
    return 1;
}

/* Take in whole bytes up to a marker, at least 57 bits if they are there. */
static __attribute__((noinline)) void fill_slowly(Reader *reader) {
    while (reader->count <= 56 && reader->at < reader->end) {
        uint8_t byte = *reader->at;
        if (byte == 0xff && (reader->end - reader->at < 2 || reader->at[1])) break;
        reader->bits |= (uint64_t)byte << (56 - reader->count);
        reader->count += 8;
        reader->at += byte == 0xff ? 2 : 1;
    }
}

/* The next code alone, as in `Codes.one` but both counts of bits added up; 0 if there is none. */
static __attribute__((noinline)) uint32_t one_code(const Codes *codes, uint64_t bits, int is_dc) {
    uint32_t found = codes->one[bits >> (64 - PEEK)];
    if (found) return (found >> 8) << 5 | ((found >> 4 & 15) + (found & 15));
    uint32_t next = (uint32_t)(bits >> 48);
    for (int length = PEEK + 1; length <= 16; length++)
        if (next < codes->limit[length]) {
            int means = meaning(codes->bytes[codes->place[length] + (int32_t)(next >> (16 - length))], is_dc);
            return (uint32_t)((means >> 4) << 5 | (length + (means & 15)));
        }
    return 0;
}

/* A block of the unit: its codes, and where the next begins. Without branches that processors guess wrong. */
#define PICK(mask, one, other) ((void *)(((uintptr_t)(one) & (mask)) | ((uintptr_t)(other) & ~(mask))))

typedef struct Block {
    const Coder *coder;
    const uint16_t *later, *then_first;
    const struct Block *next;
} Block;

/* Follow so many blocks; 0 if a code is wrong. Bits that are not there count as zeros. */
static int follow(Reader *reader, const Block *block, uint32_t blocks) {
    uint64_t bits = reader->bits; /* not in the struct: it would be stored and loaded all the time */
    int count = reader->count;
    const uint8_t *at = reader->at;
    const uint16_t *table = block->coder->first;
    uint32_t done = 0;
    for (;;) {
        uint64_t eight = ~(uint64_t)0;
        if (reader->end - at >= 8) memcpy(&eight, at, 8);
        if ((~eight - 0x0101010101010101) & eight & 0x8080808080808080) { /* a byte of 0xff */
            if (count < 0) return 0;
            *reader = (Reader){bits, count, at, reader->end};
            fill_slowly(reader);
            bits = reader->bits, count = reader->count, at = reader->at;
        } else {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            eight = __builtin_bswap64(eight);
#endif
            bits |= eight >> count;
            at += (63 - count) >> 3;
            count |= 56;
        }
        for (int i = 0; i < 2; i++) { /* 27 bits each at most */
            uint32_t found = table[bits >> (64 - PEEK)], then = done + (found >> 5);
            if (TOO_FAR(then)) { /* or unknown; the block may have ended before */
                found = one_code(done ? &block->coder->ac : &block->coder->dc, bits, !done);
                then = done + (found >> 5);
                if (!found || TOO_FAR(then)) return 0;
            }
            bits <<= found & 31;
            count -= (int)(found & 31);
            uintptr_t ends = -(uintptr_t)(then >= 64);
            done = then & ~(uint32_t)ends;
            blocks += (uint32_t)ends;
            table = PICK(ends, block->then_first, block->later);
            block = PICK(ends, block->next, block);
            if (!blocks) {
                *reader = (Reader){bits, count, at, reader->end};
                return 1;
            }
        }
    }
}

/* Follow the scan that begins there up to the end of the picture. */
static int follow_scan(Reader reader, const Block *first, uint32_t blocks, uint32_t interval) {
    for (int restart = 0;; restart = (restart + 1) & 7) {
        uint32_t some = interval && interval < blocks ? interval : blocks;
        if (!follow(&reader, first, some)) return 0;
        blocks -= some;
        if (reader.count < 0 || reader.count > 7 || reader.end - reader.at < 2 || reader.at[0] != 0xff) return 0;
        if (!blocks) return reader.at[1] == 0xd9;
        if (reader.at[1] != 0xd0 + restart) return 0;
        reader = (Reader){0, 0, reader.at + 2, reader.end};
    }
}

typedef struct {
    Slice codes[2][4]; /* DC and AC */
    int has_quantization[4];
    uint32_t interval, height, width;
    int components; /* 0 before the frame */
    uint8_t frame[3][3];
    int profiles, parts; /* pieces of a colour profile so far, and of how many the first spoke */
} Picture;

static int read_codes(Picture *picture, const uint8_t *body, int size) {
    while (size) {
        int all = 17;
        if (size < 17 || body[0] & ~0x13) return 0;
        for (int i = 1; i < 17; i++) all += body[i];
        if (all > 17 + 256 || all > size) return 0;
        picture->codes[body[0] >> 4][body[0] & 3] = (Slice){body + 1, all - 1};
        body += all;
        size -= all;
    }
    return 1;
}

static int read_quantization(Picture *picture, const uint8_t *body, int size) {
    for (; size; body += 65, size -= 65) {
        if (size < 65 || body[0] > 3) return 0;
        picture->has_quantization[body[0]] = 1;
    }
    return 1;
}

static int read_frame(Picture *picture, const uint8_t *body, int size) {
    if (picture->components || size < 6 || body[0] != 8 || (body[5] != 1 && body[5] != 3)) return 0;
    if (size != 6 + 3 * body[5]) return 0;
    picture->height = (uint32_t)body[1] << 8 | body[2];
    picture->width = (uint32_t)body[3] << 8 | body[4];
    picture->components = body[5];
    memcpy(picture->frame, body + 6, (size_t)size - 6);
    if (!picture->height || !picture->width || picture->height > 65500 || picture->width > 65500) return 0;
    for (int i = 0; i < picture->components; i++) {
        const uint8_t *component = picture->frame[i], factors = component[1];
        if (factors != 0x11 && (i || (factors != 0x21 && factors != 0x12 && factors != 0x22))) return 0;
        if (component[2] > 3) return 0;
        for (int j = 0; j < i; j++)
            if (picture->frame[j][0] == component[0]) return 0;
    }
    return 1;
}

/* Pieces of a colour profile (ICC.1, B.4), each in its turn and not empty; libjpeg warns where one lacks. */
static int read_profile(Picture *picture, const uint8_t *body, int size) {
    if (size < 14 || memcmp(body, "ICC_PROFILE", 12)) return 1;
    if (!picture->profiles) picture->parts = body[13];
    return body[12] == ++picture->profiles && body[13] == picture->parts && size > 14;
}

/* JFIF of another version and colours of another kind are what libjpeg warns of. */
static int read_application(Picture *picture, int marker, const uint8_t *body, int size) {
    if (marker == 0xe0 && size >= 5 && !memcmp(body, "JFIF", 5)) return size >= 14 && body[5] == 1;
    if (marker == 0xe2) return read_profile(picture, body, size);
    if (marker == 0xee && size >= 5 && !memcmp(body, "Adobe", 5)) return size >= 12 && body[11] <= 1;
    return 1;
}

static int read_scan(const Picture *picture, const uint8_t *body, int size, const uint8_t *end) {
    static _Thread_local Coder kept[3];
    Block unit[6];
    int components = picture->components;
    uint32_t blocks = 0;
    if (!components || size != 4 + 2 * components || body[0] != components) return 0;
    if (picture->profiles != picture->parts || memcmp(body + size - 3, "\0\x3f\0", 3)) return 0;
    for (int i = 0; i < components; i++) {
        const uint8_t *component = picture->frame[i], *chosen = body + 1 + 2 * i;
        if (chosen[0] != component[0] || chosen[1] & ~0x33 || !picture->has_quantization[component[2]]) return 0;
        Slice dc = picture->codes[0][chosen[1] >> 4], ac = picture->codes[1][chosen[1] & 3];
        if (!dc.size || !ac.size) return 0;
        Coder *coder = i == 2 && same(&kept[1].dc, dc) && same(&kept[1].ac, ac) ? &kept[1] : &kept[i];
        if (!make_coder(coder, dc, ac)) return 0;
        int some = components == 1 ? 1 : (component[1] >> 4) * (component[1] & 15);
        while (some--) unit[blocks++].coder = coder;
    }
    uint32_t across = 8, down = 8;
    if (components == 3) {
        across *= picture->frame[0][1] >> 4;
        down *= picture->frame[0][1] & 15;
    }
    uint32_t units = ((picture->width + across - 1) / across) * ((picture->height + down - 1) / down);
    if (units > MOST_BLOCKS / (across / 8 * (down / 8))) return 0;
    for (uint32_t i = 0; i < blocks; i++) {
        unit[i].later = unit[i].coder->later;
        unit[i].next = &unit[(i + 1) % blocks];
        unit[i].then_first = unit[i].next->coder->first;
    }
    return follow_scan((Reader){0, 0, body + size, end}, unit, units * blocks, picture->interval * blocks);
}

static int is_whole(const uint8_t *data, uint64_t size) {
    Picture picture = {0};
    const uint8_t *end = data + size;
    if (size < 4 || data[0] != 0xff || data[1] != 0xd8) return 0;
    for (const uint8_t *at = data + 2; end - at >= 4 && at[0] == 0xff;) {
        int marker = at[1], length = (at[2] << 8 | at[3]) - 2, fine = 0;
        const uint8_t *body = at + 4;
        if (length < 0 || end - body < length) return 0;
        if (marker == 0xda) return read_scan(&picture, body, length, end);
        if (marker >= 0xe0 && marker <= 0xef) fine = read_application(&picture, marker, body, length);
        if (marker == 0xfe) fine = 1;
        if (marker == 0xc4) fine = read_codes(&picture, body, length);
        if (marker == 0xdb) fine = read_quantization(&picture, body, length);
        if (marker == 0xc0 || marker == 0xc1) fine = read_frame(&picture, body, length);
        if (marker == 0xdd && length == 2) {
            picture.interval = (uint32_t)body[0] << 8 | body[1];
            fine = 1;
        }
        if (!fine) return 0;
        at = body + length;
    }
    return 0;
}

/* Whether libjpeg surely decodes it without an error or a warning: into `sure` 1, or 0 where that is not known. */
KERNEL void prove_whole(const uint8_t *data, uint64_t size, uint8_t *sure) { *sure = (uint8_t)is_whole(data, size); }
