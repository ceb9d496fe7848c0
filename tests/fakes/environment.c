/* environment.c - virtual time, random numbers, and the notes of a run. */
#include "fakes/environment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "random_seeded.h"

/* Some day in 2026; nothing depends on which. */
#define WALL_AT_START INT64_C(1780000000000)
#define MONO_AT_START 1000000

void environment_init(struct environment *environment, uint64_t seed)
{
    *environment = (struct environment){ 0 };
    timers_init(&environment->timers, MONO_AT_START, WALL_AT_START);
    random_seeded(&environment->random, seed);
}

void environment_free(struct environment *environment)
{
    timers_free(&environment->timers);
}

int64_t environment_draw_ms(struct environment *environment, int64_t least, int64_t most)
{
    return least + (int64_t)random_below(&environment->random, (uint64_t)(most - least) + 1);
}

bool environment_chance(struct environment *environment, unsigned percent)
{
    return percent > 0 && random_below(&environment->random, 100) < percent;
}

void environment_note(struct environment *environment, const char *format, ...)
{
    int64_t at_ms = environment->timers.mono_ms - MONO_AT_START;
    va_list list;
    char *note;
    int length;

    if (environment->notes_off)
        return;
    note = environment->notes[environment->notes_count++ % NOTES_MAX];
    length = snprintf(note, NOTE_TEXT, "%9" PRId64 ".%03" PRId64 "  ", at_ms / 1000, at_ms % 1000);
    va_start(list, format);
    (void)vsnprintf(note + length, NOTE_TEXT - (size_t)length, format, list);
    va_end(list);
    if (environment->on_note)
        environment->on_note(environment->context, note);
}

void environment_record(struct environment *environment, struct history_line *line)
{
    if (!environment->history)
        return;
    line->at_us = environment->timers.mono_ms * 1000;
    environment->history->take(environment->history, line);
}

void environment_fault(struct environment *environment, const char *format, ...)
{
    char text[FAULT_TEXT];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    environment_note(environment, "FAULT: %s", text);
    if (environment->faults++ == 0)
        (void)snprintf(environment->fault, sizeof(environment->fault), "%s", text);
}

void environment_print(const struct environment *environment)
{
    uint64_t first =
        environment->notes_count > NOTES_MAX ? environment->notes_count - NOTES_MAX : 0;

    for (uint64_t i = first; i < environment->notes_count; i++)
        (void)fprintf(stderr, "%s\n", environment->notes[i % NOTES_MAX]);
    if (environment->faults)
        (void)fprintf(stderr, "%u faults, the first: %s\n", environment->faults,
                      environment->fault);
}
