/* program.h - other programs: run to their end, or started and watched by pid. Blocking, no loop.
 */
#ifndef BERTH_STORM_PROGRAM_H
#define BERTH_STORM_PROGRAM_H

#include <sys/types.h>

#include "berth/error.h"

/* Run argv[0] (found by PATH) to its end; what it prints, without the last line feed, goes to `out`
 * (NULL: to standard error, as its own errors do). Errors: IO naming the program and its exit code.
 */
int program_run(const char *const *argv, char *out, size_t size,
                struct berth_error *reterr) berth_must_check;

/* Start it; it dies with this program. log: file that its standard error is appended to.
 * ret_input: where to write its standard input, or NULL: /dev/null. Its output goes to `log`.
 */
int program_start(const char *const *argv, const char *log, int *ret_input, pid_t *ret,
                  struct berth_error *reterr) berth_must_check;

/* As program_start, with a descriptor that it finds as 3. */
int program_start_with(const char *const *argv, const char *log, int third, pid_t *ret,
                       struct berth_error *reterr) berth_must_check;

/* Signal it and wait for its end, at most `limit_ms`, then KILL. Harmless for pid 0. */
void program_end(pid_t *pid, int signal, int64_t limit_ms);

/* Has it ended by itself? Then *pid is 0 from now on. */
bool program_is_over(pid_t *pid);

#endif
