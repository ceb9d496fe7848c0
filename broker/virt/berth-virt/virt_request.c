/* virt_request.c - the functions that carry out calls, and their shared helpers. */
#include "virt_request.h"

#include <stdio.h>

#include "libvirt_error.h"

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

void virt_request_free(struct virt_request *request)
{
    berth_wipe_free(request, sizeof(*request));
}

void virt_request_freep(struct virt_request **request)
{
    if (*request)
        virt_request_free(berth_take(*request));
}

int virt_request_domain(struct virt_request *request, virDomainPtr *ret)
{
    *ret = virDomainLookupByUUIDString(request->connection, request->args.uuid);
    if (!*ret)
        return libvirt_fail(&request->error, "machine %s", request->args.uuid);
    virt_request_note_name(request, *ret);
    return 0;
}

void virt_request_note_name(struct virt_request *request, virDomainPtr domain)
{
    (void)snprintf(request->machine, sizeof(request->machine), "%.63s", virDomainGetName(domain));
}

void virt_request_domain_freep(virDomainPtr *domain)
{
    if (*domain)
        (void)virDomainFree(berth_take(*domain));
}

int virt_request_is_active(struct virt_request *request, virDomainPtr domain)
{
    int active = virDomainIsActive(domain);

    if (active < 0)
        return libvirt_fail(&request->error, "state of '%s'", request->machine);
    return active;
}
