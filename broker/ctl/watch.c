/* watch.c - `berthctl watch`: print events as they happen, and resume after a lost connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/table/value.h"

#include "ctl.h"

#define RETRY_S 3
#define ENDED ": ended: " /* the last comment on a stream that was replaced by another */

struct watch {
    const struct ctl *ctl;
    uint64_t rev;  /* of the last event that had one */
    uint64_t left; /* events still to be printed; 0: no limit */
    bool counted;
    bool answered; /* the broker answered */
    bool replaced; /* the broker has ended this stream for good */
    char event[32];
    char *data;
};

static void print_clock(const json_t *event)
{
    time_t seconds = (time_t)(json_integer_value(json_object_get(event, "at_ms")) / 1000);
    struct tm parts;
    char text[16];

    if (!seconds)
        seconds = time(NULL);
    if (localtime_r(&seconds, &parts) && strftime(text, sizeof(text), "%H:%M:%S", &parts))
        (void)printf("%s ", text);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* "20:15:03 rev 12  pool add  ward-3 (7)" */
static void print_event(const struct watch *watch, const json_t *event)
{
    const json_t *row = json_object_get(event, "row");
    const json_t *facts = row ? row : json_object_get(event, "runtime");
    static const char *const interesting[] = { "state", "presence", "reason", "user" };

    print_clock(event);
    if (strcmp(watch->event, "reset") == 0) {
        (void)printf("reset: changes were missed; list the entities again\n");
        return;
    }
    if (json_object_get(event, "rev"))
        (void)printf("rev %lld ", (long long)json_integer_value(json_object_get(event, "rev")));
    (void)printf("%s %s ", text_of(event, "entity"), text_of(event, "verb"));
    ctl_print(stdout, text_of(row, "name"), false);
    (void)printf(" (%lld)", (long long)json_integer_value(json_object_get(event, "id")));
    for (size_t i = 0; i < BERTH_COUNT(interesting); i++) {
        const char *text = text_of(facts, interesting[i]);

        if (!*text)
            continue;
        (void)printf(" %s=", interesting[i]);
        ctl_print(stdout, text, false);
    }
    (void)fputc('\n', stdout);
}

/* An empty line ends an event. */
static bool event_ends(struct watch *watch)
{
    json_t *event = watch->data ? json_loads(watch->data, 0, NULL) : NULL;

    if (event && watch->ctl->json)
        (void)puts(watch->data);
    else if (event)
        print_event(watch, event);
    (void)fflush(stdout);
    free(berth_take(watch->data));
    watch->event[0] = '\0';
    if (!event)
        return true;
    json_decref(event);
    return !watch->counted || --watch->left > 0;
}

/* Returns whether to continue. */
static bool take_line(struct watch *watch, const char *line)
{
    watch->answered = true;
    if (!*line)
        return event_ends(watch);
    if (strncmp(line, ENDED, strlen(ENDED)) == 0) {
        (void)fprintf(stderr, "berthctl: %s\n", line + strlen(ENDED));
        watch->replaced = true;
    }
    if (strncmp(line, "id: ", 4) == 0)
        (void)value_is_number(line + 4, &watch->rev);
    else if (strncmp(line, "event: ", 7) == 0)
        copy_text(watch->event, line + 7);
    else if (strncmp(line, "data: ", 6) == 0) {
        free(watch->data);
        watch->data = berth_strdup(line + 6);
    }
    return true;
}

static json_t *resume(const json_t *params, uint64_t rev)
{
    json_t *all = json_object();

    /* jansson requires a non-const pointer */
    (void)json_object_update(all, (json_t *)(uintptr_t)params);
    if (rev)
        (void)json_object_set_new(all, "after", json_integer((json_int_t)rev));
    return all;
}

int ctl_watch(const struct ctl *ctl, const struct verb *verb, const json_t *params)
{
    struct watch watch = { .ctl = ctl };

    if (ctl->count && (!value_is_number(ctl->count, &watch.left) || !watch.left)) {
        (void)fprintf(stderr, "berthctl: --count needs a number\n");
        return CTL_USAGE;
    }
    watch.counted = ctl->count != NULL;
    for (;;) {
        json_t *all = resume(params, watch.rev);
        struct ctl_answer answer;
        struct ctl_exchange *stream;
        const char *line;
        int code = CTL_OK;
        bool lost;

        watch.answered = false;
        stream = ctl_follow(ctl, verb, all, &answer);
        json_decref(all);
        do
            line = ctl_next_line(stream);
        while (line && take_line(&watch, line));
        ctl_follow_end(stream);
        lost = answer.status == 0 || answer.status == 200;
        if (!lost || (!watch.answered && !watch.rev))
            code = ctl_fail(&answer);
        ctl_answer_free(&answer);
        free(berth_take(watch.data));
        if (watch.replaced)
            return CTL_LATER;
        if (code != CTL_OK || (watch.counted && watch.left == 0))
            return code;
        (void)fprintf(stderr, "berthctl: the connection to the broker was lost; trying again\n");
        (void)sleep(RETRY_S);
    }
}
