/* Eight samples of pixels of four bytes. */

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

/* Weigh eight pixels of two by two taps. In each of the registers two lie four apart, their taps in turn from above and
   below. */
INLINE_AVX2 __m256i weigh_eight(
    const __m256i both[4], __m256i phase_x, __m256i phase_y, __m256i half, __m128i shift
) {
    __m256i across, down, found[4];
    weights_of(phase_x, phase_y, &across, &down);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i weights_y = _mm256_shuffle_epi8(down, _mm256_loadu_si256((const __m256i *)FIRST[i]));
        __m256i weights_x = _mm256_shuffle_epi8(across, _mm256_loadu_si256((const __m256i *)BOTH[i]));
        found[i] = _mm256_mulhrs_epi16(_mm256_maddubs_epi16(both[i], weights_y), weights_x);
    }
    for (int i = 0; i < 4; i += 2) {
        __m256i sum = _mm256_add_epi16(
            _mm256_unpacklo_epi64(found[i], found[i + 1]), _mm256_unpackhi_epi64(found[i], found[i + 1])
        );
        found[i] = _mm256_sra_epi16(_mm256_add_epi16(sum, half), shift);
    }
    return _mm256_packus_epi16(found[0], found[2]);
}

/* Eight pixels of two by two taps that lie side by side. */
INLINE_AVX2 __m256i sample_eight(
    const uint8_t *pixels, const uint32_t *from, size_t stride, __m256i phase_x, __m256i phase_y, __m256i half,
    __m128i shift
) {
    __m256i both[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint8_t *p = pixels + from[i], *q = pixels + from[i + 4];
        __m128i one = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)p), _mm_loadl_epi64((const __m128i *)(p + stride))
        );
        __m128i other = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)q), _mm_loadl_epi64((const __m128i *)(q + stride))
        );
        both[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(one), other, 1);
    }
    return weigh_eight(both, phase_x, phase_y, half, shift);
}

/* Eight pixels of two by two taps, wherever these lie. */
INLINE_AVX2 __m256i sample_eight_apart(
    const uint8_t *pixels, Pair x, Pair y, __m256i width, __m256i phase_x, __m256i phase_y, __m256i half, __m128i shift
) {
    __m256i left_above = words(pixels, _mm256_slli_epi32(offsets_of(x.first, y.first, width), 2));
    __m256i right_above = words(pixels, _mm256_slli_epi32(offsets_of(x.second, y.first, width), 2));
    __m256i left_below = words(pixels, _mm256_slli_epi32(offsets_of(x.first, y.second, width), 2));
    __m256i right_below = words(pixels, _mm256_slli_epi32(offsets_of(x.second, y.second, width), 2));
    __m256i above = _mm256_unpacklo_epi32(left_above, right_above);
    __m256i below = _mm256_unpacklo_epi32(left_below, right_below);
    __m256i both[4];
    both[0] = _mm256_unpacklo_epi8(above, below);
    both[1] = _mm256_unpackhi_epi8(above, below);
    above = _mm256_unpackhi_epi32(left_above, right_above);
    below = _mm256_unpackhi_epi32(left_below, right_below);
    both[2] = _mm256_unpacklo_epi8(above, below);
    both[3] = _mm256_unpackhi_epi8(above, below);
    return weigh_eight(both, phase_x, phase_y, half, shift);
}
