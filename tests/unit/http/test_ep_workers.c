/* What workers ask for: claims, reports, waiting, and clients that hang up meanwhile. */
#include "http/http_fixture.h"

#include "http/http_call.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>

#define UNKNOWN_ID   "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"
#define NOBODY       "00000000000000000000000000000000"
#define CLAIM        "{\"types\":[\"t\"],\"worker\":\"w-1\"}"
#define CLAIM_AND(m) "{\"types\":[\"t\"],\"worker\":\"w-1\"," m "}"

static struct answer answer; /* of a client that waited */

/* --- requests --------------------------------------------------------------------------------- */

struct lease {
    char id[40], token[40];
    int attempt;
};

static const struct answer *post(const char *path, const char *body)
{
    return ask(&fixture, "POST", path, NULL, body);
}

static const char *create(const char *members)
{
    static char id[4][40];
    static int turn;
    char body[512];
    snprintf(body, sizeof(body), "{\"type\":\"t\",\"input\":{\"a\" : 0.10}%s}", members);
    const struct answer *made = post("/analyze", body);
    if (made->status != 202)
        fail_msg("%u %s", made->status, made->body);
    turn = (turn + 1) % 4;
    snprintf(id[turn], sizeof(id[turn]), "%.36s", answer_member(made, "process_id") + 1);
    return id[turn];
}

/* The i-th process of a member that is an array of claimed ones. */
static struct lease lease_of(const struct answer *from, const char *member, size_t i)
{
    struct lease lease;
    json_t *root = json_loads(from->body, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL)
        fail_msg("%u %s", from->status, from->body);
    const json_t *process = json_array_get(json_object_get(root, member), i);
    assert_non_null(process);
    snprintf(lease.id, sizeof(lease.id), "%s",
             json_string_value(json_object_get(process, "process_id")));
    snprintf(lease.token, sizeof(lease.token), "%s",
             json_string_value(json_object_get(process, "lease_token")));
    lease.attempt = (int)json_integer_value(json_object_get(process, "attempt"));
    json_decref(root);
    assert_int_equal(strlen(lease.token), 32);
    return lease;
}

static struct lease claim(void)
{
    const struct answer *claimed = post("/claim", CLAIM);
    assert_int_equal(claimed->status, 200);
    return lease_of(claimed, "processes", 0);
}

static const struct answer *report(const struct lease *lease, const char *what, const char *members)
{
    char path[128], body[1024];
    snprintf(path, sizeof(path), "/processes/%s/%s", lease->id, what);
    snprintf(body, sizeof(body), "{\"lease_token\":\"%s\"%s}", lease->token, members);
    return post(path, body);
}

static const struct answer *status_of(const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/status/%s", id);
    return ask(&fixture, "GET", path, NULL, NULL);
}

static const struct answer *cancel(const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/processes/%s/cancel", id);
    return post(path, "");
}

static struct client *send_post(const char *path, const char *fields, const char *body)
{
    char message[1024];
    struct client *client = client_connect(&fixture);
    snprintf(message, sizeof(message),
             "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n%s"
             "Content-Length: %zu\r\n\r\n%s",
             path, fields, strlen(body), body);
    client_send(client, message);
    return client;
}

static void turn_until_waiting(unsigned count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (fixture.server->waiting_calls != count) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(fixture.loop, 10);
    }
}

static struct client *park(const char *path, const char *fields, const char *body)
{
    unsigned before = fixture.server->waiting_calls;
    struct client *client = send_post(path, fields, body);
    turn_until_waiting(before + 1);
    return client;
}

static struct client *park_report(const struct lease *lease, const char *what, const char *members)
{
    char path[128], body[256];
    snprintf(path, sizeof(path), "/processes/%s/%s", lease->id, what);
    snprintf(body, sizeof(body), "{\"lease_token\":\"%s\"%s}", lease->token, members);
    return park(path, "", body);
}

static void finish_waiting(struct client *client)
{
    client_read(&fixture, client, false, &answer);
    client_close(client);
}

/* --- claims ----------------------------------------------------------------------------------- */

