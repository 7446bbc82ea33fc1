/* What the status cache keeps, and what voids it. */
#include "http/cache_fixture.h"

/* --- from memory --------------------------------------------------------------------------------
 */

static void what_is_asked_for_twice_is_kept(void **state)
{
    struct process_id id = start();
    bool worth = true;
    (void)state;
    assert_null(status_cache_find(cache, &id, "", &worth));
    assert_false(worth);
    assert_null(status_cache_find(cache, &id, "", &worth));
    assert_true(worth);
    assert_int_equal(version_of(&id), 2);
    assert_int_equal(reads(), 1);
    struct status_view *view = find(&id);
    assert_non_null(view);
    assert_int_equal(status_view_version(view), 2);
    assert_int_equal(version_of(&id), 2);
    assert_int_equal(reads(), 1);
    struct status_cache_numbers numbers = status_cache_numbers(cache);
    assert_int_equal(numbers.hits, 2);
    assert_int_equal(numbers.misses, 2);
    assert_int_equal(numbers.entries, 1);
    assert_true(numbers.bytes > status_view_body(view).len);
}

static void each_base_path_has_its_own_links(void **state)
{
    struct process_id id = start();
    struct reader reader;
    bool worth;
    (void)state;
    assert_int_equal(version_of(&id), 2);
    reader_init(&reader, &id);
    reader.follower.base = "/api";
    status_cache_ask(cache, &reader.follower);
    assert_non_null(strstr(reader.body, "\"self\":\"/api/status/"));
    assert_non_null(find(&id));
    assert_non_null(status_cache_find(cache, &id, "/api", &worth));
    change(&id);
    assert_null(find(&id));
    assert_null(status_cache_find(cache, &id, "/api", &worth));
}

struct own_change {
    struct repo_transition call;
    bool done;
};

static void see_own_change(struct process_op *op)
{
    struct own_change *own = container_of(op, struct own_change, call.op);
    own->done = true;
    assert_int_equal(op->result, ERR_OK);
    assert_null(find(&own->call.id));
    assert_int_equal(version_of(&own->call.id), 3);
}

static void an_own_change_is_seen_once_it_is_answered(void **state)
{
    struct own_change own = {.call = {.id = start(), .change = {.event = EVENT_CANCEL}}};
    (void)state;
    assert_int_equal(version_of(&own.call.id), 2);
    process_op_init(&own.call.op, see_own_change);
    process_manager_change(f->manager, &own.call);
    assert_true(own.done);
    assert_int_equal(status_cache_numbers(cache).invalidations, 1);
}

static void changes_by_others_void_it(void **state)
{
    struct process_id id = start(), other = start();
    (void)state;
    version_of(&id);
    version_of(&other);
    tell(&other);
    assert_non_null(find(&id));
    assert_null(find(&other));
    version_of(&other);
    tell(NULL);                                                     /* in doubt */
    assert_int_equal(status_cache_numbers(cache).invalidations, 1); /* they may be thousands */
    assert_null(find(&id));
    assert_null(find(&other));
    assert_int_equal(status_cache_numbers(cache).invalidations, 3);
}

static void what_another_loop_changes_is_void(void **state)
{
    struct process_id id = start();
    (void)state;
    version_of(&id);
    others_renew(&id);
    assert_null(find(&id));
    version_of(&id);
    assert_non_null(find(&id));
    change_stamps_renew_all(f->options.stamps);
    assert_null(find(&id));
}

static void what_another_loop_has_shown_newer_is_void(void **state)
{
    struct process_id id = start();
    (void)state;
    version_of(&id);
    struct change_stamp stamp = change_stamps_get(f->options.stamps, key_of(&id));
    assert_true(change_stamps_settle(f->options.stamps, key_of(&id), 2, &stamp));
    assert_non_null(find(&id));
    assert_true(change_stamps_settle(f->options.stamps, key_of(&id), 3, &stamp));
    assert_null(find(&id));
}

