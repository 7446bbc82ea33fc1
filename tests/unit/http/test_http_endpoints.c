/* The HTTP contract, endpoint by endpoint, over a repository that answers at once. */
#include "http/http_fixture.h"

#include <stdio.h>

#define UNKNOWN_ID "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"

static const struct answer *get(const char *target)
{
    return ask(&fixture, "GET", target, NULL, NULL);
}

static const char *path_of(const char *before, const char *id, const char *after)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s%s%s", before, id, after);
    return path;
}

/* Posts the body; the new process's id. */
static const char *create(const char *body)
{
    static char id[4][40];
    static int turn;
    const struct answer *answer = ask(&fixture, "POST", "/analyze", NULL, body);
    if (answer->status != 202)
        fail_msg("%u %s", answer->status, answer->body);
    const char *member = answer_member(answer, "process_id");
    turn = (turn + 1) % 4;
    snprintf(id[turn], sizeof(id[turn]), "%.36s", member + 1);
    return id[turn];
}

static void change_done(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

static struct process_id claimed_id; /* what a claim gives out is gone after its done() */

static void claim_done(struct process_op *op)
{
    const struct process_claim *call = container_of(op, struct process_claim, op);
    assert_int_equal(op->result, ERR_OK);
    assert_int_equal(call->claim.count, 1);
    claimed_id = call->claim.processes[0].id;
}

/* What a worker does: claims a process of the type and ends it. */
static void work_on(const char *type, enum process_event event, const char *json)
{
    static struct process_claim call;
    struct span types[] = {span_of(type)};
    process_op_init(&call.op, claim_done);
    call.claim.types = types;
    call.claim.type_count = 1;
    call.claim.worker = SPAN("w");
    call.claim.max = 1;
    call.claim.lease_ms = 60000;
    process_manager_claim(fixture.manager, &call);
    struct repo_transition transition = {
        .id = claimed_id,
        .change = {.event = event, .token = span_of(call.claim.tokens[0]), .retry_after_ms = -1}};
    if (event == EVENT_COMPLETE)
        transition.change.result = span_of(json);
    else
        transition.change.error = span_of(json);
    process_op_init(&transition.op, change_done);
    process_manager_change(fixture.manager, &transition);
}

static void the_main_job(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", NULL,
            "{\"type\":\"t\",\"input\":{\"a\" : 0.10},\"metadata\":{\"m\":[ ]}}");
    assert_int_equal(answer->status, 202);
    assert_field(answer, "ETag", "\"1\"");
    assert_field(answer, "Retry-After", "1");
    assert_field(answer, "Content-Type", "application/json");
    assert_field(answer, "X-Content-Type-Options", "nosniff");
    assert_field(answer, "Idempotent-Replayed", NULL);
    assert_field(answer, "Preference-Applied", NULL);
    assert_member(answer, "status", "\"pending\"");
    assert_non_null(strstr(answer->body, "\"metadata\":{\"m\":[ ]}"));
    char location[128];
    strcpy(location, answer_field(answer, "Location"));
    assert_memory_equal(location, "/status/", 8);

    answer = get(location);
    assert_int_equal(answer->status, 200);
    assert_field(answer, "ETag", "\"1\"");
    assert_field(answer, "Cache-Control", "no-cache");
    assert_field(answer, "Retry-After", "1");
    assert_null(answer_member(answer, "input"));

    work_on("t", EVENT_COMPLETE, "{\"r\" : 1.0}");
    answer = get(location);
    assert_member(answer, "done", "true");
    assert_field(answer, "ETag", "\"3\"");
    assert_field(answer, "Retry-After", NULL);
    answer = get(path_of("/result/", location + 8, ""));
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->body, "{\"r\" : 1.0}");
    assert_field(answer, "ETag", "\"3\"");

    answer = ask(&fixture, "DELETE", "/cleanup?older_than_hours=0", NULL, NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->body,
                        "{\"cleaned\":1,\"by_status\":{\"completed\":1,\"failed\":0,"
                        "\"canceled\":0},\"remaining\":0,\"dry_run\":false,\"complete\":true}");
    assert_problem(get(location), 410, "gone");
    assert_problem(get(path_of("/result/", location + 8, "")), 410, "gone");
}

