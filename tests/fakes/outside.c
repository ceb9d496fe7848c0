/* outside.c - see outside.h. */
#include "fakes/outside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Some day in 2026; nothing depends on which. */
#define WALL_AT_START INT64_C(1780000000000)
#define MONO_AT_START 1000000

void outside_init(struct outside *outside, uint64_t seed)
{
    *outside = (struct outside){ 0 };
    timers_init(&outside->timers, MONO_AT_START, WALL_AT_START);
    random_seeded(&outside->dice, seed);
}

void outside_free(struct outside *outside)
{
    timers_free(&outside->timers);
}

int64_t outside_draw_ms(struct outside *outside, int64_t least, int64_t most)
{
    return least + (int64_t)random_below(&outside->dice, (uint64_t)(most - least) + 1);
}

bool outside_chance(struct outside *outside, unsigned percent)
{
    return percent > 0 && random_below(&outside->dice, 100) < percent;
}

void outside_note(struct outside *outside, const char *format, ...)
{
    int64_t at_ms = outside->timers.mono_ms - MONO_AT_START;
    va_list list;
    char *note;
    int length;

    if (outside->deaf)
        return;
    note = outside->notes[outside->noted++ % NOTES_MAX];
    length = snprintf(note, NOTE_TEXT, "%9" PRId64 ".%03" PRId64 "  ", at_ms / 1000, at_ms % 1000);
    va_start(list, format);
    (void)vsnprintf(note + length, NOTE_TEXT - (size_t)length, format, list);
    va_end(list);
    if (outside->heard)
        outside->heard(outside->context, note);
}

void outside_record(struct outside *outside, struct history_line *line)
{
    if (!outside->history)
        return;
    line->at_us = outside->timers.mono_ms * 1000;
    outside->history->take(outside->history, line);
}

void outside_fault(struct outside *outside, const char *format, ...)
{
    char text[FAULT_TEXT];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    outside_note(outside, "FAULT: %s", text);
    if (outside->faults++ == 0)
        (void)snprintf(outside->fault, sizeof(outside->fault), "%s", text);
}

void outside_print(const struct outside *outside)
{
    uint64_t first = outside->noted > NOTES_MAX ? outside->noted - NOTES_MAX : 0;

    for (uint64_t i = first; i < outside->noted; i++)
        (void)fprintf(stderr, "%s\n", outside->notes[i % NOTES_MAX]);
    if (outside->faults)
        (void)fprintf(stderr, "%u faults, the first: %s\n", outside->faults, outside->fault);
}
