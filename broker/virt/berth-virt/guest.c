/* guest.c - calls into a guest through its agent: set a password, read small files, end a session.
 */
#include "guest.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/base64.h"
#include "berth/json.h"

#include "libvirt_error.h"
#include "virt_request.h"

/* Limit of one answer of the agent; below the limit of the call. */
#define AGENT_ANSWER_S 3

/* Limit of the sign-off program; together with one answer below the limit of the call. */
#define SIGN_OFF_MS 6500
#define SIGN_OFF_LOOK_MS 200

#define FILE_MAX_BYTES 4096
#define AGENT_JSON_DEPTH 8

/* Of a SHA-256. */
#define FINGERPRINT_DIGITS 64

/* The domain, with a timeout for its agent if the driver supports one. */
static int agent_domain(struct virt_request *request, virDomainPtr *ret)
{
    static atomic_bool unknown; /* by this driver: tried once, not for every call */
    int r = virt_request_domain(request, ret);

    if (r < 0)
        return r;
    if (!unknown && virDomainAgentSetResponseTimeout(*ret, AGENT_ANSWER_S, 0) < 0)
        unknown = libvirt_error_is(VIR_ERR_NO_SUPPORT);
    return 0;
}

/* libvirt reports the agent's own errors as internal errors; the text is glibc's, in the C locale.
 */
static bool is_absent(void)
{
    virErrorPtr last = virGetLastError();

    return last && last->message && strstr(last->message, "No such file or directory");
}

static int agent_fault(struct virt_request *request, const char *what)
{
    int r = libvirt_fail(&request->error, "%s of '%s'", what, request->machine);

    /* The domain is off, so the agent cannot answer. */
    if (r == BERTH_E_STATE || r == BERTH_E_HOST)
        request->error.code = r = BERTH_E_DESKTOP;
    return r;
}

/* Send one command of the agent's protocol; owns `command`. Returns the member "return" of the
 * answer, or NULL. */
static json_t *ask_agent(struct virt_request *request, virDomainPtr domain, json_t *command)
{
    berth_cleanup(json_unrefp) json_t *answer = NULL;
    char *text = json_text(command);
    char *reply;

    json_decref(command);
    reply = virDomainQemuAgentCommand(domain, text, AGENT_ANSWER_S, 0);
    free(text);
    if (!reply)
        return NULL;
    answer = json_parse(reply, strlen(reply), AGENT_JSON_DEPTH, &request->error);
    free(reply);
    return json_incref(json_object_get(answer, "return"));
}

bool guest_agent_is_blocked(virDomainPtr domain)
{
    virErrorPtr last;
    char *reply = virDomainQemuAgentCommand(domain, "{\"execute\":\"guest-ping\"}", 1, 0);

    free(reply);
    last = reply ? NULL : virGetLastError();
    /* libvirt has one code for all errors of agents; only the text distinguishes "not connected
     * yet" from an agent that it refuses to use. */
    return last && last->code == VIR_ERR_AGENT_UNRESPONSIVE && last->message &&
           strstr(last->message, "due to an error");
}

int guest_ping(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(json_unrefp) json_t *answer = NULL;
    int r;

    r = agent_domain(request, &domain);
    if (r < 0)
        return r;
    answer = ask_agent(request, domain, json_pack("{s:s}", "execute", "guest-ping"));
    return answer ? 0 : agent_fault(request, "guest agent");
}

int guest_password(struct virt_request *request)
{
    struct virt_args *args = &request->args;
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    int r;

    r = agent_domain(request, &domain);
    if (r < 0)
        return r;
    r = virDomainSetUserPassword(domain, args->account, args->secret.text, 0);
    secret_wipe(&args->secret);
    return r < 0 ? agent_fault(request, "password inside") : 0;
}

/* ---- small files ---- */

static json_t *open_command(const char *path)
{
    return json_pack("{s:s, s:{s:s, s:s}}", "execute", "guest-file-open", "arguments", "path", path,
                     "mode", "r");
}

/* Read the first bytes of an open file into `text`, NUL-terminated. */
static int read_open(struct virt_request *request, virDomainPtr domain, json_int_t handle,
                     char *text)
{
    berth_cleanup(json_unrefp) json_t *answer = NULL;
    const char *coded;
    long size;

    answer = ask_agent(request, domain,
                       json_pack("{s:s, s:{s:I, s:i}}", "execute", "guest-file-read", "arguments",
                                 "handle", handle, "count", FILE_MAX_BYTES));
    if (!answer)
        return agent_fault(request, "reading inside");
    coded = json_string_value(json_object_get(answer, "buf-b64"));
    size = coded ? base64_decode(coded, (unsigned char *)text, FILE_MAX_BYTES) : -1;
    if (size < 0) {
        return berth_fail(&request->error, BERTH_E_DESKTOP,
                          "the guest agent of '%s' sent a malformed answer", request->machine);
    }
    text[size] = '\0';
    return 0;
}

