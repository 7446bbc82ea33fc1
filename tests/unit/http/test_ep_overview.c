/* Groups, types, workers, timelines, changes of many: over a repository that answers at once. */
#include "http/http_fixture.h"

#include <stdio.h>

static char token[LEASE_TOKEN_TEXT_SIZE];
static struct process_id claimed_id;

static const struct answer *get(const char *target)
{
    return ask(&fixture, "GET", target, NULL, NULL);
}

static const struct answer *post(const char *target)
{
    return ask(&fixture, "POST", target, NULL, NULL);
}

static void create(const char *type, const char *group)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"type\":\"%s\",\"group\":\"%s\",\"input\":1}", type, group);
    assert_int_equal(ask(&fixture, "POST", "/analyze", NULL, body)->status, 202);
}

static void on_claimed(struct process_op *op)
{
    const struct process_claim *call = container_of(op, struct process_claim, op);
    assert_int_equal(op->result, ERR_OK);
    assert_int_equal(call->claim.count, 1);
    claimed_id = call->claim.processes[0].id;
    assert_true(text_copy(token, sizeof(token), call->claim.processes[0].lease_token));
}

static void claim(const char *type)
{
    static struct process_claim call;
    struct span types[] = {span_of(type)};
    call.claim = (struct repo_claim){
        .types = types, .type_count = 1, .worker = SPAN("w \"1\""), .max = 1, .lease_ms = 60000};
    process_op_init(&call.op, on_claimed);
    process_manager_claim(fixture.manager, &call);
}