static void status_knows_conditions_and_fields(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create("{\"type\":\"t\",\"input\":{\"a\" : 1},"
                            "\"run_at\":\"2999-01-01T00:00:00Z\"}");
    const char *path = path_of("/status/", id, "");
    const struct answer *answer =
        ask(&fixture, "GET", path, "If-None-Match: \"9\", W/\"1\"\r\n", NULL);
    assert_int_equal(answer->status, 304);
    assert_field(answer, "ETag", "\"1\"");
    assert_field(answer, "Cache-Control", "no-cache");
    assert_string_equal(answer->body, "");
    assert_int_equal(ask(&fixture, "GET", path, "If-None-Match: \"2\"\r\n", NULL)->status, 200);
    assert_int_equal(ask(&fixture, "GET", path, "If-None-Match: *\r\n", NULL)->status, 304);
    static const char *const fields[] = {"?fields=+input", "?fields=%2Binput", "?fields=%20input"};
    for (int i = 0; i < 3; i++) {
        answer = get(path_of("/status/", id, fields[i]));
        assert_non_null(strstr(answer->body, "\"input\":{\"a\" : 1}"));
    }
    answer = get(path_of("/status/", id, "?fields=x&y=1&y=2"));
    assert_problem(answer, 400, "bad-query");
    assert_member(answer, "parameter", "\"fields\"");
    assert_non_null(strstr(answer->body, "\"parameter\":\"y\""));
    assert_problem(get("/status/" UNKNOWN_ID), 404, "not-found");
    assert_problem(get("/status/abc"), 400, "bad-id");
}

static void result_says_why_there_is_none(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create("{\"type\":\"t\",\"input\":1}");
    const struct answer *answer = get(path_of("/result/", id, ""));
    assert_int_equal(answer->status, 202);
    assert_field(answer, "Retry-After", "1");
    assert_member(answer, "status", "\"pending\"");
    assert_field(answer, "Location", path_of("/status/", id, ""));
    work_on("t", EVENT_FAIL, "{\"code\":\"x\"}");
    answer = get(path_of("/result/", id, ""));
    assert_problem(answer, 409, "no-result");
    assert_member(answer, "process_status", "\"failed\"");
    assert_non_null(strstr(answer->body, "\"error\":{\"code\":\"x\"}"));
    assert_member(answer, "status", "409");
    id = create("{\"type\":\"t\",\"input\":1}");
    assert_int_equal(ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), NULL, "")->status,
                     200);
    answer = get(path_of("/result/", id, ""));
    assert_problem(answer, 409, "no-result");
    assert_member(answer, "process_status", "\"canceled\"");
}

static void result_is_cached(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create("{\"type\":\"t\",\"input\":1}");
    work_on("t", EVENT_COMPLETE, "7");
    const struct answer *answer =
        ask(&fixture, "GET", path_of("/result/", id, ""), "If-None-Match: \"3\"\r\n", NULL);
    assert_int_equal(answer->status, 304);
    answer = ask(&fixture, "HEAD", path_of("/result/", id, ""), NULL, NULL);
    assert_int_equal(answer->status, 200);
    assert_field(answer, "Content-Length", "1");
}

static void analyze_refuses(void **state)
{
    (void)state;
    fixture_start(&fixture);
    assert_problem(ask(&fixture, "POST", "/analyze", NULL, "{\"input\":"), 400, "bad-json");
    const struct answer *answer = ask(&fixture, "POST", "/analyze", NULL, "{\"input\":\"\xff\"}");
    assert_problem(answer, 400, "bad-json");
    assert_member(answer, "offset", "10");
    assert_problem(ask(&fixture, "POST", "/analyze", NULL, ""), 400, "bad-json");
    answer = ask(&fixture, "POST", "/analyze", NULL, "{\"input\":1,\"type\":5,\"x/y\":1}");
    assert_problem(answer, 422, "invalid");
    assert_member(answer, "pointer", "\"/type\"");
    assert_non_null(strstr(answer->body, "\"pointer\":\"/x~1y\""));
    answer = ask(&fixture, "POST", "/analyze", NULL, "{\"input\":1}");
    assert_problem(answer, 422, "invalid"); /* no default type */
    assert_member(answer, "pointer", "\"/type\"");
    assert_problem(ask(&fixture, "POST", "/analyze", "Content-Encoding: gzip\r\n", "{}"), 415,
                   "unsupported-media-type");
    assert_problem(ask(&fixture, "POST", "/analyze", "Content-Length: 0\r\n", NULL), 415,
                   "unsupported-media-type");
    assert_problem(ask(&fixture, "POST", "/analyze", "Content-Type: text/json\r\n", "{}"), 400,
                   "bad-header"); /* two of them */
    assert_problem(ask(&fixture, "POST", "/analyze", "Idempotency-Key: \xc3\xa4\r\n", "{}"), 400,
                   "bad-header");
    assert_problem(ask(&fixture, "POST", "/analyze?wait=1", NULL, "{}"), 400, "bad-query");
    assert_member(get("/stats"), "total", "0");
}

