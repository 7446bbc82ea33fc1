/* POST /analyze/batch, over repositories that answer at once or when told. */
#include "http/http_fixture.h"

#define ITEM "{\"type\":\"t\",\"input\":1}"

static const struct answer *post(const char *fields, const char *body)
{
    return ask(&fixture, "POST", "/analyze/batch", fields, body);
}

static void each_item_has_its_own_outcome(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer = post(
        NULL, "{\"processes\":[{\"type\":\"t\",\"input\":1},{\"type\":\"t\"},7,{\"input\":1}]}");
    assert_int_equal(answer->status, 202);
    assert_field(answer, "Content-Type", "application/json");
    assert_field(answer, "Idempotent-Replayed", NULL);
    assert_member(answer, "accepted", "1");
    assert_member(answer, "rejected", "3");
    const char *at = strstr(answer->body, "\",\"error\":null}");
    assert_non_null(at);
    at = strstr(at, "{\"process_id\":null,\"error\":{\"type\":\"/problems/invalid\"");
    assert_non_null(at);
    at = strstr(at, "\"errors\":[{\"pointer\":\"/input\",\"detail\":\"is required\"}]");
    assert_non_null(at);
    at = strstr(at, "\"errors\":[{\"pointer\":\"\",\"detail\":\"must be an object\"}]");
    assert_non_null(at);
    assert_non_null(strstr(at, "\"errors\":[{\"pointer\":\"/type\",\"detail\":\"is required here"));
    assert_member(ask(&fixture, "GET", "/stats", NULL, NULL), "total", "1");
    answer = post(NULL, "{\"processes\":[{}]}");
    assert_int_equal(answer->status, 422);
    assert_member(answer, "accepted", "0");
}

static void the_whole_must_be_a_batch(void **state)
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"processes\":[]}",
                                      "{\"processes\":{}}",
                                      "null",
                                      "{\"processes\":[{\"type\":\"t\",\"input\":1}],\"x\":1}"};
    char *body = malloc(sizeof(ITEM) * (REPO_BATCH_MAX + 2));
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_problem(post(NULL, bad[i]), 422, "invalid");
    assert_problem(post(NULL, ""), 400, "bad-json");
    assert_problem(post(NULL, "{\"processes\":[1,]}"), 400, "bad-json");
    assert_problem(post("Content-Encoding: gzip\r\n", "{}"), 415, "unsupported-media-type");
    assert_problem(post("Idempotency-Key: \r\n", "{}"), 400, "bad-header");
    assert_non_null(body);
    strcpy(body, "{\"processes\":[" ITEM);
    for (int i = 1; i < REPO_BATCH_MAX; i++)
        strcat(body, "," ITEM);
    strcat(body, "]}");
    assert_member(post(NULL, body), "accepted", "1000");
    strcpy(body + strlen(body) - 2, "," ITEM "]}");
    assert_problem(post(NULL, body), 422, "invalid");
    free(body);
}

static void a_repeated_batch_is_replayed(void **state)
{
    static const char key[] = "Idempotency-Key: k\r\n";
    static const char body[] = "{\"processes\":[{\"type\":\"t\"},{\"type\":\"t\",\"input\":1}]}";
    static char first[1000];
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer = post(key, body);
    assert_int_equal(answer->status, 202);
    assert_true(text_copy(first, sizeof(first), span_of(answer->body)));
    answer = post(key, body);
    assert_field(answer, "Idempotent-Replayed", "true");
    assert_string_equal(answer->body, first);
    assert_problem(post(key, "{\"processes\":[{\"type\":\"t\",\"input\":1}]}"), 422,
                   "idempotency-key-reused");
    assert_member(ask(&fixture, "GET", "/stats", NULL, NULL), "total", "1");
}

static void a_batch_that_is_not_stored_says_so(void **state)
{
    static struct answer answer;
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, "POST /analyze/batch HTTP/1.1\r\nHost: h\r\nContent-Length: 43\r\n"
                        "Content-Type: application/json\r\n\r\n"
                        "{\"processes\":[{\"type\":\"t\",\"input\":\"text\"}]}");
    fixture_wait_held(&fixture, 1);
    repository_close(fixture.repository);
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 503, "stopping");
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_item_has_its_own_outcome, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_whole_must_be_a_batch, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_repeated_batch_is_replayed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_is_not_stored_says_so, fixture_setup_held,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
