/* Undo a PNG's filters. PNG (third edition), 9.2: every row begins with its filter's number. */

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static inline int paeth(int left, int up, int corner) {
    int by_left = abs(up - corner), by_up = abs(left - corner), by_corner = abs(left + up - 2 * corner);
    int other = by_up <= by_corner ? up : corner;
    return (by_left <= by_up) & (by_left <= by_corner) ? left : other; /* no branches: nobody could foresee them */
}

/* One row; `above` is none for the first. Compiled once for each filter. */
static inline __attribute__((always_inline)) void unfilter_row(
    const uint8_t *raw, const uint8_t *above, uint8_t *made, int32_t width, int channels, int step, int filter
) {
    int left[3] = {0}, corner[3] = {0};
    for (int32_t x = 0; x < width; x++, raw += channels, made += step) {
        for (int i = 0; i < channels; i++) {
            int up = above ? above[(size_t)x * step + i] : 0;
            int guess = filter == 0   ? 0
                        : filter == 1 ? left[i]
                        : filter == 2 ? up
                        : filter == 3 ? (left[i] + up) / 2
                                      : paeth(left[i], up, corner[i]);
            left[i] = made[i] = (uint8_t)(raw[i] + guess);
            corner[i] = up;
        }
        if (step > channels) made[channels] = 255;
    }
}

static inline __attribute__((always_inline)) void unfilter_as(
    const uint8_t *raw, uint8_t *made, int32_t width, int32_t height, int channels, int step
) {
    const uint8_t *above = NULL;
    for (int32_t y = 0; y < height; y++, above = made, made += (size_t)width * step, raw += (size_t)width * channels) {
        int filter = *raw++;
        if (filter == 0)
            unfilter_row(raw, above, made, width, channels, step, 0);
        else if (filter == 1)
            unfilter_row(raw, above, made, width, channels, step, 1);
        else if (filter == 2)
            unfilter_row(raw, above, made, width, channels, step, 2);
        else if (filter == 3)
            unfilter_row(raw, above, made, width, channels, step, 3);
        else
            unfilter_row(raw, above, made, width, channels, step, 4);
    }
}

/* `raw`: rows of 1 or 3 bytes a pixel, each behind its filter, 0 to 4; `made`: 1 or 4 bytes, the fourth 255. */
KERNEL void unfilter(const uint8_t *raw, uint8_t *made, int32_t width, int32_t height, int32_t channels) {
    if (channels == 1)
        unfilter_as(raw, made, width, height, 1, 1);
    else
        unfilter_as(raw, made, width, height, 3, 4);
}
