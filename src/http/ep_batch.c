/* POST /analyze/batch: starts up to REPO_BATCH_MAX processes in one step. What is wrong with one of
 * them is told in its place in the answer, and does not keep the others from being started. */
#include "http/endpoints.h"
#include "http/http_call.h"

#include <stdlib.h>

struct entry {
    struct analyze_draft draft;
    size_t refusal_end; /* where its problem ends among the refusals: none when it is empty */
};

/* What the endpoint keeps while the items are being stored. */
struct batch {
    struct process_submit_batch submit;
    struct http_call *call;
    struct span processes; /* the array in the body */
    size_t count;
    struct entry *entries;
    struct process_batch_item *items;
    struct text_buffer refusals; /* problems found here, one behind the other */
};

static void batch_destroy(struct batch *batch)
{
    if (batch == NULL)
        return;
    text_buffer_finish(&batch->refusals);
    free(batch->entries);
    free(batch->items);
    free(batch);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void append_problem(struct text_buffer *out, enum http_problem problem,
                           const struct http_faults *faults)
{
    http_problem_open(out, problem, NULL);
    http_problem_faults(out, faults);
    http_problem_close(out, NULL);
}

/* An item whose type the manager does not accept. */
static void append_type_problem(struct text_buffer *out, enum err err)
{
    struct http_faults faults;
    http_faults_init(&faults, "pointer");
    http_faults_add(&faults, SPAN("/type"),
                    err == ERR_UNKNOWN_TYPE
                        ? "no analyzer serves this type"
                        : "is required here, as the server has no default type");
    append_problem(out, err == ERR_UNKNOWN_TYPE ? PROBLEM_UNKNOWN_TYPE : PROBLEM_INVALID, &faults);
    http_faults_finish(&faults);
}

static struct span refusal_of(const struct batch *batch, size_t i)
{
    size_t from = i > 0 ? batch->entries[i - 1].refusal_end : 0;
    return (struct span){batch->refusals.data + from, batch->entries[i].refusal_end - from};
}

static void append_item(const struct batch *batch, size_t i, struct text_buffer *out)
{
    const struct process_batch_item *item = &batch->items[i];
    if (item->result == ERR_OK) {
        char id[PROCESS_ID_TEXT_SIZE];
        process_id_format(&item->draft.id, id);
        text_append_format(out, "{\"process_id\":\"%s\",\"error\":null}", id);
        return;
    }
    struct span refusal = refusal_of(batch, i);
    text_append_literal(out, "{\"process_id\":null,\"error\":");
    if (refusal.len > 0)
        text_append_span(out, refusal);
    else
        append_type_problem(out, item->result);
    text_append_char(out, '}');
}

static void answer(const struct batch *batch)
{
    struct http_call *call = batch->call;
    struct text_buffer body;
    size_t accepted = 0;
    for (size_t i = 0; i < batch->count; i++)
        accepted += batch->items[i].result == ERR_OK;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"accepted\":%zu,\"rejected\":%zu,\"processes\":[", accepted,
                       batch->count - accepted);
    for (size_t i = 0; i < batch->count; i++) {
        if (i > 0)
            text_append_char(&body, ',');
        append_item(batch, i, &body);
    }
    text_append_literal(&body, "]}");
    http_answer(call, accepted > 0 ? MHD_HTTP_ACCEPTED : http_problem_status(PROBLEM_INVALID),
                HTTP_JSON, &body);
    if (batch->submit.replayed)
        http_answer_header(call, "Idempotent-Replayed", "true");
}

static void on_stored(struct process_op *op)
{
    struct batch *batch = container_of(op, struct batch, submit.op);
    struct http_call *call = batch->call;
    if (op->result == ERR_OK)
        answer(batch);
    else
        http_answer_error(call, op->result);
    batch_destroy(batch);
    http_call_finish(call);
}

/* --- the request ------------------------------------------------------------------------------ */

static void read_processes(void *into, struct span value, const char *pointer,
                           struct http_faults *faults)
{
    struct batch *batch = into;
    struct span item;
    size_t cursor = 0;
    if (json_kind_of(value) == JSON_KIND_ARRAY) {
        while (batch->count <= REPO_BATCH_MAX && json_array_next(value, &cursor, &item))
            batch->count++;
    }
    if (batch->count == 0 || batch->count > REPO_BATCH_MAX)
        http_faults_add(faults, span_of(pointer), "must be an array of 1 to 1000 objects");
    else
        batch->processes = value;
}

_Static_assert(REPO_BATCH_MAX == 1000, "as told in read_processes()");

static void read_item(struct batch *batch, size_t i, struct span item)
{
    struct entry *entry = &batch->entries[i];
    struct http_faults faults;
    http_faults_init(&faults, "pointer");
    analyze_object_read(item, "", &entry->draft, &faults);
    if (faults.count == 0) {
        batch->items[i] = (struct process_batch_item){
            .draft = analyze_draft_process(&entry->draft),
            .result = ERR_OK,
        };
        batch->items[i].draft.traceparent = http_call_traceparent(batch->call);
    } else {
        batch->items[i].result = ERR_INVALID;
        append_problem(&batch->refusals, PROBLEM_INVALID, &faults);
    }
    entry->refusal_end = batch->refusals.len;
    http_faults_finish(&faults);
}

/* False if no memory. */
static bool read_items(struct batch *batch)
{
    struct span item;
    size_t cursor = 0;
    batch->entries = calloc(batch->count, sizeof(*batch->entries));
    batch->items = calloc(batch->count, sizeof(*batch->items));
    if (batch->entries == NULL || batch->items == NULL)
        return false;
    for (size_t i = 0; json_array_next(batch->processes, &cursor, &item); i++)
        read_item(batch, i, item);
    return !batch->refusals.failed;
}

static void submit(struct batch *batch)
{
    struct http_call *call = batch->call;
    struct process_submit_batch *submit = &batch->submit;
    if (!read_items(batch)) {
        batch_destroy(batch);
        http_fail_error(call, ERR_NO_MEMORY);
        return;
    }
    submit->items = batch->items;
    submit->count = batch->count;
    submit->idempotency_key = http_call_key(call, &submit->fingerprint);
    process_op_init(&submit->op, on_stored);
    process_manager_submit_batch(call->server->manager, submit);
}

void ep_batch(struct http_call *call)
{
    static const struct body_field fields[] = {{"processes", read_processes, false, true}};
    struct json_fault fault;
    struct http_faults faults;
    if (!http_call_no_query(call) || !http_call_is_json(call) || !http_call_key_is_fine(call))
        return;
    struct batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        http_fail_error(call, ERR_NO_MEMORY);
        return;
    }
    batch->call = call;
    text_buffer_init(&batch->refusals, HTTP_ANSWER_MAX);
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict =
        body_read(text_buffer_span(&call->body), false, fields, 1, batch, &fault, &faults);
    if (http_call_body_is_fine(call, verdict, &fault, &faults))
        submit(batch);
    else
        batch_destroy(batch);
}
