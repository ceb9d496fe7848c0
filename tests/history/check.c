/* check.c - berth-check: judges recorded histories.
 *
 *     berth-check FILE... [--json] [--invariant I5,I12]
 *
 * Files of one boot of a machine are merged by their clock; each boot is judged alone. Prints a
 * line for each violation, at the end a table of what was checked; "-" where the history has no
 * lines for an invariant. Exit code: 0 kept, 1 broken, 2 a file cannot be read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/judge.h"
#include "history/merge.h"

/* The judge numbers lines with one number: the file in the upper bits, the line in the lower. */
#define FILE_SHIFT 44
#define LINE_OF(number) ((number) & ((UINT64_C(1) << FILE_SHIFT) - 1))
#define FILE_OF(number) ((size_t)((number) >> FILE_SHIFT))

/* Print at most this many per invariant; all are counted. */
#define PRINTED_MAX 50

struct check {
    const char **paths;
    size_t count;
    bool json;
    bool wanted[JUDGE_INVARIANTS + 1];
    struct judge_verdict sum;
    uint64_t torn;
    const char *const *open; /* the files that are judged together now */
    size_t open_count;
};

static int usage(void)
{
    fputs("usage: berth-check HISTORY... [--json] [--invariant I5,I12]\n", stderr);
    return 2;
}

/* ---- violations ---- */

/* "(line 17592186044422)" becomes "(FILE:6)". */
static void print_sentence(const struct check *check, const char *sentence)
{
    const char *at = sentence;
    const char *found;

    while (check->open_count > 1 && (found = strstr(at, "line ")) != NULL) {
        char *end;
        uint64_t number = strtoull(found + 5, &end, 10);

        if (end == found + 5 || FILE_OF(number) >= check->open_count) {
            printf("%.*s", (int)(found + 5 - at), at);
            at = found + 5;
            continue;
        }
        printf("%.*s%s:%" PRIu64, (int)(found - at), at, check->open[FILE_OF(number)],
               LINE_OF(number));
        at = end;
    }
    puts(at);
}

static void found(void *context, int invariant, uint64_t line, const char *sentence)
{
    struct check *check = context;

    if (!check->wanted[invariant])
        return;
    check->sum.violations++;
    if (check->sum.broken[invariant]++ >= PRINTED_MAX)
        return;
    printf("%s:%" PRIu64 ": I%d %s: ", check->open[FILE_OF(line)], LINE_OF(line), invariant,
           judge_invariant(invariant));
    print_sentence(check, sentence);
}

/* ---- judging ---- */

/* An agent that begins to record says that its screen is dark; one that was killed before it went
 * dark at an unknown time. begun: agents of a file whose first screen line is still expected; lines
 * of other writers of the file may come between. */
static void see_restart(struct judge *judge, const struct merged *at, unsigned *begun)
{
    if (at->line->kind == HISTORY_run && strcmp(at->line->run.program, "berth-agent") == 0)
        begun[at->file]++;
    if (at->line->kind != HISTORY_screen || at->line->screen.event != history_screen_event_OFF ||
        !begun[at->file])
        return;
    judge_dark(judge, at->line->screen.terminal);
    begun[at->file]--;
}

static int read_all(struct check *check, struct merge *merge, struct judge *judge)
{
    unsigned *begun = berth_new_array(unsigned, check->open_count);
    struct berth_error error = { 0 };
    struct merged at;
    int r;

    while ((r = merge_next(merge, &at, &error)) == 1) {
        see_restart(judge, &at, begun);
        judge_take(judge, at.line, (uint64_t)at.file << FILE_SHIFT | at.number);
    }
    free(begun);
    if (r < 0)
        fprintf(stderr, "berth-check: %s\n", error.text);
    check->torn += merge_torn(merge);
    return r;
}

static void add_up(struct check *check, const struct judge_verdict *verdict)
{
    check->sum.lines += verdict->lines;
    for (int i = 1; i <= JUDGE_INVARIANTS; i++) {
        if (!check->wanted[i])
            continue;
        check->sum.checks += verdict->checked[i];
        check->sum.checked[i] += verdict->checked[i];
    }
}

static int judge_together(struct check *check, struct merge *merge, const char *const *paths,
                          size_t count)
{
    struct judge *judge = judge_new(found, check);
    int r;

    check->open = paths;
    check->open_count = count;
    r = read_all(check, merge, judge);
    if (r == 0)
        judge_end(judge);
    add_up(check, judge_verdict(judge));
    judge_free(judge);
    return r;
}

