/* Sample a photograph through a matrix: every output pixel is the mean over its footprint.

   A bilinear photograph, averaged over the box that an output pixel covers, is a sum over source pixels. Its weights
   are taken apart by axis: along x those of a box as long as the footprint's two edges are along x, one after the
   other, and of the bilinear tent; likewise along y. All arithmetic on pixels is in whole numbers, so that every
   processor and compiler gives the same bytes; the vector path is the plain one, two pixels at a time.

   Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, chapter 3: space-variant filters. */

#include "kernels.h"

#include <string.h>

#define PHASE_BITS 5
#define PHASES (1 << PHASE_BITS) /* places of a sample between two pixels */
#define MOST 8                   /* taps along one axis */
#define STRIP 64                 /* columns of the output done together: what they read stays in the first cache */
#define BLOCK 8
#define AHEAD 8 /* rows of the output after which what is fetched now is read */

enum { REFLECT, NEAREST, WRAP, CONSTANT };

typedef struct {
    const uint8_t *pixels;
    int32_t width, height, channels, border;
    uint8_t fill[4];
    int32_t columns, rows;               /* taps; columns are two or go by fours */
    int32_t shift;                       /* bits that weights leave below a level */
    int16_t across[PHASES * MOST / 2][8];  /* for a phase and two columns four times each weight */
    int8_t down[PHASES * MOST / 2][16];    /* for a phase and two rows eight times both weights */
} Photograph;

/* Where the first tap of each of some pixels lies, and its phase. */
typedef struct {
    int32_t x[BLOCK], y[BLOCK], phase_x[BLOCK], phase_y[BLOCK];
} Places;

/* The twofold integral of two boxes, one after the other, `a` and `b` long and as high as their area is 1. */
static double twice(double t, double a, double b) {
    double ends[4] = {t + (a + b) / 2, t + (a - b) / 2, t - (a - b) / 2, t - (a + b) / 2};
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double cube = ends[i] > 0 ? ends[i] * ends[i] * ends[i] : 0;
        sum += i == 0 || i == 3 ? cube : -cube;
    }
    return sum / (6 * a * b);
}

/* The shares of `taps` pixels at a phase. */
static void share(int phase, int taps, double a, double b, double *shares) {
    double at[MOST + 2], sum = 0, from = -(taps / 2 - 1) - (double)phase / PHASES;
    for (int i = 0; i < taps + 2 && taps > 2; i++) at[i] = twice(from + i - 1, a, b);
    for (int i = 0; i < taps; i++) {
        double t = from + i;
        shares[i] = taps > 2 ? at[i + 2] - 2 * at[i + 1] + at[i] : t > 0 ? 1 - t : 1 + t;
        if (shares[i] < 0) shares[i] = 0;
        sum += shares[i];
    }
    for (int i = 0; i < taps; i++) shares[i] /= sum;
}

/* Shares in whole numbers that add up to `whole`, every sum of the first of them as near as can be. */
static void weigh(const double *shares, int taps, int whole, int32_t *weights) {
    double so_far = 0;
    for (int i = 0, before = 0, now; i < taps; i++, before = now) {
        so_far += shares[i];
        now = (int)(so_far * whole + 0.5);
        weights[i] = now - before;
    }
}

/* Lay out the weights along x and y for a footprint whose edges are (a, d) and (b, e) long; two taps do not soften. */
static void fit(Photograph *photo, const double *edges, int taps_x, int taps_y) {
    double shares[MOST];
    int32_t weights[MOST + 4];
    int columns = taps_x == 2 ? 2 : (taps_x + 3) / 4 * 4, before = (columns - taps_x) / 2;
    photo->columns = columns;
    photo->rows = taps_y;
    photo->shift = taps_y > 2 ? 6 : 5; /* a single weight of 128 would not fit */
    for (int phase = 0; phase < PHASES; phase++) {
        memset(weights, 0, sizeof weights);
        share(phase, taps_x, edges[0], edges[1], shares);
        weigh(shares, taps_x, 1 << 14, weights + before);
        for (int i = 0; i < columns * 4; i++)
            photo->across[phase * columns / 2 + i / 8][i % 8] = (int16_t)weights[i / 4];
        share(phase, taps_y, edges[2], edges[3], shares);
        weigh(shares, taps_y, 2 << photo->shift, weights);
        for (int i = 0; i < taps_y * 8; i++)
            photo->down[phase * taps_y / 2 + i / 16][i % 16] = (int8_t)weights[i / 16 * 2 + i % 2];
    }
}