static void a_claim_gives_the_process(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create(",\"timeout_seconds\":77");
    const struct answer *claimed = post("/claim", CLAIM_AND("\"lease_seconds\":5"));
    assert_int_equal(claimed->status, 200);
    assert_field(claimed, "Content-Type", "application/json");
    assert_non_null(strstr(claimed->body, "\"input\":{\"a\" : 0.10}"));
    assert_non_null(strstr(claimed->body, "\"status\":\"running\""));
    assert_non_null(strstr(claimed->body, "\"worker\":\"w-1\""));
    assert_non_null(strstr(claimed->body, "\"timeout_seconds\":77"));
    assert_non_null(strstr(claimed->body, "\"lease_until\":\"20"));
    struct lease lease = lease_of(claimed, "processes", 0);
    assert_string_equal(lease.id, id);
    assert_int_equal(lease.attempt, 1);
    assert_null(strstr(status_of(id)->body, "lease_token")); /* shown to nobody else */
    claimed = post("/claim", CLAIM);
    assert_int_equal(claimed->status, 204);
    assert_string_equal(claimed->body, "");
    assert_field(claimed, "Retry-After", NULL);
}

static void claims_take_several_in_order(void **state)
{
    (void)state;
    fixture_start(&fixture);
    char low[40], first[40], second[40];
    strcpy(low, create(",\"priority\":-1"));
    strcpy(first, create(",\"priority\":5"));
    for (int64_t now = clock_wall_ms(); clock_wall_ms() == now;) /* age counts in ms */
        loop_turn(fixture.loop, 1);
    strcpy(second, create(",\"priority\":5"));
    create(",\"run_at\":\"2999-01-01T00:00:00Z\"");
    const struct answer *claimed = post("/claim", CLAIM_AND("\"max\":64"));
    assert_string_equal(lease_of(claimed, "processes", 0).id, first);
    assert_string_equal(lease_of(claimed, "processes", 1).id, second);
    assert_string_equal(lease_of(claimed, "processes", 2).id, low);
    assert_null(strstr(claimed->body, "2999-01-01"));
}

static void bad_calls_are_refused(void **state)
{
    static const char *const reports[] = {"heartbeat", "progress", "complete", "fail", "release"};
    (void)state;
    fixture_start(&fixture);
    struct lease lease = {UNKNOWN_ID, NOBODY, 0};
    assert_problem(post("/claim", "{\"types\":[]"), 400, "bad-json");
    assert_problem(post("/claim", "{\"types\":[],\"worker\":\"w\"}"), 422, "invalid");
    assert_problem(post("/claim?wait=1", CLAIM), 400, "bad-query");
    assert_problem(ask(&fixture, "POST", "/claim", "Content-Length: 0\r\n", NULL), 415,
                   "unsupported-media-type");
    assert_field(ask(&fixture, "GET", "/claim", NULL, NULL), "Allow", "POST, OPTIONS");
    for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
        const char *members = strcmp(reports[i], "progress") == 0 ? ",\"percent\":1" : "";
        strcpy(lease.id, UNKNOWN_ID);
        assert_problem(report(&lease, reports[i], members), 404, "not-found");
        assert_problem(report(&lease, reports[i], ",\"x\":1"), 422, "invalid");
        assert_problem(report(&lease, reports[i], ","), 400, "bad-json");
        strcpy(lease.id, "1");
        assert_problem(report(&lease, reports[i], members), 400, "bad-id");
    }
}

/* --- reports ---------------------------------------------------------------------------------- */

