/* Awaiting changes at the status cache; failures; what changes without a version. */
#include "http/cache_fixture.h"

/* --- awaiting ------------------------------------------------------------------------------------
 */

static void another_version_is_given_at_once(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    for (int64_t known = 0; known < 4; known++) {
        if (known == 2)
            continue;
        await(&reader, &id, known);
        assert_int_equal(reader.states, 1);
        assert_int_equal(reader.version, 2);
    }
    assert_int_equal(reads(), 1);
}

static void a_change_wakes_those_who_await_it(void **state)
{
    struct process_id id = start();
    struct reader reader, other;
    (void)state;
    await(&reader, &id, 2);
    await(&other, &id, 2);
    assert_int_equal(reads(), 1);
    assert_int_equal(reader.states, 0);
    change(&id);
    assert_int_equal(reader.states, 0); /* not from inside the change */
    wait_for_states(&reader, 1);
    assert_int_equal(reader.version, 3);
    assert_int_equal(other.version, 3);
    assert_int_equal(reads(), 2);
}

static void being_told_without_cause_does_not_wake(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    await(&reader, &id, 2);
    tell(&id);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (reads() < 2 && clock_steady_ms() < deadline)
        loop_turn(f->loop, 20);
    assert_int_equal(reads(), 2);
    assert_int_equal(reader.states, 0);
    change(&id);
    wait_for_states(&reader, 1);
}

static void no_change_is_missed_between_two(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    hold_reads(true);
    reader_init(&reader, &id);
    reader.awaits = 1;
    status_cache_await(cache, &reader.follower, 0);
    change(&id); /* told while the read is out: what it brings is not the end of it */
    tell(&id);
    hold_reads(false);
    release();
    wait_for_states(&reader, 1);
    assert_int_equal(reader.version, 3);
    assert_int_equal(reads(), 2);
    status_cache_leave(&reader.follower);
}

static void the_end_is_told(void **state)
{
    struct process_id id = submit_type(f, "t");
    struct reader reader;
    struct repo_remove removal = {.id = id};
    (void)state;
    change(&id); /* at once, as it was pending */
    await(&reader, &id, 2);
    assert_int_equal(reader.states, 0);
    process_op_init(&removal.op, ignore);
    process_manager_remove(f->manager, &removal);
    wait_for_states(&reader, 1);
    assert_int_equal(reader.result, ERR_GONE);
    assert_int_equal(status_cache_numbers(cache).entries, 0);
}

static void who_asks_has_others_served_too(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    await(&reader, &id, 2);
    hold_reads(true);
    change(&id);
    struct reader asker;
    ask(&asker, &id); /* in the same turn: its read serves both */
    release();
    assert_int_equal(asker.version, 3);
    assert_int_equal(reader.version, 3);
    loop_turn(f->loop, 0);
    assert_int_equal(reads(), 2);
}

static void closing_ends_all(void **state)
{
    struct process_id id = start(), other = start();
    struct reader asker, reader, waiting;
    (void)state;
    await(&waiting, &other, 2);
    hold_reads(true);
    ask(&asker, &id);
    await(&reader, &id, 2);
    repository_close(&f->watched->base);
    assert_int_equal(asker.result, ERR_CANCELED);
    assert_int_equal(reader.result, ERR_CANCELED);
    assert_int_equal(waiting.states, 0); /* whose read is not out */
    status_cache_leave(&waiting.follower);
}

/* --- failures ------------------------------------------------------------------------------------
 */

static void failures_are_told_to_those_who_ask(void **state)
{
    struct process_id id = start();
    struct reader asker, reader;
    (void)state;
    await(&reader, &id, 2);
    f->watched->spoil[WATCHED_get] = 2;
    f->watched->spoil_with = ERR_UNAVAILABLE;
    tell(NULL);
    loop_turn(f->loop, 0);
    assert_int_equal(f->watched->spoil[WATCHED_get], 1);
    ask(&asker, &id);
    assert_int_equal(asker.result, ERR_UNAVAILABLE);
    assert_int_equal(reader.states, 0);
    change(&id); /* by another, say; and then it can be watched again */
    tell(NULL);
    wait_for_states(&reader, 1);
    assert_int_equal(reader.result, ERR_OK);
    assert_int_equal(reader.version, 3);
}

static void those_who_await_look_again_when_others_knew_better(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    hold_reads(true);
    await(&reader, &id, 2);
    for (int i = 0; i < 3; i++) {
        others_renew(&id);
        release();
    }
    assert_int_equal(reads(), 3);
    assert_int_equal(f->watched->held_count[WATCHED_get], 0);
    assert_int_equal(reader.states, 0);
    hold_reads(false);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (reads() < 4 && clock_steady_ms() < deadline)
        loop_turn(f->loop, 100);
    assert_int_equal(reads(), 4);
    status_cache_leave(&reader.follower);
}

