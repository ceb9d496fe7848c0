/* error.c - failures as sentences. */
#include "berth/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct berth_error_row rows[] = {
#define ERROR(symbol_, number, http_, retry_, sentence_) \
    { .code = -(number),                                 \
      .symbol = #symbol_,                                \
      .http = (http_),                                   \
      .retry = (retry_),                                 \
      .sentence = (sentence_) },
#include "berth/errors.def"
#undef ERROR
};

const struct berth_error_row *berth_error_row(int code)
{
    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return berth_error_row(BERTH_E_INTERNAL);
}

int berth_error_code(const char *symbol)
{
    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        if (strcmp(rows[i].symbol, symbol) == 0)
            return rows[i].code;
    }
    return 0;
}

const char *berth_error_text(const struct berth_error *error)
{
    return error->text[0] ? error->text : berth_error_row(error->code)->sentence;
}

/* Foreign text cannot forge a second log line, and a cut never leaves half a character. */
static void make_printable(char *text, bool cut)
{
    size_t length = strlen(text);
    size_t tail = length;

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
    if (!cut)
        return;
    while (tail > 0 && ((unsigned char)text[tail - 1] & 0xc0) == 0x80)
        tail--;
    if (tail > 0 && (unsigned char)text[tail - 1] >= 0xc0)
        text[tail - 1] = '\0';
}

int berth_fail(struct berth_error *reterr, int code, const char *format, ...)
{
    va_list arguments;
    int length;

    if (!reterr)
        return code;
    reterr->code = code;
    va_start(arguments, format);
    length = vsnprintf(reterr->text, sizeof(reterr->text), format, arguments);
    va_end(arguments);
    make_printable(reterr->text, length >= (int)sizeof(reterr->text));
    return code;
}

int berth_fail_in(struct berth_error *reterr, const char *format, ...)
{
    char prefix[BERTH_ERROR_TEXT];
    struct berth_error inner;
    va_list arguments;

    if (!reterr)
        return BERTH_E_INTERNAL;
    inner = *reterr;
    va_start(arguments, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, arguments);
    va_end(arguments);
    return berth_fail(reterr, inner.code, "%s: %s", prefix, berth_error_text(&inner));
}