static void reports_say_how_it_stands(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    const struct answer *said =
        report(&lease, "heartbeat", ",\"attempt\":1,\"lease_seconds\":3600");
    assert_int_equal(said->status, 200);
    char expected[64];
    snprintf(expected, sizeof(expected), "\"%s\"", lease.id);
    assert_member(said, "process_id", expected);
    assert_member(said, "status", "\"running\"");
    assert_member(said, "attempt", "1");
    assert_member(said, "version", "2");
    assert_member(said, "cancel_requested", "false");
    char before[64];
    strcpy(before, answer_member(said, "lease_until"));
    said = report(&lease, "heartbeat", ",\"lease_seconds\":7200");
    assert_true(strcmp(before, answer_member(said, "lease_until")) < 0);

    said = report(&lease, "progress", ",\"percent\":12.345,\"message\":\"half\"");
    assert_int_equal(said->status, 200);
    assert_member(said, "version", "3");
    assert_member(status_of(lease.id), "progress",
                  "{\"percent\":12.35,\"message\":\"half\",\"step\":null,\"steps\":null}");

    said = report(&lease, "complete", ",\"result\":[ 1.0 ]");
    assert_member(said, "status", "\"completed\"");
    assert_member(said, "version", "4");
    assert_member(said, "lease_until", "null");
    assert_null(answer_member(said, "claimed"));
    assert_non_null(strstr(status_of(lease.id)->body, "\"result\":[ 1.0 ]"));
}

static void failures_keep_what_the_worker_says(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    const struct answer *said =
        report(&lease, "fail",
               ",\"code\":\"disk\",\"message\":\"full \\u0041\",\"log\":\"l\\n\","
               "\"retryable\":false");
    assert_member(said, "status", "\"failed\"");
    assert_non_null(strstr(status_of(lease.id)->body,
                           "\"error\":{\"code\":\"disk\",\"message\":\"full A\","
                           "\"retryable\":false,\"attempt\":1,\"log\":\"l\\n\"}"));

    create(",\"max_attempts\":2,\"retry\":{\"backoff\":\"fixed\",\"delay_seconds\":0}");
    lease = claim();
    assert_member(report(&lease, "fail", ""), "status", "\"pending\"");
    assert_non_null(strstr(status_of(lease.id)->body,
                           "\"error\":{\"code\":\"worker_error\","
                           "\"message\":\"the worker reported a failure\","
                           "\"retryable\":true,\"attempt\":1,\"log\":null}"));
}

static void a_retry_waits_as_the_worker_says(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create(",\"max_attempts\":2");
    struct lease lease = claim();
    report(&lease, "fail", ",\"attempt\":1,\"retry_after_seconds\":3600");
    assert_member(status_of(lease.id), "reason", "\"retry_backoff\"");
    assert_int_equal(post("/claim", CLAIM)->status, 204);
}

/* The answers to these are the same, so a client that lost one may ask again. */
static void repeated_reports_are_answered_alike(void **state)
{
    static const struct {
        const char *what, *members, *status;
    } table[] = {
        {"complete", ",\"result\":{\"x\":1}", "\"completed\""},
        {"complete", "", "\"completed\""},
        {"fail", ",\"message\":\"m\"", "\"failed\""},
        {"fail", ",\"message\":\"m\",\"attempt\":1", "\"failed\""},
        {"release", "", "\"pending\""},
    };
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        create("");
        struct lease lease = claim();
        const struct answer *said = report(&lease, table[i].what, table[i].members);
        assert_member(said, "status", table[i].status);
        char first[1024];
        strcpy(first, said->body);
        said = report(&lease, table[i].what, table[i].members);
        assert_int_equal(said->status, 200);
        assert_string_equal(said->body, first);
    }
}

static const struct answer *report_if(const struct lease *lease, const char *what, const char *tag)
{
    char path[128], fields[64], body[128];
    snprintf(path, sizeof(path), "/processes/%s/%s", lease->id, what);
    snprintf(fields, sizeof(fields), "If-Match: %s\r\n", tag);
    snprintf(body, sizeof(body), "{\"lease_token\":\"%s\"%s}", lease->token,
             strcmp(what, "progress") == 0 ? ",\"percent\":1" : "");
    return ask(&fixture, "POST", path, fields, body);
}

static void reports_know_if_match(void **state)
{
    static const char *const reports[] = {"heartbeat", "progress", "complete", "fail", "release"};
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
        create("");
        struct lease lease = claim();
        assert_problem(report_if(&lease, reports[i], "\"1\""), 412, "version-mismatch");
        const struct answer *said = report_if(&lease, reports[i], "\"9\"");
        assert_problem(said, 412, "version-mismatch");
        assert_field(said, "ETag", "\"2\"");
        assert_member(said, "process_status", "\"running\"");
        assert_problem(report_if(&lease, reports[i], "\"2\", \"3\""), 400, "bad-header");
        assert_member(status_of(lease.id), "version", "2");
        assert_int_equal(report_if(&lease, reports[i], "\"2\"")->status, 200);
    }
}

