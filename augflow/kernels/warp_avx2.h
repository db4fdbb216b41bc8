/* The vector path of warp.c: the plain one, eight pixels at a time; the same bytes. */

#include "warp_borders.h"
#include "warp_colour.h"
#include "warp_gray.h"

#define PICK(low, high, which)                                                                                       \
    _mm256_permute4x64_epi64(                                                                                        \
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), which)), 0xd8     \
    )

/* Numbers of 32 bits before and 32 behind the point, four and four later ones: what lies before, and the phases. */
INLINE_AVX2 void split(__m256i eight[2], __m256i *whole, __m256i *phase) {
    *whole = PICK(eight[0], eight[1], 0xdd);
    *phase = _mm256_srli_epi32(PICK(eight[0], eight[1], 0x88), 32 - PHASE_BITS);
}

/* How many bytes so many pixels are apart, of which 32 bits are behind the point; anything where that is too far. */
static inline uintptr_t apart(const Photograph *photo, uint64_t u, uint64_t v) {
    return (uintptr_t)photo->channels * ((uintptr_t)((int64_t)v >> 32) * photo->width + (uintptr_t)((int64_t)u >> 32));
}

INLINE_AVX2 void fill_avx2_as(
    const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to, int columns, int rows,
    int channels
) {
    Places places;
    Offsets offsets;
    const size_t stride = (size_t)photo->width * channels;
    const uint8_t *pixels = photo->pixels;
    const char *across = (const char *)photo->across, *down = (const char *)photo->down;
    const __m256i most_x = _mm256_set1_epi32(photo->width - columns), most_y = _mm256_set1_epi32(photo->height - rows);
    const __m256i width = _mm256_set1_epi32(photo->width);
    /* Gray taps are read by fours, where they are not two by two. */
    const __m256i last = _mm256_set1_epi32((photo->height - rows + 1) * photo->width - 4);
    const __m256i before_x = _mm256_set1_epi32(columns / 2 - 1), before_y = _mm256_set1_epi32(rows / 2 - 1);
    const __m256i half = _mm256_set1_epi16((int16_t)(1 << (photo->shift - 1)));
    const __m128i shift = _mm_cvtsi32_si128(photo->shift);
    int32_t colour;
    memcpy(&colour, photo->fill, 4);
    const __m256i fill = channels == 1 ? _mm256_set1_epi8((char)photo->fill[0]) : _mm256_set1_epi32(colour);
    const __m256i end_of_all = _mm256_set1_epi32(photo->width * photo->height - 4);
    const int apart_too = (photo->border == NEAREST || photo->border == WRAP) && photo->width * photo->height > 3;
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
            for (int32_t i = x; i < end; i += 16 / channels) {
                uint64_t at_u = (uint64_t)m[1] * row + (m[0] * i + m[2]);
                uint64_t at_v = (uint64_t)m[4] * row + (m[3] * i + m[5]);
                uintptr_t at = (uintptr_t)pixels + apart(photo, at_u, at_v);
                for (int line = -1; line < 2; line++) __builtin_prefetch((const void *)(at + line * stride));
            }
    for (; x < end; x += BLOCK, to += channels * BLOCK) {
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
        __m256i from = offsets_of(at_x, at_y, width);
        if (channels == 4) from = _mm256_slli_epi32(from, 2);
        if (channels == 1 && columns == 2 && rows > 2 && !outside)
            outside = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(from, last)));
        _mm256_storeu_si256((__m256i *)offsets.from, from);
        if (channels == 4 && (columns > 2 || rows > 2 || outside)) {
            _mm256_storeu_si256((__m256i *)offsets.across, _mm256_mullo_epi32(phase_x, _mm256_set1_epi32(columns * 8)));
            _mm256_storeu_si256((__m256i *)offsets.down, _mm256_mullo_epi32(phase_y, _mm256_set1_epi32(rows * 8)));
        }
        for (int i = 0; i < BLOCK; i += 4)
            for (int line = 0; line < 3; line++)
                __builtin_prefetch((const void *)(soon + offsets.from[i] + (rows / 2 - 1 + line) * stride));
        Pair pair_x, pair_y;
        if (outside && photo->border == CONSTANT && all_gone(photo, at_x, at_y)) {
            made = fill;
        } else if (columns == 2 && rows == 2 && outside && apart_too &&
                   find_pair(at_x, photo->width, photo->border, &pair_x) &&
                   find_pair(at_y, photo->height, photo->border, &pair_y)) {
            made = channels == 4
                ? sample_eight_apart(pixels, pair_x, pair_y, width, phase_x, phase_y, half, shift)
                : rounded_gray(sample_gray_apart(pixels, pair_x, pair_y, width, end_of_all, phase_x, phase_y), shift);
        } else if (channels == 1) {
            const uint32_t *each = (const uint32_t *)offsets.from;
            made = sample_gray_all(photo, at_x, at_y, from, each, phase_x, phase_y, outside, shift, columns, rows);
        } else if (__builtin_expect(outside, 0)) {
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
        if (end - x < BLOCK)
            memcpy(to, &made, channels * (size_t)(end - x));
        else if (channels == 1)
            _mm_storel_epi64((__m128i *)to, _mm256_castsi256_si128(made));
        else
            _mm256_storeu_si256((__m256i *)to, made);
    }
}

/* The usual numbers of taps are compiled apart, so that their loops are laid out flat. */
AVX2 static void fill_avx2(const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to) {
    int columns = photo->columns, rows = photo->rows;
    if (columns == 2 && rows == 2)
        fill_avx2_as(photo, way, x, end, y, to, 2, 2, 4);
    else if (columns == 4 && rows == 4)
        fill_avx2_as(photo, way, x, end, y, to, 4, 4, 4);
    else if (columns == 4 && rows == 6)
        fill_avx2_as(photo, way, x, end, y, to, 4, 6, 4);
    else if (columns == 8 && rows == 4)
        fill_avx2_as(photo, way, x, end, y, to, 8, 4, 4);
    else if (columns == 8 && rows == 6)
        fill_avx2_as(photo, way, x, end, y, to, 8, 6, 4);
    else
        fill_avx2_as(photo, way, x, end, y, to, columns, rows, 4);
}

AVX2 static void fill_gray_avx2(
    const Photograph *photo, const Way *way, int32_t x, int32_t end, int32_t y, uint8_t *to
) {
    int columns = photo->columns, rows = photo->rows;
    if (columns == 2 && rows == 2)
        fill_avx2_as(photo, way, x, end, y, to, 2, 2, 1);
    else if (columns == 4 && rows == 4)
        fill_avx2_as(photo, way, x, end, y, to, 4, 4, 1);
    else
        fill_avx2_as(photo, way, x, end, y, to, columns, rows, 1);
}
