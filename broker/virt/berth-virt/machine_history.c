/* machine_history.c - record what happens to machines. */
#include "machine_history.h"

#include <stdio.h>
#include <unistd.h>

#include "berth/history_file.h"
#include "berth/log.h"

/* Set before the threads start. */
static struct history *history;
static char host_name[sizeof(((struct history_machine *)0)->host)];

void machine_history_open(const char *path, const char *host)
{
    struct berth_error error = { 0 };

    copy_text(host_name, host);
    if (history_file_open(path, "berth-virt", false, &history, &error) < 0)
        log_failure(EV_HISTORY_STOPPED, &error, host);
}

static void note(const char *uuid, enum history_machine_event event, int64_t by)
{
    struct history_line line = { .kind = HISTORY_machine,
                                 .at_us = history_now_us(),
                                 .machine = { .event = event, .by = by } };

    if (!history)
        return;
    copy_text(line.machine.host, host_name);
    copy_text(line.machine.uuid, uuid);
    history->take(history, &line);
}

void machine_history_done(const char *uuid, enum history_machine_event event)
{
    note(uuid, event, getpid());
}

void machine_history_reported(const char *uuid, enum history_machine_event event)
{
    note(uuid, event, 0);
}
