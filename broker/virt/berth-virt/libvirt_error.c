/* libvirt_error.c - convert libvirt's errors to Berth's codes and messages. */
#include "libvirt_error.h"

#include <libvirt/virterror.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void silent(berth_unused void *context, berth_unused virErrorPtr error)
{
}

void libvirt_error_setup(void)
{
    virSetErrorFunc(NULL, silent);
}

static bool is_transport(int domain)
{
    return domain == VIR_FROM_RPC || domain == VIR_FROM_REMOTE || domain == VIR_FROM_STREAMS;
}

int libvirt_error_class(int code, int domain)
{
    /* A table, not a switch: -Wswitch-enum would require all 110 members of libvirt's enum. */
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

bool libvirt_error_is_passing(int code)
{
    return code == BERTH_E_HOST_DOWN || code == BERTH_E_BUSY;
}

/* ---- libvirt's messages ---- */

/* Length of the message that is kept, so that it fits with its prefix into a struct berth_error. */
#define SENTENCE_MAX 140

static const char *after(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0 ? text + strlen(start) : NULL;
}

/* QEMU's last line is the error; warnings come before. */
static const char *last_line(const char *text, size_t *ret_length)
{
    size_t end = strlen(text);
    size_t from;

    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' '))
        end--;
    for (from = end; from > 0 && text[from - 1] != '\n'; from--)
        ;
    *ret_length = end - from;
    return text + from;
}

/* "2026-11-30T09:56:27.123456Z qemu-system-x86_64: " */
static const char *without_stamp(const char *line, const char *end)
{
    const char *space = memchr(line, ' ', (size_t)(end - line));
    const char *colon;

    if (space && space > line && space[-1] == 'Z' && line[0] >= '0' && line[0] <= '9')
        line = space + 1;
    colon = memchr(line, ':', (size_t)(end - line));
    if (colon && colon + 1 < end && colon[1] == ' ' &&
        memmem(line, (size_t)(colon - line), "qemu", 4) &&
        !memchr(line, ' ', (size_t)(colon - line)))
        line = colon + 2;
    return line;
}

/* QEMU's output in a message of libvirt, or NULL. */
static const char *qemu_output(const char *message, size_t *ret_length)
{
    const char *rest = after(message, "qemu unexpectedly closed the monitor");
    const char *line;
    const char *bare;

    if (!rest)
        rest = after(message, "process exited while connecting to monitor");
    /* newer versions of libvirt put the machine's name before it */
    rest = rest ? strstr(rest, ": ") : NULL;
    if (!rest)
        return NULL;
    line = last_line(rest + 2, ret_length);
    bare = without_stamp(line, line + *ret_length);
    *ret_length -= (size_t)(bare - line);
    return *ret_length > 0 ? bare : NULL;
}

void libvirt_error_sentence(const char *message, char *ret, size_t size)
{
    const char *bare = after(message, "internal error: ");
    const char *text = bare ? bare : message;
    size_t length = strlen(text);
    const char *output = qemu_output(text, &length);

    if (output)
        text = output;
    else
        length = strlen(text);
    if (length < size) {
        (void)snprintf(ret, size, "%.*s", (int)length, text);
        return;
    }
    /* The cause is at the end. */
    bare = text + length - (size - 4);
    while (((unsigned char)*bare & 0xc0) == 0x80)
        bare++;
    (void)snprintf(ret, size, "...%.*s", (int)(text + length - bare), bare);
}

int libvirt_fail(struct berth_error *reterr, const char *format, ...)
{
    virErrorPtr last = virGetLastError();
    char what[BERTH_ERROR_TEXT - SENTENCE_MAX - 2];
    char sentence[SENTENCE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (!last)
        return berth_fail(reterr, BERTH_E_HOST, "%s", what);
    libvirt_error_sentence(last->message ? last->message : "no reason given", sentence,
                           sizeof(sentence));
    return berth_fail(reterr, libvirt_error_class(last->code, last->domain), "%s: %s", what,
                      sentence);
}

/* "... 'FILE': WHY"; the last one is the cause, because QEMU names all files above it as well. */
static const char *last_of(const char *text, const char *part)
{
    const char *last = NULL;

    while ((text = strstr(text, part)))
        last = text += strlen(part);
    return last;
}

bool libvirt_error_backing(const char *message, char *ret_file, size_t size, char ret_why[64])
{
    /* libvirt checks the image itself, qemu-img all its backing files. */
    const char *file = last_of(message, "inaccessible backing store volume ");
    const char *end = file ? strstr(file, ": ") : NULL;
    const char *why = end ? end + strlen(": ") : NULL;

    if (!file && strstr(message, "Could not open backing ")) {
        file = last_of(message, "Could not open '");
        end = file ? strstr(file, "': ") : NULL;
        why = end ? end + strlen("': ") : NULL;
    }
    if (!why)
        return false;
    (void)snprintf(ret_file, size, "%.*s", (int)(end - file), file);
    (void)snprintf(ret_why, 64, "%.*s", (int)strcspn(why, "\n"), why);
    return true;
}

bool libvirt_error_is(int code)
{
    virErrorPtr last = virGetLastError();

    return last && last->code == code;
}
