/* writer_outcome.c - what failures mean for the writer, and the outcome of a job. */
#include "berth/history_file.h"
#include "berth/log.h"
#include "berth/loop.h"

#include "core/history_lines.h"

#include "upkeep.h"
#include "writer.h"

static void note_degraded(struct writer *writer, bool degraded)
{
    if (writer->degraded == degraded)
        return;
    writer->degraded = degraded;
    (void)pthread_mutex_lock(&writer->store->lock);
    writer->store->stats.degraded = degraded;
    (void)pthread_mutex_unlock(&writer->store->lock);
    history_write(writer->store->setup.history, history_now_us(), HISTORY_broker, broker,
                  .event = degraded ? history_broker_event_DEGRADED : history_broker_event_WRITABLE,
                  .incarnation = writer->decisions.chain.incarnation);
    if (degraded)
        log_event(EV_STORE_DEGRADED, "folder", writer->store->folder);
    else
        log_event(EV_STORE_RECOVERED, "folder", writer->store->folder);
}

void writer_handle_failure(struct writer *writer, enum sql_status status,
                           const struct berth_error *error)
{
    switch (status) {
    case SQL_NO_SPACE:
        writer->probe_at_ms = clock_mono_ms() + PROBE_EVERY_MS;
        note_degraded(writer, true);
        return;
    case SQL_BROKEN:
        store_break(writer->store, error);
        return;
    case SQL_REFUSED: /* reported to the caller of that decision */
    /* another program locks the file, or no file can be opened; the next batch tries again */
    case SQL_BUSY:
    case SQL_OK:
        return;
    }
}

void writer_recover(struct writer *writer)
{
    note_degraded(writer, false);
}

void writer_end(struct writer *writer, struct job *job, int result, const struct berth_error *error)
{
    struct list ended;

    list_init(&ended);
    list_remove(&job->node);
    job_end(job, result, error);
    list_append(&ended, &job->node);
    store_done(writer->store, &ended);
}
