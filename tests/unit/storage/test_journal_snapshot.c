#include "storage/journal_bench.h"

#include "proctrack/json_scan.h"

#include <errno.h>

static void a_snapshot_takes_the_place_of_the_journal(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    for (int i = 0; i < 25; i++)
        bench_commit(bench, i);
    const int64_t before = clock_wall_ms();
    bench_snapshot(bench);
    assert_false(fake_disk_has(bench->fake, "journal.1"));
    assert_true(fake_disk_has(bench->fake, "journal.2"));
    assert_false(fake_disk_has(bench->fake, "snapshot.json.new"));
    const struct journal_numbers numbers = journal_numbers(bench->journal);
    assert_int_equal(numbers.snapshot_bytes, fake_disk_text(bench->fake, "snapshot.json").len);
    assert_true(numbers.snapshot_at >= before && numbers.snapshot_at <= clock_wall_ms());
    bench_store(bench, 25);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 25);
    assert_int_equal(bench->report.items, 25);
    assert_int_equal(journal_numbers(bench->journal).snapshot_at, numbers.snapshot_at);
    assert_int_equal(journal_last(bench->journal), 26);
}

/* The whole file is one JSON document that people can read. */
static void a_snapshot_is_json(void **state)
{
    struct bench *bench = *state;
    for (int count = 0; count < 3; count++) {
        bench_must_open(bench);
        if (count > 0)
            bench_store(bench, count);
        bench_snapshot(bench);
        struct span text = fake_disk_text(bench->fake, "snapshot.json"), value;
        struct json_fault fault;
        if (!json_check(text, &value, &fault))
            fail_msg("%s at %zu", fault.reason, fault.offset);
        assert_true(span_starts(text, "{\"format\":\"proctrackd snapshot\",\"version\":1,"
                                      "\"journal\":"));
        bench_close(bench);
        bench_must_open(bench);
        assert_int_equal(bench->report.items, count);
        bench_close(bench);
    }
}

static void lines_go_on_while_it_is_written(void **state)
{
    struct bench *bench = *state;
    bench->part = 3;
    bench_must_open(bench);
    for (int i = 0; i < 20; i++)
        bench_commit(bench, i);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    assert_int_equal(bench_snapshot_start(bench), ERR_CONFLICT);
    assert_false(journal_wants_snapshot(bench->journal));
    for (int i = 20; i < 40; i++)
        bench_store(bench, i);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->done, 1);
    assert_int_equal(bench->snapshot_err, ERR_OK);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 39);
}

/* What its items showed must be stored first, in every mode: else half of a change could be seen.
 */
static void it_counts_only_once_what_it_shows_is_synced(void **state)
{
    struct bench *bench = *state;
    for (bench->fsync = JOURNAL_FSYNC_ALWAYS; bench->fsync <= JOURNAL_FSYNC_NO; bench->fsync++) {
        bench_must_open(bench);
        bench_store(bench, 0);
        assert_int_equal(bench_snapshot_start(bench), ERR_OK);
        bench_commit(bench, 1);
        bench_wait_for(bench, bench->done > 0);
        assert_int_equal(bench->snapshot_err, ERR_OK);
        const struct span text = fake_disk_text(bench->fake, "snapshot.json");
        const bool shown = memmem(text.data, text.len, "\"item\":1,", 9) != NULL;
        bench_crash(bench, KEEP_SYNCED, 0);
        const struct span journal = fake_disk_text(bench->fake, "journal.2");
        const bool there = memmem(journal.data, journal.len, "\"n\":1,", 6) != NULL;
        assert_true(shown);
        assert_true(there);
        fake_disk_destroy(bench->fake);
        bench->fake = fake_disk_create();
        memset(bench->has, 0, sizeof(bench->has));
    }
}

static void a_snapshot_that_fails_leaves_all_as_it_was(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    bench_snapshot(bench); /* journal.2 */
    bench_store(bench, 1);
    fake_disk_hold(bench->fake, FAKE_WRITE, true);
    fake_disk_fail(bench->fake, FAKE_RENAME, 1, 1, EIO);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK); /* journal.3 */
    fake_disk_hold(bench->fake, FAKE_WRITE, false);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_UNAVAILABLE);
    assert_int_equal(journal_state(bench->journal), ERR_OK);
    bench_store(bench, 2);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 2);
    assert_false(fake_disk_has(bench->fake, "snapshot.json.new"));
    bench_snapshot(bench);
    assert_false(fake_disk_has(bench->fake, "journal.2"));
    assert_false(fake_disk_has(bench->fake, "journal.3"));
    assert_true(fake_disk_has(bench->fake, "journal.4"));
}

