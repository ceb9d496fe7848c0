/* probe_setup.h - open and close the module rdp: for the broker's start, and for tests.
 *
 * Module rdp. Thread: loop.
 */
#ifndef BERTH_RDP_PROBE_SETUP_H
#define BERTH_RDP_PROBE_SETUP_H

#include "berth/loop.h"

#include "rdp/probe.h"

/* Limit of one attempt. */
#define PROBE_LIMIT_MS 5000

/* Parallel attempts, one descriptor each; more fail with BUSY. PROBE_ATTEMPTS_URGENT of them are
 * reserved for urgent ones: after a restart hundreds of machines are probed while users sign on. */
#define PROBE_ATTEMPTS_MAX 256
#define PROBE_ATTEMPTS_URGENT 64

/* Ends the program when OpenSSL is out of memory. */
struct probe *probe_new(struct berth_loop *loop);

/* Closes running attempts without completing their operations: their owners are freed before. */
void probe_free(struct probe *probe);

#endif