static void on_changed(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

static void report(enum process_event event, const char *progress)
{
    struct repo_transition call = {.id = claimed_id,
                                   .change = {.event = event,
                                              .token = span_of(token),
                                              .lease_ms = 60000,
                                              .progress = span_of(progress)}};
    process_op_init(&call.op, on_changed);
    process_manager_change(fixture.manager, &call);
}

static void a_group_is_what_its_members_are(void **state)
{
    (void)state;
    fixture_start(&fixture);
    assert_problem(get("/groups/g"), 404, "unknown-group");
    for (int i = 0; i < 3; i++)
        create("t", "g");
    create("u", "other");
    claim("t");
    report(EVENT_PROGRESS, "{\"percent\":99.99,\"message\":null}");
    const struct answer *answer = get("/groups/g?limit=2");
    assert_int_equal(answer->status, 200);
    assert_member(answer, "group", "\"g\"");
    assert_member(answer, "total", "3");
    assert_member(answer, "done", "false");
    assert_non_null(strstr(answer->body, "\"percent\":33.3,"));
    assert_member(answer, "counts",
                  "{\"pending\":2,\"running\":1,\"completed\":0,\"failed\":0,\"canceled\":0}");
    assert_non_null(strstr(answer_field(answer, "Link"), "</groups/g?limit=2&cursor="));
    assert_field(answer, "Cache-Control", "no-cache");
    post("/groups/g/cancel");
    answer = get("/groups/g");
    assert_non_null(strstr(answer->body, "\"percent\":99.9,")); /* not all of it is done */
    assert_member(answer, "done", "false");
    report(EVENT_CANCELED, NULL);
    answer = get("/groups/g?status=canceled");
    assert_member(answer, "percent", "100.0");
    assert_member(answer, "done", "true");
    assert_field(answer, "Link", NULL);
}

static void many_are_changed_at_once(void **state)
{
    (void)state;
    fixture_start(&fixture);
    create("t", "g");
    create("u", "g");
    create("u", "h");
    const struct answer *answer = post("/processes/cancel?status=pending&type=u&group=h");
    assert_string_equal(answer->body, "{\"canceled\":1,\"complete\":true}");
    assert_string_equal(post("/groups/g/cancel")->body, "{\"canceled\":2,\"complete\":true}");
    assert_string_equal(post("/processes/retry?status=canceled&type=u")->body,
                        "{\"retried\":2,\"complete\":true}");
    assert_string_equal(post("/groups/g/retry")->body, "{\"retried\":1,\"complete\":true}");
    assert_member(get("/stats"), "pending", "3");
    assert_problem(post("/processes/retry"), 400, "bad-query");
    assert_problem(post("/processes/retry?status=completed"), 400, "bad-query");
    assert_problem(post("/processes/cancel?status=failed"), 400, "bad-query");
    assert_problem(ask(&fixture, "POST", "/processes/cancel?status=pending", NULL, "[]"), 422,
                   "invalid");
    assert_problem(post("/groups/%20/cancel"), 400, "bad-name");
    assert_problem(post("/groups//cancel"), 404, "unknown-path");
    assert_problem(get("/groups/"), 404, "unknown-path");
    assert_member(get("/stats"), "pending", "3");
}

static void types_tell_how_they_stand(void **state)
{
    static const struct span known[] = {{"s", 1}, {"t", 1}};
    static const int slots[] = {7, 5};
    (void)state;
    fixture.options.known_types = known;
    fixture.options.known_type_slots = slots;
    fixture.options.known_type_count = 2;
    fixture_start(&fixture);
    assert_string_equal(get("/types")->body, "{\"types\":[],\"truncated\":false}");
    create("t", "g");
    create("u", "g");
    assert_string_equal(
        get("/types")->body,
        "{\"types\":[{\"type\":\"t\",\"waiting\":1,\"oldest_waiting_seconds\":0,\"running\":0,"
        "\"paused\":false,\"workers\":0,\"last_claimed_at\":null,\"analyzers\":5},"
        "{\"type\":\"u\",\"waiting\":1,\"oldest_waiting_seconds\":0,\"running\":0,"
        "\"paused\":false,\"workers\":0,\"last_claimed_at\":null,\"analyzers\":0}],"
        "\"truncated\":false}");
    assert_string_equal(post("/types/t/pause")->body, "{\"type\":\"t\",\"paused\":true}");
    assert_non_null(strstr(get("/types")->body, "\"paused\":true"));
    assert_non_null(
        strstr(get("/processes?type=t")->body, "\"reason\":\"paused\",\"queue_position\":null"));
    assert_string_equal(post("/types/t/resume")->body, "{\"type\":\"t\",\"paused\":false}");
    claim("t");
    const struct answer *answer = get("/types");
    assert_non_null(strstr(answer->body, "\"waiting\":0,\"oldest_waiting_seconds\":null,"
                                         "\"running\":1,\"paused\":false,\"workers\":1,"
                                         "\"last_claimed_at\":\"2"));
    assert_problem(post("/types/a:b/pause"), 400, "bad-name");
    assert_problem(post("/types//pause"), 404, "unknown-path");
    assert_problem(get("/types/"), 404, "unknown-path");
    assert_problem(get("/types?x"), 400, "bad-query");
}

static void workers_tell_what_they_hold(void **state)
{
    char expected[128], id[PROCESS_ID_TEXT_SIZE];
    (void)state;
    fixture_start(&fixture);
    assert_string_equal(get("/workers")->body, "{\"workers\":[],\"truncated\":false}");
    create("t", "g");
    claim("t");
    const struct answer *answer = get("/workers");
    assert_memory_equal(answer->body,
                        "{\"workers\":[{\"worker\":\"w \\\"1\\\"\",\"last_seen_at\":", 47);
    process_id_format(&claimed_id, id);
    snprintf(expected, sizeof(expected), "\"held\":1,\"processes\":[{\"process_id\":\"%s\"", id);
    assert_non_null(strstr(answer->body, expected));
    assert_problem(get("/workers?x"), 400, "bad-query");
}

static void a_timeline_tells_what_happened(void **state)
{
    char path[128], id[PROCESS_ID_TEXT_SIZE];
    (void)state;
    fixture_start(&fixture);
    create("t", "g");
    claim("t");
    process_id_format(&claimed_id, id);
    snprintf(path, sizeof(path), "/processes/%s/events", id);
    const struct answer *answer = get(path);
    assert_member(answer, "dropped", "0");
    const char *created = strstr(answer->body, "\"event\":\"created\",\"actor\":\"client\"");
    assert_non_null(created);
    assert_non_null(strstr(created, "\"event\":\"claimed\",\"actor\":\"w \\\"1\\\"\""));
    for (int i = 0; i < fixture.policy.events_max / 2; i++) {
        report(EVENT_RELEASE, NULL);
        claim("t");
    }
    answer = get(path);
    assert_member(answer, "dropped", "1");
    created = strstr(answer->body, "\"event\":\"created\"");
    assert_non_null(created);
    const char *second = strstr(created + 1, "\"event\":");
    assert_memory_equal(second, "\"event\":\"released\"", 18);
    assert_problem(get("/processes/x/events"), 400, "bad-id");
    assert_problem(get("/processes/6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55/events"), 404, "not-found");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_group_is_what_its_members_are), TEST(many_are_changed_at_once),
        TEST(types_tell_how_they_stand),       TEST(workers_tell_what_they_hold),
        TEST(a_timeline_tells_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
