#include "http/metrics.h"

#include <stdio.h>

static const struct metric_family
    requests = {"proctrackd_http_requests", METRIC_COUNTER,
                "Requests answered, those that were refused included.", NULL},
    duration = {"proctrackd_http_request_duration_seconds", METRIC_HISTOGRAM,
                "From the request's header to its answer, without requests that were let wait for "
                "something to happen.",
                "seconds"},
    in_flight = {"proctrackd_http_requests_in_flight", METRIC_GAUGE,
                 "Requests not yet wholly answered, those that wait and streams included.", NULL},
    connections = {"proctrackd_http_connections", METRIC_GAUGE, "Open connections.", NULL},
    refused = {"proctrackd_http_connections_refused", METRIC_COUNTER,
               "Connections refused with 503 because there were too many.", NULL},
    shed = {"proctrackd_http_requests_shed", METRIC_COUNTER,
            "Requests refused with 503 because they had waited too long to be read.", NULL},
    waiters = {"proctrackd_waiters", METRIC_GAUGE,
               "Requests that wait for something to happen: long polls, event streams, claims.",
               NULL},
    cache_entries = {"proctrackd_status_cache_entries", METRIC_GAUGE,
                     "Processes whose state is kept for the next poll.", NULL},
    cache_bytes = {"proctrackd_status_cache_bytes", METRIC_GAUGE, "Memory that these take.",
                   "bytes"},
    cache_hits = {"proctrackd_status_cache_hits", METRIC_COUNTER,
                  "Polls answered with a state that was kept.", NULL},
    cache_misses = {"proctrackd_status_cache_misses", METRIC_COUNTER,
                    "Polls for which the repository was asked.", NULL},
    cache_evictions = {"proctrackd_status_cache_evictions", METRIC_COUNTER,
                       "States dropped to make room for others.", NULL},
    cache_invalidations = {"proctrackd_status_cache_invalidations", METRIC_COUNTER,
                           "States dropped because the process changed.", NULL},
    loop_up = {"proctrackd_loop_up", METRIC_GAUGE,
               "Whether the I/O loop answered this scrape in time; a silent one counts above with "
               "what it gave last.",
               NULL};

static void write_answers(struct metric_writer *writer, const struct http_tally *tally, bool took)
{
    struct http_series_labels texts;
    metric_begin(writer, took ? &duration : &requests);
    for (size_t i = 0; i < tally->count; i++) {
        const struct http_series *series = &tally->series[i];
        http_series_labels(series, &texts);
        const struct metric_label *labels =
            METRIC_LABELS({"route", span_of(texts.route)}, {"method", span_of(texts.method)},
                          {"code", span_of(texts.code)});
        if (!took)
            metric_count(writer, labels, series->answers);
        else if (metric_observed(&series->took) > 0)
            metric_histogram(writer, labels, &series->took);
    }
}

static void write_waiters(struct metric_writer *writer, const struct http_numbers *sum)
{
    metric_begin(writer, &waiters);
    metric_count(writer, METRIC_LABELS({"kind", SPAN("poll")}), sum->waiters[HTTP_WAITER_POLL]);
    metric_count(writer, METRIC_LABELS({"kind", SPAN("stream")}), sum->streams);
    metric_count(writer, METRIC_LABELS({"kind", SPAN("claim")}), sum->waiters[HTTP_WAITER_CLAIM]);
}

static void write_cache(struct metric_writer *writer, const struct status_cache_numbers *cache)
{
    metrics_write_count(writer, &cache_entries, cache->entries);
    metrics_write_count(writer, &cache_bytes, cache->bytes);
    metrics_write_count(writer, &cache_hits, cache->hits);
    metrics_write_count(writer, &cache_misses, cache->misses);
    metrics_write_count(writer, &cache_evictions, cache->evictions);
    metrics_write_count(writer, &cache_invalidations, cache->invalidations);
}

void metrics_write_http(struct metric_writer *writer, const struct http_gathered *gathered)
{
    const struct http_numbers *sum = &gathered->sum;
    char number[12];
    write_answers(writer, &sum->tally, false);
    write_answers(writer, &sum->tally, true);
    metrics_write_count(writer, &in_flight, sum->open_calls);
    metrics_write_count(writer, &connections, sum->connections);
    metrics_write_count(writer, &refused, sum->counters.refused);
    metrics_write_count(writer, &shed, sum->counters.shed);
    write_waiters(writer, sum);
    write_cache(writer, &sum->statuses);
    metric_begin(writer, &loop_up);
    for (int i = 0; i < gathered->loops; i++) {
        snprintf(number, sizeof(number), "%d", i);
        metric_count(writer, METRIC_LABELS({"loop", span_of(number)}), gathered->up[i]);
    }
}