/* The pixel that stands for number `i` of `n`, or -1 for the fill. */
static inline int32_t folded(int32_t i, int32_t n, int border) {
    if ((uint32_t)i < (uint32_t)n) return i;
    if (border == CONSTANT) return -1;
    if (border == NEAREST || n == 1) return i < 0 ? 0 : n - 1;
    if (border == WRAP) {
        i %= n;
        return i < 0 ? i + n : i;
    }
    int32_t period = 2 * n - 2;
    if (i < -period || i >= period) i %= period;
    if (i < 0) i = -i;
    return i < n ? i : period - i;
}

/* Copy the pixels that a sample beyond the edges needs, row by row. */
static inline __attribute__((always_inline)) void gather_as(
    const Photograph *photo, int32_t x, int32_t y, uint8_t *into, int columns, size_t channels
) {
    int32_t from[MOST] = {0};
    int together = 1;
    for (int i = 0; i < columns; i++) {
        from[i] = folded(x + i, photo->width, photo->border);
        together &= from[i] == from[0] + i;
    }
    together &= from[0] >= 0;
    for (int row = 0; row < photo->rows; row++, into += columns * channels) {
        int32_t line = folded(y + row, photo->height, photo->border);
        const uint8_t *source = photo->pixels + (size_t)(line < 0 ? 0 : line) * photo->width * channels;
        if (line >= 0 && together)
            memcpy(into, source + (size_t)from[0] * channels, columns * channels);
        else
            for (int i = 0; i < columns; i++) {
                int filled = line < 0 || from[i] < 0;
                memcpy(into + i * channels, filled ? photo->fill : source + (size_t)from[i] * channels, channels);
            }
    }
}

static const uint8_t *gather(const Photograph *photo, int32_t x, int32_t y, uint8_t *into) {
    if (photo->channels == 1)
        gather_as(photo, x, y, into, photo->columns, 1);
    else if (photo->columns == 4)
        gather_as(photo, x, y, into, 4, 4);
    else
        gather_as(photo, x, y, into, photo->columns, 4);
    return into;
}

