/* log_file.h - the agent's log file, of bounded size.
 *
 * Module host of the agent. Standard error is redirected to the file, so that messages of libraries
 * are in it too. A file that is too large is renamed to FILE.1, which replaces the previous one, so
 * that logs never fill a terminal's disk.
 */
#ifndef BERTH_AGENT_HOST_LOG_FILE_H
#define BERTH_AGENT_HOST_LOG_FILE_H

#include "berth/error.h"

#define LOG_FILE_MAX 1048576

/* Append standard error to this file, created with mode 0600. Errors: IO. */
int log_file_open(const char *path, struct berth_error *reterr) berth_must_check;

/* Rotate the file if it is larger than LOG_FILE_MAX; call periodically. Errors: IO (logging
 * continues in the old file). */
int log_file_rotate(const char *path, struct berth_error *reterr) berth_must_check;

/* The name of the rotated file. */
void log_file_rotated_path(const char *path, char *out, size_t size);

#endif
