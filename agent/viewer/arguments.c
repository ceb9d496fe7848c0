/* arguments.c - see arguments.h. */
#include "viewer/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "viewer/confine.h"

/* A line that does not fit leaves size at the end: the caller's check finds it. */
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

/* One line, no control characters: nothing may become a second argument. */
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
        return berth_fail(reterr, BERTH_E_INVALID, "the desktop's address is not usable");
    if (request->port < 1 || request->port > 65535)
        return berth_fail(reterr, BERTH_E_INVALID, "the desktop's port is not usable");
    if (strlen(request->fingerprint) != 64 ||
        strspn(request->fingerprint, "0123456789abcdef") != 64)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "the desktop's certificate is not known; it is not connected to");
    if (!is_plain(request->account) || !is_plain(request->domain) ||
        !is_plain(request->password.text))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "account, domain or password hold a control character");
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

/* Whoever has the pinned certificate's key gets the password, and nobody else.
 *
 * Standard RDP security has no certificate at all: a server that refuses TLS and NLA, or just
 * answers as an old one does, would be sent the password without a look at the pin. Naming the
 * others (`/sec:tls,nla`) does not switch it off. A certificate that is not the pinned one is not
 * asked about. A lost connection is not taken up again by the client: by then the desktop may be
 * somebody else's to show; the broker decides. Kerberos would ask the name servers who knows the
 * password, and give whoever answers something to guess it by, outside TLS and before the desktop
 * has proved anything.
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

/* Only of the module that says it: others repeat what the server calls itself. */
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
