/* request_table.c - which function carries out each call. */
#include "virt_request.h"

virt_request_fn *virt_request_function(enum virt_call call)
{
    static virt_request_fn *const functions[VIRT_CALLS] = {
        [VIRT_open] = query_host,         [VIRT_list] = query_list,
        [VIRT_inspect] = query_inspect,   [VIRT_create] = machine_create,
        [VIRT_start] = machine_start,     [VIRT_stop] = machine_stop,
        [VIRT_refresh] = machine_refresh, [VIRT_delete] = machine_delete,
        [VIRT_address] = query_address,   [VIRT_agent_ping] = guest_ping,
        [VIRT_password] = guest_password, [VIRT_fingerprint] = guest_fingerprint,
        [VIRT_guest_state] = guest_state, [VIRT_sign_off] = guest_sign_off,
        [VIRT_orphans] = query_orphans,   [VIRT_check_image] = image_check,
    };

    return functions[call];
}
