/* client_internal.h - between client.c and client_view.c.
 *
 * Module tests, internal header.
 */
#ifndef BERTH_TESTS_SIM_CLIENT_INTERNAL_H
#define BERTH_TESTS_SIM_CLIENT_INTERNAL_H

#include "sim/client.h"

struct berth_timers *client_timers(const struct client *client);

/* Before and after each call into its agent. False: it is off or stands still. */
bool client_enter(struct client *client);
void client_after(struct client *client);

/* The viewer's port. */
void client_view(void *who, const struct msg_show *view);
void client_unview(void *who);
void client_picture_ended(struct picture *picture, int exit_code, const char *word);
/* The power is off. */
void client_view_dark(struct client *client);

#endif
