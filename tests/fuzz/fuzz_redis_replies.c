/* Any bytes as what a Redis answers, through a socket into hiredis with our objects: each reply is
 * kept, judged, and read as the record of a process. After a first byte that is odd they come as
 * they are; else each line of them becomes a text in one array, which gets past the protocol. */
#include "repository/redis_record.h"
#include "requirements.h"
#include "storage/redis_hiredis.h"
#include "storage/redis_replies.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLIES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct process_id id = {{0x6f, 0x1c}};

static void require_same(const redisReply *a, const redisReply *b)
{
    require(a->type == b->type && a->integer == b->integer && a->elements == b->elements);
    require((a->str == NULL) == (b->str == NULL));
    if (a->str != NULL)
        require(a->len == b->len && memcmp(a->str, b->str, a->len + 1) == 0);
    for (size_t i = 0; i < a->elements; i++)
        require_same(a->element[i], b->element[i]);
}

static bool is_json(struct span text)
{
    struct span value;
    struct json_fault fault;
    return text.data == NULL || json_check(text, &value, &fault);
}

static bool is_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~' || strchr("\"\\", text.data[i]) != NULL)
            return false;
    return true;
}

/* It can be shown. Values are taken as they are stored: what was written into a record by hand is
 * shown as it is. */
static void require_record(const struct process *process)
{
    struct text_buffer out;
    struct process_view view = {.base_path = "", .with_input = true};
    text_buffer_init(&out, 16 << 20);
    process_json_append(&out, process, &view);
    require(!out.failed);
    if (is_text(process->worker) && is_text(process->group) && is_json(process->input) &&
        is_json(process->result) && is_json(process->progress) && is_json(process->metadata) &&
        is_json(process->error) && is_json(process->usage))
        require_json(text_buffer_span(&out));
    text_buffer_finish(&out);
}

static void read_record(redisReply *reply)
{
    struct process process;
    if (reply->type != REDIS_REPLY_ARRAY)
        return;
    if (redis_record_parse_pairs(reply, NULL, &id, &process) == ERR_OK)
        require_record(&process);
    if (redis_record_parse(reply->element, reply->elements, &id, &process) == ERR_OK)
        require_record(&process);
    if (reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_ARRAY &&
        redis_record_parse_pairs(reply->element[0], reply->element[1], &id, &process) == ERR_OK)
        require_record(&process);
}

static void see(redisReply *reply)
{
    redisReply *copy = redis_replies_keep(reply);
    if (copy != NULL)
        require_same(reply, copy);
    require((redis_reply_error(reply) == ERR_OK) == (reply->type != REDIS_REPLY_ERROR));
    read_record(reply);
    if (copy != NULL)
        freeReplyObject(copy);
}

static void read_all(redisContext *context)
{
    for (int i = 0; i < REPLIES_MAX; i++) {
        void *reply = NULL;
        if (redisGetReplyFromReader(context, &reply) != REDIS_OK || reply == NULL)
            return;
        see(reply);
        redis_replies_drop(reply);
    }
}

static void answer(struct span bytes)
{
    static struct redis_replies replies;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        return;
    redisContext *context = redisConnectFd(ends[0]);
    context->flags &= ~REDIS_BLOCK; /* as an asynchronous one */
    redis_replies_use(&replies, context);
    for (size_t part = 0; part < 2; part++) { /* so that what is not complete is kept */
        size_t from = part * (bytes.len / 2), len = part == 0 ? bytes.len / 2 : bytes.len - from;
        if (len == 0)
            continue;
        require(send(ends[1], bytes.data + from, len, MSG_NOSIGNAL) == (ssize_t)len);
        if (redisBufferRead(context) != REDIS_OK)
            break;
        read_all(context);
    }
    redisFree(context);
    close(ends[1]);
    require(replies.more == NULL && replies.used == 0);
}

static void append_lines(struct text_buffer *out, struct span lines)
{
    struct span line, rest = lines;
    size_t count = 0;
    while (span_split(&rest, '\n', &line))
        count++;
    text_append_format(out, "*%zu\r\n", count);
    while (span_split(&lines, '\n', &line)) {
        text_append_format(out, "$%zu\r\n", line.len);
        text_append_span(out, line);
        text_append_literal(out, "\r\n");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text_buffer array;
    struct span bytes = {(const char *)data + 1, size - 1};
    if (size < 2)
        return 0;
    if (data[0] % 2 == 1) {
        answer(bytes);
        return 0;
    }
    text_buffer_init(&array, 1 << 20);
    append_lines(&array, bytes);
    answer(text_buffer_span(&array));
    text_buffer_finish(&array);
    return 0;
}