static inline __attribute__((always_inline)) void sample_plainly(
    const Photograph *photo, const uint8_t *from, size_t stride, int phase_x, int phase_y, uint8_t *to, int channels
) {
    for (int channel = 0; channel < channels; channel++) {
        int sum = 1 << (photo->shift - 1);
        for (int column = 0; column < photo->columns; column++) {
            const uint8_t *pixel = from + column * channels + channel;
            int line = 0;
            for (int row = 0; row < photo->rows; row++, pixel += stride)
                line += *pixel * photo->down[(phase_y * photo->rows + row) / 2][row % 2];
            sum += (line * photo->across[(phase_x * photo->columns + column) / 2][column % 2 * 4] + 0x4000) >> 15;
        }
        sum >>= photo->shift;
        to[channel] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

static inline int inside(const Photograph *photo, int32_t x, int32_t y) {
    return x >= 0 && y >= 0 && x <= photo->width - photo->columns && y <= photo->height - photo->rows;
}

static void sample_block(const Photograph *photo, const Places *places, int count, uint8_t *to) {
    uint8_t gathered[MOST * MOST * 4];
    size_t row = (size_t)photo->width * photo->channels;
    for (int i = 0; i < count; i++, to += photo->channels) {
        int32_t x = places->x[i], y = places->y[i];
        int whole = inside(photo, x, y);
        const uint8_t *from = whole ? photo->pixels + (ptrdiff_t)y * row + (ptrdiff_t)x * photo->channels
                                    : gather(photo, x, y, gathered);
        size_t stride = whole ? row : (size_t)photo->columns * photo->channels;
        if (photo->channels == 1)
            sample_plainly(photo, from, stride, places->phase_x[i], places->phase_y[i], to, 1);
        else
            sample_plainly(photo, from, stride, places->phase_x[i], places->phase_y[i], to, 4);
    }
}

/* A place brought back near the photograph by its border's rule, and within what a whole number holds. */
static double near(double place, int32_t length, int border) {
    double period = border == WRAP ? length : 2.0 * length - 2, most = 1 << 29;
    if (place > -most && place < most) return place;
    if (border == NEAREST || border == CONSTANT || period <= 0) return place < 0 ? -most : most;
    double turns = place / period;
    if (!(turns >= -9e15 && turns <= 9e15)) return 0; /* no place: a period is below what a double tells apart, or NaN */
    return place - (double)(int64_t)turns * period;
}

static void locate(const double *m, double x, double y, const Photograph *photo, int i, Places *places) {
    double w = m[6] * x + m[7] * y + m[8];
    if (w < 1e-9 && w > -1e-9) w = 1e-9;
    double u = near((m[0] * x + m[1] * y + m[2]) / w, photo->width, photo->border);
    double v = near((m[3] * x + m[4] * y + m[5]) / w, photo->height, photo->border);
    int64_t at_x = (int64_t)(u * PHASES + 0.5 + 0x1p40) - ((int64_t)1 << 40);
    int64_t at_y = (int64_t)(v * PHASES + 0.5 + 0x1p40) - ((int64_t)1 << 40);
    places->x[i] = (int32_t)(at_x >> PHASE_BITS) - (photo->columns / 2 - 1);
    places->y[i] = (int32_t)(at_y >> PHASE_BITS) - (photo->rows / 2 - 1);
    places->phase_x[i] = (int32_t)(at_x & (PHASES - 1));
    places->phase_y[i] = (int32_t)(at_y & (PHASES - 1));
}

static void locate_affine(const int64_t *m, int32_t x, int32_t y, const Photograph *photo, Places *places) {
    int64_t u = m[0] * x + m[1] * y + m[2], v = m[3] * x + m[4] * y + m[5];
    int32_t before_x = photo->columns / 2 - 1, before_y = photo->rows / 2 - 1;
    for (int i = 0; i < BLOCK; i++, u += m[0], v += m[3]) {
        places->x[i] = (int32_t)(u >> 32) - before_x;
        places->y[i] = (int32_t)(v >> 32) - before_y;
        places->phase_x[i] = (int32_t)((uint32_t)u >> (32 - PHASE_BITS));
        places->phase_y[i] = (int32_t)((uint32_t)v >> (32 - PHASE_BITS));
    }
}

static int is_affine_and_near(const double *m, int32_t width, int32_t height) {
    double u = 0, v = 0, across[3] = {width, height, 1};
    for (int i = 0; i < 3; i++) {
        u += (m[i] < 0 ? -m[i] : m[i]) * across[i];
        v += (m[3 + i] < 0 ? -m[3 + i] : m[3 + i]) * across[i];
    }
    return m[6] == 0 && m[7] == 0 && m[8] == 1 && u < 1 << 29 && v < 1 << 29;
}

/* How places are found: by whole numbers with 32 bits of fraction where they can be, else by the matrix itself. */
typedef struct {
    const double *matrix;
    int64_t fixed[6];
    int affine;
} Way;

static void fill_plainly(
    const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to
) {
    Places places;
    for (; x < end; x += BLOCK, to += BLOCK * photo->channels) {
        if (way->affine)
            locate_affine(way->fixed, x, y, photo, &places);
        else
            for (int i = 0; i < BLOCK; i++) locate(way->matrix, x + i, y, photo, i, &places);
        sample_block(photo, &places, end - x < BLOCK ? end - x : BLOCK, to);
    }
}

#ifdef HAS_AVX2
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static inline __attribute__((always_inline, target("avx2")))

INLINE_AVX2 __m256i two(const void *one, const void *other) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)one)), _mm_loadu_si128((const __m128i *)other), 1
    );
}

