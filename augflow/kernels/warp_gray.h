/* Eight samples of gray pixels. */

/* Weigh eight gray pixels of two by two taps, as `weigh_eight`; whole numbers of 32 bits. */
INLINE_AVX2 __m256i weigh_gray(__m256i both, __m256i phase_x, __m256i phase_y) {
    __m256i across, down;
    weights_of(phase_x, phase_y, &across, &down);
    down = _mm256_or_si256(down, _mm256_slli_epi32(down, 16));
    __m256i found = _mm256_mulhrs_epi16(_mm256_maddubs_epi16(both, down), across);
    return _mm256_madd_epi16(found, _mm256_set1_epi16(1));
}

/* Two gray pixels that lie side by side, and the two below. */
INLINE_AVX2 int32_t two_by_two(const uint8_t *from, size_t stride) {
    uint16_t above, below;
    memcpy(&above, from, 2);
    memcpy(&below, from + stride, 2);
    return (int32_t)(above | (uint32_t)below << 16);
}

INLINE_AVX2 __m256i sample_gray_eight(
    const uint8_t *pixels, const uint32_t *from, size_t stride, __m256i phase_x, __m256i phase_y
) {
    const __m256i in_turn = _mm256_setr_epi8(
        0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15
    );
    __m256i both = _mm256_setr_epi32(
        two_by_two(pixels + from[0], stride), two_by_two(pixels + from[1], stride),
        two_by_two(pixels + from[2], stride), two_by_two(pixels + from[3], stride),
        two_by_two(pixels + from[4], stride), two_by_two(pixels + from[5], stride),
        two_by_two(pixels + from[6], stride), two_by_two(pixels + from[7], stride)
    );
    return weigh_gray(_mm256_shuffle_epi8(both, in_turn), phase_x, phase_y);
}

/* Single bytes, each read with three others, `last` at the farthest. */
INLINE_AVX2 __m256i bytes(const uint8_t *pixels, __m256i at, __m256i last) {
    __m256i from = _mm256_min_epi32(at, last);
    __m256i found = _mm256_srlv_epi32(words(pixels, from), _mm256_slli_epi32(_mm256_sub_epi32(at, from), 3));
    return _mm256_and_si256(found, _mm256_set1_epi32(255));
}

INLINE_AVX2 __m256i sample_gray_apart(
    const uint8_t *pixels, Pair x, Pair y, __m256i width, __m256i last, __m256i phase_x, __m256i phase_y
) {
    __m256i both = bytes(pixels, offsets_of(x.first, y.first, width), last);
    both = _mm256_or_si256(both, _mm256_slli_epi32(bytes(pixels, offsets_of(x.first, y.second, width), last), 8));
    both = _mm256_or_si256(both, _mm256_slli_epi32(bytes(pixels, offsets_of(x.second, y.first, width), last), 16));
    both = _mm256_or_si256(both, _mm256_slli_epi32(bytes(pixels, offsets_of(x.second, y.second, width), last), 24));
    return weigh_gray(both, phase_x, phase_y);
}

/* Four gray pixels in each of four rows. */
INLINE_AVX2 __m128i four_by_four(const uint8_t *from, size_t stride) {
    int32_t rows[4];
    for (int row = 0; row < 4; row++) memcpy(&rows[row], from + row * stride, 4);
    return _mm_setr_epi32(rows[0], rows[1], rows[2], rows[3]);
}

/* Weigh eight gray pixels of four by four taps; whole numbers of 32 bits. */
INLINE_AVX2 __m256i weigh_gray_fours(
    const Photograph *photo, const __m128i taps[BLOCK], const int32_t *phase_x, const int32_t *phase_y
) {
    const __m256i in_turn = _mm256_setr_epi8(
        0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15
    );
    __m256i found[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(taps[i]), taps[i + 4], 1);
        __m256i down = two(photo->four[phase_y[i]], photo->four[phase_y[i + 4]]);
        __m256i across = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)photo->narrow[phase_x[i]])),
            _mm_loadl_epi64((const __m128i *)photo->narrow[phase_x[i + 4]]), 1
        );
        __m256i halves = _mm256_maddubs_epi16(_mm256_shuffle_epi8(both, in_turn), down);
        __m256i lines = _mm256_add_epi16(halves, _mm256_shuffle_epi32(halves, 0x4e));
        found[i] = _mm256_mulhrs_epi16(lines, across);
    }
    __m256i pairs = _mm256_hadd_epi16(
        _mm256_unpacklo_epi64(found[0], found[1]), _mm256_unpacklo_epi64(found[2], found[3])
    );
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

INLINE_AVX2 __m256i sample_gray_fours(
    const Photograph *photo, const uint32_t *from, const int32_t *phase_x, const int32_t *phase_y
) {
    __m128i taps[BLOCK];
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK; i++) taps[i] = four_by_four(photo->pixels + from[i], (size_t)photo->width);
    return weigh_gray_fours(photo, taps, phase_x, phase_y);
}

/* The same where some lie too near the edges. */
static __attribute__((noinline, target("avx2"))) __m256i sample_gray_fours_edge(
    const Photograph *photo, const Places *places
) {
    uint8_t gathered[MOST * MOST * 4];
    __m128i taps[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        int32_t x = places->x[i], y = places->y[i];
        if (inside(photo, x, y))
            taps[i] = four_by_four(photo->pixels + (size_t)y * photo->width + x, (size_t)photo->width);
        else
            taps[i] = four_by_four(gather(photo, x, y, gathered), 4);
    }
    return weigh_gray_fours(photo, taps, places->phase_x, places->phase_y);
}

/* Eight gray pixels of any other taps; two columns count as four. */
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
            __m256i l = _mm256_unpacklo_epi8(upper, lower), h = _mm256_unpackhi_epi8(upper, lower);
            l = _mm256_maddubs_epi16(l, _mm256_unpacklo_epi32(weights, weights));
            h = _mm256_maddubs_epi16(h, _mm256_unpackhi_epi32(weights, weights));
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

/* Eight gray pixels of which some lie too near the edges: by the plain path. */
static __attribute__((noinline, target("avx2"))) __m256i sample_gray_edge(
    const Photograph *photo, const Places *places
) {
    uint8_t made[32] = {0};
    sample_block(photo, places, BLOCK, made);
    return _mm256_loadu_si256((const __m256i *)made);
}

/* Eight gray pixels, of which some lie too near the edges if `outside`. */
INLINE_AVX2 __m256i sample_gray_all(
    const Photograph *photo, __m256i x, __m256i y, __m256i from, const uint32_t *each, __m256i phase_x, __m256i phase_y,
    int outside, __m128i shift, int columns, int rows
) {
    const int fours = columns == 4 && rows == 4;
    Places places;
    if (!outside && columns == 2 && rows == 2)
        return rounded_gray(sample_gray_eight(photo->pixels, each, (size_t)photo->width, phase_x, phase_y), shift);
    if (!outside && !fours) return rounded_gray(sample_gray(photo, from, phase_x, phase_y, columns, rows), shift);
    _mm256_storeu_si256((__m256i *)places.phase_x, phase_x);
    _mm256_storeu_si256((__m256i *)places.phase_y, phase_y);
    if (!outside) return rounded_gray(sample_gray_fours(photo, each, places.phase_x, places.phase_y), shift);
    _mm256_storeu_si256((__m256i *)places.x, x);
    _mm256_storeu_si256((__m256i *)places.y, y);
    return fours ? rounded_gray(sample_gray_fours_edge(photo, &places), shift) : sample_gray_edge(photo, &places);
}
