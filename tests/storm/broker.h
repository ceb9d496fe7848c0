/* broker.h - figures of the broker: its own metrics, and CPU and memory by the kernel. */
#ifndef BERTH_STORM_BROKER_H
#define BERTH_STORM_BROKER_H

#include <jansson.h>
#include <sys/types.h>

#include "berth/error.h"

struct broker_figures {
    json_t *metrics;   /* sample, with its labels -> number; NULL: not read */
    double cpu_s;      /* user and system of berthd */
    double virt_cpu_s; /* of its berth-virt processes */
    double own_cpu_s;  /* of the storm itself */
    int64_t rss_bytes; /* of berthd */
    int64_t virt_rss_bytes;
};

/* Read them now. pid: of berthd, 0: not known. Blocking; some ms. */
int broker_read(const char *socket, pid_t pid, struct broker_figures *ret,
                struct berth_error *reterr) berth_must_check;
void broker_figures_free(struct broker_figures *figures);

/* The process is a new one: all figures but the storm's own time begin at zero. */
void broker_forget(struct broker_figures *figures);

double broker_metric(const struct broker_figures *figures, const char *name);

/* The difference of two readings: steps of flows with p50, p99 and max from their histograms,
 * commits, batches, CPU, memory, the longest turn. */
json_t *broker_report(const struct broker_figures *before, const struct broker_figures *after);

#endif