/* Two pixels of four channels, one in each half of the registers, which hold each twice. */
INLINE_AVX2 __m256i sample_two(
    const uint8_t *one, const uint8_t *other, size_t stride, const char *across_one, const char *across_other,
    const char *down_one, const char *down_other, int columns, int rows
) {
    __m256i sum = _mm256_setzero_si256();
    for (int column = 0; column < columns; column += 4) {
        __m256i left = sum, right = sum;
        for (int row = 0; row < rows; row += 2) {
            const uint8_t *p = one + row * stride + 4 * column, *q = other + row * stride + 4 * column;
            __m256i weights = two(down_one + 8 * row, down_other + 8 * row), low, high;
            if (columns == 2) {
                __m128i both_one = _mm_unpacklo_epi8(
                    _mm_loadl_epi64((const __m128i *)p), _mm_loadl_epi64((const __m128i *)(p + stride))
                );
                __m128i both_other = _mm_unpacklo_epi8(
                    _mm_loadl_epi64((const __m128i *)q), _mm_loadl_epi64((const __m128i *)(q + stride))
                );
                low = _mm256_inserti128_si256(_mm256_castsi128_si256(both_one), both_other, 1);
                high = low;
            } else {
                __m256i upper = two(p, q), lower = two(p + stride, q + stride);
                low = _mm256_unpacklo_epi8(upper, lower);
                high = _mm256_unpackhi_epi8(upper, lower);
            }
            low = _mm256_maddubs_epi16(low, weights);
            left = row ? _mm256_add_epi16(left, low) : low;
            if (columns == 2) continue;
            high = _mm256_maddubs_epi16(high, weights);
            right = row ? _mm256_add_epi16(right, high) : high;
        }
        left = _mm256_mulhrs_epi16(left, two(across_one + 8 * column, across_other + 8 * column));
        sum = column ? _mm256_add_epi16(sum, left) : left;
        if (columns > 2) {
            right = _mm256_mulhrs_epi16(right, two(across_one + 8 * column + 16, across_other + 8 * column + 16));
            sum = _mm256_add_epi16(sum, right);
        }
    }
    return _mm256_add_epi16(sum, _mm256_shuffle_epi32(sum, 0x4e));
}

#define PICK(low, high, which)                                                                                       \
    _mm256_permute4x64_epi64(                                                                                        \
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), which)), 0xd8     \
    )

/* Numbers of 32 bits before and 32 behind the point, four and four later ones: what lies before, and the phases. */
INLINE_AVX2 void split(__m256i eight[2], __m256i *whole, __m256i *phase) {
    *whole = PICK(eight[0], eight[1], 0xdd);
    *phase = _mm256_srli_epi32(PICK(eight[0], eight[1], 0x88), 32 - PHASE_BITS);
}

/* Where each of some pixels finds its first tap and its weights, in bytes. */
typedef struct {
    int32_t from[BLOCK], across[BLOCK], down[BLOCK];
} Offsets;

/* Round eight pixels, in turn from four registers that each hold two of them twice. */
INLINE_AVX2 __m256i rounded(const __m256i found[4], __m256i half, __m128i shift) {
    __m256i four[2];
    for (int i = 0; i < 2; i++) {
        four[i] = _mm256_blend_epi32(found[2 * i], found[2 * i + 1], 0xcc);
        four[i] = _mm256_sra_epi16(_mm256_add_epi16(four[i], half), shift);
    }
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(four[0], four[1]), order);
}

/* `gather` for four columns of four bytes that lie side by side, if backwards. */
INLINE_AVX2 void gather_four(const Photograph *photo, int32_t x, int32_t y, uint8_t *into) {
    int32_t first = folded(x, photo->width, photo->border), last = folded(x + 3, photo->width, photo->border);
    int backwards = photo->border == REFLECT && first - last == 3; /* six that wrap around differ as much */
    if (photo->border == CONSTANT || (last - first != 3 && !backwards)) {
        gather(photo, x, y, into);
        return;
    }
    const __m128i mirrored = _mm_setr_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    const uint8_t *source = photo->pixels + 4 * (size_t)(first < last ? first : last);
    for (int row = 0; row < photo->rows; row++, into += 16) {
        size_t line = (size_t)folded(y + row, photo->height, photo->border);
        __m128i pixels = _mm_loadu_si128((const __m128i *)(source + line * photo->width * 4));
        if (backwards) pixels = _mm_shuffle_epi8(pixels, mirrored);
        _mm_storeu_si128((__m128i *)into, pixels);
    }
}

