/* GET /metrics: what stands in it, in which format, and what it does without the repository. */
#include "http/http_fixture.h"
#include "http/http_server_private.h"
#include "http/metrics.h"

#include "proctrack/clock.h"

#include <stdio.h>

static const struct answer *scrape(const char *fields)
{
    const struct answer *answer = ask(&fixture, "GET", "/metrics", fields, NULL);
    assert_int_equal(answer->status, 200);
    return answer;
}

static void assert_has(const struct answer *answer, const char *line)
{
    if (strstr(answer->body, line) == NULL)
        fail_msg("%s is not in:\n%s", line, answer->body);
}

static void assert_has_not(const struct answer *answer, const char *text)
{
    if (strstr(answer->body, text) != NULL)
        fail_msg("%s is in:\n%s", text, answer->body);
}

static void answers_are_counted(void **state)
{
    (void)state;
    fixture_start(&fixture);
    ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"one\",\"input\":1}");
    ask(&fixture, "GET", "/status/00000000-0000-4000-8000-000000000000", NULL, NULL);
    ask(&fixture, "GET", "/status/nothing", NULL, NULL);
    ask(&fixture, "GET", "/nowhere", NULL, NULL);
    ask(&fixture, "PATCH", "/nowhere", NULL, NULL);
    const struct answer *answer = scrape(NULL);
    assert_field(answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    assert_field(answer, "Cache-Control", "no-store");
    assert_has(answer, "\nproctrackd_http_requests_total{route=\"/analyze\",method=\"POST\","
                       "code=\"202\"} 1\n");
    assert_has(answer, "{route=\"/status/:id\",method=\"GET\",code=\"404\"} 1\n");
    assert_has(answer, "{route=\"/status/:id\",method=\"GET\",code=\"400\"} 1\n");
    assert_has(answer, "{route=\"none\",method=\"GET\",code=\"404\"} 1\n");
    assert_has(answer, "{route=\"none\",method=\"other\",code=\"404\"} 1\n");
    assert_has(answer, "duration_seconds_count{route=\"/analyze\",method=\"POST\","
                       "code=\"202\"} 1\n");
    assert_has(answer, "\nproctrackd_processes{status=\"pending\"} 1\n");
    assert_has(answer, "\nproctrackd_type_processes{type=\"one\",status=\"pending\"} 1\n");
    assert_has(answer, "\nproctrackd_processes_created_total{type=\"one\"} 1\n");
    assert_has(answer, "\nproctrackd_http_requests_in_flight 1\n");
    assert_has(answer, "\nproctrackd_loop_up{loop=\"0\"} 1\n");
    assert_has(answer, "\nproctrackd_repository_up 1\n");
    assert_has(answer, "\nproctrackd_ready 1\n");
    assert_has(answer, "\nproctrackd_build_info{version=\"1.2.3\"} 1\n");
    assert_has(answer, "\nprocess_open_fds ");
    assert_has_not(answer, "route=\"/metrics\"");
    assert_has(scrape(NULL), "{route=\"/metrics\",method=\"GET\",code=\"200\"} 1\n");
}