static void analyze_names_the_known_types(void **state)
{
    static const struct span known[] = {{"a", 1}, {"b\"", 2}};
    (void)state;
    fixture.options.known_types = fixture.manager_options.known_types = known;
    fixture.options.known_type_count = fixture.manager_options.known_type_count = 2;
    fixture.manager_options.known_types_only = true;
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", NULL, "{\"input\":1,\"type\":\"c\"}");
    assert_problem(answer, 422, "unknown-type");
    assert_member(answer, "known_types", "[\"a\",\"b\\\"\"]");
    assert_member(answer, "pointer", "\"/type\"");
}

static void analyze_replays(void **state)
{
    static const char key[] = "Idempotency-Key: k 1\r\n";
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", key, "{\"input\":1,\"type\":\"t\"}");
    assert_int_equal(answer->status, 202);
    assert_field(answer, "Idempotent-Replayed", NULL);
    char location[128];
    strcpy(location, answer_field(answer, "Location"));
    answer = ask(&fixture, "POST", "/analyze", "Idempotency-Key: \"k 1\"\r\n",
                 "{\"input\":1,\"type\":\"t\"}");
    assert_int_equal(answer->status, 202);
    assert_field(answer, "Idempotent-Replayed", "true");
    assert_field(answer, "Location", location);
    assert_problem(ask(&fixture, "POST", "/analyze", key, "{\"input\":2,\"type\":\"t\"}"), 422,
                   "idempotency-key-reused");
    work_on("t", EVENT_COMPLETE, "1");
    answer = ask(&fixture, "POST", "/analyze", key, "{\"input\":1,\"type\":\"t\"}");
    assert_int_equal(answer->status, 200);
    assert_field(answer, "Idempotent-Replayed", "true");
    assert_member(answer, "status", "\"completed\"");
}

static void analyze_waits(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, "POST /analyze HTTP/1.1\r\nHost: h\r\nPrefer: wait=600\r\n"
                        "Content-Type: application/json\r\nContent-Length: 22\r\n\r\n"
                        "{\"input\":1,\"type\":\"t\"}");
    while (strcmp(answer_member(get("/stats"), "pending"), "1") != 0)
        continue;
    work_on("t", EVENT_COMPLETE, "1");
    struct answer *answer = calloc(1, sizeof(*answer));
    client_read(&fixture, client, false, answer);
    client_close(client);
    assert_int_equal(answer->status, 200);
    assert_field(answer, "Preference-Applied", "wait=60");
    assert_member(answer, "status", "\"completed\"");
    assert_non_null(answer_field(answer, "Location"));
    free(answer);
    assert_field(
        ask(&fixture, "POST", "/analyze", "Prefer: wait=x\r\n", "{\"input\":1,\"type\":\"t\"}"),
        "Preference-Applied", NULL);
}