/* Eight pixels of which some lie too near the edges to be sampled where they are. */
INLINE_AVX2 __m256i sample_edge_as(
    const Photograph *photo, const Places *places, const Offsets *offsets, int outside, __m256i half, __m128i shift,
    int columns, int rows
) {
    uint8_t gathered[BLOCK][MOST * MOST * 4];
    size_t stride = (size_t)photo->width * 4, narrow = (size_t)columns * 4;
    const char *across = (const char *)photo->across, *down = (const char *)photo->down;
    const uint8_t *from[BLOCK];
    __m256i found[4];
    for (int i = 0; i < BLOCK; i++) {
        int whole = !(outside >> i & 1);
        from[i] = whole ? photo->pixels + offsets->from[i] : gathered[i];
        if (!(outside >> (i & ~1) & 3)) continue;
        if (whole)
            for (int row = 0; row < rows; row++) memcpy(gathered[i] + row * narrow, from[i] + row * stride, narrow);
        else if (columns == 4)
            gather_four(photo, places->x[i], places->y[i], gathered[i]);
        else
            gather(photo, places->x[i], places->y[i], gathered[i]);
        from[i] = gathered[i];
    }
    for (int i = 0; i < BLOCK; i += 2)
        found[i / 2] = sample_two(
            from[i], from[i + 1], outside >> i & 3 ? narrow : stride, across + offsets->across[i],
            across + offsets->across[i + 1], down + offsets->down[i], down + offsets->down[i + 1], columns, rows
        );
    return rounded(found, half, shift);
}

static __attribute__((noinline, target("avx2"))) __m256i sample_edge(
    const Photograph *photo, const Places *places, const Offsets *offsets, int outside, __m256i half, __m128i shift
) {
    if (photo->columns == 4 && photo->rows == 4)
        return sample_edge_as(photo, places, offsets, outside, half, shift, 4, 4);
    return sample_edge_as(photo, places, offsets, outside, half, shift, photo->columns, photo->rows);
}

#define FOUR_TIMES(a, b, c, d) a, b, a, b, a, b, a, b, c, d, c, d, c, d, c, d
#define SPREAD(a, b, c, d) {FOUR_TIMES(a, b, c, d), FOUR_TIMES(a, b, c, d)}
/* For each of four numbers of 32 bits where in a half of a register to find both its first bytes eight times over, */
static const uint8_t FIRST[4][32] = {SPREAD(0, 1, 0, 1), SPREAD(4, 5, 4, 5), SPREAD(8, 9, 8, 9), SPREAD(12, 13, 12, 13)};
/* and the two numbers of 16 bits that it holds four times each. */
static const uint8_t BOTH[4][32] = {SPREAD(0, 1, 2, 3), SPREAD(4, 5, 6, 7), SPREAD(8, 9, 10, 11), SPREAD(12, 13, 14, 15)};

