/* errand.c - which function carries out which call, and what they share. */
#include "errand.h"

#include <stdio.h>

#include "fault.h"

errand_fn *errand_function(enum virt_call call)
{
    static errand_fn *const functions[VIRT_CALLS] = {
        [VIRT_open] = survey_host,        [VIRT_list] = survey_list,
        [VIRT_inspect] = survey_inspect,  [VIRT_create] = machine_create,
        [VIRT_start] = machine_start,     [VIRT_stop] = machine_stop,
        [VIRT_refresh] = machine_refresh, [VIRT_delete] = machine_delete,
        [VIRT_address] = survey_address,  [VIRT_agent_ping] = guest_ping,
        [VIRT_password] = guest_password, [VIRT_fingerprint] = guest_fingerprint,
        [VIRT_guest_state] = guest_state, [VIRT_sign_off] = guest_sign_off,
        [VIRT_orphans] = survey_orphans,  [VIRT_check_image] = image_check,
    };

    return functions[call];
}

void errand_free(struct errand *errand)
{
    berth_wipe_free(errand, sizeof(*errand));
}

void errand_freep(struct errand **errand)
{
    if (*errand)
        errand_free(berth_take(*errand));
}

int errand_domain(struct errand *errand, virDomainPtr *ret)
{
    *ret = virDomainLookupByUUIDString(errand->connection, errand->args.uuid);
    if (!*ret)
        return fault(&errand->error, "machine %s", errand->args.uuid);
    errand_name(errand, *ret);
    return 0;
}

void errand_name(struct errand *errand, virDomainPtr domain)
{
    (void)snprintf(errand->machine, sizeof(errand->machine), "%.63s", virDomainGetName(domain));
}

void errand_domain_freep(virDomainPtr *domain)
{
    if (*domain)
        (void)virDomainFree(berth_take(*domain));
}

int errand_is_active(struct errand *errand, virDomainPtr domain)
{
    int active = virDomainIsActive(domain);

    if (active < 0)
        return fault(&errand->error, "state of '%s'", errand->machine);
    return active;
}