static int judge_alone(struct check *check)
{
    struct berth_error error = { 0 };
    int r = 0;

    printf("The files come from several boots, so their clocks do not compare: each is judged by "
           "itself.\n");
    for (size_t i = 0; i < check->count && r == 0; i++) {
        struct merge *merge;

        r = merge_open(&check->paths[i], 1, &merge, &error);
        if (r < 0) {
            fprintf(stderr, "berth-check: %s\n", error.text);
            return r;
        }
        r = judge_together(check, merge, &check->paths[i], 1);
        merge_close(merge);
    }
    return r;
}

static int judge_all(struct check *check)
{
    struct berth_error error = { 0 };
    struct merge *merge;
    int r = merge_open(check->paths, check->count, &merge, &error);

    if (r < 0) {
        fprintf(stderr, "berth-check: %s\n", error.text);
        return r;
    }
    if (!merge_one_boot(merge)) {
        merge_close(merge);
        return judge_alone(check);
    }
    r = judge_together(check, merge, check->paths, check->count);
    if (r == 0 && check->count > 1 && !merge_one_boot(merge))
        printf("The machine was booted meanwhile: the order between files is a guess from there "
               "on.\n");
    merge_close(merge);
    return r;
}

/* ---- results ---- */

static void print_table(const struct check *check)
{
    printf("\n%-5s %-22s %12s %10s  %s\n", "", "invariant", "checks", "broken", "told by");
    for (int i = 1; i <= JUDGE_INVARIANTS; i++) {
        char checks[24] = "-";
        char name[8];

        if (!check->wanted[i])
            continue;
        (void)snprintf(name, sizeof(name), "I%d", i);
        if (check->sum.checked[i] || check->sum.broken[i])
            (void)snprintf(checks, sizeof(checks), "%" PRIu64, check->sum.checked[i]);
        printf("%-5s %-22s %12s %10" PRIu64 "  %s\n", name, judge_invariant(i), checks,
               check->sum.broken[i], judge_invariant_lines(i));
    }
    printf("\n%" PRIu64 " lines, %" PRIu64 " checks, %" PRIu64 " violations", check->sum.lines,
           check->sum.checks, check->sum.violations);
    if (check->torn)
        printf("; %" PRIu64 " torn lines of killed writers passed over", check->torn);
    putchar('\n');
}

static void print_counts(const char *name, const struct check *check, const uint64_t *counts)
{
    bool first = true;

    printf("\"%s\": {", name);
    for (int i = 1; i <= JUDGE_INVARIANTS; i++) {
        if (!check->wanted[i] || !counts[i])
            continue;
        printf("%s\"I%d\": %" PRIu64, first ? "" : ", ", i, counts[i]);
        first = false;
    }
    putchar('}');
}

static void print_json(const struct check *check)
{
    printf("{\"lines\": %" PRIu64 ", \"checks\": %" PRIu64 ", ", check->sum.lines,
           check->sum.checks);
    print_counts("checked", check, check->sum.checked);
    printf(", \"violations\": %" PRIu64 ", ", check->sum.violations);
    print_counts("broken", check, check->sum.broken);
    printf(", \"torn\": %" PRIu64 "}\n", check->torn);
}

/* ---- arguments ---- */

static bool choose(struct check *check, const char *list)
{
    const char *at = list;

    memset(check->wanted, 0, sizeof(check->wanted));
    while (*at) {
        char *end;
        long number = at[0] == 'I' ? strtol(at + 1, &end, 10) : 0;

        if (number < 1 || number > JUDGE_INVARIANTS || (*end && *end != ','))
            return false;
        check->wanted[number] = true;
        at = *end ? end + 1 : end;
    }
    return at != list;
}

static bool read_arguments(struct check *check, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            check->json = true;
        } else if (strcmp(argv[i], "--invariant") == 0) {
            if (++i == argc || !choose(check, argv[i]))
                return false;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return false;
        } else {
            check->paths[check->count++] = argv[i];
        }
    }
    return check->count > 0;
}

int main(int argc, char **argv)
{
    struct check check = { .count = 0 };
    int code = 2;

    check.paths = berth_new_array(const char *, (size_t)argc);
    memset(check.wanted, 1, sizeof(check.wanted));
    if (!read_arguments(&check, argc, argv)) {
        free((void *)check.paths);
        return usage();
    }
    if (judge_all(&check) == 0) {
        print_table(&check);
        if (check.json)
            print_json(&check);
        code = check.sum.violations ? 1 : 0;
    }
    free((void *)check.paths);
    return fflush(stdout) == 0 ? code : 2;
}