static void processes_change_by_hand(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create("{\"type\":\"t\",\"input\":1}");
    const struct answer *answer =
        ask(&fixture, "DELETE", path_of("/processes/", id, ""), NULL, NULL);
    assert_problem(answer, 409, "conflict");
    assert_member(answer, "process_status", "\"pending\"");
    answer = ask(&fixture, "POST", path_of("/processes/", id, "/retry"), NULL, "{}");
    assert_problem(answer, 409, "conflict");
    assert_problem(ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), NULL, "{\"a\":1}"),
                   422, "invalid");
    assert_problem(ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), NULL, "{"), 400,
                   "bad-json");
    answer =
        ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), "If-Match: \"5\"\r\n", NULL);
    assert_problem(answer, 412, "version-mismatch");
    assert_field(answer, "ETag", "\"1\"");
    answer = ask(&fixture, "POST", path_of("/processes/", id, "/cancel"),
                 "If-Match: \"1\", \"2\"\r\n", NULL);
    assert_problem(answer, 400, "bad-header");
    answer =
        ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), "If-Match: \"1\"\r\n", NULL);
    assert_int_equal(answer->status, 200);
    assert_member(answer, "status", "\"canceled\"");
    assert_field(answer, "ETag", "\"2\"");
    answer = ask(&fixture, "POST", path_of("/processes/", id, "/retry"), NULL, NULL);
    assert_member(answer, "status", "\"pending\"");
    ask(&fixture, "POST", path_of("/processes/", id, "/cancel"), NULL, NULL);
    answer = ask(&fixture, "DELETE", path_of("/processes/", id, ""), "If-Match: W/\"4\"\r\n", NULL);
    assert_problem(answer, 412, "version-mismatch");
    answer = ask(&fixture, "DELETE", path_of("/processes/", id, ""), "If-Match: *\r\n", NULL);
    assert_int_equal(answer->status, 200);
    assert_member(answer, "status", "\"canceled\"");
    answer = ask(&fixture, "DELETE", path_of("/processes/", id, ""), NULL, NULL);
    assert_problem(answer, 410, "gone");
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    fixture_start(&fixture);
    for (int i = 0; i < 5; i++)
        create(i % 2 == 0 ? "{\"type\":\"t\",\"group\":\"a:b\",\"input\":1}"
                          : "{\"type\":\"u\",\"input\":1}");
    const struct answer *answer = get("/processes?limit=2&status=pending");
    int pages = 1, total = 0;
    for (;; pages++) {
        total += atoi(answer_member(answer, "count"));
        char next[256], *end;
        const char *link = answer_field(answer, "Link");
        if (link == NULL)
            break;
        snprintf(next, sizeof(next), "%s", link + 1);
        end = strstr(next, ">; rel=\"next\"");
        assert_non_null(end);
        *end = '\0';
        char cursor[64];
        snprintf(cursor, sizeof(cursor), "\"%.35s\"", strstr(next, "cursor=") + 7);
        assert_member(answer, "next_cursor", cursor);
        answer = get(next);
    }
    assert_int_equal(pages, 3);
    assert_int_equal(total, 5);
    assert_member(answer, "next_cursor", "null");
    assert_member(get("/processes?group=a:b"), "count", "3");
    assert_member(get("/processes?type=u"), "count", "2");
    assert_member(get("/processes?status=running"), "count", "0");
    assert_member(get("/processes?created_after=2100-01-01T00:00:00+01:00"), "count", "0");
    assert_member(get("/processes?created_before=2100-01-01T00:00:00Z"), "count", "5");
    char mixed[256];
    snprintf(mixed, sizeof(mixed), "/processes?status=failed&cursor=%.35s",
             answer_member(get("/processes?limit=1"), "next_cursor") + 1);
    assert_problem(get(mixed), 400, "bad-query");
    static const char *const bad[] = {
        "limit=0", "limit=201",      "limit=x",    "status=a", "type=%20",
        "group=",  "created_after=", "cursor=abc", "x=1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_problem(get(path_of("/processes?", bad[i], "")), 400, "bad-query");
}

static void cleanup_is_careful(void **state)
{
    static const char *const bad[] = {"older_than_hours=-1",
                                      "older_than_hours=abc",
                                      "older_than_hours=1e99",
                                      "older_than_hours=",
                                      "older_than_hours=nan",
                                      "older_than_hours=87841",
                                      "older_than_hours=.",
                                      "older_than_hours=1.2.3",
                                      "status=pending",
                                      "status=completed,run",
                                      "status=",
                                      "dry_run=1",
                                      "type=a%20b",
                                      "older=1"};
    (void)state;
    fixture_start(&fixture);
    create("{\"type\":\"t\",\"input\":1}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_problem(ask(&fixture, "DELETE", path_of("/cleanup?", bad[i], ""), NULL, NULL), 400,
                       "bad-query");
    work_on("t", EVENT_COMPLETE, "1");
    const struct answer *answer = ask(&fixture, "DELETE", "/cleanup", NULL, NULL);
    assert_member(answer, "cleaned", "0"); /* not 24 hours old */
    answer = ask(&fixture, "DELETE", "/cleanup?older_than_hours=0&dry_run=true", NULL, NULL);
    assert_member(answer, "cleaned", "1");
    assert_member(answer, "dry_run", "true");
    answer =
        ask(&fixture, "DELETE", "/cleanup?older_than_hours=0.0&status=failed,canceled", NULL, NULL);
    assert_member(answer, "cleaned", "0");
    answer = ask(&fixture, "DELETE", "/cleanup?older_than_hours=0&type=u", NULL, NULL);
    assert_member(answer, "cleaned", "0");
    answer = ask(&fixture, "DELETE",
                 "/cleanup?older_than_hours=0&type=t&status=completed&dry_run=false", NULL, NULL);
    assert_member(answer, "cleaned", "1");
    assert_member(answer, "remaining", "0");
}