static void a_stale_token_is_told_who_has_it(void **state)
{
    static const char *const reports[] = {"heartbeat", "progress", "complete", "fail", "release"};
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease stale = claim();
    report(&stale, "release", "");
    const struct answer *none = report(&stale, "heartbeat", "");
    assert_int_equal(none->status, 409);
    assert_member(none, "detail", "\"Nobody holds it: it waits for its next attempt.\"");
    const struct answer *claimed =
        post("/claim", "{\"types\":[\"t\"],\"worker\":\"gpu \\\"3\\\"\"}");
    struct lease lease = lease_of(claimed, "processes", 0);
    assert_string_equal(lease.id, stale.id);
    assert_int_equal(lease.attempt, 2);
    for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++) {
        const char *members = strcmp(reports[i], "progress") == 0 ? ",\"percent\":1" : "";
        const struct answer *said = report(&stale, reports[i], members);
        assert_problem(said, 409, "lease-lost");
        assert_member(said, "process_status", "\"running\"");
        assert_member(said, "detail", "\"Attempt 2 is held by worker gpu \\\"3\\\".\"");
        assert_non_null(strstr(answer_member(said, "process"), "\"worker\":\"gpu \\\"3\\\"\""));
        assert_null(strstr(said->body, lease.token));
    }
    assert_problem(report(&lease, "heartbeat", ",\"attempt\":1"), 409, "lease-lost");
    assert_member(status_of(lease.id), "version", "4");
    assert_member(report(&lease, "complete", ""), "status", "\"completed\"");
    const struct answer *said = report(&stale, "complete", "");
    assert_problem(said, 409, "lease-lost");
    assert_member(said, "detail", "\"It has ended: it is completed.\"");
    said = report(&lease, "heartbeat", "");
    assert_problem(said, 409, "conflict");
    assert_member(said, "process_status", "\"completed\"");
}

static void a_cancel_is_in_the_next_answer(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    cancel(lease.id);
    assert_member(report(&lease, "progress", ",\"percent\":40"), "cancel_requested", "true");
    assert_member(report(&lease, "heartbeat", ",\"wait_seconds\":300"), "cancel_requested", "true");
    const struct answer *said = report(&lease, "release", "");
    assert_member(said, "status", "\"canceled\"");
    assert_member(said, "cancel_requested", "false");
    assert_member(report(&lease, "release", ""), "status", "\"canceled\"");
    assert_non_null(strstr(status_of(lease.id)->body, "\"percent\":40"));
}

