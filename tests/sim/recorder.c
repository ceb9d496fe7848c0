/* recorder.c - counts and digests the lines of a history and passes them to the judge. */
#include "sim/recorder.h"

#include <string.h>

static uint64_t mix(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * UINT64_C(0x9fb21c651e98df25);
    return digest ^ (digest >> 32);
}

static uint64_t mix_text(uint64_t digest, const char *text)
{
    size_t left = strlen(text);
    uint64_t word = 0;

    digest = mix(digest, left);
    for (; left >= sizeof(word); left -= sizeof(word), text += sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        digest = mix(digest, word);
    }
    word = 0;
    memcpy(&word, text, left);
    return mix(digest, word);
}

static uint64_t mix_field(uint64_t digest, const struct field *field, const char *at)
{
    uint64_t number = 0;
    int choice = 0;

    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINES:
        return mix_text(digest, at);
    case FIELD_BOOL:
        return mix(digest, *at != 0);
    case FIELD_ENUM:
        memcpy(&choice, at, sizeof(choice));
        return mix(digest, (uint64_t)choice);
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_ID:
        memcpy(&number, at, sizeof(number));
        return mix(digest, number);
    case FIELD_SECRET:
    case FIELD_LIST:
        return digest; /* lines have no such field */
    }
    return digest;
}

static void take(struct history *history, const struct history_line *line)
{
    struct recorder *recorder = container_of(history, struct recorder, history);
    struct history_line late berth_unset;
    const struct record *record = history_record(line->kind);
    uint64_t digest;

    /* Lines of a frozen broker have the time of its last turn. */
    if (line->at_us < recorder->environment->timers.mono_ms * 1000) {
        late = *line;
        late.at_us = recorder->environment->timers.mono_ms * 1000;
        line = &late;
    }
    digest = mix(recorder->digest, (uint64_t)line->at_us);

    /* Every member of the union begins where the union does. */
    for (size_t i = 0; i < record->count; i++)
        digest = mix_field(digest, &record->fields[i],
                           (const char *)&line->run + record->fields[i].offset);
    recorder->digest = mix(digest, (uint64_t)line->kind);
    recorder->lines++;
    if (recorder->tell) {
        char *text = history_encode(line);

        recorder->tell(recorder->context, text);
        free(text);
    }
#ifdef SIM_JUDGE
    judge_take(recorder->judge, line, recorder->lines);
#endif
}

#ifdef SIM_JUDGE
static void broken(void *context, int invariant, uint64_t line, const char *sentence)
{
    struct recorder *recorder = context;

    if (!recorder->invariant)
        recorder->invariant = invariant;
    environment_fault(recorder->environment, "%s (I%d, line %llu of the history)", sentence,
                      invariant, (unsigned long long)line);
}
#endif

void recorder_init(struct recorder *recorder, struct environment *environment)
{
    *recorder = (struct recorder){ .history = { .take = take }, .environment = environment };
#ifdef SIM_JUDGE
    recorder->judge = judge_new(broken, recorder);
#endif
}

uint64_t recorder_end(struct recorder *recorder)
{
#ifdef SIM_JUDGE
    judge_end(recorder->judge);
    return judge_verdict(recorder->judge)->checks;
#else
    (void)recorder;
    return 0;
#endif
}

bool recorder_broke(const struct recorder *recorder, int invariant)
{
#ifdef SIM_JUDGE
    return judge_verdict(recorder->judge)->broken[invariant] > 0;
#else
    return recorder->invariant == invariant;
#endif
}

void recorder_free(struct recorder *recorder)
{
#ifdef SIM_JUDGE
    judge_free(recorder->judge);
#else
    (void)recorder;
#endif
}