/* text: FILE_MAX_BYTES + 1. NOT_FOUND when the guest has no such file. */
static int read_file(struct virt_request *request, virDomainPtr domain, const char *path,
                     char *text)
{
    berth_cleanup(json_unrefp) json_t *handle = NULL;
    int r;

    handle = ask_agent(request, domain, open_command(path));
    if (!handle && is_absent()) {
        return berth_fail(&request->error, BERTH_E_NOT_FOUND, "'%s' has no file '%s'",
                          request->machine, path);
    }
    if (!json_is_integer(handle))
        return agent_fault(request, "opening a file inside");

    r = read_open(request, domain, json_integer_value(handle), text);
    /* A failure to close leaks a handle inside the guest, but the file was read. */
    json_decref(ask_agent(request, domain,
                          json_pack("{s:s, s:{s:I}}", "execute", "guest-file-close", "arguments",
                                    "handle", json_integer_value(handle))));
    return r;
}

/* A hexadecimal digit in lower case, or 0. */
static char hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;

    if (!found)
        return 0;
    return found - digits < 16 ? c : (char)(c - 'A' + 'a');
}

/* Parse a fingerprint as tools print it: with or without colons, in either case, with a line end.
 */
static bool take_fingerprint(const char *text, char out[FINGERPRINT_DIGITS + 1])
{
    size_t count = 0;

    for (; hex_digit(*text) || *text == ':'; text++) {
        if (*text == ':')
            continue;
        if (count == FINGERPRINT_DIGITS)
            return false;
        out[count++] = hex_digit(*text);
    }
    out[count] = '\0';
    return count == FINGERPRINT_DIGITS && strchr(" \r\n", *text);
}

int guest_fingerprint(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    char text[FILE_MAX_BYTES + 1] = "";
    int r;

    r = agent_domain(request, &domain);
    if (r < 0)
        return r;
    r = read_file(request, domain, GUEST_FINGERPRINT_FILE, text);
    if (r < 0)
        return r;
    if (!take_fingerprint(text, request->result.text)) {
        return berth_fail(&request->error, BERTH_E_DESKTOP,
                          "'%s': its file '%s' does not contain a SHA-256", request->machine,
                          GUEST_FINGERPRINT_FILE);
    }
    return 0;
}

int guest_state(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    char text[FILE_MAX_BYTES + 1] = "";
    int r;

    r = agent_domain(request, &domain);
    if (r < 0)
        return r;
    r = read_file(request, domain, GUEST_STATE_FILE, text);
    if (r == BERTH_E_NOT_FOUND)
        return 0; /* no user has signed on since the start: an empty result */
    if (r < 0)
        return r;
    text[strcspn(text, "\r\n")] = '\0';
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
            *at = '?'; /* written inside the guest, so untrusted: remove control characters */
    }
    (void)snprintf(request->result.text, sizeof(request->result.text), "%.*s",
                   (int)sizeof(request->result.text) - 1, text);
    return 0;
}

/* ---- the end of a session ---- */

static int wait_for_end(struct virt_request *request, virDomainPtr domain, json_int_t pid)
{
    const struct timespec pause = { .tv_nsec = SIGN_OFF_LOOK_MS * 1000000L };

    for (int waited = 0; waited < SIGN_OFF_MS; waited += SIGN_OFF_LOOK_MS) {
        berth_cleanup(json_unrefp) json_t *status = NULL;
        json_int_t code;

        status = ask_agent(
            request, domain,
            json_pack("{s:s, s:{s:I}}", "execute", "guest-exec-status", "arguments", "pid", pid));
        if (!status)
            return agent_fault(request, "sign-off inside");
        code = json_integer_value(json_object_get(status, "exitcode"));
        if (json_is_true(json_object_get(status, "exited")) && code == 0)
            return 0;
        if (json_is_true(json_object_get(status, "exited"))) {
            return berth_fail(&request->error, BERTH_E_DESKTOP,
                              "sign-off inside '%s' ended with %d", request->machine, (int)code);
        }
        (void)nanosleep(&pause, NULL);
    }
    return berth_fail(&request->error, BERTH_E_TIMEOUT, "sign-off inside '%s' did not end in %d ms",
                      request->machine, SIGN_OFF_MS);
}

int guest_sign_off(struct virt_request *request)
{
    berth_cleanup(virt_request_domain_freep) virDomainPtr domain = NULL;
    berth_cleanup(json_unrefp) json_t *started = NULL;
    json_t *pid;
    int r;

    r = agent_domain(request, &domain);
    if (r < 0)
        return r;
    started = ask_agent(request, domain,
                        json_pack("{s:s, s:{s:s, s:[s]}}", "execute", "guest-exec", "arguments",
                                  "path", GUEST_SIGN_OFF_PROGRAM, "arg", request->args.account));
    if (!started && is_absent()) {
        return berth_fail(&request->error, BERTH_E_UNSUPPORTED, "'%s' has no program '%s'",
                          request->machine, GUEST_SIGN_OFF_PROGRAM);
    }
    pid = json_object_get(started, "pid");
    if (!json_is_integer(pid))
        return agent_fault(request, "sign-off inside");
    return wait_for_end(request, domain, json_integer_value(pid));
}
