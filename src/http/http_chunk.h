/* Bytes that several answers under way share. Counted; on one loop's thread. */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "proctrack/text.h"

#include <stddef.h>

struct http_chunk {
    size_t count; /* of those who hold it */
    size_t len;
    char bytes[];
};

struct http_chunk *
http_chunk_create(size_t len); /* the bytes are the caller's to fill; NULL: no memory */
/* Of what the text holds, which this finishes; NULL as well if it has failed. */
struct http_chunk *http_chunk_of(struct text_buffer *take_text);
struct http_chunk *http_chunk_share(struct http_chunk *chunk); /* gives it back */
void http_chunk_release(struct http_chunk *chunk);             /* NULL is fine */

/* Appends "data: ..." lines (a text of several lines becomes several, as the format demands). */
void http_event_append_data(struct text_buffer *out, struct span data);

#endif
