/* error.c - error codes with a formatted sentence. */
#include "berth/error.h"

#include <stdio.h>
#include <string.h>

#define ELLIPSIS "..."

static const struct berth_error_row rows[] = {
#define ERROR(symbol_, number, http_, retry_, sentence_) \
    { .code = -(number),                                 \
      .symbol = #symbol_,                                \
      .http = (http_),                                   \
      .retry = (retry_),                                 \
      .sentence = (sentence_) },
#include "berth/errors.def"
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

/* Let a text that was truncated to `size` bytes end with "..." after a whole character. */
static void cut(char *text, size_t size)
{
    size_t end = size > sizeof(ELLIPSIS) ? size - sizeof(ELLIPSIS) : 0;

    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    berth_copy_text(text + end, size - end, size > sizeof(ELLIPSIS) ? ELLIPSIS : "");
}

void berth_vtext(char *out, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(out, size, format, arguments);

    for (char *at = out; size > 0 && *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
    if (size > 0 && length >= 0 && (size_t)length >= size)
        cut(out, size);
}

void berth_text(char *out, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    berth_vtext(out, size, format, arguments);
    va_end(arguments);
}

int berth_fail(struct berth_error *reterr, int code, const char *format, ...)
{
    va_list arguments;

    if (!reterr)
        return code;
    reterr->code = code;
    va_start(arguments, format);
    berth_vtext(reterr->text, sizeof(reterr->text), format, arguments);
    va_end(arguments);
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
    berth_vtext(prefix, sizeof(prefix), format, arguments);
    va_end(arguments);
    return berth_fail(reterr, inner.code, "%s: %s", prefix, berth_error_text(&inner));
}
