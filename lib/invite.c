/* invite.c - parse and format invitations. */
#include "berth/invite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "berth-invite:"

/* Characters that editors, mails and shells put around copied text. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define AROUND " \t\r\n\"'"

bool invite_is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* Copy the part of *rest before the next ':' to `out` and advance *rest; false when it is empty or
 * too long. */
static bool take_part(const char **rest, char *out, size_t size)
{
    size_t length = strcspn(*rest, ":");

    if (length == 0 || length >= size)
        return false;
    memcpy(out, *rest, length);
    out[length] = '\0';
    *rest += length;
    if (**rest == ':')
        (*rest)++;
    return true;
}

/* As take_piece; an address in [brackets] may hold colons. */
static bool take_host(const char **rest, char *out, size_t size)
{
    const char *end;
    size_t length;

    if (**rest != '[')
        return take_part(rest, out, size);
    end = strchr(*rest, ']');
    if (!end || end[1] != ':')
        return false;
    length = (size_t)(end - *rest) - 1;
    if (length == 0 || length >= size)
        return false;
    memcpy(out, *rest + 1, length);
    out[length] = '\0';
    *rest = end + 2;
    return true;
}

static bool take_port(const char **rest, int *ret)
{
    char digits[8];
    char *end = NULL;
    long port;

    if (!take_part(rest, digits, sizeof(digits)))
        return false;
    errno = 0;
    port = strtol(digits, &end, 10);
    if (errno || *end || digits[0] < '0' || digits[0] > '9' || port < 1 || port > 65535)
        return false;
    *ret = (int)port;
    return true;
}

/* A host name or address: letters, digits and the punctuation that occurs in them. */
static bool is_host(const char *host)
{
    size_t length = strlen(host);

    return length > 0 && length < sizeof(((struct invite *)0)->host) &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") ==
               length;
}

/* What is wrong with the text, or NULL; never contains the token. */
static const char *fault_of(const char *text, struct invite *ret)
{
    char token[INVITE_TOKEN_DIGITS + 1] = "";
    const char *rest = text;
    const char *fault = NULL;
    size_t length;

    if (strncmp(rest, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        rest += strlen(BYTE_ORDER_MARK);
    rest += strspn(rest, AROUND);
    if (strncmp(rest, PREFIX, strlen(PREFIX)) != 0)
        return "it does not begin with '" PREFIX "'";
    rest += strlen(PREFIX);
    if (!take_host(&rest, ret->host, sizeof(ret->host)) || !is_host(ret->host))
        return "the host is not well formed";
    if (!take_port(&rest, &ret->link_port) || !take_port(&rest, &ret->join_port))
        return "a port is not between 1 and 65535";
    if (!take_part(&rest, ret->authority_hash, sizeof(ret->authority_hash)) ||
        !invite_is_hex(ret->authority_hash, INVITE_HASH_DIGITS))
        return "the CA's hash is not 64 hexadecimal digits";
    length = strcspn(rest, AROUND);
    if (length != INVITE_TOKEN_DIGITS || rest[length + strspn(rest + length, AROUND)] != '\0')
        return "the token is not 32 hexadecimal digits";
    memcpy(token, rest, length);
    if (!invite_is_hex(token, INVITE_TOKEN_DIGITS) || !secret_set(&ret->token, token, length))
        fault = "the token is not 32 hexadecimal digits";
    explicit_bzero(token, sizeof(token));
    return fault;
}

int invite_parse(const char *text, struct invite *ret, struct berth_error *reterr)
{
    const char *fault;

    memset(ret, 0, sizeof(*ret));
    fault = fault_of(text, ret);
    if (!fault)
        return 0;
    explicit_bzero(ret, sizeof(*ret));
    return berth_fail(reterr, BERTH_E_INVALID, "the invitation is not well formed: %s", fault);
}

int invite_format(const struct invite *invite, char text[INVITE_TEXT], struct berth_error *reterr)
{
    const bool brackets = strchr(invite->host, ':') != NULL;

    text[0] = '\0';
    if (!is_host(invite->host) || invite->link_port < 1 || invite->link_port > 65535 ||
        invite->join_port < 1 || invite->join_port > 65535 ||
        !invite_is_hex(invite->authority_hash, INVITE_HASH_DIGITS) ||
        !invite_is_hex(invite->token.text, INVITE_TOKEN_DIGITS))
        return berth_fail(reterr, BERTH_E_INVALID, "cannot write an invitation for '%s'",
                          invite->host);
    (void)snprintf(text, INVITE_TEXT, PREFIX "%s%s%s:%d:%d:%s:%s", brackets ? "[" : "",
                   invite->host, brackets ? "]" : "", invite->link_port, invite->join_port,
                   invite->authority_hash, invite->token.text);
    return 0;
}
