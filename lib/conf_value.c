/* conf_value.c - check host names, addresses, endpoints, paths and choices in configuration files.
 */
#include "berth/conf_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH 253 /* RFC 1035 */
#define LABEL_MAX_LENGTH 63

static bool is_address(int family, const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(family, text, address) == 1;
}

/* An IPv6 address, with a zone if it is link-local (RFC 4007: fe80::1%eth0). */
static bool is_scoped(char *text)
{
    char *zone = strchr(text, '%');

    if (zone)
        *zone = '\0';
    return (!zone || zone[1]) && is_address(AF_INET6, text);
}

static bool is_label(const char *text, size_t length)
{
    if (length == 0 || length > LABEL_MAX_LENGTH || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    return true;
}

/* A name whose last label is a number is a malformed address, such as 10.0.0.256. */
static bool is_host_name(const char *text)
{
    const char *last = strrchr(text, '.');

    last = last ? last + 1 : text;
    if (strlen(text) > NAME_MAX_LENGTH || strspn(last, "0123456789") == strlen(last))
        return false;
    for (;;) {
        size_t length = strcspn(text, ".");

        if (!is_label(text, length))
            return false;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

/* A host name (labels of letters, digits, - and _) or a numeric IPv4 or IPv6 address. */
static bool is_name(const char *text)
{
    return is_address(AF_INET, text) || is_address(AF_INET6, text) || is_host_name(text);
}

static bool is_port(const char *text, long min)
{
    char *end = NULL;
    long port = strtol(text, &end, 10);

    return isdigit((unsigned char)text[0]) && !*end && port >= min && port <= 65535;
}

/* An IPv6 address in brackets, with or without a port. */
static bool is_bracketed(char *text)
{
    char *end = strchr(text, ']');

    if (!end || (end[1] && (end[1] != ':' || !is_port(end + 2, 1))))
        return false;
    *end = '\0';
    return is_scoped(text + 1);
}

/* A host name may end with the dot of the root, which keeps a resolver from adding domains. */
static bool is_host(char *text)
{
    size_t length = strlen(text);

    if (length > 1 && text[length - 1] == '.')
        text[length - 1] = '\0';
    return is_name(text) || is_scoped(text);
}

/* HOST, HOST:PORT, or an IPv6 address. */
static bool is_endpoint(char *text)
{
    char *colon = strchr(text, ':');

    if (text[0] == '[')
        return is_bracketed(text);
    if (!colon || strchr(colon + 1, ':'))
        return is_host(text);
    *colon = '\0';
    return is_host(text) && is_port(colon + 1, 1);
}

/* A numeric address and a port; 0 leaves the choice to the system. */
static bool is_listen(char *text)
{
    char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && colon && colon > text && colon[-1] == ']';

    if (!colon || !is_port(colon + 1, 0))
        return false;
    colon[bracketed ? -1 : 0] = '\0';
    return bracketed ? is_scoped(text + 1) : is_address(AF_INET, text);
}

static bool has_word(const char *words, const char *value)
{
    size_t length = strcspn(value, " ") == strlen(value) ? strlen(value) : 0;

    for (const char *at = words; length && (at = strstr(at, value)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

static int fail_word(const struct conf_option *option, const char *word, struct berth_error *reterr)
{
    if (option->type == CONF_NAMES)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "%s.%s: '%.64s' is neither a host name nor a numeric address; several "
                          "are separated by spaces, without port, brackets or URL",
                          option->section, option->key, word);
    return berth_fail(
        reterr, BERTH_E_CONFIG,
        "%s.%s: '%.64s' is neither HOST nor HOST:PORT, such as broker.example:7443 or "
        "[2001:db8::1]:7443",
        option->section, option->key, word);
}

static int check_words(const struct conf_option *option, const char *value,
                       struct berth_error *reterr)
{
    const bool names = option->type == CONF_NAMES;
    char copy[CONF_TEXT_MAX];
    char *rest = copy, *word;

    copy_text(copy, value);
    while ((word = strsep(&rest, names ? " " : " ,"))) {
        char shown[CONF_TEXT_MAX];

        copy_text(shown, word);
        if (*word && !(names ? is_name(word) : is_endpoint(word)))
            return fail_word(option, shown, reterr);
    }
    return 0;
}

int conf_value_check(const struct conf_option *option, const char *value,
                     struct berth_error *reterr)
{
    const char *expected = "";
    char copy[CONF_TEXT_MAX];
    bool fits = true;

    copy_text(copy, value);
    switch (option->type) {
    case CONF_NAMES:
    case CONF_ENDPOINTS:
        return check_words(option, value, reterr);
    case CONF_LISTEN:
        expected = "a numeric address and a port, such as 0.0.0.0:7443 or [::]:7443";
        fits = !*value || is_listen(copy);
        break;
    case CONF_PATH:
        expected = "an absolute path";
        fits = *value ? *value == '/' : option->min == 0;
        break;
    case CONF_CHOICE:
        expected = option->unit;
        fits = has_word(option->unit, value);
        break;
    case CONF_BOOL:
    case CONF_INT:
    case CONF_TEXT:
        break;
    }
    return fits ? 0
                : berth_fail(reterr, BERTH_E_CONFIG, "%s.%s is '%.64s', but must be %s%s",
                             option->section, option->key, value,
                             option->type == CONF_CHOICE ? "one of: " : "", expected);
}