static void operations_answer(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture.repository->fallback_reason = "Redis \"away\"";
    fixture.repository->handover = "waiting";
    create("{\"type\":\"t\",\"input\":1}");
    const struct answer *answer = get("/healthz");
    assert_int_equal(answer->status, 200);
    assert_member(answer, "status", "\"ok\"");
    assert_member(answer, "repository", "\"memory\"");
    assert_member(answer, "durable", "false");
    assert_member(answer, "fallback_reason", "\"Redis \\\"away\\\"\"");
    assert_member(answer, "handover", "\"waiting\"");
    answer = get("/readyz");
    assert_int_equal(answer->status, 200);
    assert_member(answer, "status", "\"ready\"");
    answer = get("/stats");
    assert_member(answer, "total", "1");
    assert_member(answer, "pending", "1");
    assert_member(answer, "failed", "0");
    assert_member(answer, "instance", "\"test-1\"");
    assert_member(answer, "uptime_seconds", "0");
    assert_member(answer, "storage",
                  "{\"damaged\":0,\"healed\":0,\"reconnects\":0,\"timeouts\":0,"
                  "\"disk_size_bytes\":null,\"disk_free_bytes\":null,"
                  "\"redis_memory_used_bytes\":null,\"redis_memory_max_bytes\":null,"
                  "\"used_ratio\":null}");
    assert_member(answer, "sweeps", "{\"expired\":0,\"lapsed\":0,\"released\":0,\"overdue\":0}");
    assert_non_null(strstr(answer_member(answer, "http"), "\"in_flight\":1"));
    assert_non_null(strstr(answer_member(answer, "http"), "\"requests\":4"));
    assert_non_null(strstr(answer_member(answer, "http"), "\"2xx\":3"));
    answer = get("/version");
    assert_member(answer, "name", "\"proctrackd\"");
    assert_member(answer, "version", "\"1.2.3\"");
    assert_non_null(strstr(answer_member(answer, "libraries"), "\"libmicrohttpd\":\""));
    answer = get("/openapi.json");
    assert_int_equal(answer->status, 200);
    assert_memory_equal(answer_member(answer, "openapi"), "\"3.1", 4);
    assert_problem(get("/"), 404, "unknown-path");
    assert_problem(get("/stats?x"), 400, "bad-query");
}

static void methods_and_head(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create("{\"type\":\"t\",\"input\":1}");
    const struct answer *answer = ask(&fixture, "HEAD", path_of("/status/", id, ""), NULL, NULL);
    assert_int_equal(answer->status, 200);
    assert_field(answer, "ETag", "\"1\"");
    assert_true(atoi(answer_field(answer, "Content-Length")) > 100);
    answer = ask(&fixture, "PUT", "/analyze", NULL, "{}");
    assert_problem(answer, 405, "method-not-allowed");
    assert_field(answer, "Allow", "POST, OPTIONS");
    assert_problem(ask(&fixture, "BREW", "/pot", NULL, NULL), 404, "unknown-path");
    answer = ask(&fixture, "OPTIONS", "/processes", NULL, NULL);
    assert_int_equal(answer->status, 204);
    assert_field(answer, "Allow", "GET, HEAD, OPTIONS");
    answer = ask(&fixture, "OPTIONS", "*", NULL, NULL);
    assert_int_equal(answer->status, 204);
    assert_field(answer, "Allow", "GET, HEAD, POST, DELETE, OPTIONS");
    assert_problem(ask(&fixture, "GET", "*", NULL, NULL), 404, "unknown-path");
    assert_int_equal(get("http://elsewhere/healthz")->status, 200);
}

static void base_path_is_kept(void **state)
{
    (void)state;
    fixture.options.base_path = "/api";
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "POST", "/api/analyze", NULL, "{\"type\":\"t\",\"input\":1}");
    char location[128];
    strcpy(location, answer_field(answer, "Location"));
    assert_memory_equal(location, "/api/status/", 12);
    answer = get(location);
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(answer->body, "\"self\":\"/api/status/"));
    answer = get(location + 4);
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(answer->body, "\"self\":\"/status/"));
    create("{\"type\":\"t\",\"input\":1}");
    answer = get("/api/processes?limit=1");
    assert_memory_equal(answer_field(answer, "Link"), "</api/processes?limit=1&cursor=", 31);
    assert_problem(get("/api"), 404, "unknown-path");
    assert_problem(get("/apistats"), 404, "unknown-path");
}

