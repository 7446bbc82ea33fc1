/* Answers counted by route, method and status code, with how long they took. What is not in one of
 * these three lists counts as another's ("none", "other"), so that there is a bound on the series
 * whatever clients send. One that was never counted takes no memory. On one thread at a time. */
#ifndef HTTP_TALLY_H
#define HTTP_TALLY_H

#include "http/http_route.h"
#include "proctrack/metric.h"

struct http_series {
    unsigned short place; /* which one it is, see below */
    uint64_t answers;
    struct metric_histogram took; /* of those that were not let wait for something to happen */
};

struct http_tally {
    struct http_series *series; /* in the order in which they came */
    size_t count, room;
    unsigned short *places; /* of each route, method and code: 1 + its index in series; 0: none */
};

/* False if no memory; finish it all the same. */
bool http_tally_init(struct http_tally *tally);
void http_tally_finish(struct http_tally *tally);

/* route NULL: none. took_us negative: it waited, or is not known. Without memory for a new series
 * it is not counted. */
void http_tally_add(struct http_tally *tally, const struct http_route *route,
                    enum http_method method, unsigned status, int64_t took_us);

void http_tally_clear(struct http_tally *tally); /* keeps the memory */
/* Adds what the other has counted; false if no memory for all of it. */
bool http_tally_merge(struct http_tally *into, const struct http_tally *from);

/* What a series counts, as texts. */
struct http_series_labels {
    char route[HTTP_TEMPLATE_SIZE];
    const char *method, *code;
};
void http_series_labels(const struct http_series *series, struct http_series_labels *ret_labels);

/* How many series there can be. */
size_t http_tally_bound(void);

#endif