static void a_completion_claims_the_next(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    char next[40];
    strcpy(next, create(""));
    const struct answer *said =
        report(&lease, "complete", ",\"result\":1,\"claim_next\":" CLAIM_AND("\"max\":2"));
    assert_member(said, "status", "\"completed\"");
    struct lease second = lease_of(said, "claimed", 0);
    assert_string_equal(second.id, next);
    assert_non_null(strstr(said->body, "\"input\":{\"a\" : 0.10}"));
    said = report(&second, "complete", ",\"claim_next\":" CLAIM);
    assert_int_equal(said->status, 200);
    assert_member(said, "claimed", "[]");
    assert_member(status_of(next), "status", "\"completed\"");
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void a_claim_waits_for_work(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    const char *id = create("");
    finish_waiting(client);
    assert_int_equal(answer.status, 200);
    assert_string_equal(lease_of(&answer, "processes", 0).id, id);
    assert_int_equal(fixture.server->waiting_calls, 0);
}

static void a_claim_waits_no_longer_than_said(void **state)
{
    (void)state;
    fixture_start(&fixture);
    finish_waiting(park("/claim", "", CLAIM_AND("\"wait_seconds\":1")));
    assert_int_equal(answer.status, 204);
    assert_int_equal(fixture.server->waiting_calls, 0);
}

static void claims_beyond_the_limit_do_not_wait(void **state)
{
    (void)state;
    fixture.options.max_connections = 4;
    fixture_start(&fixture);
    struct client *first = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    struct client *second = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    const struct answer *said = post("/claim", CLAIM_AND("\"wait_seconds\":300"));
    assert_int_equal(said->status, 204);
    assert_field(said, "Retry-After", "1");
    client_close(first);
    client_close(second);
    turn_until_waiting(0);
}

static void assert_body_is_dropped(struct client *client)
{
    const struct list_link *parked = fixture.server->deadlines.parked.next;
    assert_null(container_of(parked, struct http_connection, link)->call->body.data);
    client_close(client);
    turn_until_waiting(0);
}

/* As many may wait for minutes, and a body may be large. */
static void who_waits_keeps_no_body(void **state)
{
    (void)state;
    fixture_start(&fixture);
    assert_body_is_dropped(park("/claim", "", CLAIM_AND("\"wait_seconds\":300")));
    assert_body_is_dropped(park("/analyze", "Prefer: wait=60\r\n", "{\"type\":\"t\",\"input\":1}"));
    struct lease lease = claim();
    assert_body_is_dropped(park_report(&lease, "heartbeat", ",\"wait_seconds\":300"));
}

static void a_stop_ends_waiting_claims(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    fixture_stop(&fixture);
    client_read_rest(client, &answer);
    assert_int_equal(answer.status, 204);
    assert_field(&answer, "Connection", "close");
    client_close(client);
}

static void who_hangs_up_claims_nothing(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *closing = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    struct client *resetting = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(resetting->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    client_close(closing);
    client_close(resetting);
    turn_until_waiting(0);
    const char *id = create("");
    assert_member(status_of(id), "status", "\"pending\"");
    assert_member(status_of(id), "attempt", "0");
}

/* ... as one that has closed for good looks no different. */
static void who_only_stops_sending_claims_nothing(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
    finish_waiting(client);
    assert_int_equal(answer.status, 204);
    assert_member(status_of(create("")), "status", "\"pending\"");
}

/* Its next request waits in the socket, and is no hang-up. */
static void who_sends_on_keeps_waiting(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    client_send(client, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int64_t until = clock_steady_ms() + 100; clock_steady_ms() < until;)
        loop_turn(fixture.loop, 10);
    assert_int_equal(fixture.server->waiting_calls, 1);
    create("");
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "lease_token"));
    finish_waiting(client);
    assert_int_equal(answer.status, 200);
    assert_member(&answer, "status", "\"ok\"");
}

/* Lets every held call go until the answer has come. */
static void finish_held(struct client *client)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    char byte;
    while (recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(fixture.loop, 10);
        if (held_repository_count(fixture.repository) > 0)
            held_repository_release(fixture.repository, 0);
    }
    finish_waiting(client);
}

static const char *create_held(void)
{
    static char id[40];
    finish_held(send_post("/analyze", "", "{\"type\":\"t\",\"input\":1}"));
    snprintf(id, sizeof(id), "%.36s", answer_member(&answer, "process_id") + 1);
    return id;
}

/* Lets the claim go that is held. */
static void assert_is_handed_back(const char *id)
{
    held_repository_release(fixture.repository, 0);
    fixture_wait_held(&fixture, 1); /* the release */
    held_repository_release(fixture.repository, 0);
    turn_until_waiting(0);

    char path[128];
    snprintf(path, sizeof(path), "GET /status/%s HTTP/1.1\r\nHost: h\r\n\r\n", id);
    struct client *client = client_connect(&fixture);
    client_send(client, path);
    finish_held(client);
    assert_member(&answer, "status", "\"pending\"");
    assert_member(&answer, "attempt", "1");
}

/* The repository has its claim when the client hangs up: what it gives then is handed back. */
static void what_is_claimed_for_one_who_left_is_handed_back(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create_held();
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    fixture_wait_held(&fixture, 1);
    client_close(client);
    int64_t watched = clock_steady_ms() + 100; /* the hang-up is seen while the claim is out */
    while (clock_steady_ms() < watched)
        loop_turn(fixture.loop, 10);
    assert_is_handed_back(id);
}

