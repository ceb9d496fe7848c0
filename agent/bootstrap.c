/* bootstrap.c - read configuration, kernel command line, files and the stored invitation. */
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/json.h"

#include "host/linux_device.h"

#define DOCUMENT "broker"

static void append(struct broker_addresses *addresses, const char *host, int port)
{
    struct broker_address *next = &addresses->at[addresses->count];

    for (size_t i = 0; i < addresses->count; i++)
        if (addresses->at[i].port == port && strcmp(addresses->at[i].host, host) == 0)
            return;
    if (addresses->count == BROKER_ADDRESSES)
        return;
    copy_text(next->host, host);
    next->port = port;
    addresses->count++;
}

static bool parse_port(const char *text, int *ret)
{
    char *end = NULL;
    long port = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || port < 1 || port > 65535)
        return false;
    *ret = (int)port;
    return true;
}

/* Parse one address; changes the text. */
static bool parse_address(char *text, int port, struct broker_addresses *ret)
{
    char *host = text;
    char *colon = strrchr(text, ':');

    if (text[0] == '[') {
        char *end = strchr(text, ']');

        if (!end || (end[1] != ':' && end[1] != '\0'))
            return false;
        host = text + 1;
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
    } else if (colon && strchr(text, ':') != colon) {
        colon = NULL; /* an IPv6 address without brackets has no port */
    }
    if (colon && !parse_port(colon + 1, &port))
        return false;
    if (colon)
        *colon = '\0';
    if (!host[0] || strlen(host) >= sizeof(ret->at[0].host))
        return false;
    append(ret, host, port);
    return true;
}

int bootstrap_parse_addresses(const char *text, int port, struct broker_addresses *ret,
                              struct berth_error *reterr)
{
    char copy[CONF_TEXT_MAX];
    char *rest = copy;
    char *word;

    copy_text(copy, text);
    while ((word = strsep(&rest, " \t,"))) {
        char shown[CONF_TEXT_MAX];

        copy_text(shown, word);
        if (word[0] && !parse_address(word, port, ret))
            return berth_fail(reterr, BERTH_E_CONFIG, "'%s' is not a valid address (HOST:PORT)",
                              shown);
    }
    return 0;
}

/* The first hash counts; a different second one is an error that an administrator must resolve. */
static int trust(struct bootstrap *bootstrap, const char *hash, const char *source,
                 struct berth_error *reterr)
{
    if (!hash[0])
        return 0;
    if (!invite_is_hex(hash, INVITE_HASH_DIGITS))
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "%s: invalid hash of a CA; expected 64 hexadecimal digits", source);
    if (bootstrap->authority_hash[0] && strcmp(bootstrap->authority_hash, hash) != 0)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "%s names a different CA than an earlier source; remove one of them",
                          source);
    copy_text(bootstrap->authority_hash, hash);
    return 0;
}

static int use_invitation(struct bootstrap *bootstrap, const char *text, const char *source,
                          struct berth_error *reterr)
{
    struct invite invite;
    int r = invite_parse(text, &invite, reterr);

    if (r == 0)
        r = trust(bootstrap, invite.authority_hash, source, reterr);
    if (r == 0) {
        append(&bootstrap->links, invite.host, invite.link_port);
        append(&bootstrap->joins, invite.host, invite.join_port);
        bootstrap->invitation = invite.token;
    }
    explicit_bzero(&invite, sizeof(invite));
    return r < 0 ? berth_fail_in(reterr, "%s", source) : 0;
}

/* Read the first line of a file with a secret, which others must not be able to access. */
static int read_secret_file(const char *path, char *out, size_t size, struct berth_error *reterr)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    ssize_t got;

    if (file < 0 || fstat(file, &facts) < 0) {
        int r = berth_fail(reterr, BERTH_E_IO, "%s: %s", path, strerror(errno));

        if (file >= 0)
            (void)close(file);
        return r;
    }
    got = read(file, out, size - 1);
    (void)close(file);
    if ((facts.st_mode & 077) != 0)
        return berth_fail(reterr, BERTH_E_DENIED,
                          "%s holds a secret and is accessible to others: chmod 600", path);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}

static int from_configuration(const struct agent_options *options, struct bootstrap *bootstrap,
                              struct berth_error *reterr)
{
    int r =
        bootstrap_parse_addresses(options->address, BOOTSTRAP_LINK_PORT, &bootstrap->links, reterr);

    if (r == 0)
        r = bootstrap_parse_addresses(options->join_address, BOOTSTRAP_JOIN_PORT, &bootstrap->joins,
                                      reterr);
    if (r < 0)
        return berth_fail_in(reterr, "broker.address");
    return trust(bootstrap, options->authority_hash, "broker.authority_hash", reterr);
}

static int from_kernel(const char *command_line, struct bootstrap *bootstrap,
                       struct berth_error *reterr)
{
    char value[INVITE_TEXT];
    int r = 0;

