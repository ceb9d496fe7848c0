/* admission.c - a flood of connections before authentication, under virtual time, judged by I23.
 *
 * Unknown clients from a few addresses open connections and never finish a handshake, while known
 * terminals connect one by one from their own addresses. The most that the clients hold goes to the
 * judge as figures with their bounds. Exit code: 0 nothing broken, 1 a violation, 2 wrong usage.
 */
#include "link/admission.h"

#include <stdio.h>
#include <string.h>

#include "history/judge.h"

#include "random_seeded.h"

#define CAP_OPEN 4000
#define CAP_HANDSHAKES 512
#define CAP_SOURCE 32
#define STRANGERS 8
#define TRIES 20000

struct flood {
    struct admission *admission;
    struct berth_random random;
    struct judge *judge;
    int64_t held[STRANGERS]; /* unfinished handshakes by source, counted here */
    int64_t most_source, most_all;
    int64_t terminals_asked, terminals_refused;
};

static void broken(void *context, int invariant, uint64_t line, const char *sentence)
{
    (void)context;
    (void)line;
    (void)printf("I%d %s\n", invariant, sentence);
}

/* Source of each connection, by its number; 0: a terminal. */
static int whose[TRIES * 2];
static uint64_t last_id;
static struct flood *playing;

static void dropped(void *owner, uint64_t id)
{
    (void)owner;
    if (whose[id])
        playing->held[whose[id] - 1]--;
}

static enum refusal ask_admission(struct flood *flood, const char *name, int who, int64_t now_ms,
                                  struct admission_slot **ret)
{
    struct admission_source source;
    const struct admission_candidate candidate = { .source = &source,
                                                   .id = ++last_id,
                                                   .descriptor = -1,
                                                   .chance = random_below(&flood->random, 1000) };

    (void)snprintf(source.name, sizeof(source.name), "%s", name);
    memcpy(source.network, source.name, sizeof(source.network));
    whose[last_id] = who;
    return admission_admit(flood->admission, &candidate, now_ms, ret);
}

static int64_t sum(const struct flood *flood)
{
    int64_t all = 0;

    for (int i = 0; i < STRANGERS; i++)
        all += flood->held[i];
    return all;
}

static void stranger(struct flood *flood, int64_t now_ms)
{
    int who = (int)random_below(&flood->random, STRANGERS);
    struct admission_slot *slot;
    char source[32];

    (void)snprintf(source, sizeof(source), "192.0.2.%d", who + 1);
    if (ask_admission(flood, source, who + 1, now_ms, &slot) != REFUSAL_NONE)
        return;
    flood->held[who]++;
    if (flood->held[who] > flood->most_source)
        flood->most_source = flood->held[who];
    if (sum(flood) > flood->most_all)
        flood->most_all = sum(flood);
}

/* A terminal finishes its handshake at once and stays connected. */
static void terminal(struct flood *flood, int number, int64_t now_ms)
{
    struct admission_slot *slot;
    char source[32];

    (void)snprintf(source, sizeof(source), "198.51.%d.%d", number / 250, number % 250 + 1);
    flood->terminals_asked++;
    if (ask_admission(flood, source, 0, now_ms, &slot) == REFUSAL_NONE)
        admission_established(flood->admission, slot);
    else
        flood->terminals_refused++;
}

static void measure(struct flood *flood, const char *name, int64_t value, int64_t most)
{
    struct history_line line = { .kind = HISTORY_measure,
                                 .measure = { .invariant = "I23", .value = value, .most = most } };

    (void)snprintf(line.measure.name, sizeof(line.measure.name), "%s", name);
    judge_take(flood->judge, &line, 0);
}

static int play(void)
{
    const struct admission_limits limits = { .open = CAP_OPEN,
                                             .handshakes = CAP_HANDSHAKES,
                                             .handshakes_source = CAP_SOURCE };
    struct flood flood = { .judge = judge_new(broken, NULL) };
    uint64_t violations;

    random_seeded(&flood.random, 1);
    flood.admission = admission_new(&limits, random_map_key(&flood.random), dropped);
    playing = &flood;
    for (int i = 0; i < TRIES; i++) {
        stranger(&flood, i);
        if (i % 20 == 0)
            terminal(&flood, i / 20, i);
    }
    measure(&flood, "handshakes of one stranger", flood.most_source, CAP_SOURCE);
    measure(&flood, "handshakes of strangers in all", flood.most_all, CAP_HANDSHAKES);
    measure(&flood, "known terminals turned away, of a hundred",
            flood.terminals_refused * 100 / flood.terminals_asked, 5);
    judge_end(flood.judge);
    violations = judge_verdict(flood.judge)->violations;
    judge_free(flood.judge);
    admission_free(flood.admission);
    (void)printf("{\"checks\": 3, \"violations\": %llu}\n", (unsigned long long)violations);
    return violations ? 1 : 0;
}

int main(void)
{
    return play();
}
