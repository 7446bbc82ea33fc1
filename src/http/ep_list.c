/* GET /processes: a page, newest first. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "http/http_cursor.h"
#include "proctrack/clock.h"

#define LIMIT_DEFAULT 50

/* Pages are large: more of them at a time on a loop's connection to Redis would make everybody
 * else's calls miss their deadlines. The others wait for their turn. */
#define OPEN_LISTS_MAX 4

/* --- the query -------------------------------------------------------------------------------- */

static const char *read_status(struct http_call *call, struct span value)
{
    call->work.list.by_status = process_status_parse(value, &call->work.list.status);
    return call->work.list.by_status
               ? NULL
               : "must be one of pending, running, completed, failed, canceled";
}

static const char *read_type(struct http_call *call, struct span value)
{
    call->work.list.type = value;
    return process_type_is_valid(value) ? NULL
                                        : "must be 1 to 64 characters out of A-Z a-z 0-9 _ . -";
}

static const char *read_group(struct http_call *call, struct span value)
{
    call->work.list.group = value;
    return process_group_is_valid(value) ? NULL
                                         : "must be 1 to 128 characters out of A-Z a-z 0-9 _ . - :";
}

static const char *read_time(struct span value, int64_t *ret_time)
{
    return time_parse(value, ret_time) ? NULL
                                       : "must be an RFC 3339 time such as 2025-11-08T10:00:00Z";
}

static const char *read_after(struct http_call *call, struct span value)
{
    return read_time(value, &call->work.list.created_after);
}

static const char *read_before(struct http_call *call, struct span value)
{
    return read_time(value, &call->work.list.created_before);
}

static const char *read_limit(struct http_call *call, struct span value)
{
    int64_t limit;
    if (!span_to_int(value, 1, REPO_LIST_MAX, &limit))
        return "must be an integer from 1 to 200";
    call->work.list.limit = (int)limit;
    return NULL;
}

static const char *read_cursor(struct http_call *call, struct span value)
{
    struct http_cursor cursor;
    if (!http_cursor_parse(value, &cursor))
        return "must be a next_cursor as it was returned";
    call->work.list.has_position = true;
    call->work.list.position = cursor.position;
    call->version = cursor.status;
    return NULL;
}

static const struct http_param_reader readers[] = {
    {"status", read_status},         {"type", read_type},
    {"group", read_group},           {"created_after", read_after},
    {"created_before", read_before}, {"limit", read_limit},
    {"cursor", read_cursor},
};

/* --- the page --------------------------------------------------------------------------------- */

static int list_status(const struct repo_list *list)
{
    return list->by_status ? (int)list->status : -1;
}

static void append_encoded(struct text_buffer *out, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.')
            text_append_char(out, (char)c);
        else
            text_append_format(out, "%%%02X", c);
    }
}

/* The same list from the cursor on, as a link. */
static void add_link(struct http_call *call, const char *cursor)
{
    struct text_buffer link;
    text_buffer_init(&link, 8192);
    text_append_format(&link, "<%s/processes?", call->target.base);
    for (int i = 0; i < call->target.param_count; i++) {
        const struct http_param *param = &call->target.params[i];
        if (span_is(param->name, "cursor"))
            continue;
        text_append_span(&link, param->name);
        text_append_char(&link, '=');
        append_encoded(&link, param->value);
        text_append_char(&link, '&');
    }
    text_append_format(&link, "cursor=%s>; rel=\"next\"", cursor);
    text_append_char(&link, '\0');
    if (!link.failed)
        http_answer_header(call, MHD_HTTP_HEADER_LINK, link.data);
    text_buffer_finish(&link);
}

static void append_page(const struct http_call *call, struct text_buffer *body, const char *cursor)
{
    const struct repo_list *list = &call->work.list;
    text_append_literal(body, "{\"processes\":[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            text_append_char(body, ',');
        http_append_process(call, body, &list->processes[i], false);
    }
    if (cursor != NULL)
        text_append_format(body, "],\"next_cursor\":\"%s\"", cursor);
    else
        text_append_literal(body, "],\"next_cursor\":null");
    text_append_format(body, ",\"count\":%zu}", list->count);
}

static void answer_page(struct http_call *call)
{
    const struct repo_list *list = &call->work.list;
    char cursor_text[HTTP_CURSOR_TEXT_SIZE];
    const char *cursor = NULL;
    if (list->more) {
        struct http_cursor next = {list_status(list), list->position};
        http_cursor_format(&next, cursor_text);
        cursor = cursor_text;
    }
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_page(call, &body, cursor);
    if (body.failed) {
        text_buffer_finish(&body);
        http_answer_problem(call, PROBLEM_BAD_REQUEST,
                            "The page is too large; ask for fewer processes with limit.");
        return;
    }
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    if (cursor != NULL)
        add_link(call, cursor);
}

static void start_waiting(struct http_server *server)
{
    struct list_link *first;
    if (server->starting_lists) /* one that ended at once: the loop below goes on */
        return;
    server->starting_lists = true;
    while (server->open_lists < OPEN_LISTS_MAX &&
           (first = list_pop(&server->waiting_lists)) != NULL) {
        server->open_lists++;
        process_manager_list(server->manager, container_of(first, struct repo_list, op.link));
    }
    server->starting_lists = false;
}

static void on_listed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.list.op);
    struct http_server *server = call->server;
    if (op->result == ERR_OK)
        answer_page(call);
    else
        http_answer_error(call, op->result);
    http_call_finish(call);
    server->open_lists--;
    start_waiting(server);
}

void ep_process_list(struct http_call *call)
{
    struct repo_list *list = &call->work.list;
    *list = (struct repo_list){.limit = LIMIT_DEFAULT};
    if (!http_call_query(call, readers, sizeof(readers) / sizeof(*readers)))
        return;
    if (list->has_position && call->version != list_status(list)) {
        http_fail_param(call, "cursor", "belongs to a list by another status");
        return;
    }
    process_op_init(&list->op, on_listed);
    list_append(&call->server->waiting_lists, &list->op.link);
    start_waiting(call->server);
}
