/* Noise from tables, a random number of 16 bits for every value. */

#include "kernels.h"

#define SOME 256 /* values between two of which numbers are drawn */

/* SFC64, as NumPy has it: Doty-Humphrey, PractRand, 2014. `state`: a, b, c and the counter. */
static inline uint64_t next(uint64_t *state) {
    uint64_t made = state[0] + state[1] + state[3]++;
    state[0] = state[1] ^ (state[1] >> 11);
    state[1] = state[2] + (state[2] << 3);
    state[2] = ((state[2] << 24) | (state[2] >> 40)) + made;
    return made;
}

static inline uint32_t hashed(uint32_t value, uint32_t *by, uint32_t factor) {
    value ^= *by;
    *by *= factor;
    value *= *by;
    return value ^ value >> 16;
}

/* Begin a stream from a seed as NumPy's SeedSequence does: O'Neill, "Developing a seed_seq alternative", 2015. */
static void begin(uint64_t *state, uint64_t seed) {
    uint32_t pool[4], by = 0x43b0d7e5, words[6];
    for (int i = 0; i < 4; i++) pool[i] = hashed(i < 2 ? (uint32_t)(seed >> 32 * i) : 0, &by, 0x931e8875);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++) {
            if (from == to) continue;
            uint32_t mixed = 0xca01f9dd * pool[to] - 0x4973f715 * hashed(pool[from], &by, 0x931e8875);
            pool[to] = mixed ^ mixed >> 16;
        }
    by = 0x8b51f9dd;
    for (int i = 0; i < 6; i++) words[i] = hashed(pool[i % 4], &by, 0x58f38ded);
    for (int i = 0; i < 3; i++) state[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
    state[3] = 1;
    for (int i = 0; i < 12; i++) next(state);
}

/* Add noise to `count` values. `upper`: by how much the 32,768 numbers of the upper half raise a value; the lower mirror
   them. It is looked up as it is, 32 KB, so that it stays in a core's first cache. */
KERNEL void add_noise(
    const uint8_t *values, uint8_t *made, uint64_t count, uint64_t seed, const uint8_t *upper
) {
    uint64_t state[4];
    uint16_t numbers[SOME], places[SOME];
    uint8_t by[SOME];
    begin(state, seed);
    for (uint64_t start = 0; start < count; start += SOME) {
        uint64_t some = count - start < SOME ? count - start : SOME;
        for (int i = 0; i < SOME; i += 4) {
            uint64_t word = next(state);
            for (int k = 0; k < 4; k++) numbers[i + k] = (uint16_t)(word >> 16 * k);
        }
        for (int i = 0; i < SOME; i++) {
            uint16_t up = (uint16_t)((int16_t)numbers[i] >> 15); /* all ones in the upper half */
            places[i] = (numbers[i] ^ (uint16_t)~up) & 0x7fff;
        }
        for (int i = 0; i < SOME; i++) by[i] = upper[places[i]];
        for (uint64_t i = 0; i < some; i++) {
            int16_t down = (int16_t)~((int16_t)numbers[i] >> 15); /* all ones in the lower half */
            int16_t sum = (int16_t)(values[start + i] + ((by[i] ^ down) - down));
            made[start + i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
}