static void openmetrics_when_asked(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer =
        scrape("Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert_field(answer, "Content-Type",
                 "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_field(answer, "Vary", "Accept");
    assert_has(answer, "# TYPE proctrackd_build info\n");
    assert_string_equal(answer->body + strlen(answer->body) - 6, "# EOF\n");
    answer = scrape("Accept: application/openmetrics-text;q=0.5, text/plain\r\n");
    assert_field(answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    assert_has_not(answer, "# EOF");
}

static void parameters_are_refused(void **state)
{
    (void)state;
    fixture_start(&fixture);
    assert_problem(ask(&fixture, "GET", "/metrics?name=up", NULL, NULL), 400, "bad-query");
}

static void head_has_no_body(void **state)
{
    struct answer answer;
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, request_text("HEAD", "/metrics", NULL, NULL));
    client_read(&fixture, client, true, &answer);
    assert_int_equal(answer.status, 200);
    client_close(client);
}

/* --- a repository that does not answer ----------------------------------------------------------
 */

static struct client *begin_scrape(size_t held)
{
    struct client *client = client_connect(&fixture);
    client_send(client, request_text("GET", "/metrics", NULL, NULL));
    fixture_wait_held(&fixture, held);
    return client;
}

static void assert_without_repository(const struct answer *answer)
{
    assert_int_equal(answer->status, 200);
    assert_has(answer, "\nproctrackd_repository_up 0\n");
    assert_has(answer, "\nproctrackd_http_connections 1\n");
    assert_has_not(answer, "proctrackd_processes{");
    assert_has_not(answer, "proctrackd_type_processes{");
}

static void a_repository_that_fails_is_down(void **state)
{
    struct answer answer;
    (void)state;
    fixture_start(&fixture);
    struct client *client = begin_scrape(2);
    held_repository_fail(fixture.repository, 0, ERR_UNAVAILABLE);
    held_repository_fail(fixture.repository, 0, ERR_UNAVAILABLE);
    client_read(&fixture, client, false, &answer);
    assert_without_repository(&answer);
    assert_has(&answer, "\nproctrackd_ready 0\n");
    client_close(client);
}

static void one_that_is_silent_is_not_waited_for(void **state)
{
    struct answer answer;
    (void)state;
    fixture_start(&fixture);
    struct client *client = begin_scrape(2);
    client_read(&fixture, client, false, &answer);
    assert_without_repository(&answer);
    assert_has(&answer, "\nprocess_open_fds ");
    held_repository_release(fixture.repository, 0); /* what comes late is dropped */
    held_repository_fail(fixture.repository, 0, ERR_UNAVAILABLE);
    client_close(client);
}

static void a_stop_does_not_wait(void **state)
{
    struct answer answer;
    (void)state;
    fixture_start(&fixture);
    struct client *client = begin_scrape(2);
    http_server_quiesce(fixture.server);
    assert_int_equal(fixture.server->running_calls, 1);
    repository_close(fixture.repository);
    assert_int_equal(fixture.server->running_calls, 0);
    client_read(&fixture, client, false, &answer);
    assert_without_repository(&answer);
    client_close(client);
}

static void only_some_are_made_at_a_time(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture.server->scrapes = 31;
    scrape(NULL);
    assert_int_equal(fixture.server->scrapes, 31);
    fixture.server->scrapes = 32;
    const struct answer *refused = ask(&fixture, "GET", "/metrics", NULL, NULL);
    assert_problem(refused, 503, "overloaded");
    assert_field(refused, "Retry-After", "1");
    fixture.server->scrapes = 31;
    scrape(NULL);
}

/* --- types --------------------------------------------------------------------------------------
 */

static void types_beyond_the_bound_are_one(void **state)
{
    static struct repo_type types[METRICS_TYPES + 3];
    static struct metrics_stored stored;
    (void)state;
    for (size_t i = 0; i < METRICS_TYPES + 3; i++) {
        snprintf(types[i].type, sizeof(types[i].type), "type-%03zu", i);
        types[i].waiting = 1;
        types[i].state.running = 2;
        types[i].waiting_since = i == METRICS_TYPES + 1 ? 5000 : TIME_NONE;
    }
    const struct repo_types found = {.now = 9000, .types = types, .count = METRICS_TYPES + 3};
    metrics_stored_take_types(&stored, &found);
    assert_int_equal(stored.type_count, METRICS_TYPES + 1);
    const struct metrics_type *last = &stored.types[METRICS_TYPES];
    assert_string_equal(stored.types[METRICS_TYPES - 1].type, "type-099");
    assert_int_equal(stored.types[METRICS_TYPES - 1].waiting, 1);
    assert_string_equal(last->type, PROCESS_NUMBERS_OTHER);
    assert_int_equal(last->waiting, 3);
    assert_int_equal(last->running, 6);
    assert_int_equal(last->oldest_since, 5000);
}

static void the_kernel_is_asked(void **state)
{
    struct metrics_self self;
    (void)state;
    metrics_self_read(&self);
    assert_true(self.known);
    assert_true(self.threads >= 1);
    assert_true(self.open_fds >= 3 && self.max_fds >= self.open_fds);
    assert_true(self.resident_bytes > 0 && self.virtual_bytes >= self.resident_bytes);
    double now = (double)clock_wall_ms() / 1000;
    assert_true(self.started_at > now - 3600 && self.started_at < now + 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
#define HELD(f) cmocka_unit_test_setup_teardown(f, fixture_setup_held, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_are_counted),
        TEST(openmetrics_when_asked),
        TEST(parameters_are_refused),
        TEST(head_has_no_body),
        HELD(a_repository_that_fails_is_down),
        HELD(one_that_is_silent_is_not_waited_for),
        HELD(a_stop_does_not_wait),
        TEST(only_some_are_made_at_a_time),
        cmocka_unit_test(types_beyond_the_bound_are_one),
        cmocka_unit_test(the_kernel_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
