/* /healthz and /readyz while an I/O loop is silent, on both servers. */
#include "http/http_fixture.h"

#define LIMIT_MS 2000

static struct heartbeats *beats;
static struct heartbeat_listener listener;
static struct http_server *admin;
static struct http_options admin_options;
static struct fixture operators; /* the fixture, seen through the operators' server */
static int64_t now_ms;

static int setup(void **state)
{
    const char *why = NULL;
    if (fixture_setup(state) != 0)
        return -1;
    fixture_start(&fixture);
    admin_options = fixture.options;
    operators = fixture;
    int fd = http_listen("127.0.0.1", 0, false, &operators.port, &why);
    assert_true(fd >= 0);
    admin = http_admin_create(fixture.server, &admin_options, fd);
    beats = heartbeats_create(3);
    assert_non_null(admin);
    assert_non_null(beats);
    heartbeat_listener_init(&listener, beats);
    return 0;
}

static int teardown(void **state)
{
    http_server_destroy(admin);
    int code = fixture_teardown(state);
    heartbeats_destroy(beats);
    return code;
}

/* Loops 0 and 1 beat for so long, loop 2 as is said. */
static void pass(int64_t ms, bool third_beats)
{
    for (int64_t end = now_ms + ms; now_ms < end; now_ms += HEARTBEAT_MS) {
        heartbeats_beat(beats, 0);
        heartbeats_beat(beats, 1);
        if (third_beats)
            heartbeats_beat(beats, 2);
        heartbeat_listen(&listener, now_ms);
    }
}

static unsigned status_of(struct fixture *f, const char *path)
{
    return ask(f, "GET", path, NULL, NULL)->status;
}

static void assert_all_well(void)
{
    struct fixture *servers[] = {&fixture, &operators};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(status_of(servers[i], "/healthz"), 200);
        assert_int_equal(status_of(servers[i], "/readyz"), 200);
    }
}

static void silence_is_told_and_passes(void **state)
{
    struct fixture *servers[] = {&fixture, &operators};
    (void)state;
    http_server_set_heartbeats(fixture.server, &listener, LIMIT_MS);
    pass(4 * LIMIT_MS, true);
    assert_all_well();
    pass(LIMIT_MS, false);
    for (int i = 0; i < 2; i++) {
        const struct answer *answer = ask(servers[i], "GET", "/healthz", NULL, NULL);
        assert_problem(answer, 503, "loop-silent");
        assert_member(answer, "loops", "[{\"loop\":2,\"silent_ms\":2000}]");
        assert_field(answer, "Cache-Control", "no-store");
        answer = ask(servers[i], "GET", "/readyz", NULL, NULL);
        assert_problem(answer, 503, "loop-silent");
        assert_member(answer, "reasons", "[\"loop_silent\"]");
    }
    pass(HEARTBEAT_MS, true);
    assert_all_well();
}

static void silence_need_not_be_judged(void **state)
{
    (void)state;
    http_server_set_heartbeats(fixture.server, &listener, 0);
    pass(100 * LIMIT_MS, false);
    assert_all_well();
}

static void a_ready_server_has_no_reasons(void **state)
{
    (void)state;
    const struct answer *answer = ask(&fixture, "GET", "/readyz", NULL, NULL);
    assert_member(answer, "status", "\"ready\"");
    assert_member(answer, "reasons", "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_is_told_and_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_need_not_be_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ready_server_has_no_reasons, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