/* Eight pixels of two by two taps, whose weights are the phases themselves; a phase may be that of the next pixel. */
INLINE_AVX2 __m256i sample_eight(
    const uint8_t *pixels, const uint32_t *from, size_t stride, __m256i phase_x, __m256i phase_y, __m256i half,
    __m128i shift
) {
    const __m256i whole = _mm256_set1_epi32(PHASES);
    __m256i across = _mm256_or_si256(_mm256_sub_epi32(whole, phase_x), _mm256_slli_epi32(phase_x, 16));
    __m256i down = _mm256_or_si256(_mm256_sub_epi32(whole, phase_y), _mm256_slli_epi32(phase_y, 8));
    across = _mm256_slli_epi32(across, 14 - PHASE_BITS);
    down = _mm256_slli_epi32(down, 1);
    __m256i found[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint8_t *p = pixels + from[i], *q = pixels + from[i + 4];
        __m128i one = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)p), _mm_loadl_epi64((const __m128i *)(p + stride))
        );
        __m128i other = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)q), _mm_loadl_epi64((const __m128i *)(q + stride))
        );
        __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(one), other, 1);
        __m256i weights_y = _mm256_shuffle_epi8(down, _mm256_loadu_si256((const __m256i *)FIRST[i]));
        __m256i weights_x = _mm256_shuffle_epi8(across, _mm256_loadu_si256((const __m256i *)BOTH[i]));
        found[i] = _mm256_mulhrs_epi16(_mm256_maddubs_epi16(both, weights_y), weights_x);
    }
    for (int i = 0; i < 4; i += 2) {
        __m256i sum = _mm256_add_epi16(
            _mm256_unpacklo_epi64(found[i], found[i + 1]), _mm256_unpackhi_epi64(found[i], found[i + 1])
        );
        found[i] = _mm256_sra_epi16(_mm256_add_epi16(sum, half), shift);
    }
    return _mm256_packus_epi16(found[0], found[2]);
}

/* Which of eight samples read beyond the photograph, a bit each; `most` are the last places that do not. */
INLINE_AVX2 int beyond(__m256i x, __m256i y, __m256i most_x, __m256i most_y) {
    __m256i out = _mm256_or_si256(_mm256_cmpgt_epi32(x, most_x), _mm256_cmpgt_epi32(y, most_y));
    return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(out, _mm256_or_si256(x, y))));
}

/* Fold places and phases along an axis where the photograph goes on as its mirror image. Two pixels of that are two of
   the photograph, the other way about; nothing is rounded otherwise. What is a period away stays outside. */
INLINE_AVX2 void mirror(__m256i *at, __m256i *phase, int32_t length) {
    const __m256i most = _mm256_set1_epi32(1 << 25), last = _mm256_set1_epi32(length - 1);
    __m256i place = _mm256_max_epi32(_mm256_min_epi32(*at, most), _mm256_sub_epi32(_mm256_setzero_si256(), most));
    place = _mm256_abs_epi32(_mm256_or_si256(_mm256_slli_epi32(place, PHASE_BITS), *phase));
    place = _mm256_min_epi32(place, _mm256_sub_epi32(_mm256_slli_epi32(last, PHASE_BITS + 1), place));
    *at = _mm256_srai_epi32(place, PHASE_BITS);
    __m256i ends = _mm256_cmpeq_epi32(*at, last); /* it is the second pixel of a pair */
    *at = _mm256_add_epi32(*at, ends);
    *phase = _mm256_and_si256(place, _mm256_set1_epi32(PHASES - 1));
    *phase = _mm256_add_epi32(*phase, _mm256_and_si256(ends, _mm256_set1_epi32(PHASES)));
}

/* How many bytes so many pixels are apart, of which 32 bits are behind the point; anything where that is too far. */
static inline uintptr_t apart(const Photograph *photo, uint64_t u, uint64_t v) {
    return 4 * ((uintptr_t)((int64_t)v >> 32) * photo->width + (uintptr_t)((int64_t)u >> 32));
}

