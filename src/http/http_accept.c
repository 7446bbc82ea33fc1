#include "http/http_accept.h"

void http_accept_init(struct http_accept *accept)
{
    *accept = (struct http_accept){.events = -1,
                                   .texts = -1,
                                   .json = -1,
                                   .applications = -1,
                                   .openmetrics = -1,
                                   .plain = -1,
                                   .any = -1};
}

/* "0.25" as 250; -1 for what is no weight. */
static short thousandths(struct span text)
{
    int value = 0, unit = 1000;
    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (i == 1 ? c != '.' : c < '0' || c > '9')
            return -1;
        if (i == 1)
            continue;
        value += (c - '0') * unit;
        unit /= 10;
    }
    return value <= 1000 ? (short)value : -1;
}

/* The parameter q of what follows the range; 1000 without one. */
static short weight_of(struct span parameters)
{
    struct span part, name;
    while (span_split(&parameters, ';', &part)) {
        span_split(&part, '=', &name);
        if (span_is_nocase(span_trim(name), "q"))
            return part.data != NULL ? thousandths(span_trim(part)) : -1;
    }
    return 1000;
}

static short *slot_of(struct http_accept *accept, struct span range)
{
    if (span_is_nocase(range, "text/event-stream"))
        return &accept->events;
    if (span_is_nocase(range, "application/json"))
        return &accept->json;
    if (span_is_nocase(range, "text/*"))
        return &accept->texts;
    if (span_is_nocase(range, "application/*"))
        return &accept->applications;
    if (span_is_nocase(range, "application/openmetrics-text"))
        return &accept->openmetrics;
    if (span_is_nocase(range, "text/plain"))
        return &accept->plain;
    return span_is(range, "*/*") ? &accept->any : NULL;
}

void http_accept_add(struct http_accept *accept, struct span value)
{
    struct span item, range;
    accept->given = true;
    while (span_split(&value, ',', &item)) {
        span_split(&item, ';', &range);
        short *slot = slot_of(accept, span_trim(range));
        if (slot == NULL)
            continue;
        short weight = weight_of(item);
        bool versions = slot == &accept->openmetrics || slot == &accept->plain;
        if (weight >= 0 && (!versions || weight > *slot)) /* of these the one liked best counts */
            *slot = weight;
    }
}

/* The most particular range that is named decides. */
static short liking(short exact, short group, short any)
{
    if (exact >= 0)
        return exact;
    if (group >= 0)
        return group;
    return any >= 0 ? any : 0;
}

bool http_accept_prefers_events(const struct http_accept *accept)
{
    return accept->events > 0 &&
           accept->events >= liking(accept->json, accept->applications, accept->any);
}

bool http_accept_prefers_openmetrics(const struct http_accept *accept)
{
    return accept->openmetrics > 0 &&
           accept->openmetrics >= liking(accept->plain, accept->texts, accept->any);
}

bool http_accept_allows_events(const struct http_accept *accept)
{
    return !accept->given || liking(accept->events, accept->texts, accept->any) > 0;
}
