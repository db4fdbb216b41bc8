/* The vector path of warp.c: the plain one, eight pixels at a time; the same bytes. */

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
/* Of each of four numbers of 32 bits in a half of a register: its first two bytes eight times over, */
static const uint8_t FIRST[4][32] = {
    SPREAD(0, 1, 0, 1), SPREAD(4, 5, 4, 5), SPREAD(8, 9, 8, 9), SPREAD(12, 13, 12, 13)
};
/* and both its numbers of 16 bits four times each. */
static const uint8_t BOTH[4][32] = {
    SPREAD(0, 1, 2, 3), SPREAD(4, 5, 6, 7), SPREAD(8, 9, 10, 11), SPREAD(12, 13, 14, 15)
};

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

/* Two gray pixels that lie side by side, and the two below: in turn from above and below, once `BELOW` has ordered them. */
INLINE_AVX2 int32_t two_by_two(const uint8_t *from, size_t stride) {
    uint16_t upper, lower;
    memcpy(&upper, from, 2);
    memcpy(&lower, from + stride, 2);
    return (int32_t)(upper | (uint32_t)lower << 16);
}

/* Eight gray pixels of two by two taps, as `sample_eight`; whole numbers of 32 bits. */
INLINE_AVX2 __m256i sample_gray_eight(
    const uint8_t *pixels, const uint32_t *from, size_t stride, __m256i phase_x, __m256i phase_y
) {
    const __m256i whole = _mm256_set1_epi32(PHASES), below = _mm256_setr_epi8(
        0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15
    );
    __m256i across = _mm256_or_si256(_mm256_sub_epi32(whole, phase_x), _mm256_slli_epi32(phase_x, 16));
    __m256i down = _mm256_or_si256(_mm256_sub_epi32(whole, phase_y), _mm256_slli_epi32(phase_y, 8));
    across = _mm256_slli_epi32(across, 14 - PHASE_BITS);
    down = _mm256_slli_epi32(_mm256_or_si256(down, _mm256_slli_epi32(down, 16)), 1);
    __m256i both = _mm256_setr_epi32(
        two_by_two(pixels + from[0], stride), two_by_two(pixels + from[1], stride),
        two_by_two(pixels + from[2], stride), two_by_two(pixels + from[3], stride),
        two_by_two(pixels + from[4], stride), two_by_two(pixels + from[5], stride),
        two_by_two(pixels + from[6], stride), two_by_two(pixels + from[7], stride)
    );
    both = _mm256_shuffle_epi8(both, below);
    __m256i found = _mm256_mulhrs_epi16(_mm256_maddubs_epi16(both, down), across);
    return _mm256_madd_epi16(found, _mm256_set1_epi16(1));
}

INLINE_AVX2 __m256i words(const void *from, __m256i at) { return _mm256_i32gather_epi32((const int *)from, at, 1); }

/* Eight gray pixels of any taps, but for those that are two by two; two columns count as four. */
INLINE_AVX2 __m256i sample_gray(
    const Photograph *photo, __m256i from, __m256i phase_x, __m256i phase_y, int columns, int rows
) {
    const int groups = (columns + 3) / 4;
    __m256i sum = _mm256_setzero_si256();
    __m256i rows_of = _mm256_mullo_epi32(phase_y, _mm256_set1_epi32(rows * 8));
    /* Interleaved below, the first and third two pixels lie in one register, the second and fourth in another. */
    __m256i columns_of = _mm256_permute4x64_epi64(_mm256_mullo_epi32(phase_x, _mm256_set1_epi32(groups)), 0xd8);
    for (int group = 0; group < groups; group++) {
        const uint8_t *pixels = photo->pixels + 4 * group;
        const long long *narrow = (const long long *)(photo->narrow + group);
        __m256i low = sum, high = sum;
        for (int row = 0; row < rows; row += 2, pixels += 2 * (size_t)photo->width) {
            __m256i upper = words(pixels, from), lower = words(pixels + photo->width, from);
            __m256i weights = words((const uint8_t *)photo->down + 8 * row, rows_of);
            __m256i l = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(upper, lower), _mm256_unpacklo_epi32(weights, weights));
            __m256i h = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(upper, lower), _mm256_unpackhi_epi32(weights, weights));
            low = row ? _mm256_add_epi16(low, l) : l;
            high = row ? _mm256_add_epi16(high, h) : h;
        }
        low = _mm256_mulhrs_epi16(low, _mm256_i32gather_epi64(narrow, _mm256_castsi256_si128(columns_of), 8));
        high = _mm256_mulhrs_epi16(high, _mm256_i32gather_epi64(narrow, _mm256_extracti128_si256(columns_of, 1), 8));
        __m256i pairs = _mm256_madd_epi16(_mm256_hadd_epi16(low, high), _mm256_set1_epi16(1));
        sum = group ? _mm256_add_epi32(sum, pairs) : pairs;
    }
    return sum;
}

