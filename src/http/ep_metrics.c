/* GET /metrics: for Prometheus and whoever reads its formats.
 *
 * Two steps, each with a deadline, so that an answer comes whatever is stuck: first the repository
 * is asked for its counts and types, and the kernel for what it knows of this program, all at once;
 * then the loops are asked for their numbers, last, so that these are as fresh as the answer. What
 * has not come by its deadline is left out, and what comes later is dropped: the scrape lives until
 * all has. When the repository is closed nothing is waited for any more: the server stops.
 *
 * A scrape costs as much as some hundred polls, so that only some are under way at a time. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "http/metrics.h"

#include <stdlib.h>

#define STORED_MS   1000
#define SCRAPES_MAX 32

struct scrape {
    struct http_call *call; /* NULL: answered */
    struct loop_timer *deadline;
    int out;     /* of the three below */
    bool begun;  /* all three are */
    bool passed; /* the first step is over */
    struct repo_counts counts;
    struct repo_types types;
    struct loop_work work;
    struct metrics_self read, self; /* self: once it has come in time */
    struct metrics_stored stored;
    enum err counted;
    struct http_gather gather;
};

static void free_if_over(struct scrape *scrape)
{
    if (scrape->call == NULL && scrape->out == 0)
        free(scrape);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void write_all(struct scrape *scrape, const struct http_gathered *gathered,
                      struct metric_writer *writer)
{
    const struct http_server *server = scrape->call->server->subject;
    struct process_repository *asked = process_manager_repository(server->manager);
    struct http_standing standing = http_server_standing(server, scrape->counted);
    const struct metrics_instance instance = {
        .version = server->options->version,
        .ready = http_standing_is_ready(&standing),
        .full = process_manager_writes(server->manager) == ERR_FULL,
        .repository = repository_serving(asked),
        .fallback_reason = asked->fallback_reason,
        .reloads = server->options->reloads,
        .audits = process_manager_audits(server->manager),
    };
    metrics_write_processes(writer, gathered, &scrape->stored);
    metrics_write_http(writer, gathered);
    metrics_write_storage(writer, gathered, &scrape->stored, &instance);
    metrics_write_self(writer, &scrape->self, &instance);
    metric_end(writer);
}

static void answer(struct scrape *scrape, const struct http_gathered *gathered)
{
    struct http_call *call = scrape->call;
    struct metric_writer writer;
    struct text_buffer body;
    enum metric_format format = http_accept_prefers_openmetrics(&call->headers.accept)
                                    ? METRIC_OPENMETRICS
                                    : METRIC_PROMETHEUS;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    metric_writer_init(&writer, &body, format);
    write_all(scrape, gathered, &writer);
    http_answer(call, MHD_HTTP_OK, metric_content_type(format), &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_answer_header(call, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
}

static void on_gathered(struct http_gather *gather, const struct http_gathered *gathered)
{
    struct scrape *scrape = container_of(gather, struct scrape, gather);
    struct http_call *call = scrape->call;
    if (gathered != NULL)
        answer(scrape, gathered);
    else
        http_answer_error(call, ERR_NO_MEMORY);
    call->server->scrapes--;
    scrape->call = NULL;
    free_if_over(scrape);
    http_call_finish(call);
}

/* --- the first step --------------------------------------------------------------------------- */

static void pass(struct scrape *scrape)
{
    scrape->passed = true;
    loop_timer_destroy(scrape->deadline);
    scrape->gather.done = on_gathered;
    http_gather(scrape->call->server->subject, &scrape->gather);
}

static void on_deadline(void *arg)
{
    pass(arg);
}

/* Of one of the three; the scrape may be gone after it. */
static void came(struct scrape *scrape, enum err result)
{
    scrape->out--;
    if (!scrape->begun)
        return;
    if (scrape->passed)
        free_if_over(scrape);
    else if (scrape->out == 0 || result == ERR_CANCELED)
        pass(scrape);
}

static void on_counted(struct process_op *op)
{
    struct scrape *scrape = container_of(op, struct scrape, counts.op);
    if (!scrape->passed) {
        scrape->counted = op->result;
        http_server_note(scrape->call->server->subject, op->result, true);
        if (op->result == ERR_OK)
            metrics_stored_take_counts(&scrape->stored, &scrape->counts);
    }
    came(scrape, op->result);
}

static void on_typed(struct process_op *op)
{
    struct scrape *scrape = container_of(op, struct scrape, types.op);
    if (!scrape->passed && op->result == ERR_OK)
        metrics_stored_take_types(&scrape->stored, &scrape->types);
    came(scrape, op->result);
}

static void read_self(struct loop_work *work)
{
    metrics_self_read(&container_of(work, struct scrape, work)->read);
}

static void on_read(struct loop_work *work)
{
    struct scrape *scrape = container_of(work, struct scrape, work);
    if (!scrape->passed)
        scrape->self = scrape->read;
    came(scrape, ERR_OK);
}

static void begin(struct scrape *scrape)
{
    struct http_server *server = scrape->call->server;
    server->scrapes++;
    scrape->out = 3;
    loop_timer_start(scrape->deadline, STORED_MS);
    scrape->work.run = read_self;
    scrape->work.done = on_read;
    loop_work_start(server->loop, &scrape->work);
    process_op_init(&scrape->types.op, on_typed);
    process_manager_types(server->manager, &scrape->types);
    process_op_init(&scrape->counts.op, on_counted);
    process_manager_counts(server->manager, &scrape->counts);
    scrape->begun = true;
    if (scrape->out == 0 || scrape->counted == ERR_CANCELED)
        pass(scrape);
}

void ep_metrics(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    if (call->server->scrapes >= SCRAPES_MAX) {
        http_fail(call, PROBLEM_OVERLOADED,
                  "Too many ask for these numbers at a time; repeat the request after a moment.");
        return;
    }
    struct scrape *scrape = calloc(1, sizeof(*scrape));
    if (scrape != NULL)
        scrape->deadline = loop_timer_create(call->server->loop, on_deadline, scrape);
    if (scrape == NULL || scrape->deadline == NULL) {
        free(scrape);
        http_fail_error(call, ERR_NO_MEMORY);
        return;
    }
    scrape->call = call;
    scrape->counted = ERR_TIMEOUT;
    begin(scrape);
}
