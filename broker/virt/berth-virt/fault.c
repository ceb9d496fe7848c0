/* fault.c - libvirt's failures in Berth's words. */
#include "fault.h"

#include <libvirt/virterror.h>
#include <stdarg.h>
#include <stdio.h>

static void silent(berth_unused void *context, berth_unused virErrorPtr error)
{
}

void fault_setup(void)
{
    virSetErrorFunc(NULL, silent);
}

static bool is_transport(int domain)
{
    return domain == VIR_FROM_RPC || domain == VIR_FROM_REMOTE || domain == VIR_FROM_STREAMS;
}

int fault_class(int code, int domain)
{
    /* A table of numbers, not a switch over the enum: libvirt's has 110 members and grows. */
    static const struct {
        int code, class;
    } rows[] = {
        { VIR_ERR_NO_DOMAIN, BERTH_E_NOT_FOUND },
        { VIR_ERR_NO_STORAGE_POOL, BERTH_E_NOT_FOUND },
        { VIR_ERR_NO_STORAGE_VOL, BERTH_E_NOT_FOUND },
        { VIR_ERR_NO_SUPPORT, BERTH_E_UNSUPPORTED },
        { VIR_ERR_INVALID_ARG, BERTH_E_UNSUPPORTED },
        { VIR_ERR_ARGUMENT_UNSUPPORTED, BERTH_E_UNSUPPORTED },
        { VIR_ERR_OPERATION_UNSUPPORTED, BERTH_E_UNSUPPORTED },
        { VIR_ERR_OPERATION_TIMEOUT, BERTH_E_BUSY },
        { VIR_ERR_RESOURCE_BUSY, BERTH_E_BUSY },
        { VIR_ERR_OPERATION_INVALID, BERTH_E_STATE },
        { VIR_ERR_AGENT_UNRESPONSIVE, BERTH_E_DESKTOP },
        { VIR_ERR_AGENT_UNSYNCED, BERTH_E_DESKTOP },
        { VIR_ERR_DOM_EXIST, BERTH_E_EXISTS },
        { VIR_ERR_STORAGE_VOL_EXIST, BERTH_E_EXISTS },
        { VIR_ERR_NO_CONNECT, BERTH_E_HOST_DOWN },
        { VIR_ERR_INVALID_CONN, BERTH_E_HOST_DOWN },
    };

    if ((code == VIR_ERR_SYSTEM_ERROR || code == VIR_ERR_INTERNAL_ERROR) && is_transport(domain))
        return BERTH_E_HOST_DOWN;
    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        if (rows[i].code == code)
            return rows[i].class;
    }
    return BERTH_E_HOST;
}

int fault(struct berth_error *reterr, const char *format, ...)
{
    virErrorPtr last = virGetLastError();
    char what[BERTH_ERROR_TEXT];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (!last)
        return berth_fail(reterr, BERTH_E_HOST, "%s", what);
    return berth_fail(reterr, fault_class(last->code, last->domain), "%s: '%s'", what,
                      last->message ? last->message : "no reason given");
}

bool fault_is(int code)
{
    virErrorPtr last = virGetLastError();

    return last && last->code == code;
}
