/* site.h - the site under test: libvirt's test driver in a private daemon, berth-virt, berthd.
 *
 * Everything is in one folder that is removed after the run, and in a network namespace of its own,
 * so that every address of 127.0.0.0/8 and every port is free:
 *
 *     127.0.0.1               the broker's listeners
 *     127.1.0.0 - 127.63...   the terminals, one address each
 *     127.64.0.0/10           the desktops: libvirt's test driver gives each machine the next
 *                             address of its network; one responder answers for all of them
 *
 * Every function blocks; nothing is measured meanwhile.
 */
#ifndef BERTH_STORM_SITE_H
#define BERTH_STORM_SITE_H

#include <sys/types.h>

#include "berth/invite.h"

#include "options.h"

struct rdp_responder;

#define SITE_POOL "storm"
#define SITE_RDP_PORT 3389

struct site {
    const struct storm_options *options;
    char folder[STORM_PATH];
    char socket[STORM_PATH + 16];  /* of the management API */
    char libvirt[STORM_PATH + 32]; /* socket of the private daemon */
    char uri[STORM_PATH + 80];
    char history[STORM_PATH + 24]; /* that berthd writes while `recording` */
    bool recording;
    char address[64]; /* of the terminals' listener */
    int link_port, join_port;
    int listener; /* of the terminals: held by us, as a service manager holds it */
    pid_t berthd; /* 0: not running, or not ours */
    pid_t virsh;  /* virsh, whose connection keeps the test driver's machines */
    int virsh_input;
    struct rdp_responder *responder;
    bool ours; /* we started the broker */
    bool libvirt_runs;
    char *changed; /* what was set in berthd's configuration beyond the defaults, for the result */
};

/* Give this process its own network namespace; call before the first thread starts. */
int site_isolate(struct berth_error *reterr) berth_must_check;

/* Folder, libvirt, network, storage, responder; not yet the broker. */
int site_open(struct site *site, const struct storm_options *options,
              struct berth_error *reterr) berth_must_check;

/* Start berthd on the folder's data: `spawn` only that, `start` waits until it is ready. */
int site_spawn_broker(struct site *site, struct berth_error *reterr) berth_must_check;
int site_start_broker(struct site *site, struct berth_error *reterr) berth_must_check;

/* Orderly; SIGKILL where `kill` says so. */
void site_stop_broker(struct site *site, bool kill);

/* Data folder to and from a prepared state: `cp -a`, the broker being down. */
int site_copy(const char *from, const char *to, struct berth_error *reterr) berth_must_check;

/* Path of something in the site's folder; `out` has STORM_PATH + 64 bytes. */
const char *site_path(const struct site *site, const char *name, char *out);

/* End everything and remove the folder, unless --keep was given. */
void site_close(struct site *site);

#endif
