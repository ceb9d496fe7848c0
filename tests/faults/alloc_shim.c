/* alloc_shim.c - preloaded into berthd: counts its allocations, reports where they are made, and
 * fails the n-th.
 *
 *   BERTH_ALLOC_REPORT=FILE  where to write: "stack HASH N" for the first allocation from each
 *                            call stack, "failed N" when one was failed, "total N" at the end
 *   BERTH_ALLOC_STACKS=1     distinguish call stacks, which takes time
 *   BERTH_ALLOC_FAIL=N       the N-th allocation fails, counted over all threads
 *   BERTH_ALLOC_ON=1         and each later one, too
 *
 * Active in a program named berthd only: its children inherit the variables.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The functions of glibc that are replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

#define STACKS 65536 /* a power of two, far more than exist */
#define DEPTH 9

static struct {
    bool active, stacks, from_then_on;
    long fail;
    int report;
    atomic_long count;
    pthread_mutex_t lock;
    uint64_t seen[STACKS];
} shim = { .report = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread bool inside; /* this code allocates as well */

static void tell(const char *what, uint64_t hash, long number)
{
    char line[80];
    int size;

    if (shim.report < 0)
        return;
    size = hash ? snprintf(line, sizeof(line), "%s %016llx %ld\n", what, (unsigned long long)hash,
                           number)
                : snprintf(line, sizeof(line), "%s %ld\n", what, number);
    (void)!write(shim.report, line, (size_t)size);
}

/* Position-independent programs move: only the distance to this very function is the same in each
 * life. */
static uint64_t stack_hash(void)
{
    void *frames[DEPTH];
    uint64_t hash = 14695981039346656037ULL;
    int depth = backtrace(frames, DEPTH);

    for (int i = 2; i < depth; i++)
        hash = (hash ^ ((uintptr_t)frames[i] & 0xfff)) * 1099511628211ULL;
    return hash | 1;
}

/* With its place, for reports of violations. */
static void tell_failed(long number)
{
    void *frames[DEPTH];

    inside = true;
    tell("failed", 0, number);
    if (shim.report >= 0)
        backtrace_symbols_fd(frames, backtrace(frames, DEPTH), shim.report);
    inside = false;
}

static void note_stack(long number)
{
    uint64_t hash = stack_hash();
    size_t at = hash & (STACKS - 1);

    (void)pthread_mutex_lock(&shim.lock);
    while (shim.seen[at] && shim.seen[at] != hash)
        at = (at + 1) & (STACKS - 1);
    if (!shim.seen[at]) {
        shim.seen[at] = hash;
        tell("stack", hash, number);
    }
    (void)pthread_mutex_unlock(&shim.lock);
}

/* Must this allocation fail? */
static bool fails(void)
{
    long number;

    if (!shim.active || inside)
        return false;
    number = atomic_fetch_add(&shim.count, 1) + 1;
    if (shim.stacks) {
        inside = true;
        note_stack(number);
        inside = false;
    }
    if (!shim.fail || number < shim.fail || (number > shim.fail && !shim.from_then_on))
        return false;
    if (number == shim.fail)
        tell_failed(number);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t product;

    if (__builtin_mul_overflow(count, size, &product) || fails())
        return NULL;
    return __libc_realloc(old, product);
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    void *memory = memalign(alignment, size);

    if (!memory)
        return ENOMEM;
    *ret = memory;
    return 0;
}

static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

/* From the program's first instruction on; the loader's allocations do not count. */
__attribute__((constructor)) static void begin(void)
{
    const char *report = getenv("BERTH_ALLOC_REPORT");

    if (!report || strcmp(program_invocation_short_name, "berthd") != 0)
        return;
    shim.report = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    shim.stacks = number_of("BERTH_ALLOC_STACKS") > 0;
    shim.fail = number_of("BERTH_ALLOC_FAIL");
    shim.from_then_on = number_of("BERTH_ALLOC_ON") > 0;
    if (shim.stacks || shim.fail) {
        void *frames[2];

        (void)backtrace(frames, 2); /* loads the unwinder now */
    }
    shim.active = true;
}

__attribute__((destructor)) static void end(void)
{
    if (!shim.active)
        return;
    shim.active = false;
    tell("total", 0, atomic_load(&shim.count));
}
