#include "http/http_backlog.h"

#include <assert.h>
#include <stdlib.h>

#define ROOM_MIN   2
#define SMALL_PART 8 /* of the bound: behind so little a chunk may be larger than that */

void http_backlog_init(struct http_backlog *backlog, size_t max)
{
    *backlog = (struct http_backlog){.max = max};
}

static size_t place(const struct http_backlog *backlog, size_t i)
{
    assert(backlog->room > 0);
    return (backlog->first + i) % backlog->room;
}

static void drop_first(struct http_backlog *backlog)
{
    http_chunk_release(backlog->chunks[backlog->first]);
    backlog->first = place(backlog, 1);
    backlog->count--;
    backlog->taken = 0;
}

void http_backlog_finish(struct http_backlog *backlog)
{
    while (backlog->count > 0)
        drop_first(backlog);
    free(backlog->chunks);
    http_backlog_init(backlog, backlog->max);
}

static bool make_room(struct http_backlog *backlog)
{
    if (backlog->count < backlog->room)
        return true;
    size_t room = backlog->room > 0 ? 2 * backlog->room : ROOM_MIN;
    struct http_chunk **chunks = malloc(room * sizeof(struct http_chunk *));
    if (chunks == NULL)
        return false;
    for (size_t i = 0; i < backlog->count; i++)
        chunks[i] = backlog->chunks[place(backlog, i)];
    free(backlog->chunks);
    backlog->chunks = chunks;
    backlog->first = 0;
    backlog->room = room;
    return true;
}

bool http_backlog_add(struct http_backlog *backlog, struct http_chunk *chunk)
{
    bool full =
        backlog->bytes > backlog->max / SMALL_PART && backlog->bytes + chunk->len > backlog->max;
    if (full || !make_room(backlog))
        return false;
    backlog->chunks[place(backlog, backlog->count++)] = http_chunk_share(chunk);
    backlog->bytes += chunk->len;
    return true;
}

size_t http_backlog_take(struct http_backlog *backlog, char *ret_bytes, size_t max)
{
    size_t done = 0;
    while (backlog->count > 0 && done < max) {
        struct http_chunk *chunk = backlog->chunks[backlog->first];
        size_t len = chunk->len - backlog->taken;
        if (len > max - done)
            len = max - done;
        memcpy(ret_bytes + done, chunk->bytes + backlog->taken, len);
        done += len;
        backlog->taken += len;
        if (backlog->taken == chunk->len)
            drop_first(backlog);
    }
    backlog->bytes -= done;
    if (backlog->count == 0)
        http_backlog_finish(backlog);
    return done;
}