INLINE_AVX2 void fill_avx2_as(
    const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to, int columns, int rows
) {
    Places places;
    Offsets offsets;
    const size_t stride = (size_t)photo->width * 4;
    const uint8_t *pixels = photo->pixels;
    const char *across = (const char *)photo->across, *down = (const char *)photo->down;
    const __m256i most_x = _mm256_set1_epi32(photo->width - columns), most_y = _mm256_set1_epi32(photo->height - rows);
    const __m256i width = _mm256_set1_epi32(photo->width);
    const __m256i before_x = _mm256_set1_epi32(columns / 2 - 1), before_y = _mm256_set1_epi32(rows / 2 - 1);
    const __m256i half = _mm256_set1_epi16((int16_t)(1 << (photo->shift - 1)));
    const __m128i shift = _mm_cvtsi32_si128(photo->shift);
    const int mirrored = photo->border == REFLECT && photo->width > 1 && photo->height > 1;
    const int64_t *m = way->fixed;
    int64_t start_u = m[0] * x + m[1] * y + m[2], start_v = m[3] * x + m[4] * y + m[5];
    __m256i u[2], v[2];
    u[0] = _mm256_setr_epi64x(start_u, start_u + m[0], start_u + 2 * m[0], start_u + 3 * m[0]);
    v[0] = _mm256_setr_epi64x(start_v, start_v + m[3], start_v + 2 * m[3], start_v + 3 * m[3]);
    u[1] = _mm256_add_epi64(u[0], _mm256_set1_epi64x(4 * m[0]));
    v[1] = _mm256_add_epi64(v[0], _mm256_set1_epi64x(4 * m[3]));
    const __m256i on_u = _mm256_set1_epi64x(BLOCK * m[0]), on_v = _mm256_set1_epi64x(BLOCK * m[3]);
    const uintptr_t soon = (uintptr_t)pixels + apart(photo, (uint64_t)m[1] * AHEAD, (uint64_t)m[4] * AHEAD);
    if (y == 0)
        for (int32_t row = 0; row < AHEAD; row++)
            for (int32_t i = x; i < end; i += 4) {
                uint64_t at_u = (uint64_t)m[1] * row + (m[0] * i + m[2]), at_v = (uint64_t)m[4] * row + (m[3] * i + m[5]);
                uintptr_t at = (uintptr_t)pixels + apart(photo, at_u, at_v);
                for (int line = -1; line < 2; line++) __builtin_prefetch((const void *)(at + line * stride));
            }
    for (; x < end; x += BLOCK, to += 4 * BLOCK) {
        __m256i at_x, at_y, phase_x, phase_y, found[4], made;
        if (way->affine) {
            split(u, &at_x, &phase_x);
            split(v, &at_y, &phase_y);
            at_x = _mm256_sub_epi32(at_x, before_x);
            at_y = _mm256_sub_epi32(at_y, before_y);
            for (int i = 0; i < 2; i++) {
                u[i] = _mm256_add_epi64(u[i], on_u);
                v[i] = _mm256_add_epi64(v[i], on_v);
            }
        } else {
            for (int i = 0; i < BLOCK; i++) locate(way->matrix, x + i, y, photo, i, &places);
            at_x = _mm256_loadu_si256((const __m256i *)places.x);
            at_y = _mm256_loadu_si256((const __m256i *)places.y);
            phase_x = _mm256_loadu_si256((const __m256i *)places.phase_x);
            phase_y = _mm256_loadu_si256((const __m256i *)places.phase_y);
        }
        int outside = beyond(at_x, at_y, most_x, most_y);
        if (columns == 2 && rows == 2 && outside && mirrored) {
            __m256i x_within = at_x, y_within = at_y, across_within = phase_x, down_within = phase_y;
            mirror(&x_within, &across_within, photo->width);
            mirror(&y_within, &down_within, photo->height);
            if (!beyond(x_within, y_within, most_x, most_y)) {
                at_x = x_within, at_y = y_within, phase_x = across_within, phase_y = down_within;
                outside = 0;
            }
        }
        __m256i from = _mm256_slli_epi32(_mm256_add_epi32(_mm256_mullo_epi32(at_y, width), at_x), 2);
        _mm256_storeu_si256((__m256i *)offsets.from, from);
        if (columns > 2 || rows > 2 || outside) {
            _mm256_storeu_si256((__m256i *)offsets.across, _mm256_mullo_epi32(phase_x, _mm256_set1_epi32(columns * 8)));
            _mm256_storeu_si256((__m256i *)offsets.down, _mm256_mullo_epi32(phase_y, _mm256_set1_epi32(rows * 8)));
        }
        for (int i = 0; i < BLOCK; i += 4)
            for (int line = 0; line < 3; line++)
                __builtin_prefetch((const void *)(soon + offsets.from[i] + (rows / 2 - 1 + line) * stride));
        if (__builtin_expect(outside, 0)) {
            _mm256_storeu_si256((__m256i *)places.x, at_x);
            _mm256_storeu_si256((__m256i *)places.y, at_y);
            made = sample_edge(photo, &places, &offsets, outside, half, shift);
        } else if (columns == 2 && rows == 2) {
            made = sample_eight(pixels, (const uint32_t *)offsets.from, stride, phase_x, phase_y, half, shift);
        } else {
#pragma GCC unroll 4
            for (int i = 0; i < BLOCK; i += 2)
                found[i / 2] = sample_two(
                    pixels + offsets.from[i], pixels + offsets.from[i + 1], stride, across + offsets.across[i],
                    across + offsets.across[i + 1], down + offsets.down[i], down + offsets.down[i + 1], columns, rows
                );
            made = rounded(found, half, shift);
        }
        if (end - x >= BLOCK)
            _mm256_storeu_si256((__m256i *)to, made);
        else
            memcpy(to, &made, 4 * (size_t)(end - x));
    }
}

