/* What colour and gray share: where eight samples lie, what becomes of them beyond the edges, and two taps' weights. */

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static inline __attribute__((always_inline, target("avx2")))

INLINE_AVX2 __m256i two(const void *one, const void *other) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)one)), _mm_loadu_si128((const __m128i *)other), 1
    );
}

INLINE_AVX2 __m256i words(const void *from, __m256i at) { return _mm256_i32gather_epi32((const int *)from, at, 1); }

INLINE_AVX2 __m256i offsets_of(__m256i x, __m256i y, __m256i width) {
    return _mm256_add_epi32(_mm256_mullo_epi32(y, width), x);
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

/* Where the two taps of eight samples lie along one axis, and beyond a border by its rule. */
typedef struct {
    __m256i first, second;
} Pair;

INLINE_AVX2 __m256i clamped(__m256i at, __m256i last) {
    return _mm256_max_epi32(_mm256_min_epi32(at, last), _mm256_setzero_si256());
}

INLINE_AVX2 __m256i wrapped(__m256i at, __m256i last) {
    const __m256i zero = _mm256_setzero_si256(), length = _mm256_sub_epi32(last, _mm256_set1_epi32(-1));
    __m256i added = _mm256_add_epi32(at, _mm256_and_si256(_mm256_cmpgt_epi32(zero, at), length));
    return _mm256_sub_epi32(added, _mm256_and_si256(_mm256_cmpgt_epi32(at, last), length));
}

/* Whether eight numbers are from `least` to `most`. */
INLINE_AVX2 int within(__m256i numbers, int32_t least, int32_t most) {
    __m256i out = _mm256_or_si256(
        _mm256_cmpgt_epi32(numbers, _mm256_set1_epi32(most)), _mm256_cmpgt_epi32(_mm256_set1_epi32(least), numbers)
    );
    return _mm256_testz_si256(out, out);
}

/* Find both taps where the border is `nearest`, or wraps around; not where a place lies farther than once around. */
INLINE_AVX2 int find_pair(__m256i at, int32_t length, int border, Pair *found) {
    const __m256i last = _mm256_set1_epi32(length - 1), next = _mm256_sub_epi32(at, _mm256_set1_epi32(-1));
    if (border == NEAREST) {
        *found = (Pair){clamped(at, last), clamped(next, last)};
        return 1;
    }
    *found = (Pair){wrapped(at, last), wrapped(next, last)};
    return within(at, -length, 2 * length - 2);
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

/* Weights of two by two taps: the phases themselves, which may be those of the next pixel. For each sample both along x
   in its 32 bits, and both along y in the first two bytes. */
INLINE_AVX2 void weights_of(__m256i phase_x, __m256i phase_y, __m256i *across, __m256i *down) {
    const __m256i whole = _mm256_set1_epi32(PHASES);
    *across = _mm256_or_si256(_mm256_sub_epi32(whole, phase_x), _mm256_slli_epi32(phase_x, 16));
    *across = _mm256_slli_epi32(*across, 14 - PHASE_BITS);
    *down = _mm256_or_si256(_mm256_sub_epi32(whole, phase_y), _mm256_slli_epi32(phase_y, 8));
    *down = _mm256_slli_epi32(*down, 1);
}