static void once_nobody_tells_it_is_read_each_time(void **state)
{
    struct process_id id = start();
    (void)state;
    assert_int_equal(version_of(&id), 2);
    assert_non_null(find(&id));
    status_cache_quiesce(cache);
    assert_null(find(&id));
    assert_int_equal(version_of(&id), 2);
    assert_int_equal(version_of(&id), 2);
    assert_int_equal(reads(), 3);
}

static void what_is_not_watched_is_not_kept(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    hold_reads(true);
    ask(&reader, &id);
    container_of(f->watched->held[WATCHED_get].next, struct repo_get, op.link)->watch = false;
    release();
    assert_int_equal(reader.states, 1);
    assert_int_equal(reader.version, 2);
    assert_null(find(&id));
}

static void unknown_ones_leave_nothing_behind(void **state)
{
    struct process_id id;
    struct reader reader;
    (void)state;
    assert_true(process_id_new(&id));
    ask(&reader, &id);
    assert_int_equal(reader.result, ERR_NOT_FOUND);
    assert_int_equal(status_cache_numbers(cache).entries, 0);
    assert_int_equal(status_cache_numbers(cache).bytes, 0);
}

/* --- joining -------------------------------------------------------------------------------------
 */

static void who_asks_meanwhile_shares_the_read(void **state)
{
    struct process_id id = start();
    struct reader first, second;
    (void)state;
    hold_reads(true);
    ask(&first, &id);
    ask(&second, &id);
    assert_int_equal(reads(), 1);
    release();
    assert_int_equal(first.version, 2);
    assert_int_equal(second.version, 2);
    assert_int_equal(f->watched->held_count[WATCHED_get], 0);
}

static void what_was_told_while_reading_is_given_but_not_kept(void **state)
{
    struct process_id id = start();
    struct reader before, after;
    (void)state;
    hold_reads(true);
    ask(&before, &id);
    tell(&id);
    ask(&after, &id);
    release();
    assert_int_equal(before.states, 1);
    assert_null(find(&id));
    assert_int_equal(after.states, 0); /* its read was sent only now */
    release();
    assert_int_equal(after.states, 1);
    assert_int_equal(reads(), 2);
    assert_non_null(find(&id));
}

static void who_knows_of_a_newer_state_does_not_join(void **state)
{
    struct process_id id = start();
    struct reader before, after;
    (void)state;
    hold_reads(true);
    ask(&before, &id);
    others_renew(&id);
    ask(&after, &id);
    release(); /* another loop knew better: it is sent again */
    assert_int_equal(before.states, 0);
    release();
    assert_int_equal(before.states, 1);
    assert_int_equal(after.states, 0);
    release();
    assert_int_equal(after.states, 1);
    assert_int_equal(reads(), 3);
}

static void it_is_not_read_again_for_ever(void **state)
{
    struct process_id id = start();
    struct reader reader;
    struct change_stamp theirs = {0};
    (void)state;
    hold_reads(true);
    ask(&reader, &id);
    while (reader.states == 0) {
        others_renew(&id);
        theirs = change_stamps_get(f->options.stamps, key_of(&id));
        release();
    }
    assert_int_equal(reads(), 3);
    assert_int_equal(reader.version, 2);
    assert_null(find(&id));
    /* and what they keep may be older than what was given now */
    assert_false(change_stamp_equal(theirs, change_stamps_get(f->options.stamps, key_of(&id))));
}

static void who_is_given_a_state_may_ask_again(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    hold_reads(true);
    reader_init(&reader, &id);
    reader.asks_again = true;
    status_cache_ask(cache, &reader.follower);
    tell(&id); /* so the next one needs a read */
    release();
    assert_int_equal(reader.states, 1);
    release();
    assert_int_equal(reader.states, 2);
    status_cache_leave(&reader.follower); /* though it does not wait */
}

static void who_is_given_a_state_may_have_others_leave(void **state)
{
    struct process_id id = start();
    struct reader first, second;
    (void)state;
    hold_reads(true);
    reader_init(&first, &id);
    first.leaves = &second;
    reader_init(&second, &id);
    status_cache_ask(cache, &first.follower);
    status_cache_ask(cache, &second.follower);
    release();
    assert_int_equal(first.states, 1);
    assert_int_equal(second.states, 0);
}

