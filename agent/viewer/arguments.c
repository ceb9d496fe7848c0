/* arguments.c - check a request, write the arguments, classify lines of the client's log. */
#include "viewer/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "viewer/confine.h"

/* Append a line. When it does not fit, size becomes sizeof(text), which arguments_make checks. */
static void add(struct arguments *arguments, const char *format, ...) berth_printf(2, 3);

static void add(struct arguments *arguments, const char *format, ...)
{
    size_t space = sizeof(arguments->text) - arguments->size;
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(arguments->text + arguments->size, space, format, list);
    va_end(list);
    if (length < 0 || (size_t)length + 2 > space) {
        arguments->size = sizeof(arguments->text);
        return;
    }
    arguments->size += (size_t)length;
    arguments->text[arguments->size++] = '\n';
    arguments->text[arguments->size] = '\0';
}

/* A line feed would begin another argument: no control characters are allowed. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static int check(const struct viewer_request *request, struct berth_error *reterr)
{
    const char *host = request->host;

    if (!host[0] ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") !=
            strlen(host))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the desktop's address is empty or has an invalid character");
    if (request->port < 1 || request->port > 65535)
        return berth_fail(reterr, BERTH_E_INVALID, "the desktop's port is not within 1 to 65535");
    if (strlen(request->fingerprint) != 64 ||
        strspn(request->fingerprint, "0123456789abcdef") != 64)
        return berth_fail(
            reterr, BERTH_E_INVALID,
            "the desktop's certificate fingerprint is missing or malformed; refusing to "
            "connect");
    if (!is_plain(request->account) || !is_plain(request->domain) ||
        !is_plain(request->password.text))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "account, domain or password contain a control character");
    return 0;
}

static void add_policy(struct arguments *arguments, const struct viewer_request *request)
{
    add(arguments, "%cclipboard", request->clipboard ? '+' : '-');
    add(arguments, "%cdrives", request->drives ? '+' : '-');
    add(arguments, "-home-drive");
    if (request->sound)
        add(arguments, "/sound");
    else
        add(arguments, "/audio-mode:2");
    if (request->usb)
        add(arguments, "/usb:auto");
    if (request->printers)
        add(arguments, "/printer");
}

/* Send the password only to the owner of the pinned certificate's key.
 *
 *   - /cert:deny: any other certificate is refused without a question.
 *   - /sec:rdp:off: standard RDP security has no certificate; a server that refuses TLS and NLA
 *     would get the password without any check. Naming the other protocols (`/sec:tls,nla`) does
 *     not switch it off.
 *   - !kerberos: the client would look up a Kerberos server in DNS, and whoever answers could guess
 *     the password offline from its request, outside TLS and before the desktop is authenticated.
 *   - -auto-reconnect: the broker decides who is shown a desktop; it may be another terminal's by
 *     then.
 */
static void add_trust(struct arguments *arguments, const struct viewer_request *request)
{
    add(arguments, "/cert:deny,fingerprint:sha256:%s", request->fingerprint);
    add(arguments, "/sec:rdp:off");
    add(arguments, "/auth-pkg-list:!kerberos");
    add(arguments, "-auto-reconnect");
}

int arguments_make(const struct viewer_request *request, struct arguments *ret,
                   struct berth_error *reterr)
{
    int r;

    memset(ret, 0, sizeof(*ret));
    r = check(request, reterr);
    if (r < 0)
        return r;
    add(ret, "/v:|:%d", CONFINE_CONNECTION); /* a descriptor: see confine.h */
    add(ret, "/server-name:%s", request->host);
    add(ret, "/u:%s", request->account);
    if (request->domain[0])
        add(ret, "/d:%s", request->domain);
    add(ret, "/p:%s", request->password.text);
    add_trust(ret, request);
    add(ret, "/f");
    add(ret, "-toggle-fullscreen");
    add(ret, "/network:auto");
    add(ret, "/gfx");
    add(ret, "/log-filters:com.freerdp.core.rdp:DEBUG");
    add_policy(ret, request);
    if (ret->size < sizeof(ret->text))
        return 0;
    explicit_bzero(ret, sizeof(*ret));
    return berth_fail(reterr, BERTH_E_TOO_LARGE, "the viewer's arguments are too long");
}

/* Compare the logger's module too: lines of others may repeat text that the server sent. */
bool arguments_says_active(const char *line)
{
    static const char module[] = "DEBUG|com.freerdp.core.rdp|";

    return strncmp(line, module, sizeof(module) - 1) == 0 &&
           strstr(line, "--> CONNECTION_STATE_ACTIVE");
}

bool arguments_may_be_logged(const char *line)
{
    const char *module = strchr(line, '|');

    if (strncmp(line, CONFINE_MESSAGE_PREFIX, strlen(CONFINE_MESSAGE_PREFIX)) == 0)
        return true;
    return module && strncmp(module, "|com.", 5) == 0 && !strstr(module, "cmdline") &&
           !strstr(line, "/p:");
}