    if (kernel_command_line_value(command_line, "berth.broker", value, sizeof(value)))
        r = bootstrap_parse_addresses(value, BOOTSTRAP_LINK_PORT, &bootstrap->links, reterr);
    if (r == 0 && kernel_command_line_value(command_line, "berth.join", value, sizeof(value)))
        r = bootstrap_parse_addresses(value, BOOTSTRAP_JOIN_PORT, &bootstrap->joins, reterr);
    if (r == 0 && kernel_command_line_value(command_line, "berth.ca", value, sizeof(value)))
        r = trust(bootstrap, value, "berth.ca", reterr);
    if (r == 0 &&
        kernel_command_line_value(command_line, "berth.boot_secret", value, sizeof(value)) &&
        !secret_set(&bootstrap->boot_secret, value, strlen(value)))
        r = berth_fail(reterr, BERTH_E_CONFIG, "berth.boot_secret is too long");
    if (r == 0 && kernel_command_line_value(command_line, "berth.invite", value, sizeof(value)))
        r = use_invitation(bootstrap, value, "berth.invite", reterr);
    explicit_bzero(value, sizeof(value));
    return r < 0 ? berth_fail_in(reterr, "kernel command line") : 0;
}

static int from_files(const struct agent_options *options, struct bootstrap *bootstrap,
                      struct berth_error *reterr)
{
    char text[INVITE_TEXT];
    int r = 0;

    if (options->invitation_file[0]) {
        r = read_secret_file(options->invitation_file, text, sizeof(text), reterr);
        if (r == 0)
            r = use_invitation(bootstrap, text, options->invitation_file, reterr);
    }
    if (r == 0 && options->boot_secret_file[0]) {
        r = read_secret_file(options->boot_secret_file, text, sizeof(text), reterr);
        if (r == 0 && !secret_set(&bootstrap->boot_secret, text, strlen(text)))
            r = berth_fail(reterr, BERTH_E_CONFIG, "%s is too long", options->boot_secret_file);
    }
    explicit_bzero(text, sizeof(text));
    return r;
}

static void load_last_invitation(struct device *device, struct bootstrap *bootstrap)
{
    char *text = device_load(device, DOCUMENT);
    berth_cleanup(json_unrefp) json_t *json = text ? json_parse(text, strlen(text), 2, NULL) : NULL;
    const char *host = json_string_value(json_object_get(json, "host"));
    int link_port = (int)json_integer_value(json_object_get(json, "link_port"));
    int join_port = (int)json_integer_value(json_object_get(json, "join_port"));

    free(text);
    if (!host || link_port < 1 || link_port > 65535 || join_port < 1 || join_port > 65535)
        return;
    append(&bootstrap->links, host, link_port);
    append(&bootstrap->joins, host, join_port);
}

/* Store the address of the invitation, whose file may be deleted later. Never its token. */
static int save_last_invitation(struct device *device, const char *host, int link_port,
                                int join_port, struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *json =
        json_pack("{s:s, s:i, s:i}", "host", host, "link_port", link_port, "join_port", join_port);
    char *text = json_text(json);
    int r = device_save(device, DOCUMENT, text, reterr);

    free(text);
    return r;
}

int bootstrap_load(const struct agent_options *options, const char *command_line,
                   struct device *device, struct bootstrap *ret, struct berth_error *reterr)
{
    const struct broker_address *link = &ret->links.at[0];
    const struct broker_address *join = &ret->joins.at[0];
    int r;

    *ret = (struct bootstrap){ 0 };
    r = from_configuration(options, ret, reterr);
    if (r == 0)
        r = from_kernel(command_line, ret, reterr);
    if (r == 0)
        r = from_files(options, ret, reterr);
    if (r < 0)
        return r;
    load_last_invitation(device, ret);
    if (secret_empty(&ret->invitation))
        return 0;
    return save_last_invitation(device, link->host, link->port, join->port, reterr);
}

int bootstrap_take_invitation(struct bootstrap *bootstrap, const struct invite *invite,
                              struct device *device, struct berth_error *reterr)
{
    struct broker_addresses links = bootstrap->links;
    struct broker_addresses joins = bootstrap->joins;

    bootstrap->links.count = 0;
    bootstrap->joins.count = 0;
    append(&bootstrap->links, invite->host, invite->link_port);
    append(&bootstrap->joins, invite->host, invite->join_port);
    for (size_t i = 0; i < links.count; i++)
        append(&bootstrap->links, links.at[i].host, links.at[i].port);
    for (size_t i = 0; i < joins.count; i++)
        append(&bootstrap->joins, joins.at[i].host, joins.at[i].port);
    copy_text(bootstrap->authority_hash, invite->authority_hash);
    bootstrap->invitation = invite->token;
    return save_last_invitation(device, invite->host, invite->link_port, invite->join_port, reterr);
}
