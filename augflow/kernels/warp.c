/* Sample a photograph through a matrix: every output pixel is the mean over its footprint.

   A bilinear photograph, averaged over the box that an output pixel covers, is a sum over source pixels. Its weights
   are taken apart by axis: along x those of a box as long as the footprint's two edges are along x, one after the
   other, and of the bilinear tent; likewise along y. All arithmetic on pixels is in whole numbers, so that every
   processor and compiler gives the same bytes; the vector path (`warp_avx2.h`) is the plain one, eight pixels at a time.

   Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, chapter 3: space-variant filters. */

#include "kernels.h"

#include <string.h>

#define PHASE_BITS 5
#define PHASES (1 << PHASE_BITS) /* places of a sample between two pixels */
#define MOST 8                   /* taps along one axis */
#define STRIP 256                /* columns of the output done together: what they read stays in a near cache */
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
    /* Where pixels are gray: */
    int16_t narrow[PHASES * MOST / 4][4];  /* for a phase and four columns each weight once, */
    int8_t four[PHASES][16];               /* and for a phase of four rows both weights of two four times, twice */
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

/* The shares of `taps` pixels at a phase, where these are more than two. */
static void share(int phase, int taps, double a, double b, double *shares) {
    double at[MOST + 2], sum = 0, from = -(taps / 2 - 1) - (double)phase / PHASES;
    for (int i = 0; i < taps + 2; i++) at[i] = twice(from + i - 1, a, b);
    for (int i = 0; i < taps; i++) {
        shares[i] = at[i + 2] - 2 * at[i + 1] + at[i];
        if (shares[i] < 0) shares[i] = 0;
        sum += shares[i];
    }
    for (int i = 0; i < taps; i++) shares[i] /= sum;
}

/* The same in whole numbers that add up to `whole`, every sum of the first of them as near as can be. */
static void weigh(int phase, int taps, double a, double b, int whole, int32_t *weights) {
    if (taps == 2) { /* what follows would say the same, and take as long as to sample a small photograph */
        weights[1] = whole / PHASES * phase;
        weights[0] = whole - weights[1];
        return;
    }
    double shares[MOST], so_far = 0;
    share(phase, taps, a, b, shares);
    for (int i = 0, before = 0, now; i < taps; i++, before = now) {
        so_far += shares[i];
        now = (int)(so_far * whole + 0.5);
        weights[i] = now - before;
    }
}

/* Lay out the weights along x and y for a footprint whose edges are (a, d) and (b, e) long; two taps do not soften. */
static void fit(Photograph *photo, const double *edges, int taps_x, int taps_y) {
    int32_t weights[MOST + 4];
    int columns = taps_x == 2 ? 2 : (taps_x + 3) / 4 * 4, before = (columns - taps_x) / 2;
    photo->columns = columns;
    photo->rows = taps_y;
    photo->shift = taps_y > 2 ? 6 : 5; /* a single weight of 128 would not fit */
    for (int phase = 0; phase < PHASES; phase++) {
        memset(weights, 0, sizeof weights);
        weigh(phase, taps_x, edges[0], edges[1], 1 << 14, weights + before);
        for (int i = 0; i < columns * 4; i++)
            photo->across[phase * columns / 2 + i / 8][i % 8] = (int16_t)weights[i / 4];
        for (int i = 0; i < (columns + 3) / 4 * 4 && photo->channels == 1; i++)
            photo->narrow[phase * ((columns + 3) / 4) + i / 4][i % 4] = (int16_t)weights[i];
        weigh(phase, taps_y, edges[2], edges[3], 2 << photo->shift, weights);
        for (int i = 0; i < taps_y * 8; i++)
            photo->down[phase * taps_y / 2 + i / 16][i % 16] = (int8_t)weights[i / 16 * 2 + i % 2];
        for (int i = 0; i < 16 && photo->channels == 1; i++)
            photo->four[phase][i] = (int8_t)weights[i / 8 * 2 + i % 2];
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
#include "warp_avx2.h"
#endif

/* What `warp` is asked for, as Python packs it. */
typedef struct {
    double matrix[9], edges[4];
    int32_t width, height, channels, made_width, made_height, taps_x, taps_y, border;
    uint8_t fill[4];
} Job;

/* Fill `made` with samples of `source`, both rows of `channels` (1 or 4) bytes a pixel.

   matrix: 3 × 3, output to source pixel centres. edges: along x of both edges of an output pixel's footprint, then along
   y, in source pixels, 1/16 at least. taps: even, 2 to 8: source pixels that stand for an
   output pixel along x and y. */
KERNEL void warp(const uint8_t *source, uint8_t *made, const Job *job) {
    int32_t channels = job->channels, made_width = job->made_width, made_height = job->made_height;
    const double *matrix = job->matrix;
    Photograph photo;
    photo.pixels = source;
    photo.width = job->width;
    photo.height = job->height;
    photo.channels = channels;
    photo.border = job->border;
    memcpy(photo.fill, job->fill, 4);
    fit(&photo, job->edges, job->taps_x, job->taps_y);
    void (*fill_row)(const Photograph *, const Way *, int32_t, int32_t, int32_t, uint8_t *) = fill_plainly;
#ifdef HAS_AVX2
    int few = (int64_t)photo.width * photo.height < INT32_MAX / 4 - photo.width; /* offsets take 32 bits */
    if (few && has_avx2()) fill_row = channels == 4 ? fill_avx2 : fill_gray_avx2;
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
