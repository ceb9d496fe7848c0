/* table.c - print tables, aligned by the width of each character on a terminal. */
#include <string.h>
#include <wchar.h>

#include "ctl.h"

size_t ctl_width(const char *text)
{
    size_t width = 0;
    size_t left = strlen(text);
    mbstate_t state = { 0 };

    while (left) {
        wchar_t wide;
        size_t size = mbrtowc(&wide, text, left, &state);
        int columns;

        if (size == 0 || size > left) { /* not a character: one column per byte */
            size = 1;
            columns = 1;
            memset(&state, 0, sizeof(state));
        } else {
            columns = wcwidth(wide);
        }
        width += columns > 0 ? (size_t)columns : 0;
        text += size;
        left -= size;
    }
    return width;
}

void ctl_print(FILE *out, const char *text, bool lines)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        /* C1 controls are 0xC2 0x80..0x9F in UTF-8; terminals may interpret them. */
        bool control = c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;

        if (control) {
            (void)fputc('?', out);
            text++;
        } else if (c == 0x7f || (c < 0x20 && !(lines && (c == '\n' || c == '\t')))) {
            (void)fputc('?', out);
        } else {
            (void)fputc(c, out);
        }
    }
}

static void print_cell(FILE *out, const char *text, size_t width, const char *paint, bool last)
{
    size_t used = ctl_width(text);

    if (paint)
        (void)fputs(paint, out);
    ctl_print(out, text, false);
    if (paint)
        (void)fputs("\033[0m", out);
    for (; !last && used < width + 2; used++)
        (void)fputc(' ', out);
}

void ctl_table(FILE *out, size_t columns, size_t rows, const char *const *cells,
               const char *(*colour)(size_t column, const char *text))
{
    size_t *width = berth_new_array(size_t, columns ? columns : 1);

    for (size_t i = 0; i < rows * columns; i++) {
        size_t used = ctl_width(cells[i]);

        if (used > width[i % columns])
            width[i % columns] = used;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            const char *text = cells[row * columns + column];
            const char *paint = colour && row > 0 ? colour(column, text) : NULL;

            print_cell(out, text, width[column], paint, column + 1 == columns);
        }
        (void)fputc('\n', out);
    }
    free(width);
}
