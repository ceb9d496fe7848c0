/* reader.h - the thread that reads pages and verifies the audit trail, on a query-only connection.
 *
 * Module store, private. Its read transactions are short (one page, or one step of a verification),
 * so that the writer can checkpoint between them; it never checkpoints itself, and it is closed
 * before the writer.
 */
#ifndef BERTH_STORE_READER_H
#define BERTH_STORE_READER_H

#include "berth/error.h"

struct store;

/* Open the connection; the thread runs from reader_start on. */
int reader_open(struct store *store, struct berth_error *reterr) berth_must_check;
int reader_start(struct store *store, struct berth_error *reterr) berth_must_check;

/* After store->closing was set: wait for the thread, close the connection. */
void reader_close(struct store *store);

#endif
