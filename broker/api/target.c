/* target.c - strict parsing of the HTTP request target. */
#include "api/target.h"

#include <jansson.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decode a part in place. Control characters are refused, escaped or not. */
static int decode(char *text, bool query, struct berth_error *reterr)
{
    char *out = text;

    for (const char *in = text; *in; in++) {
        char c = *in;

        if (c == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);

            if (low < 0)
                return berth_fail(reterr, BERTH_E_INVALID, "the URL has an invalid escape");
            c = (char)(high * 16 + low);
            in += 2;
        } else if (query && c == '+') {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return berth_fail(reterr, BERTH_E_INVALID, "the URL has a control character");
        *out++ = c;
    }
    *out = '\0';
    return 0;
}

/* Let jansson check for valid UTF-8, because the text becomes JSON anyway. */
static int check_utf8(const char *text, struct berth_error *reterr)
{
    json_t *string = json_string(text);

    if (!string)
        return berth_fail(reterr, BERTH_E_INVALID, "the URL is not UTF-8");
    json_decref(string);
    return 0;
}

static int add_segment(struct target *target, char *text, struct berth_error *reterr)
{
    int r;

    if (target->segments == TARGET_SEGMENTS)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the URL has too many path segments");
    r = decode(text, false, reterr);
    if (r == 0)
        r = check_utf8(text, reterr);
    if (r == 0)
        target->segment[target->segments++] = text;
    return r;
}

static int add_pair(struct target *target, char *text, struct berth_error *reterr)
{
    char *value = strchr(text, '=');
    int r;

    if (value)
        *value++ = '\0';
    else
        value = text + strlen(text);
    if (target->pairs == TARGET_PAIRS)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the URL has too many parameters");
    r = decode(text, true, reterr);
    if (r == 0)
        r = check_utf8(text, reterr);
    if (r == 0)
        r = decode(value, true, reterr);
    if (r == 0)
        r = check_utf8(value, reterr);
    if (r < 0)
        return r;

    if (*text == '\0')
        return berth_fail(reterr, BERTH_E_INVALID, "the URL has a parameter without a name");
    if (target_value(target, text))
        return berth_fail(reterr, BERTH_E_INVALID, "parameter '%s' is given twice", text);
    target->pair[target->pairs++] = (struct target_pair){ .name = text, .value = value };
    return 0;
}

static int parse_query(struct target *target, char *query, struct berth_error *reterr)
{
    char *next;

    for (char *at = query; at; at = next) {
        next = strchr(at, '&');
        if (next)
            *next++ = '\0';
        if (*at == '\0')
            continue;
        int r = add_pair(target, at, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

int target_parse(const char *text, struct target *ret, struct berth_error *reterr)
{
    size_t length = strnlen(text, TARGET_MAX);
    char *query;
    char *next;

    if (length == TARGET_MAX)
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the URL is longer than %d bytes",
                          TARGET_MAX - 1);
    if (text[0] != '/')
        return berth_fail(reterr, BERTH_E_INVALID, "the URL path does not begin with '/'");
    memcpy(ret->text, text, length + 1);
    ret->segments = 0;
    ret->pairs = 0;

    query = strchr(ret->text, '?');
    if (query)
        *query++ = '\0';
    for (char *at = ret->text + 1; at; at = next) {
        int r;

        next = strchr(at, '/');
        if (next)
            *next++ = '\0';
        r = add_segment(ret, at, reterr);
        if (r < 0)
            return r;
    }
    return query ? parse_query(ret, query, reterr) : 0;
}

const char *target_value(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->pairs; i++)
        if (strcmp(target->pair[i].name, name) == 0)
            return target->pair[i].value;
    return NULL;
}
