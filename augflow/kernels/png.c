/* Undo a PNG's filters. PNG (third edition), 9.2: every row begins with its filter's number. */

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static inline int paeth(int left, int up, int corner) {
    int by_left = abs(up - corner), by_up = abs(left - corner), by_corner = abs(left + up - 2 * corner);
    return by_left <= by_up && by_left <= by_corner ? left : by_up <= by_corner ? up : corner;
}

static inline __attribute__((always_inline)) void unfilter_as(
    const uint8_t *raw, uint8_t *made, int32_t width, int32_t height, int channels, int step
) {
    const uint8_t *above = NULL;
    for (int32_t y = 0; y < height; y++, above = made, made += (size_t)width * step) {
        int filter = *raw++;
        for (int32_t x = 0; x < width; x++) {
            uint8_t *pixel = made + (size_t)x * step;
            for (int i = 0; i < channels; i++) {
                int left = x ? pixel[i - step] : 0, up = above ? above[(size_t)x * step + i] : 0;
                int corner = x && above ? above[(size_t)x * step + i - step] : 0;
                int guess = filter == 0   ? 0
                            : filter == 1 ? left
                            : filter == 2 ? up
                            : filter == 3 ? (left + up) / 2
                                          : paeth(left, up, corner);
                pixel[i] = (uint8_t)(*raw++ + guess);
            }
            if (step > channels) pixel[channels] = 255;
        }
    }
}

/* `raw`: rows of 1 or 3 bytes a pixel, each behind its filter, 0 to 4; `made`: 1 or 4 bytes, the fourth 255. */
KERNEL void unfilter(const uint8_t *raw, uint8_t *made, int32_t width, int32_t height, int32_t channels) {
    if (channels == 1)
        unfilter_as(raw, made, width, height, 1, 1);
    else
        unfilter_as(raw, made, width, height, 3, 4);
}
