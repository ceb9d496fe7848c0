/* sampler.h - detect the viewer's first picture by sampling a grid of pixels of the screen.
 *
 * Module greeter. RDP clients do not report when their first picture is painted. While it is
 * awaited, the greeter's window is unmapped and the grid is read every SAMPLE_INTERVAL_MS. The
 * picture is there when the pixels differ from each other and from the first sample. A login box
 * counts as a picture: whether the user is logged on is reported by the guest.
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

/* Start watching, with the next sample as reference; stop watching. */
void sampler_begin(struct sampler *sampler);
void sampler_end(struct sampler *sampler);

/* Take one sample; true when the picture is there, which stops watching. */
bool sampler_check(struct sampler *sampler, struct window *window);

/* The rule, for the test: enough pixels differ from the first one, and enough from `before`. */
bool sample_is_picture(const uint32_t *now, const uint32_t *before, size_t count);

#endif