/* Nobody is left then, and nothing is kept. */
static void the_entry_stays_until_all_are_served(void **state)
{
    (void)state;
    status_cache_destroy(cache);
    cache_start(0);
    who_is_given_a_state_may_have_others_leave(state);
    assert_int_equal(status_cache_numbers(cache).entries, 0);
    assert_int_equal(status_cache_numbers(cache).bytes, 0);
}

static void a_read_ends_without_its_asker(void **state)
{
    struct process_id id = start();
    struct reader reader;
    (void)state;
    hold_reads(true);
    ask(&reader, &id);
    status_cache_leave(&reader.follower);
    release();
    assert_int_equal(reader.states, 0);
    assert_non_null(find(&id));
}

/* --- room ----------------------------------------------------------------------------------------
 */

static struct process_id submit_large(void)
{
    static char metadata[4000];
    memset(metadata, '7', sizeof(metadata));
    struct process_submit call = {.create.process = {.type = SPAN("large"),
                                                     .input = SPAN("1"),
                                                     .metadata = {metadata, sizeof(metadata)},
                                                     .run_at = clock_wall_ms() + 86400000,
                                                     .retention_ms = -1}};
    process_op_init(&call.op, ignore);
    process_manager_submit(f->manager, &call);
    return call.create.process.id;
}

static void what_was_used_longest_ago_makes_room(void **state)
{
    enum { COUNT = 100 };
    struct process_id ids[COUNT];
    (void)state;
    status_cache_destroy(cache);
    cache_start(200000);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = submit_large();
        version_of(&ids[i]);
        assert_non_null(find(&ids[0])); /* used all the time */
        assert_true(status_cache_numbers(cache).bytes <= 200000);
    }
    struct status_cache_numbers numbers = status_cache_numbers(cache);
    assert_int_equal(numbers.entries + numbers.evictions, COUNT);
    assert_in_range(numbers.entries, 10, 25); /* body and record: 8 KB each */
    assert_null(find(&ids[1]));
    assert_non_null(find(&ids[COUNT - 1]));
}

static void nothing_may_be_kept(void **state)
{
    struct process_id id = start();
    struct reader first, second;
    bool worth = true;
    (void)state;
    status_cache_destroy(cache);
    cache_start(0);
    for (int i = 0; i < 3; i++) {
        assert_null(status_cache_find(cache, &id, "", &worth));
        assert_false(worth);
    }
    hold_reads(true);
    ask(&first, &id);
    ask(&second, &id);
    release();
    assert_int_equal(first.states + second.states, 2);
    assert_int_equal(reads(), 1);
    assert_int_equal(status_cache_numbers(cache).entries, 0);
    assert_int_equal(status_cache_numbers(cache).bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(what_is_asked_for_twice_is_kept),
        CACHE_TEST(each_base_path_has_its_own_links),
        CACHE_TEST(an_own_change_is_seen_once_it_is_answered),
        CACHE_TEST(changes_by_others_void_it),
        CACHE_TEST(what_another_loop_changes_is_void),
        CACHE_TEST(what_another_loop_has_shown_newer_is_void),
        CACHE_TEST(once_nobody_tells_it_is_read_each_time),
        CACHE_TEST(what_is_not_watched_is_not_kept),
        CACHE_TEST(unknown_ones_leave_nothing_behind),
        CACHE_TEST(who_asks_meanwhile_shares_the_read),
        CACHE_TEST(what_was_told_while_reading_is_given_but_not_kept),
        CACHE_TEST(who_knows_of_a_newer_state_does_not_join),
        CACHE_TEST(it_is_not_read_again_for_ever),
        CACHE_TEST(who_is_given_a_state_may_ask_again),
        CACHE_TEST(who_is_given_a_state_may_have_others_leave),
        CACHE_TEST(the_entry_stays_until_all_are_served),
        CACHE_TEST(a_read_ends_without_its_asker),
        CACHE_TEST(what_was_used_longest_ago_makes_room),
        CACHE_TEST(nothing_may_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
