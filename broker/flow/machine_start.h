/* machine_start.h - the steps of a start, which are in two files.
 *
 * Module flow, inner header of power.
 */
#ifndef BERTH_FLOW_MACHINE_START_H
#define BERTH_FLOW_MACHINE_START_H

#include "flow/machine_work.h"

enum {
    UP_ADMIT = MACHINE_ADMIT,
    UP_STOP,
    UP_CREATE,
    UP_START,
    UP_READDRESS,
    UP_ADDRESS,
    UP_PROBE,
    UP_FINGERPRINT,
    UP_SCRAMBLE,
    UP_SIGN_OFF,
    UP_SERVE,
    UP_AWAIT_HOST,
    UP_INSPECT,
    UP_STEPS
};

extern const struct flow_step machine_start_steps[UP_STEPS];

/* machine_ready.c */
int up_address(struct flow *flow);
int up_address_found(struct flow *flow);
int up_probe(struct flow *flow);
int up_probed(struct flow *flow);
int up_fingerprint(struct flow *flow);
int up_fingerprint_read(struct flow *flow);
int up_scramble(struct flow *flow);
int up_scrambled(struct flow *flow);
int up_sign_off(struct flow *flow);
int up_signed_off(struct flow *flow);
int up_serve(struct flow *flow);

#endif