static void a_full_disk_ends_it(void **state)
{
    struct bench *bench = *state;
    bench->padding = 1000;
    bench_must_open(bench);
    bench_store(bench, 0);
    bench_store(bench, 1);
    bench_store(bench, 2);
    const int64_t used = (int64_t)fake_disk_text(bench->fake, "journal.1").len;
    fake_disk_room(bench->fake, used + 1500);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_FULL);
    fake_disk_room(bench->fake, -1);
    /* The new journal may have met the full disk too. */
    bench_wait_for(bench, journal_state(bench->journal) == ERR_OK);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK); /* takes the rest of the other away */
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_OK);
    bench_store(bench, 3);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 3);
}

static void it_does_not_begin_while_nothing_can_be_stored(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    fake_disk_fail(bench->fake, FAKE_WRITE, 1, -1, ENOSPC);
    bench_commit(bench, 0);
    bench_wait_for(bench, journal_state(bench->journal) == ERR_FULL);
    assert_int_equal(bench_snapshot_start(bench), ERR_FULL);
    assert_int_equal(bench->done, 0);
}

static void it_fails_when_what_it_shows_cannot_be_stored(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_fail(bench->fake, FAKE_TRUNCATE, 1, 3, EIO); /* of the new journal */
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    bench_commit(bench, 1);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_UNAVAILABLE);
    bench_wait_for(bench, bench_is_stored(bench, 1));
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 1);
}

static void closing_ends_it(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    for (int turns = 0; turns < 4; turns++) {
        assert_int_equal(bench_snapshot_start(bench), ERR_OK);
        for (int i = 0; i < turns; i++)
            loop_turn(bench->loop, 1);
        bench_commit(bench, turns + 1);
        assert_true(journal_close(bench->journal));
        assert_int_equal(bench->done, 1);
        assert_true(bench->snapshot_err == ERR_CANCELED || bench->snapshot_err == ERR_OK);
        assert_int_equal(bench_snapshot_start(bench), ERR_UNAVAILABLE);
        bench_crash(bench, KEEP_SYNCED, 0);
        bench_must_open(bench);
        bench_expect(bench, 0, turns + 1);
    }
}

static void closing_waits_for_one_that_gets_its_name(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_fail(bench->fake, FAKE_REMOVE, 1, -1, EIO); /* what stays is removed later */
    bench_snapshot(bench);
    assert_true(fake_disk_has(bench->fake, "journal.1"));
    fake_disk_heal(bench->fake);
    bench_close(bench);
    bench_must_open(bench);
    assert_false(fake_disk_has(bench->fake, "journal.1"));
    bench_expect(bench, 0, 0);
}

static void it_is_wanted_when_the_journal_has_grown(void **state)
{
    struct bench *bench = *state;
    bench->padding = 1024 * 1024;
    bench_must_open(bench);
    for (int i = 0; i < 15; i++)
        bench_commit(bench, i);
    bench_wait_for(bench, bench_is_stored(bench, 14));
    assert_false(journal_wants_snapshot(bench->journal));
    bench_store(bench, 15);
    assert_true(journal_wants_snapshot(bench->journal));
    bench->padding = 0;
    bench_snapshot(bench);
    assert_false(journal_wants_snapshot(bench->journal));
    assert_true(journal_numbers(bench->journal).journal_bytes < 1024);
}

/* After one that failed there is a rest, lest a bad disk be written to all the time. */
static void it_is_not_wanted_at_once_after_a_failure(void **state)
{
    struct bench *bench = *state;
    bench->padding = 17 * 1024 * 1024;
    bench_must_open(bench);
    bench_store(bench, 0);
    bench->padding = 0;
    assert_true(journal_wants_snapshot(bench->journal));
    fake_disk_fail(bench->fake, FAKE_RENAME, 1, 1, EIO);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_UNAVAILABLE);
    assert_false(journal_wants_snapshot(bench->journal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_snapshot_takes_the_place_of_the_journal),
        bench_test(a_snapshot_is_json),
        bench_test(lines_go_on_while_it_is_written),
        bench_test(it_counts_only_once_what_it_shows_is_synced),
        bench_test(a_snapshot_that_fails_leaves_all_as_it_was),
        bench_test(a_full_disk_ends_it),
        bench_test(it_does_not_begin_while_nothing_can_be_stored),
        bench_test(it_fails_when_what_it_shows_cannot_be_stored),
        bench_test(closing_ends_it),
        bench_test(closing_waits_for_one_that_gets_its_name),
        bench_test(it_is_wanted_when_the_journal_has_grown),
        bench_test(it_is_not_wanted_at_once_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
