/* probe_setup.h - making and ending the module; for the broker's main and for tests.
 *
 * Module rdp. Thread: loop.
 */
#ifndef BERTH_RDP_PROBE_SETUP_H
#define BERTH_RDP_PROBE_SETUP_H

#include "berth/loop.h"

#include "rdp/probe.h"

/* An attempt that takes longer has failed. */
#define PROBE_LIMIT_MS 5000

/* Attempts at once: one descriptor each. More fail with BUSY. So many of them are kept for those
 * that are urgent: after a restart hundreds of machines are asked while people sign on. */
#define PROBE_ATTEMPTS_MAX 256
#define PROBE_ATTEMPTS_URGENT 64

/* One without attempts; ends the program when OpenSSL has no memory. */
struct probe *probe_new(struct berth_loop *loop);

/* Attempts under way are closed and forgotten without completion: their owners are gone by now. */
void probe_free(struct probe *probe);

#endif