/* Round eight whole numbers of 32 bits, into the first eight bytes. */
INLINE_AVX2 __m256i rounded_gray(__m256i sum, __m128i shift) {
    __m256i half = _mm256_srl_epi32(_mm256_sll_epi32(_mm256_set1_epi32(1), shift), _mm_cvtsi32_si128(1));
    sum = _mm256_sra_epi32(_mm256_add_epi32(sum, half), shift);
    sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), _mm256_setzero_si256());
    return _mm256_permutevar8x32_epi32(sum, _mm256_setr_epi32(0, 4, 2, 2, 2, 2, 2, 2));
}

/* Which of eight samples read beyond the photograph, a bit each; `most` are the last places that do not. */
INLINE_AVX2 int beyond(__m256i x, __m256i y, __m256i most_x, __m256i most_y) {
    __m256i out = _mm256_or_si256(_mm256_cmpgt_epi32(x, most_x), _mm256_cmpgt_epi32(y, most_y));
    return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(out, _mm256_or_si256(x, y))));
}

/* Whether nothing that eight samples read lies within the photograph. */
INLINE_AVX2 int all_gone(const Photograph *photo, __m256i x, __m256i y) {
    __m256i right = _mm256_set1_epi32(photo->width - 1), left = _mm256_set1_epi32(1 - photo->columns);
    __m256i bottom = _mm256_set1_epi32(photo->height - 1), top = _mm256_set1_epi32(1 - photo->rows);
    __m256i by_x = _mm256_or_si256(_mm256_cmpgt_epi32(x, right), _mm256_cmpgt_epi32(left, x));
    __m256i by_y = _mm256_or_si256(_mm256_cmpgt_epi32(y, bottom), _mm256_cmpgt_epi32(top, y));
    return _mm256_movemask_epi8(_mm256_or_si256(by_x, by_y)) == -1;
}

/* Eight gray pixels of which some lie too near the edges: by the plain path. */
static __attribute__((noinline, target("avx2"))) __m256i sample_gray_edge(const Photograph *photo, const Places *places) {
    uint8_t made[32] = {0};
    sample_block(photo, places, BLOCK, made);
    return _mm256_loadu_si256((const __m256i *)made);
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
                uint64_t at_u = (uint64_t)m[1] * row + (m[0] * i + m[2]), at_v = (uint64_t)m[4] * row + (m[3] * i + m[5]);
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
        __m256i from = _mm256_add_epi32(_mm256_mullo_epi32(at_y, width), at_x);
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
        if (outside && photo->border == CONSTANT && all_gone(photo, at_x, at_y)) {
            made = fill;
        } else if (__builtin_expect(outside, 0)) {
            _mm256_storeu_si256((__m256i *)places.x, at_x);
            _mm256_storeu_si256((__m256i *)places.y, at_y);
            if (channels == 1) {
                _mm256_storeu_si256((__m256i *)places.phase_x, phase_x);
                _mm256_storeu_si256((__m256i *)places.phase_y, phase_y);
                made = sample_gray_edge(photo, &places);
            } else {
                made = sample_edge(photo, &places, &offsets, outside, half, shift);
            }
        } else if (channels == 1) {
            __m256i sum = columns == 2 && rows == 2 ? sample_gray_eight(pixels, (const uint32_t *)offsets.from, stride, phase_x, phase_y)
                                                    : sample_gray(photo, from, phase_x, phase_y, columns, rows);
            made = rounded_gray(sum, shift);
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
