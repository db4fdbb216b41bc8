/* Tables of 256 entries. */

#include "kernels.h"

#define WHOLE 6755399441055744.0 /* 1.5 · 2^52: doubles about it are whole, and sums are rounded to even */

/* v → (v - middle) slope + middle + lift, rounded and cut to 0–255. */
KERNEL void straight_line(uint8_t *made, double slope, double middle, double lift) {
    for (int level = 0; level < 256; level++) {
        double value = (level - middle) * slope;
        value += middle;
        value += lift;
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        made[level] = (uint8_t)(int)(value + WHOLE - WHOLE);
    }
}
