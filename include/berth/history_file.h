/* history_file.h - a history as lines of JSON in a file that is only appended to.
 *
 * Module shared; touches the system. Several processes of one machine may record into one file: each
 * line is one write(2) to a descriptor opened for appending.
 */
#ifndef BERTH_HISTORY_FILE_H
#define BERTH_HISTORY_FILE_H

#include "berth/history.h"

/* Open (or make, readable by its owner alone) the file and write the line `run` of this program.
 * Lines are gathered for at most a second or 64 KiB where `gather` is set, else written at once;
 * whatever is gathered is written before the process ends in order, a killed one loses it, which is
 * why such a history does not call itself whole. Half a line that a killed writer left is ended
 * where it stands: just before a line `run`, and at the end of a file, a reader has to expect one.
 * A write that fails is logged once, and nothing is recorded after it. take() may be called by any
 * thread. Errors: IO naming the file.
 */
int history_file_open(const char *path, const char *program, bool gather, struct history **ret,
                      struct berth_error *reterr) berth_must_check;

/* Writes what is gathered; NULL is fine. */
void history_file_close(struct history *history);

/* CLOCK_MONOTONIC in microseconds: the clock of lines. */
int64_t history_now_us(void);

#endif
