/* The body is made with null in place of each reason that is open, and where that stands is noted:
 * the records are gone by the time the reasons come.
 *
 * http_answer() asks as soon as the body is made. A repository in memory and the manager's cache
 * answer at once, and the body is changed before the library gets it. Otherwise the answer is made
 * as it is, so that headers can be added to it; http_call_finish() then holds it back until the
 * reasons are there, and the body is replaced. If they cannot be had, the answer goes without. */
#include "http/http_explain.h"

#include "http/http_call.h"

#include <assert.h>
#include <stdlib.h>

#define BLANK "null,\"queue_position\":null"

struct http_explain_page {
    struct repo_standing_item items[REPO_STANDING_MAX];
    size_t at[REPO_STANDING_MAX];
};

void http_explain_init(struct http_explain *explain)
{
    explain->page = NULL;
    explain->count = 0;
    explain->roughly = explain->out = explain->held = false;
    explain->body = NULL;
}

void http_explain_clear(struct http_explain *explain)
{
    assert(!explain->out);
    free(explain->page);
    explain->page = NULL;
    explain->count = 0;
}

/* False if there is no memory, or no room. */
static bool make_room(struct http_explain *explain)
{
    if (explain->count == 0)
        return true;
    if (explain->page != NULL)
        return explain->count < REPO_STANDING_MAX;
    explain->page = malloc(sizeof(*explain->page));
    if (explain->page == NULL)
        return false;
    explain->page->items[0] = explain->one;
    explain->page->at[0] = explain->one_at;
    return true;
}

void http_explain_note(struct http_call *call, const struct process *process, size_t at)
{
    struct http_explain *explain = &call->explain;
    if (!make_room(explain))
        return;
    struct http_explain_page *page = explain->page;
    struct repo_standing_item *item = page != NULL ? &page->items[explain->count] : &explain->one;
    if (!text_copy(item->type, sizeof(item->type), process->type))
        return;
    item->id = process->id;
    *(page != NULL ? &page->at[explain->count] : &explain->one_at) = at;
    explain->count++;
}

/* --- putting them in -------------------------------------------------------------------------- */

static void append_reason(const struct http_explain *explain, size_t i, struct text_buffer *out)
{
    const char *reason = process_explain_reason(&explain->asked, i);
    int64_t position = explain->asked.standing.items[i].position;
    if (reason == NULL) {
        text_append_literal(out, BLANK);
        return;
    }
    text_append_char(out, '"');
    text_append_str(out, reason);
    text_append_literal(out, "\",\"queue_position\":");
    if (!explain->roughly && strcmp(reason, "behind") == 0 && position > 0)
        text_append_int(out, position);
    else
        text_append_literal(out, "null");
}

/* The body once more, with the reasons. */
static void append_explained(const struct http_explain *explain, struct span body,
                             struct text_buffer *out)
{
    size_t from = 0;
    text_buffer_reserve(out, body.len + 16 * explain->count);
    for (size_t i = 0; i < explain->count; i++) {
        size_t at = explain->page != NULL ? explain->page->at[i] : explain->one_at;
        assert(at + strlen(BLANK) <= body.len && memcmp(body.data + at, BLANK, strlen(BLANK)) == 0);
        text_append(out, body.data + from, at - from);
        append_reason(explain, i, out);
        from = at + strlen(BLANK);
    }
    text_append(out, body.data + from, body.len - from);
}

static void put_in(struct http_call *call)
{
    struct http_explain *explain = &call->explain;
    struct text_buffer explained;
    text_buffer_init(&explained, HTTP_ANSWER_MAX);
    append_explained(explain,
                     explain->body != NULL ? text_buffer_span(explain->body) : explain->made,
                     &explained);
    if (explain->body == NULL) {
        http_answer_replace(call, &explained);
        return;
    }
    text_buffer_finish(explain->body);
    *explain->body = explained;
}

static void on_explained(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, explain.asked.op);
    struct http_explain *explain = &call->explain;
    explain->out = false;
    if (op->result == ERR_OK && (explain->body != NULL || call->response != NULL))
        put_in(call);
    http_explain_clear(explain);
    if (explain->held)
        http_call_finish(call);
}

void http_explain_ask(struct http_call *call, struct text_buffer *body)
{
    struct http_explain *explain = &call->explain;
    struct process_explain *asked = &explain->asked;
    if (explain->count == 0 || body->failed) {
        http_explain_clear(explain);
        return;
    }
    explain->out = true;
    explain->body = body;
    explain->made = text_buffer_span(body);
    asked->standing.items = explain->page != NULL ? explain->page->items : &explain->one;
    asked->standing.count = explain->count;
    asked->with_positions = !explain->roughly;
    process_op_init(&asked->op, on_explained);
    process_manager_explain(call->server->manager, asked);
    explain->body = NULL; /* the call itself stays until it is finished */
}

bool http_explain_holds(struct http_call *call)
{
    call->explain.held = call->explain.out;
    return call->explain.out;
}
