#include "http/http_tally.h"

#include <stdlib.h>

#define ROOM_MIN 16

/* clang-format off */
/* Every code that is answered, by us or by the library; another would be counted as "other". */
#define CODES(X)                                                                                  \
    X(200) X(202) X(204) X(304)                                                                   \
    X(400) X(403) X(404) X(405) X(406) X(408) X(409) X(410) X(411) X(412) X(413) X(414) X(415)    \
    X(417) X(422) X(428) X(429) X(431)                                                            \
    X(500) X(501) X(503) X(505) X(507)
/* clang-format on */

enum code {
    CODE_OTHER,
#define X(code) CODE_##code,
    CODES(X)
#undef X
};

static const char *const code_names[] = {[CODE_OTHER] = "other",
#define X(code) [CODE_##code] = #code,
                                         CODES(X)
#undef X
};
#define CODE_COUNT (sizeof(code_names) / sizeof(*code_names))

static const unsigned char codes_by_status[] = {
#define X(code) [code] = CODE_##code,
    CODES(X)
#undef X
};

static size_t place_of(const struct http_route *route, enum http_method method, unsigned status)
{
    size_t code = status < sizeof(codes_by_status) ? codes_by_status[status] : CODE_OTHER;
    return (http_route_number(route) * METHOD_COUNT + method) * CODE_COUNT + code;
}

size_t http_tally_bound(void)
{
    return (http_route_count() + 1) * METHOD_COUNT * CODE_COUNT;
}

bool http_tally_init(struct http_tally *tally)
{
    *tally = (struct http_tally){.places = calloc(http_tally_bound(), sizeof(*tally->places))};
    return tally->places != NULL;
}

void http_tally_finish(struct http_tally *tally)
{
    free(tally->places);
    free(tally->series);
    *tally = (struct http_tally){0};
}

void http_tally_clear(struct http_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        tally->places[tally->series[i].place] = 0;
    tally->count = 0;
}

static bool make_room(struct http_tally *tally)
{
    if (tally->count < tally->room)
        return true;
    size_t room = tally->room > 0 ? 2 * tally->room : ROOM_MIN;
    struct http_series *series = realloc(tally->series, room * sizeof(*series));
    if (series == NULL)
        return false;
    tally->series = series;
    tally->room = room;
    return true;
}

/* NULL: no memory for a new one. */
static struct http_series *series_at(struct http_tally *tally, size_t place)
{
    if (tally->places[place] > 0)
        return &tally->series[tally->places[place] - 1];
    if (!make_room(tally))
        return NULL;
    struct http_series *series = &tally->series[tally->count++];
    *series = (struct http_series){.place = (unsigned short)place};
    tally->places[place] = (unsigned short)tally->count;
    return series;
}

void http_tally_add(struct http_tally *tally, const struct http_route *route,
                    enum http_method method, unsigned status, int64_t took_us)
{
    struct http_series *series = series_at(tally, place_of(route, method, status));
    if (series == NULL)
        return;
    series->answers++;
    if (took_us >= 0)
        metric_observe(&series->took, took_us);
}

bool http_tally_merge(struct http_tally *into, const struct http_tally *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct http_series *series = series_at(into, from->series[i].place);
        if (series == NULL)
            return false;
        series->answers += from->series[i].answers;
        metric_histogram_merge(&series->took, &from->series[i].took);
    }
    return true;
}

void http_series_labels(const struct http_series *series, struct http_series_labels *ret_labels)
{
    size_t code = series->place % CODE_COUNT, rest = series->place / CODE_COUNT;
    http_route_template(rest / METHOD_COUNT, ret_labels->route);
    ret_labels->method = http_method_name((enum http_method)(rest % METHOD_COUNT));
    ret_labels->code = code_names[code];
}
