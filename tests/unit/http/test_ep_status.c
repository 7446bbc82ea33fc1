/* Polls of GET /status/<id>: what is answered from memory is what would have been read. */
#include "http/http_fixture.h"

#include "http/http_server_private.h"
#include "http/status_cache.h"

#include <stdio.h>

#define BODY "{\"type\":\"t\",\"input\":[1],\"metadata\":{\"a\":\"b\"}}"

static const char *const origins[] = {"http://a.example", "http://b.example", "http://c.example",
                                      NULL};

static struct answer first;

static int setup(void **state)
{
    fixture_setup(state);
    fixture.options.cors_origins = origins;
    fixture.options.base_path = "/api";
    fixture_start(&fixture);
    return 0;
}

static struct status_cache_numbers numbers(void)
{
    return status_cache_numbers(fixture.server->statuses);
}

/* The path of its status. */
static const char *create(void)
{
    static char path[64];
    const struct answer *answer = ask(&fixture, "POST", "/analyze", NULL, BODY);
    assert_int_equal(answer->status, 202);
    snprintf(path, sizeof(path), "%s", answer_field(answer, "Location"));
    return path;
}

static void cancel(const char *path)
{
    char target[128];
    snprintf(target, sizeof(target), "/processes/%s/cancel", path + strlen("/status/"));
    assert_int_equal(ask(&fixture, "POST", target, NULL, "{}")->status, 200);
}

/* Of a process that is final: nothing in the answer depends on the time. */
static const char *create_final(void)
{
    const char *path = create();
    cancel(path);
    return path;
}

static void drop_request_id(struct answer *answer)
{
    char *at = strstr(answer->header, "\r\nX-Request-Id: ");
    if (at == NULL)
        return;
    const char *rest = strstr(at + 2, "\r\n");
    memmove(at, rest, strlen(rest) + 1);
}

/* Apart from its Date and, where it is not shared, the request's name. */
static void assert_same(const struct answer *answer)
{
    struct answer other = *answer;
    drop_request_id(&other);
    drop_request_id(&first);
    assert_int_equal(answer->status, first.status);
    char *dates[] = {strstr(other.header, "\r\nDate: "), strstr(first.header, "\r\nDate: ")};
    size_t rest = strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");
    for (int i = 0; i < 2; i++) {
        if (dates[i] != NULL)
            memmove(dates[i], dates[i] + rest, strlen(dates[i] + rest) + 1);
    }
    assert_string_equal(other.header, first.header);
    assert_string_equal(other.body, first.body);
}

/* Twice from the storage, then from memory. */
static void assert_always_same(const char *method, const char *path, const char *fields)
{
    first = *ask(&fixture, method, path, fields, NULL);
    uint64_t before = numbers().hits;
    for (int i = 0; i < 4; i++)
        assert_same(ask(&fixture, method, path, fields, NULL));
    assert_in_range(numbers().hits - before, 3, 4);
}

static void the_answer_from_memory_is_the_same(void **state)
{
    (void)state;
    assert_always_same("GET", create_final(), NULL);
    assert_int_equal(first.status, 200);
    assert_field(&first, "ETag", "\"2\"");
    assert_field(&first, "Vary", "Origin");
    assert_field(&first, "Retry-After", NULL);
    assert_field(&first, "Access-Control-Allow-Origin", NULL);
}

static void heads_too(void **state)
{
    (void)state;
    assert_always_same("HEAD", create_final(), NULL);
    assert_int_equal(first.status, 200);
}

static void unchanged_ones_too(void **state)
{
    (void)state;
    assert_always_same("GET", create_final(), "If-None-Match: \"1\", \"2\"\r\n");
    assert_int_equal(first.status, 304);
    assert_field(&first, "ETag", "\"2\"");
    assert_field(&first, "Cache-Control", "no-cache");
    assert_field(&first, "X-Content-Type-Options", "nosniff");
}

static void pages_of_every_origin_have_their_own(void **state)
{
    char fields[64];
    const char *path = create_final();
    (void)state;
    ask(&fixture, "GET", path, NULL, NULL);
    for (int round = 0; round < 2; round++) {
        for (const char *const *origin = origins; *origin != NULL; origin++) {
            snprintf(fields, sizeof(fields), "Origin: %s\r\n", *origin);
            const struct answer *answer = ask(&fixture, "GET", path, fields, NULL);
            assert_int_equal(answer->status, 200);
            assert_field(answer, "Access-Control-Allow-Origin", *origin);
            assert_non_null(answer_field(answer, "Access-Control-Expose-Headers"));
        }
        const struct answer *other =
            ask(&fixture, "GET", path, "Origin: http://evil.example\r\n", NULL);
        assert_int_equal(other->status, 200);
        assert_field(other, "Access-Control-Allow-Origin", NULL);
    }
    assert_int_equal(numbers().misses, 2);
}

static void below_the_base_path_links_are_too(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "/api%s", create_final());
    assert_always_same("GET", path, NULL);
    assert_non_null(strstr(first.body, "\"self\":\"/api/status/"));
    ask(&fixture, "GET", path + strlen("/api"), NULL, NULL);
    const struct answer *answer = ask(&fixture, "GET", path + strlen("/api"), NULL, NULL);
    assert_non_null(strstr(answer->body, "\"self\":\"/status/"));
}

static void unfinished_ones_say_when_to_ask_again(void **state)
{
    const char *path = create();
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct answer *answer = ask(&fixture, "GET", path, "If-None-Match: \"1\"\r\n", NULL);
        assert_int_equal(answer->status, 200); /* as its reason may change */
        assert_field(answer, "Retry-After", "1");
        assert_member(answer, "reason", "\"no_worker\"");
    }
    assert_in_range(numbers().hits, 1, 2);
    cancel(path);
    const struct answer *answer = ask(&fixture, "GET", path, "If-None-Match: \"1\"\r\n", NULL);
    assert_member(answer, "status", "\"canceled\"");
}

