/* sampler.h - is the viewer's picture there? A look at a grid of pixels of the screen.
 *
 * Module greeter. RDP clients do not tell when their first picture is painted. While the viewer is
 * awaited, a grid of pixels below our own window is read a few times a second; the picture is there
 * when the pixels are not all alike, and not what they were when the watch began. A login box
 * counts as a picture here: who is in the desktop is told by the guest, not by pixels.
 */
#ifndef BERTH_AGENT_GREETER_SAMPLER_H
#define BERTH_AGENT_GREETER_SAMPLER_H

#include "greeter/window.h"

#define SAMPLE_COLUMNS ((size_t)24)
#define SAMPLE_ROWS ((size_t)16)
#define SAMPLE_INTERVAL_MS 50

struct sampler {
    bool watching;
    bool has_first;
    uint32_t first[SAMPLE_ROWS * SAMPLE_COLUMNS];
};

/* Watch from now on; forget what was watched. */
void sampler_begin(struct sampler *sampler);
void sampler_end(struct sampler *sampler);

/* Look once; true when the picture is there, which ends the watch. */
bool sampler_check(struct sampler *sampler, struct window *window);

/* The rule by itself: enough colours, and enough pixels that differ from before. */
bool sample_is_picture(const uint32_t *now, const uint32_t *before, size_t count);

#endif
