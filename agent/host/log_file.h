/* log_file.h - the agent's log as a file of bounded size.
 *
 * Module host of the agent. The file takes standard error's place, so that what libraries write there
 * is in it too. At its largest it is set aside under the name FILE.1, replacing the one before: a
 * terminal's disk never fills with logs.
 */
#ifndef BERTH_AGENT_HOST_LOG_FILE_H
#define BERTH_AGENT_HOST_LOG_FILE_H

#include "berth/error.h"

#define LOG_FILE_MAX 1048576

/* Write to this file from now on; it is made with mode 0600. Errors: IO. */
int log_file_open(const char *path, struct berth_error *reterr) berth_must_check;

/* Set it aside when it is too large, and begin a new one; from time to time. Errors: IO (the old
 * one goes on). */
int log_file_rotate(const char *path, struct berth_error *reterr) berth_must_check;

/* The name under which it is set aside. */
void log_file_rotated_path(const char *path, char *out, size_t size);

#endif
