/* watch.c - reads CPU and memory of a server and its children from /proc. */
#include "watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHILDREN_MAX 64

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t watch_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t watch_own_cpu_us(void)
{
    return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t watch_thread_cpu_us(void)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

/* schedstat counts nanoseconds; the ticks of /proc/PID/stat are too coarse for a quick run. */
static int64_t thread_cpu_us(pid_t pid, const char *thread)
{
    char path[96];
    char line[96] = "";
    FILE *stream;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", (int)pid, thread);
    stream = fopen(path, "re");
    if (!stream)
        return 0; /* ended meanwhile */
    if (!fgets(line, sizeof(line), stream))
        line[0] = '\0';
    (void)fclose(stream);
    return strtoll(line, NULL, 10) / 1000;
}

static void add_children(pid_t pid, const char *thread, pid_t *children, size_t *count)
{
    char path[96];
    FILE *stream;
    int child;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, thread);
    stream = fopen(path, "re");
    if (!stream)
        return;
    while (*count < CHILDREN_MAX && fscanf(stream, "%d", &child) == 1)
        children[(*count)++] = child;
    (void)fclose(stream);
}

static int add_threads(pid_t pid, struct watch_sample *ret, pid_t *children, size_t *count)
{
    char path[64];
    struct dirent *entry;
    DIR *folder;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    folder = opendir(path);
    if (!folder)
        return -1;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        ret->cpu_us += thread_cpu_us(pid, entry->d_name);
        add_children(pid, entry->d_name, children, count);
    }
    (void)closedir(folder);
    return 0;
}

static int add_memory(pid_t pid, struct watch_sample *ret)
{
    char path[64];
    char line[128];
    FILE *stream;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    stream = fopen(path, "re");
    if (!stream)
        return -1;
    while (fgets(line, sizeof(line), stream)) {
        if (strncmp(line, "Rss:", 4) == 0)
            ret->rss_kib += strtoll(line + 4, NULL, 10);
        else if (strncmp(line, "Pss:", 4) == 0)
            ret->pss_kib += strtoll(line + 4, NULL, 10);
    }
    (void)fclose(stream);
    return 0;
}

int watch_take(pid_t pid, struct watch_sample *ret)
{
    pid_t all[CHILDREN_MAX] = { pid };
    size_t count = 1;

    *ret = (struct watch_sample){ .at_us = watch_now_us() };
    /* Children that are found are added to the list. */
    for (size_t i = 0; i < count; i++) {
        if (add_threads(all[i], ret, all, &count) < 0 || add_memory(all[i], ret) < 0)
            return -1;
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t watch_percentile(int64_t *values, size_t count, int percent)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), by_size);
    return values[(count - 1) * (size_t)percent / 100];
}
