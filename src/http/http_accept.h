/* Accept (RFC 9110, 12.5.1), as far as JSON, event streams and metrics go. Pure, any thread. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include "proctrack/text.h"

/* What the client says of each range, in thousandths; -1: it does not name it. */
struct http_accept {
    bool given;
    short events, texts;      /* text/event-stream, text/ * */
    short json, applications; /* application/json, application/ * */
    short openmetrics, plain; /* application/openmetrics-text, text/plain: of any version */
    short any;
};

void http_accept_init(struct http_accept *accept);
/* One field; several are one list. What is malformed is passed over. */
void http_accept_add(struct http_accept *accept, struct span value);

/* It names event streams, and likes them no less than JSON. */
bool http_accept_prefers_events(const struct http_accept *accept);
/* It names OpenMetrics, and likes it no less than plain text. */
bool http_accept_prefers_openmetrics(const struct http_accept *accept);
/* An event stream is one of the things it takes. */
bool http_accept_allows_events(const struct http_accept *accept);

#endif