/* So soon that its socket was not watched yet. */
static void who_leaves_at_once_claims_nothing(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create_held();
    struct client *client = park("/claim", "", CLAIM_AND("\"wait_seconds\":300"));
    fixture_wait_held(&fixture, 1);
    client_close(client);
    assert_is_handed_back(id);
}

/* ... or is not watched at all. */
static void who_leaves_a_slow_claim_claims_nothing(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *id = create_held();
    struct client *client = send_post("/claim", "", CLAIM);
    fixture_wait_held(&fixture, 1);
    client_close(client);
    int64_t slow = clock_wall_ms() + 50;
    while (clock_wall_ms() < slow)
        loop_turn(fixture.loop, 10);
    assert_is_handed_back(id);
}

static void a_heartbeat_waits_for_a_cancel(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    struct client *client = park_report(&lease, "heartbeat", ",\"wait_seconds\":300");
    cancel(lease.id);
    finish_waiting(client);
    assert_int_equal(answer.status, 200);
    assert_member(&answer, "cancel_requested", "true");

    create("");
    lease = claim();
    finish_waiting(park_report(&lease, "heartbeat", ",\"wait_seconds\":1"));
    assert_int_equal(answer.status, 200);
    assert_member(&answer, "cancel_requested", "false");
    assert_int_equal(fixture.server->waiting_calls, 0);
}

static void a_waiting_heartbeat_hears_of_the_end(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    struct client *client = park_report(&lease, "heartbeat", ",\"wait_seconds\":300");
    report(&lease, "complete", "");
    finish_waiting(client);
    assert_problem(&answer, 409, "conflict");
    assert_member(&answer, "process_status", "\"completed\"");

    create("");
    lease = claim();
    client = park_report(&lease, "heartbeat", ",\"wait_seconds\":300");
    report(&lease, "release", "");
    claim();
    finish_waiting(client);
    assert_int_equal(answer.status, 409);
}

static void waiting_calls_end_when_the_client_hangs_up(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("");
    struct lease lease = claim();
    client_close(park_report(&lease, "heartbeat", ",\"wait_seconds\":300"));
    turn_until_waiting(0);
    assert_member(status_of(lease.id), "status", "\"running\"");
    client_close(park("/analyze", "Prefer: wait=60\r\n", "{\"type\":\"u\",\"input\":1}"));
    turn_until_waiting(0);
    assert_member(ask(&fixture, "GET", "/stats", NULL, NULL), "pending", "1");
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define HELD_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_held, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_claim_gives_the_process),
        TEST(claims_take_several_in_order),
        TEST(bad_calls_are_refused),
        TEST(reports_say_how_it_stands),
        TEST(failures_keep_what_the_worker_says),
        TEST(a_retry_waits_as_the_worker_says),
        TEST(repeated_reports_are_answered_alike),
        TEST(a_stale_token_is_told_who_has_it),
        TEST(reports_know_if_match),
        TEST(a_cancel_is_in_the_next_answer),
        TEST(a_completion_claims_the_next),
        TEST(a_claim_waits_for_work),
        TEST(a_claim_waits_no_longer_than_said),
        TEST(claims_beyond_the_limit_do_not_wait),
        TEST(who_waits_keeps_no_body),
        TEST(a_stop_ends_waiting_claims),
        TEST(who_hangs_up_claims_nothing),
        TEST(who_only_stops_sending_claims_nothing),
        TEST(who_sends_on_keeps_waiting),
        HELD_TEST(what_is_claimed_for_one_who_left_is_handed_back),
        HELD_TEST(who_leaves_at_once_claims_nothing),
        HELD_TEST(who_leaves_a_slow_claim_claims_nothing),
        TEST(a_heartbeat_waits_for_a_cancel),
        TEST(a_waiting_heartbeat_hears_of_the_end),
        TEST(waiting_calls_end_when_the_client_hangs_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
