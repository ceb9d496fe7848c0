/* virt_request.c - helpers that the functions of several calls share. */
#include "virt_request.h"

#include <stdio.h>

#include "libvirt_error.h"

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
