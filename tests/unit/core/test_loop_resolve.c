#include "core/loop_story.h"

struct answer {
    int calls;
    bool found;
    char address[64];
    const char *why;
};

static void note_answer(void *arg, const char *address, const char *why)
{
    struct answer *answer = arg;
    answer->calls++;
    answer->found = address != NULL;
    answer->why = why;
    if (address != NULL)
        assert_true(text_copy(answer->address, sizeof(answer->address), span_of(address)));
}

static struct answer resolve(struct loop *loop, const char *host)
{
    struct answer answer = {.calls = 0};
    assert_non_null(loop_resolve_start(loop, host, note_answer, &answer));
    assert_int_equal(answer.calls, 0); /* never before the loop runs */
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (answer.calls == 0 && clock_steady_ms() < end)
        loop_turn(loop, PATIENCE_MS);
    loop_turn(loop, 0);
    assert_int_equal(answer.calls, 1);
    return answer;
}

static void names_are_resolved(void **state)
{
    struct answer answer = resolve(*state, "localhost");
    assert_true(answer.found);
    assert_null(answer.why);
    assert_true(strcmp(answer.address, "127.0.0.1") == 0 || strcmp(answer.address, "::1") == 0);
    answer = resolve(*state, "127.0.0.2");
    assert_string_equal(answer.address, "127.0.0.2");
    answer = resolve(*state, "::1");
    assert_string_equal(answer.address, "::1");
}

/* All are refused without asking a name server: an address with an unknown scope, no UTF-8, a label
 * over 63 bytes, a name over 253. */
static void what_has_no_address_is_told_once_and_later(void **state)
{
    char long_label[71], long_name[2001];
    memset(long_label, 'a', sizeof(long_label) - 1);
    long_label[sizeof(long_label) - 1] = '\0';
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    const char *const hosts[] = {"fe80::1%nosuchinterface", "", "\xff", long_label, long_name};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct answer answer = resolve(*state, hosts[i]);
        assert_false(answer.found);
        assert_non_null(answer.why);
        assert_true(strlen(answer.why) > 0);
    }
}

static void a_canceled_resolve_never_answers(void **state)
{
    struct loop *loop = *state;
    struct answer answer = {.calls = 0};
    for (int i = 0; i < 20;
         i++) { /* more than the pool has threads: some wait, some are under way */
        loop_resolve_cancel(loop_resolve_start(loop, "localhost", note_answer, &answer));
        loop_resolve_cancel(loop_resolve_start(loop, "", note_answer, &answer));
    }
    struct loop_resolve *late = loop_resolve_start(loop, "127.0.0.1", note_answer, &answer);
    loop_turn(loop, 1); /* whatever is in the pool may have finished by now, or not */
    if (answer.calls == 0)
        loop_resolve_cancel(late);
    const int calls = answer.calls;
    const struct answer other = resolve(loop, "localhost"); /* comes after all others */
    assert_true(other.found);
    assert_int_equal(answer.calls, calls);
    loop_resolve_cancel(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(names_are_resolved),
        loop_test(what_has_no_address_is_told_once_and_later),
        loop_test(a_canceled_resolve_never_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
