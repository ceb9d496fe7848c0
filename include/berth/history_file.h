/* history_file.h - a history as lines of JSON, appended to a file.
 *
 * Module shared; touches the system. Several processes of one machine may record into one file:
 * each line is one write(2) to a descriptor opened for appending.
 */
#ifndef BERTH_HISTORY_FILE_H
#define BERTH_HISTORY_FILE_H

#include "berth/history.h"

/* Open the file (a new one gets mode 0600) and write the line `run` of this program.
 *
 * gather: lines are buffered for at most a second or 64 KiB, else written at once. Buffered lines
 * are written when the process ends in order and lost when it is killed; the line `run` of such a
 * history has whole = false. A killed writer may leave half a line; the next one ends it with a
 * line feed. So a reader must expect half a line before a line `run` and at the end of a file. A
 * write that fails is logged once, and nothing is recorded after it. take() may be called by any
 * thread. Errors: IO naming the file.
 */
int history_file_open(const char *path, const char *program, bool gather, struct history **ret,
                      struct berth_error *reterr) berth_must_check;

/* Write what is buffered and close; NULL is allowed. */
void history_file_close(struct history *history);

/* CLOCK_MONOTONIC in microseconds: the clock of lines. */
int64_t history_now_us(void);

#endif