/* The usual numbers of taps are compiled apart, so that their loops are laid out flat. */
AVX2 static void fill_avx2(const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to) {
    int columns = photo->columns, rows = photo->rows;
    if (columns == 2 && rows == 2)
        fill_avx2_as(photo, way, x, end, y, to, 2, 2);
    else if (columns == 4 && rows == 4)
        fill_avx2_as(photo, way, x, end, y, to, 4, 4);
    else if (columns == 4 && rows == 6)
        fill_avx2_as(photo, way, x, end, y, to, 4, 6);
    else if (columns == 8 && rows == 4)
        fill_avx2_as(photo, way, x, end, y, to, 8, 4);
    else if (columns == 8 && rows == 6)
        fill_avx2_as(photo, way, x, end, y, to, 8, 6);
    else
        fill_avx2_as(photo, way, x, end, y, to, columns, rows);
}
#endif

/* Fill `made` with samples of `source`, both rows of `channels` (1 or 4) bytes a pixel.

   matrix: 3 × 3, output to source pixel centres. edges: along x of both edges of an output pixel's footprint, then along
   y, in source pixels, 1/16 at least. taps: even, 2 to 8: source pixels that stand for an
   output pixel along x and y. */
KERNEL void warp(
    const uint8_t *source, int32_t width, int32_t height, int32_t channels, uint8_t *made, int32_t made_width,
    int32_t made_height, const double *matrix, const double *edges, int32_t taps_x, int32_t taps_y, int32_t border,
    uint32_t fill
) {
    Photograph photo;
    photo.pixels = source;
    photo.width = width;
    photo.height = height;
    photo.channels = channels;
    photo.border = border;
    memcpy(photo.fill, &fill, 4);
    fit(&photo, edges, taps_x, taps_y);
    void (*fill_row)(const Photograph *, const Way *, int32_t, int32_t, int32_t, uint8_t *) = fill_plainly;
#ifdef HAS_AVX2
    int few = (int64_t)width * height < INT32_MAX / 4 - width; /* offsets take 32 bits */
    if (channels == 4 && few && has_avx2()) fill_row = fill_avx2;
#endif
    Way way = {matrix, {0}, is_affine_and_near(matrix, made_width + BLOCK, made_height)};
    for (int i = 0; way.affine && i < 6; i++)
        way.fixed[i] = (int64_t)(matrix[i] * 0x1p32 + (matrix[i] < 0 ? -0.5 : 0.5));
    way.fixed[2] += (int64_t)1 << (31 - PHASE_BITS); /* to the nearest phase */
    way.fixed[5] += (int64_t)1 << (31 - PHASE_BITS);
    for (int32_t left = 0; left < made_width; left += STRIP) {
        int32_t right = left + STRIP < made_width ? left + STRIP : made_width;
        for (int32_t y = 0; y < made_height; y++)
            fill_row(&photo, &way, left, right, y, made + ((size_t)y * made_width + left) * channels);
    }
}
