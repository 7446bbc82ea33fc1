#include "http/http_page.h"

#include "http/http_call.h"
#include "http/http_cursor.h"

#define LIMIT_DEFAULT 50

/* Pages are large: more of them at a time on a loop's connection to Redis would make everybody
 * else's calls miss their deadlines. The others wait for their turn. */
#define OPEN_LISTS_MAX 4

/* --- the query -------------------------------------------------------------------------------- */

const char *http_page_read_status(struct http_call *call, struct span value)
{
    struct repo_list *list = &call->work.page.list;
    list->by_status = process_status_parse(value, &list->status);
    return list->by_status ? NULL : "must be one of pending, running, completed, failed, canceled";
}

const char *http_page_read_limit(struct http_call *call, struct span value)
{
    int64_t limit;
    if (!span_to_int(value, 1, REPO_LIST_MAX, &limit))
        return "must be an integer from 1 to 200";
    call->work.page.list.limit = (int)limit;
    return NULL;
}

const char *http_page_read_cursor(struct http_call *call, struct span value)
{
    struct http_page *page = &call->work.page;
    struct http_cursor cursor;
    if (!http_cursor_parse(value, &cursor))
        return "must be a next_cursor as it was returned";
    page->list.has_position = true;
    page->list.position = cursor.position;
    page->cursor_status = cursor.status;
    return NULL;
}

static int list_status(const struct repo_list *list)
{
    return list->by_status ? (int)list->status : -1;
}

bool http_page_query(struct http_call *call, const struct http_param_reader *readers, size_t count)
{
    struct http_page *page = &call->work.page;
    page->list = (struct repo_list){.limit = LIMIT_DEFAULT};
    if (!http_call_query(call, readers, count))
        return false;
    if (!page->list.has_position || page->cursor_status == list_status(&page->list))
        return true;
    http_fail_param(call, "cursor", "belongs to a list by another status");
    return false;
}

/* --- the page --------------------------------------------------------------------------------- */

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
    const struct http_target *target = &call->target;
    struct text_buffer link;
    text_buffer_init(&link, 8192);
    text_append_format(&link, "<%s", target->base);
    for (int i = 0; i < target->segment_count; i++) {
        text_append_char(&link, '/');
        append_encoded(&link, target->segments[i]);
    }
    text_append_char(&link, '?');
    for (int i = 0; i < target->param_count; i++) {
        if (span_is(target->params[i].name, "cursor"))
            continue;
        text_append_span(&link, target->params[i].name);
        text_append_char(&link, '=');
        append_encoded(&link, target->params[i].value);
        text_append_char(&link, '&');
    }
    text_append_format(&link, "cursor=%s>; rel=\"next\"", cursor);
    text_append_char(&link, '\0');
    if (!link.failed)
        http_answer_header(call, MHD_HTTP_HEADER_LINK, link.data);
    text_buffer_finish(&link);
}

static void append_page(struct http_call *call, struct text_buffer *body, const char *cursor)
{
    const struct repo_list *list = &call->work.page.list;
    struct change_stamps *stamps = process_manager_stamps(call->server->manager);
    text_append_char(body, '{');
    call->work.page.append_front(call, body);
    text_append_literal(body, "\"processes\":[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            text_append_char(body, ',');
        http_append_process(call, body, &list->processes[i], false);
        change_stamps_show(stamps, process_id_key(&list->processes[i].id),
                           (uint64_t)list->processes[i].version);
    }
    if (cursor != NULL)
        text_append_format(body, "],\"next_cursor\":\"%s\"", cursor);
    else
        text_append_literal(body, "],\"next_cursor\":null");
    text_append_format(body, ",\"count\":%zu}", list->count);
}

static void answer_page(struct http_call *call)
{
    const struct repo_list *list = &call->work.page.list;
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
    if (body.full) {
        text_buffer_finish(&body);
        http_explain_clear(&call->explain);
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
    struct http_call *call = container_of(op, struct http_call, work.page.list.op);
    struct http_server *server = call->server;
    if (op->result == ERR_OK)
        answer_page(call);
    else
        http_answer_error(call, op->result);
    http_call_finish(call);
    server->open_lists--;
    start_waiting(server);
}

void http_page_answer(struct http_call *call,
                      void (*append_front)(const struct http_call *call, struct text_buffer *body))
{
    struct http_page *page = &call->work.page;
    page->append_front = append_front;
    process_op_init(&page->list.op, on_listed);
    list_append(&call->server->waiting_lists, &page->list.op.link);
    start_waiting(call->server);
}
