#include "http/http_chunk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct http_chunk *http_chunk_create(size_t len)
{
    if (len > SIZE_MAX - sizeof(struct http_chunk))
        return NULL;
    struct http_chunk *chunk = malloc(sizeof(*chunk) + len);
    if (chunk == NULL)
        return NULL;
    chunk->count = 1;
    chunk->len = len;
    return chunk;
}

struct http_chunk *http_chunk_of(struct text_buffer *take_text)
{
    struct http_chunk *chunk = take_text->failed ? NULL : http_chunk_create(take_text->len);
    if (chunk != NULL && take_text->len > 0)
        memcpy(chunk->bytes, take_text->data, take_text->len);
    text_buffer_finish(take_text);
    return chunk;
}

struct http_chunk *http_chunk_share(struct http_chunk *chunk)
{
    chunk->count++;
    return chunk;
}

void http_chunk_release(struct http_chunk *chunk)
{
    if (chunk != NULL && --chunk->count == 0)
        free(chunk);
}

/* A line ends at \n, \r or both together. */
static size_t line_len(struct span text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len;
}

void http_event_append_data(struct text_buffer *out, struct span data)
{
    for (;;) {
        size_t len = line_len(data), end = 1;
        text_append_literal(out, "data: ");
        text_append(out, data.data, len);
        text_append_char(out, '\n');
        if (len == data.len)
            return;
        if (data.data[len] == '\r' && len + 1 < data.len && data.data[len + 1] == '\n')
            end = 2;
        data = (struct span){data.data + len + end, data.len - len - end};
    }
}
