/* A whole server with a journal, and every allocation that a request leads to failing in turn:
 * ours, the libraries', on the loop and off it. It answers, with the effect of the answer, or says
 * 5xx or closes, with the whole effect or none; the next request works, and a start on the same
 * directory finds what was there. That nothing is lost of the memory itself, LeakSanitizer sees. */
#include "http/durable_fixture.h"
#include "http/failing_memory.h"

#include <stdio.h>

enum { ATTEMPTS_MAX = 300 };

/* --- requests -----------------------------------------------------------------------------------
 */

static void judge(const struct request *request, bool answered, const struct answer *answer,
                  const struct seen *before)
{
    struct seen after = *before;
    after.total += request->added;
    if (request->after != NULL)
        snprintf(after.status, sizeof(after.status), "%s", request->after);
    const bool well = answered && answer->status == request->status;
    const struct seen now = see(request->state);
    if (answered && !well && answer->status < 500)
        fail_msg("%s: %u: %s", request->name, answer->status, answer->body);
    if (!seen_is_same(&now, &after) && (well || !seen_is_same(&now, before)))
        fail_msg("%s: it says %u, but there is %lld, \"%s\"; before %lld, \"%s\"", request->name,
                 answered ? answer->status : 0, (long long)now.total, now.status,
                 (long long)before->total, before->status);
    if (!request->keyed)
        return;
    request_must(request, request->status);
    const struct seen again = see(request->state);
    if (!seen_is_same(&again, &after))
        fail_msg("%s: again: %lld, not %lld", request->name, (long long)again.total,
                 (long long)after.total);
}

/* Whether an allocation failed. */
static bool attempt(const struct request *request, int nth, bool all)
{
    static struct answer answer;
    request_prepare(request->state);
    const struct seen before = see(request->state);
    struct client *client = client_connect(&fixture);
    const char *text = request_compose(request);
    memory_fail_after(nth, all);
    client_send(client, text);
    const bool answered = client_receive(&fixture, client, &answer);
    const int failures = memory_calm();
    client_close(client);
    judge(request, answered, &answer, &before);
    if (failures == 0)
        assert_true(answered && answer.status == request->status);
    return failures > 0;
}

static void every_allocation_may_fail(const struct request *request)
{
    static const bool modes[] = {false, true};
    for (int mode = 0; mode < 2; mode++) {
        int nth = 0;
        while (attempt(request, nth, modes[mode])) {
            assert_true(nth < ATTEMPTS_MAX);
            nth++;
        }
        assert_true(nth > 0);
        print_message("%s: %d allocations, %s\n", request->name, nth,
                      modes[mode] ? "all from each on" : "each alone");
    }
    durable_check_restart();
}

static void any_request(void **state)
{
    every_allocation_may_fail(*state);
}

#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct request requests[] = {
    {"create", "POST", "/analyze", "Idempotency-Key: k-$T\r\n",
     "{\"type\":\"$T\",\"input\":\"\\u00e4 \\n\",\"group\":\"g-2\",\"metadata\":{\"a\":1}}",
     NOTHING, .status = 202, .added = 1, .keyed = true},
    {"batch", "POST", "/analyze/batch", "Idempotency-Key: k-$T\r\n",
     "{\"processes\":[{\"type\":\"$T\",\"input\":1},{\"type\":\"$T\",\"input\":2}]}", NOTHING,
     .status = 202, .added = 2, .keyed = true},
    {"status", "GET", "/status/$I", "Origin: https://example.com\r\n", NULL, COMPLETED,
     .status = 200},
    {"status with input", "GET", "/status/$I?fields=%2Binput", NULL, NULL, PENDING, .status = 200},
    {"status of many", "GET", "/status?ids=$I", NULL, NULL, RUNNING, .status = 200},
    {"result", "GET", "/result/$I", NULL, NULL, COMPLETED, .status = 200},
    {"timeline", "GET", "/processes/$I/events", NULL, NULL, FAILED, .status = 200},
    {"list", "GET", "/processes?limit=3&type=$T&group=" LONG_NAME, NULL, NULL, PENDING,
     .status = 200},
    {"claim", "POST", "/claim", NULL, "{\"types\":[\"$T\"],\"worker\":\"w-2\"}", PENDING,
     .status = 200, .after = "running"},
    {"heartbeat", "POST", "/processes/$I/heartbeat", NULL, "{\"lease_token\":\"$L\"}", RUNNING,
     .status = 200},
    {"progress", "POST", "/processes/$I/progress", NULL,
     "{\"lease_token\":\"$L\",\"percent\":12.5,\"message\":\"m\"}", RUNNING, .status = 200},
    {"complete", "POST", "/processes/$I/complete", NULL,
     "{\"lease_token\":\"$L\",\"result\":{\"a\":[1,2]}}", RUNNING, .status = 200,
     .after = "completed"},
    {"fail", "POST", "/processes/$I/fail", NULL,
     "{\"lease_token\":\"$L\",\"code\":\"c\",\"message\":\"m\",\"retryable\":false}", RUNNING,
     .status = 200, .after = "failed"},
    {"release", "POST", "/processes/$I/release", NULL, "{\"lease_token\":\"$L\"}", RUNNING,
     .status = 200, .after = "pending"},
    {"cancel", "POST", "/processes/$I/cancel", NULL, NULL, PENDING, .status = 200,
     .after = "canceled"},
    {"retry", "POST", "/processes/$I/retry", NULL, NULL, FAILED, .status = 200, .after = "pending"},
    {"remove", "DELETE", "/processes/$I", NULL, NULL, COMPLETED, .status = 200, .after = "",
     .added = -1},
    {"group", "GET", "/groups/g-1", NULL, NULL, PENDING, .status = 200},
    {"cancel many", "POST", "/processes/cancel?status=pending&type=$T", NULL, NULL, PENDING,
     .status = 200, .after = "canceled"},
    {"pause", "POST", "/types/$T/pause", NULL, NULL, PENDING, .status = 200},
    {"types", "GET", "/types", NULL, NULL, PENDING, .status = 200},
    {"workers", "GET", "/workers", NULL, NULL, RUNNING, .status = 200},
    {"stats", "GET", "/stats", NULL, NULL, PENDING, .status = 200},
    {"snapshot", "POST", "/admin/snapshot", NULL, NULL, PENDING, .status = 200},
    {"audit", "POST", "/admin/audit", NULL, NULL, PENDING, .status = 200},
    {"refusal", "POST", "/analyze", NULL, "{\"type\":7,\"input\":1,\"else\":true}", NOTHING,
     .status = 422},
    {"no JSON", "POST", "/analyze", NULL, "{\"type\":", NOTHING, .status = 400},
    {"openapi", "GET", "/openapi.json", NULL, NULL, NOTHING, .status = 200},
};
#define REQUESTS (sizeof(requests) / sizeof(*requests))

int main(void)
{
    struct CMUnitTest tests[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        union {
            const struct request *in;
            void *out;
        } request = {.in = &requests[i]};
        tests[i] = (struct CMUnitTest){.name = requests[i].name,
                                       .test_func = any_request,
                                       .setup_func = durable_setup,
                                       .teardown_func = durable_teardown,
                                       .initial_state = request.out};
    }
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