static void cors_is_by_list(void **state)
{
    static const char *const origins[] = {"https://a.example", NULL};
    (void)state;
    fixture.options.cors_origins = origins;
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "GET", "/healthz", "Origin: https://a.example\r\n", NULL);
    assert_field(answer, "Access-Control-Allow-Origin", "https://a.example");
    assert_field(answer, "Vary", "Origin");
    assert_non_null(strstr(answer_field(answer, "Access-Control-Expose-Headers"), "Retry-After"));
    assert_field(answer, "Access-Control-Allow-Credentials", NULL);
    answer = ask(&fixture, "GET", "/nope", "Origin: https://a.example\r\n", NULL);
    assert_field(answer, "Access-Control-Allow-Origin", "https://a.example");
    answer = ask(&fixture, "GET", "/healthz", "Origin: https://b.example\r\n", NULL);
    assert_field(answer, "Access-Control-Allow-Origin", NULL);
    assert_field(answer, "Vary", "Origin");
    answer = ask(&fixture, "OPTIONS", "/analyze",
                 "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
                 "Access-Control-Request-Headers: content-type, x-evil, prefer\r\n",
                 NULL);
    assert_int_equal(answer->status, 204);
    assert_field(answer, "Access-Control-Allow-Origin", "https://a.example");
    assert_field(answer, "Access-Control-Allow-Methods", "POST, OPTIONS");
    assert_field(answer, "Access-Control-Allow-Headers", "Content-Type, Prefer");
    assert_field(answer, "Access-Control-Max-Age", "600");
    answer = ask(&fixture, "OPTIONS", "/analyze",
                 "Origin: https://b.example\r\nAccess-Control-Request-Method: POST\r\n", NULL);
    assert_field(answer, "Access-Control-Allow-Methods", NULL);
}

/* None of these needs a preflight, so browsers send them for any page. */
static void pages_of_other_sites_change_nothing(void **state)
{
    static const char *const origins[] = {"https://a.example", NULL};
    static const char *const strangers[] = {
        "Origin: https://b.example\r\n",
        "Origin: null\r\n",
        "Origin: http://h\r\nSec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    };
    static const char *const fellows[] = {
        "Origin: http://h\r\n",
        "Origin: https://a.example\r\nSec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: none\r\n",
    };
    static const char all[] = "/processes/cancel?status=pending";
    (void)state;
    fixture.options.cors_origins = origins;
    fixture_start(&fixture);
    create("{\"type\":\"t\",\"input\":1}");
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
        const struct answer *answer = ask(&fixture, "POST", all, strangers[i], NULL);
        assert_problem(answer, 403, "cross-origin");
        assert_non_null(strstr(answer->body, "CORS_ALLOW_ORIGINS"));
        assert_field(answer, "Access-Control-Allow-Origin", NULL);
        assert_problem(ask(&fixture, "POST", "/types/t/pause", strangers[i], NULL), 403,
                       "cross-origin");
        assert_problem(ask(&fixture, "POST", "/claim", strangers[i], "{}"), 403, "cross-origin");
        assert_problem(ask(&fixture, "DELETE", "/cleanup", strangers[i], NULL), 403,
                       "cross-origin");
        assert_int_equal(ask(&fixture, "GET", "/stats", strangers[i], NULL)->status, 200);
        assert_int_equal(ask(&fixture, "HEAD", "/stats", strangers[i], NULL)->status, 200);
        assert_int_equal(ask(&fixture, "OPTIONS", all, strangers[i], NULL)->status, 204);
    }
    assert_member(get("/stats"), "pending", "1");
    for (size_t i = 0; i < sizeof(fellows) / sizeof(*fellows); i++)
        assert_int_equal(ask(&fixture, "POST", "/types/t/pause", fellows[i], NULL)->status, 200);
    assert_string_equal(ask(&fixture, "POST", all, NULL, NULL)->body,
                        "{\"canceled\":1,\"complete\":true}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_main_job),
        TEST(status_knows_conditions_and_fields),
        TEST(result_says_why_there_is_none),
        TEST(result_is_cached),
        TEST(analyze_refuses),
        TEST(analyze_names_the_known_types),
        TEST(analyze_replays),
        TEST(analyze_waits),
        TEST(processes_change_by_hand),
        TEST(lists_come_in_pages),
        TEST(cleanup_is_careful),
        TEST(operations_answer),
        TEST(methods_and_head),
        TEST(base_path_is_kept),
        TEST(cors_is_by_list),
        TEST(pages_of_other_sites_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
