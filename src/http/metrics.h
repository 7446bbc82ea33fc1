/* What GET /metrics shows, family by family. The files metrics_*.c write those of one subject each.
 * On the loop's thread, but for metrics_self_read(). */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "http/http_gather.h"
#include "proctrack/metric.h"

#define METRICS_TYPES PROCESS_NUMBERS_TYPES

/* One of the types that wait or run; the last is that of all others, as in process_numbers.h. */
struct metrics_type {
    char type[PROCESS_TYPE_MAX + 1];
    int64_t waiting, running;
    int64_t oldest_since; /* wall ms; TIME_NONE: none waits */
};

/* What the repository says; asked of it for each scrape. */
struct metrics_stored {
    bool counted; /* it has answered in time */
    int64_t by_status[PROCESS_STATUS_COUNT];
    int64_t due[REPO_DUE_KINDS];
    bool typed; /* likewise */
    int64_t now;
    size_t type_count;
    struct metrics_type types[METRICS_TYPES + 1];
};
void metrics_stored_take_counts(struct metrics_stored *stored, const struct repo_counts *counts);
void metrics_stored_take_types(struct metrics_stored *stored, const struct repo_types *types);

/* What the kernel says of this program. */
struct metrics_self {
    bool known;
    int64_t cpu_us;
    int64_t resident_bytes, virtual_bytes;
    int64_t threads, open_fds, max_fds;
    double started_at; /* seconds since 1970 */
};
/* Blocks, on any thread: it reads files of /proc. */
void metrics_self_read(struct metrics_self *ret_self);

/* What is known of the whole instance, apart from the above. */
struct metrics_instance {
    const char *version;
    bool ready;
    bool full; /* new processes are refused before they are tried, for want of room */
    const struct process_repository *repository; /* the one that serves */
    const char *fallback_reason;                 /* NULL: none */
    const struct config_reloads *reloads;        /* NULL: none are counted */
    const struct process_audits *audits;
};

void metrics_write_processes(struct metric_writer *writer, const struct http_gathered *gathered,
                             const struct metrics_stored *stored);
void metrics_write_http(struct metric_writer *writer, const struct http_gathered *gathered);
void metrics_write_storage(struct metric_writer *writer, const struct http_gathered *gathered,
                           const struct metrics_stored *stored,
                           const struct metrics_instance *instance);
void metrics_write_self(struct metric_writer *writer, const struct metrics_self *self,
                        const struct metrics_instance *instance);

/* A family of a single sample. */
static inline void metrics_write_count(struct metric_writer *writer,
                                       const struct metric_family *family, uint64_t value)
{
    metric_begin(writer, family);
    metric_count(writer, NULL, value);
}

#endif
