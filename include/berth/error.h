/* error.h - how functions fail: a negative code and a sentence.
 *
 * Module shared. Functions return 0 or more on success and BERTH_E_... (negative) on failure, and
 * then fill a struct berth_error that says who, what and which. Secrets never enter a message.
 */
#ifndef BERTH_ERROR_H
#define BERTH_ERROR_H

#include <stdarg.h>

#include "berth/base.h"

enum berth_error_code {
    BERTH_OK = 0,
#define ERROR(symbol, number, http, retry, sentence) BERTH_E_##symbol = -(number),
#include "berth/errors.def"
};

#define BERTH_ERROR_TEXT 256

/* Zero-initialise it. `code` is 0 as long as nothing failed. */
struct berth_error {
    int code;
    char text[BERTH_ERROR_TEXT];
};

/* Fill `reterr` (which may be NULL) and return `code`, so that a failure is one line. The text is
 * formatted as by berth_text.
 */
int berth_fail(struct berth_error *reterr, int code, const char *format, ...) berth_printf(3, 4);

/* Format a sentence in `out` of `size` bytes. What does not fit is cut after a whole UTF-8
 * character and ends with "..." (half a character is not valid JSON); control characters become
 * '?', so that foreign text cannot forge a log line. `out` may not be among the arguments.
 */
void berth_text(char *out, size_t size, const char *format, ...) berth_printf(3, 4);
void berth_vtext(char *out, size_t size, const char *format, va_list arguments) berth_printf(3, 0);

/* Put "prefix: " before the sentence of a failure on its way up; return its code. */
int berth_fail_in(struct berth_error *reterr, const char *format, ...) berth_printf(2, 3);

/* Row of errors.def for a code; the row of INTERNAL for a number that is not in the table. */
struct berth_error_row {
    int code;
    const char *symbol; /* "NO_DESKTOP" */
    int http;
    bool retry;
    const char *sentence;
};
const struct berth_error_row *berth_error_row(int code);

/* The sentence of a failure: its own text, or the table's when it has none. */
const char *berth_error_text(const struct berth_error *error);

/* Code for a symbol such as "NO_DESKTOP"; 0 when there is none. */
int berth_error_code(const char *symbol);

#endif