static void the_input_is_read_each_time(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s?fields=+input", create_final());
    for (int i = 0; i < 3; i++)
        assert_member(ask(&fixture, "GET", path, NULL, NULL), "input", "[1]");
    assert_int_equal(numbers().hits + numbers().misses, 0);
    assert_problem(ask(&fixture, "GET", strcat(path, "&x=1"), NULL, NULL), 400, "bad-query");
}

static void faults_are_the_same_as_ever(void **state)
{
    static const char unknown[] = "/status/6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55";
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_problem(ask(&fixture, "GET", unknown, NULL, NULL), 404, "not-found");
    assert_int_equal(numbers().entries, 0);
    assert_problem(ask(&fixture, "GET", "/status/x", NULL, NULL), 400, "bad-id");
}

static void a_stopping_server_closes(void **state)
{
    char text[256];
    const char *path = create_final();
    struct answer answer;
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(&fixture, "GET", path, NULL, NULL);
    struct client *client = client_connect(&fixture);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    client_send(client, text);
    http_server_quiesce(fixture.server);
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_field(&answer, "Connection", "close");
    client_close(client);
}

static void ignore(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

/* Past the manager. */
static void others_remove(const char *path)
{
    struct repo_remove call = {.now = clock_wall_ms()};
    assert_true(process_id_parse(span_of(path + strlen("/status/")), &call.id));
    process_op_init(&call.op, ignore);
    repository_remove(fixture.repository, &call);
}

/* From then on it does not hear what others change. */
static void after_the_managers_stop_nothing_is_given_from_memory(void **state)
{
    char text[256];
    const char *path = create_final();
    struct answer answer;
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(&fixture, "GET", path, NULL, NULL);
    assert_int_equal(numbers().hits, 1);
    struct client *client = client_connect(&fixture);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n", path);
    client_send(client, text);
    http_server_quiesce(fixture.server);
    process_manager_stop(fixture.manager);
    others_remove(path);
    client_send(client, "\r\n");
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 410, "gone");
    client_close(client);
}

/* The same path also gives a stream. */
static void caches_are_told_that_accept_matters(void **state)
{
    const char *path = create_final();
    char many[128];
    (void)state;
    fixture.options.cors_origins = NULL;
    for (int i = 0; i < 6; i++) {
        const char *fields = i % 2 == 0 ? NULL : "If-None-Match: \"2\"\r\n";
        const struct answer *answer = ask(&fixture, "GET", path, fields, NULL);
        assert_int_equal(answer->status, i % 2 == 0 ? 200 : 304);
        assert_field(answer, "Vary", "Accept");
    }
    assert_true(numbers().hits > 0);
    snprintf(many, sizeof(many), "/status?ids=%s", path + strlen("/status/"));
    assert_field(ask(&fixture, "GET", many, NULL, NULL), "Vary", "Accept");
}

static void an_event_stream_that_has_ended_is_not_stored(void **state)
{
    (void)state;
    const struct answer *answer = ask(&fixture, "GET", create_final(),
                                      "Accept: text/event-stream\r\nLast-Event-ID: 2\r\n", NULL);
    assert_int_equal(answer->status, 204);
    assert_field(answer, "Cache-Control", "no-store");
}

/* Its entry may be gone before the library has sent the answer. */
static void an_answer_under_way_outlives_its_view(void **state)
{
    char text[8192] = "";
    const char *path = create_final();
    struct answer answer;
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(&fixture, "GET", path, NULL, NULL);
    struct client *client = client_connect(&fixture);
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    sprintf(text + strlen(text), "DELETE /processes/%s HTTP/1.1\r\nHost: h\r\n\r\n",
            path + strlen("/status/"));
    sprintf(text + strlen(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    client_send(client, text);
    for (int i = 0; i < 22; i++) {
        client_read(&fixture, client, false, &answer);
        assert_int_equal(answer.status, i < 21 ? 200 : 410);
    }
    client_close(client);
}

static void numbers_are_in_the_statistics(void **state)
{
    const char *path = create_final();
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(&fixture, "GET", path, NULL, NULL);
    const struct answer *answer = ask(&fixture, "GET", "/stats", NULL, NULL);
    assert_member(answer, "watching", "\"local\"");
    const char *cache = answer_member(answer, "status_cache");
    assert_non_null(strstr(cache, "\"entries\":1,"));
    assert_non_null(strstr(cache, "\"hits\":1,\"misses\":2,\"invalidations\":0,\"evictions\":0"));
    assert_member(ask(&fixture, "GET", "/version", NULL, NULL), "watching", "\"local\"");
}

#define STATUS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATUS_TEST(the_answer_from_memory_is_the_same),
        STATUS_TEST(heads_too),
        STATUS_TEST(unchanged_ones_too),
        STATUS_TEST(pages_of_every_origin_have_their_own),
        STATUS_TEST(below_the_base_path_links_are_too),
        STATUS_TEST(unfinished_ones_say_when_to_ask_again),
        STATUS_TEST(the_input_is_read_each_time),
        STATUS_TEST(faults_are_the_same_as_ever),
        STATUS_TEST(a_stopping_server_closes),
        STATUS_TEST(after_the_managers_stop_nothing_is_given_from_memory),
        STATUS_TEST(caches_are_told_that_accept_matters),
        STATUS_TEST(an_event_stream_that_has_ended_is_not_stored),
        STATUS_TEST(an_answer_under_way_outlives_its_view),
        STATUS_TEST(numbers_are_in_the_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