static void those_who_await_look_again(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    f->watched->spoil[WATCHED_get] = 1;
    f->watched->spoil_with = ERR_TIMEOUT;
    await(&reader, &id, 1);
    assert_int_equal(reader.states, 0);
    assert_int_equal(reads(), 1);
    wait_for_states(&reader, 1); /* nobody tells */
    assert_int_equal(reader.version, 2);
    assert_int_equal(reads(), 2);
}

/* --- what changes without a version --------------------------------------------------------------
 */

static void assert_shows(const struct process_id *id, const char *text)
{
    struct reader reader;
    ask(&reader, id);
    assert_int_equal(reader.result, ERR_OK);
    if (strstr(reader.body, text) == NULL)
        fail_msg("no %s in %s", text, reader.body);
}

static void pause_type(const char *type, bool paused)
{
    struct repo_pause call = {.type = span_of(type), .paused = paused};
    process_op_init(&call.op, ignore);
    process_manager_pause(f->manager, &call);
    assert_null(call.op.done);
}

static void reasons_are_given_for_a_moment(void **state)
{
    struct process_id id = submit_type(f, "t"), second = submit_type(f, "t");
    struct claimer claimer = {.next_order = NULL};
    (void)state;
    assert_shows(&id, "\"reason\":\"no_worker\",\"queue_position\":null");
    assert_true(status_view_reason_is_open(find(&id)));
    assert_int_equal(reads(), 1);
    pause_type("t", true);
    assert_null(find(&id));
    assert_shows(&id, "\"reason\":\"paused\"");
    pause_type("t", false);
    claim_start(f, &claimer, "t", 1, 0); /* now there is a worker */
    if (process_id_compare(&claimer.id, &second) == 0)
        second = id;
    assert_shows(&second, "\"reason\":\"behind\",\"queue_position\":1");
    size_t before = reads();
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (find(&second) != NULL) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 100);
    }
    assert_int_equal(reads(), before);
}

static void a_change_meanwhile_voids_the_reason(void **state)
{
    struct process_id id = submit_type(f, "t");
    struct reader reader;
    (void)state;
    f->watched->hold[WATCHED_standing] = true;
    ask(&reader, &id);
    assert_int_equal(reader.states, 0);
    tell(&id);
    watched_release(f, WATCHED_standing);
    assert_int_equal(reader.states, 1);
    assert_null(find(&id));
}

static void without_a_reason_it_is_given_all_the_same(void **state)
{
    struct process_id id = submit_type(f, "t");
    (void)state;
    f->watched->spoil[WATCHED_standing] = 1;
    f->watched->spoil_with = ERR_TIMEOUT;
    assert_shows(&id, "\"reason\":null");
}

static void what_was_to_start_later_becomes_due(void **state)
{
    struct process_submit call = {.create.process = {.type = SPAN("t"),
                                                     .input = SPAN("1"),
                                                     .run_at = clock_wall_ms() + 300,
                                                     .retention_ms = -1}};
    (void)state;
    process_op_init(&call.op, ignore);
    process_manager_submit(f->manager, &call);
    const struct process_id id = call.create.process.id;
    assert_shows(&id, "\"reason\":\"delayed\"");
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (find(&id) != NULL) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 50);
    }
    assert_shows(&id, "\"reason\":null"); /* nothing has put it into the queue yet */
    assert_int_equal(reads(), 2);
}

static void advice_is_renewed_without_a_read(void **state)
{
    struct process_id id = start();
    (void)state;
    version_of(&id);
    struct status_view *first = status_view_share(find(&id)), *later;
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while ((later = find(&id)) == first) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 20);
    }
    assert_non_null(later);
    assert_int_equal(status_view_version(later), 2);
    assert_int_equal(reads(), 1);
    status_view_release(first);
    change(&id);
    assert_null(find(&id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(another_version_is_given_at_once),
        CACHE_TEST(a_change_wakes_those_who_await_it),
        CACHE_TEST(being_told_without_cause_does_not_wake),
        CACHE_TEST(no_change_is_missed_between_two),
        CACHE_TEST(the_end_is_told),
        CACHE_TEST(who_asks_has_others_served_too),
        CACHE_TEST(closing_ends_all),
        CACHE_TEST(failures_are_told_to_those_who_ask),
        CACHE_TEST(those_who_await_look_again_when_others_knew_better),
        CACHE_TEST(those_who_await_look_again),
        CACHE_TEST(reasons_are_given_for_a_moment),
        CACHE_TEST(a_change_meanwhile_voids_the_reason),
        CACHE_TEST(without_a_reason_it_is_given_all_the_same),
        CACHE_TEST(what_was_to_start_later_becomes_due),
        CACHE_TEST(advice_is_renewed_without_a_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
