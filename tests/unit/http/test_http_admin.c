/* What is for operators: who may call it, what their own server has, and what it tells of the other
 * one. */
#include "http/http_fixture.h"

#define SNAPSHOT "/admin/snapshot"

static struct http_options admin_options;
static struct http_server *admin;
static struct fixture operators; /* the fixture, seen through the operators' server */

static void start_admin(unsigned connections)
{
    const char *why = NULL;
    fixture_start(&fixture);
    admin_options = fixture.options;
    admin_options.max_connections = connections;
    operators = fixture;
    int fd = http_listen("127.0.0.1", 0, false, &operators.port, &why);
    assert_true(fd >= 0);
    admin = http_admin_create(fixture.server, &admin_options, fd);
    assert_non_null(admin);
}

static int setup(void **state)
{
    admin = NULL;
    return fixture_setup(state);
}

static int teardown(void **state)
{
    http_server_destroy(admin);
    return fixture_teardown(state);
}

static const struct answer *get(struct fixture *f, const char *path)
{
    return ask(f, "GET", path, NULL, NULL);
}

static const struct answer *post(struct fixture *f, const char *fields)
{
    return ask(f, "POST", SNAPSHOT, fields, NULL);
}

static void without_a_port_of_their_own_operators_are_on_the_machine(void **state)
{
    static const char *const handed_on[] = {
        "X-Forwarded-For: 127.0.0.1\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "X-Real-IP: 127.0.0.1\r\n",
        "via: 1.1 proxy\r\n",
    };
    (void)state;
    fixture_start(&fixture);
    assert_problem(post(&fixture, NULL), 501, "unsupported");
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(*handed_on); i++)
        assert_problem(post(&fixture, handed_on[i]), 403, "operators-only");
    assert_problem(post(&fixture, "Origin: https://elsewhere.example\r\n"), 403, "cross-origin");
    const struct answer *answer = get(&fixture, SNAPSHOT);
    assert_problem(answer, 405, "method-not-allowed");
    assert_field(answer, "Allow", "POST, OPTIONS");
    assert_problem(ask(&fixture, "POST", SNAPSHOT "?x=1", NULL, NULL), 400, "bad-query");
}

static void with_one_they_are_there(void **state)
{
    (void)state;
    fixture.options.has_admin = true;
    start_admin(10);
    assert_problem(post(&fixture, NULL), 403, "operators-only");
    assert_problem(post(&operators, NULL), 501, "unsupported");
    assert_problem(post(&operators, "X-Forwarded-For: 10.0.0.1\r\n"), 501, "unsupported");
}

static void their_server_has_few_paths(void **state)
{
    static const char *const there[] = {"/healthz", "/readyz", "/stats", "/version",
                                        "/openapi.json"};
    static const char *const missing[] = {
        "/processes", "/types", "/workers",
        "/events",    "/x",     "/status/6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"};
    (void)state;
    start_admin(10);
    for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
        assert_int_equal(get(&operators, there[i])->status, 200);
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
        assert_problem(get(&operators, missing[i]), 404, "unknown-path");
    assert_problem(ask(&operators, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":1}"), 404,
                   "unknown-path");
}

static void it_tells_of_the_other_server(void **state)
{
    (void)state;
    start_admin(10);
    ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":1}");
    get(&fixture, "/types");
    const struct answer *answer = get(&operators, "/stats");
    assert_member(answer, "total", "1");
    assert_non_null(strstr(answer_member(answer, "http"), "\"requests\":2"));
    assert_non_null(strstr(answer_member(answer, "http"), "\"in_flight\":0"));
}

static void a_server_that_leaves_serves_but_is_not_ready(void **state)
{
    (void)state;
    start_admin(10);
    assert_int_equal(get(&fixture, "/readyz")->status, 200);
    http_server_leave(fixture.server);
    assert_problem(get(&fixture, "/readyz"), 503, "stopping");
    assert_problem(get(&operators, "/readyz"), 503, "stopping");
    const struct answer *answer = get(&fixture, "/types");
    assert_int_equal(answer->status, 200);
    assert_null(answer_field(answer, "Connection"));
    http_server_quiesce(fixture.server);
    assert_problem(get(&operators, "/readyz"), 503, "stopping");
    assert_int_equal(get(&operators, "/healthz")->status, 200);
}

static void it_answers_while_the_other_is_full(void **state)
{
    struct client *clients[4];
    (void)state;
    fixture.options.max_connections = 4;
    start_admin(10);
    for (size_t i = 0; i < 4; i++) {
        clients[i] = client_connect(&fixture);
        client_send(clients[i], "GET /stats HTTP/1.1\r\n");
    }
    assert_int_equal(get(&operators, "/healthz")->status, 200);
    assert_int_equal(get(&operators, "/readyz")->status, 200);
    for (size_t i = 0; i < 4; i++)
        client_close(clients[i]);
}

static void how_well_it_stores_is_told(void **state)
{
    static const char *const paths[] = {"/healthz", "/readyz", "/stats"};
    (void)state;
    fixture_start(&fixture);
    struct repository_durability *durability = &fixture.repository->durability;
    const struct answer *answer = get(&fixture, "/stats");
    assert_member(answer, "durable", "false");
    assert_member(answer, "durability", "\"none\"");
    assert_member(answer, "writes", "\"ok\"");
    assert_member(answer, "journal", "null");
    *durability = (struct repository_durability){"everysec", ERR_FULL, .journal_bytes = 7,
                                                 .snapshot_bytes = 9, .failures = 3};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        answer = get(&fixture, paths[i]);
        assert_int_equal(answer->status, 200);
        assert_member(answer, "durable", "true");
        assert_member(answer, "durability", "\"everysec\"");
        assert_member(answer, "writes", "\"full\"");
    }
    assert_member(answer, "journal",
                  "{\"bytes\":7,\"snapshot_bytes\":9,\"snapshot_at\":null,\"failures\":3}");
    durability->snapshot_at = 1000;
    durability->writes = ERR_UNAVAILABLE;
    answer = get(&fixture, "/stats");
    assert_member(answer, "writes", "\"unavailable\"");
    assert_non_null(strstr(answer_member(answer, "journal"), "\"1970-01-01T00:00:01.000Z\""));
    durability->mode = "redis";
    assert_member(get(&fixture, "/stats"), "journal", "null");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_a_port_of_their_own_operators_are_on_the_machine),
        TEST(with_one_they_are_there),
        TEST(their_server_has_few_paths),
        TEST(it_tells_of_the_other_server),
        TEST(a_server_that_leaves_serves_but_is_not_ready),
        TEST(it_answers_while_the_other_is_full),
        TEST(how_well_it_stores_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
