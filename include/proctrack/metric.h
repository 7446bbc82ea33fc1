/* Metrics: histograms, and the text in which scrapers read numbers. A histogram belongs to one
 * thread; a writer and its buffer to one call. */
#ifndef PROCTRACK_METRIC_H
#define PROCTRACK_METRIC_H

#include "proctrack/text.h"

/* --- histograms ---------------------------------------------------------------------------------
 */

/* Which buckets; 0, so that a zeroed histogram is an empty one of latencies. */
enum metric_scale {
    METRIC_LATENCY, /* answers, commands, fsyncs: 100 us to 30 s */
    METRIC_PERIOD,  /* how long work runs and waits: 10 ms to 12 hours */
};

#define METRIC_BUCKETS 18
struct metric_bucket {
    int64_t upper_us; /* what is at most this long, and no bucket before it takes */
    const char *le;   /* the same in seconds, as scrapers read it */
};
extern const struct metric_bucket metric_latency_buckets[METRIC_BUCKETS];
extern const struct metric_bucket metric_period_buckets[METRIC_BUCKETS];

struct metric_histogram {
    enum metric_scale scale;
    uint64_t counts[METRIC_BUCKETS + 1]; /* of each bucket alone; the last: what is beyond all */
    uint64_t sum_us;
};

static inline const struct metric_bucket *metric_buckets_of(enum metric_scale scale)
{
    return scale == METRIC_LATENCY ? metric_latency_buckets : metric_period_buckets;
}

/* Inline, as it is counted per answer. What is negative (a clock was set) counts as 0. */
static inline void metric_observe(struct metric_histogram *histogram, int64_t us)
{
    const struct metric_bucket *bucket = metric_buckets_of(histogram->scale);
    size_t at = 0;
    while (at < METRIC_BUCKETS && us > bucket[at].upper_us)
        at++;
    histogram->counts[at]++;
    histogram->sum_us += us > 0 ? (uint64_t)us : 0;
}

uint64_t metric_observed(const struct metric_histogram *histogram); /* how many */
/* Both of the same scale. */
void metric_histogram_merge(struct metric_histogram *into, const struct metric_histogram *from);

/* --- exposition ---------------------------------------------------------------------------------
 */

enum metric_format {
    METRIC_PROMETHEUS,  /* text format 0.0.4 */
    METRIC_OPENMETRICS, /* 1.0.0 */
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

/* `name` is without the suffix that the type brings (_total, _info, _bucket ...); `unit` ("bytes",
 * "seconds", "ratio") is NULL, or what the name ends with. Texts are constant. */
struct metric_family {
    const char *name;
    enum metric_type type;
    const char *help, *unit;
};

/* Values may be any bytes: they are escaped, and what is no UTF-8 or a control character other
 * than a line feed becomes U+FFFD. A list ends with a label without name; NULL: none. */
struct metric_label {
    const char *name;
    struct span value;
};
#define METRIC_LABELS(...) ((const struct metric_label[]){__VA_ARGS__, {NULL, SPAN_NONE}})

/* Failures are the buffer's (see text.h). The family must live until the next one is begun. */
struct metric_writer {
    struct text_buffer *out;
    enum metric_format format;
    const struct metric_family *family;
};

const char *metric_content_type(enum metric_format format);
void metric_writer_init(struct metric_writer *writer, struct text_buffer *out,
                        enum metric_format format);
/* Samples that follow are of this family. Each family once; its samples in a row. */
void metric_begin(struct metric_writer *writer, const struct metric_family *family);
/* Counters and gauges. An info is written with the count 1. */
void metric_count(struct metric_writer *writer, const struct metric_label *labels, uint64_t value);
void metric_real(struct metric_writer *writer, const struct metric_label *labels, double value);
void metric_seconds(struct metric_writer *writer, const struct metric_label *labels,
                    int64_t us); /* exact to the microsecond */
void metric_histogram(struct metric_writer *writer, const struct metric_label *labels,
                      const struct metric_histogram *histogram);
void metric_end(struct metric_writer *writer);

#endif
