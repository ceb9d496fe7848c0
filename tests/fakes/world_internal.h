/* world_internal.h - between the files of the world.
 *
 * Module tests, internal header.
 */
#ifndef BERTH_TESTS_FAKES_WORLD_INTERNAL_H
#define BERTH_TESTS_FAKES_WORLD_INTERNAL_H

#include "fakes/world.h"

/* world_lines.c: rows on the disk and in the environment, from text. */
void world_read(struct world *world, const char *lines);

/* world_ask.c: the administrators of a new world number their requests from 1. */
void world_new_requests(void);

/* world.c */
struct fake_terminal *world_make_terminal(struct world *world, const char *name);

#endif
