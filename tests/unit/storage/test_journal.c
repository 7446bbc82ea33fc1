#include "storage/journal_bench.h"

#include <errno.h>

static void what_was_stored_is_there_again(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    assert_int_equal(bench->report.lines, 0);
    for (int i = 0; i < 10; i++)
        bench_store(bench, i);
    bench_close(bench);
    bench_must_open(bench);
    bench_expect(bench, 0, 9);
    assert_int_equal(bench->report.lines, 10);
    assert_string_equal(bench->report.problem, "");
    assert_int_equal(journal_last(bench->journal), 10);
    assert_int_equal(journal_stored(bench->journal), 10);
    bench_store(bench, 10);
    bench_close(bench);
    bench_must_open(bench);
    bench_expect(bench, 0, 10);
}

static void the_file_is_what_the_header_says(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 7);
    const char *expected =
        "{\"crc\":\"c8109a18\",\"format\":\"proctrackd journal\",\"version\":1,\"journal\":1,"
        "\"after\":0}\n{\"crc\":\"5a4778d2\",\"seq\":1,\"n\":7,\"p\":\"\"}\n";
    const struct span text = fake_disk_text(bench->fake, "journal.1");
    assert_span(text, span_of(expected));
}

static void lines_of_one_turn_are_synced_at_once(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    const int64_t syncs = fake_disk_calls_of(bench->fake, FAKE_SYNC);
    const int64_t writes = fake_disk_calls_of(bench->fake, FAKE_WRITE);
    for (int i = 0; i < 100; i++)
        bench_commit(bench, i);
    assert_int_equal(journal_stored(bench->journal), 0);
    bench_wait_for(bench, bench_is_stored(bench, 99));
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_SYNC), syncs + 1);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_WRITE), writes + 1);
    assert_int_equal(bench->progress, 1);
    const struct journal_numbers numbers = journal_numbers(bench->journal);
    assert_int_equal(numbers.batches, 1);
    assert_int_equal(numbers.lines, 100);
}

static void lines_that_come_while_a_batch_is_out_make_the_next(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    fake_disk_hold(bench->fake, FAKE_SYNC, true);
    bench_commit(bench, 0);
    bench_wait_held(bench, FAKE_SYNC);
    for (int i = 1; i < 50; i++) {
        bench_commit(bench, i);
        loop_turn(bench->loop, 0);
    }
    assert_int_equal(journal_stored(bench->journal), 0); /* nothing before the sync */
    fake_disk_hold(bench->fake, FAKE_SYNC, false);
    bench_wait_for(bench, bench_is_stored(bench, 49));
    assert_int_equal(journal_numbers(bench->journal).batches, 2);
}

static void an_abandoned_line_leaves_nothing(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    text_append_str(journal_begin(bench->journal), "\"n\":5,\"p\":\"");
    journal_abandon(bench->journal);
    bench_append_number(bench, journal_begin(bench->journal), "n", 6);
    assert_true(journal_ready(bench->journal));
    journal_abandon(bench->journal);
    assert_int_equal(journal_last(bench->journal), 0);
    bench_store(bench, 7);
    bench_close(bench);
    bench_must_open(bench);
    bench_expect(bench, 7, 7);
}

static void a_line_without_memory_is_refused_and_those_around_it_stay(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_commit(bench, 0);
    struct text_buffer *line = journal_begin(bench->journal);
    text_append_str(line, "\"n\":1");
    line->failed = true; /* as when there was no memory */
    line->capacity = line->len;
    assert_false(journal_ready(bench->journal));
    bench_store(bench, 2);
    bench_close(bench);
    bench_must_open(bench);
    assert_true(bench->found[0] && !bench->found[1] && bench->found[2]);
}

static void everysec_tells_when_it_is_written_and_syncs_soon(void **state)
{
    struct bench *bench = *state;
    bench->fsync = JOURNAL_FSYNC_EVERYSEC;
    bench_must_open(bench);
    const int64_t syncs = fake_disk_calls_of(bench->fake, FAKE_SYNC);
    const int64_t start = clock_steady_ms();
    bench_store(bench, 0);
    bench_store(bench, 1);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_SYNC), syncs);
    bench_wait_for(bench, fake_disk_calls_of(bench->fake, FAKE_SYNC) > syncs);
    assert_true(clock_steady_ms() - start < 1500);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 1);
}

static void without_syncing_a_killed_program_loses_nothing(void **state)
{
    struct bench *bench = *state;
    bench->fsync = JOURNAL_FSYNC_NO;
    bench_must_open(bench);
    const int64_t syncs = fake_disk_calls_of(bench->fake, FAKE_SYNC);
    bench_store(bench, 0);
    bench_store(bench, 1);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_SYNC), syncs);
    bench_crash(bench, KEEP_ALL, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 1);
    /* What has been read again counts: it is on the disk by now. */
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 1);
}

static void closing_stores_and_syncs_in_every_mode(void **state)
{
    struct bench *bench = *state;
    for (bench->fsync = JOURNAL_FSYNC_ALWAYS; bench->fsync <= JOURNAL_FSYNC_NO; bench->fsync++) {
        bench_must_open(bench);
        const int first = 100 * (int)bench->fsync;
        bench_store(bench, first);
        bench_commit(bench, first + 1);
        loop_turn(bench->loop, 0); /* it may be under way */
        bench_commit(bench, first + 2);
        assert_true(journal_close(bench->journal));
        assert_true(bench_is_stored(bench, first + 2));
        assert_int_equal(journal_state(bench->journal), ERR_UNAVAILABLE);
        bench_crash(bench, KEEP_SYNCED, 0);
        bench_must_open(bench);
        assert_true(bench->found[first] && bench->found[first + 1] && bench->found[first + 2]);
        bench_close(bench);
    }
}

static void closing_says_when_it_cannot_store(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, -1, EIO);
    bench_commit(bench, 1);
    assert_false(journal_close(bench->journal));
    assert_false(bench_is_stored(bench, 1));
    assert_false(journal_close(bench->journal)); /* and says so again */
}

static void the_directory_has_one_holder(void **state)
{
    struct bench *bench = *state, other = {.loop = bench->loop, .fake = bench->fake};
    bench_must_open(bench);
    assert_false(bench_open(&other));
    assert_int_equal(other.err, ERR_CONFLICT);
    bench_close(bench);
    fake_disk_lock_by(bench->fake, 4711);
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_CONFLICT);
    assert_non_null(strstr(bench->report.problem, "process id 4711"));
    fake_disk_lock_by(bench->fake, 0);
    bench_must_open(bench);
}

static void other_files_are_left_alone(void **state)
{
    struct bench *bench = *state;
    fake_disk_put(bench->fake, "journal.x", SPAN("x"));
    fake_disk_put(bench->fake, "journal.01", SPAN("x"));
    fake_disk_put(bench->fake, "journal.1.damaged-2025", SPAN("x"));
    fake_disk_put(bench->fake, "notes", SPAN("x"));
    bench_must_open(bench);
    bench_store(bench, 0);
    bench_close(bench);
    bench_must_open(bench);
    bench_expect(bench, 0, 0);
    assert_span(fake_disk_text(bench->fake, "journal.01"), SPAN("x"));
    assert_true(fake_disk_has(bench->fake, "journal.x"));
    assert_true(fake_disk_has(bench->fake, "notes"));
}

static void opening_says_what_the_disk_refused(void **state)
{
    struct bench *bench = *state;
    const enum fake_call calls[] = {FAKE_LOCK,     FAKE_LIST, FAKE_OPEN,          FAKE_WRITE,
                                    FAKE_TRUNCATE, FAKE_SYNC, FAKE_SYNC_DIRECTORY};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        fake_disk_fail(bench->fake, calls[i], 1, 1, EACCES);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_UNAVAILABLE);
        assert_non_null(strstr(bench->report.problem, "/fake/"));
        assert_non_null(strstr(bench->report.problem, "Permission denied"));
        fake_disk_heal(bench->fake);
    }
    bench_must_open(bench);
    bench_store(bench, 0);
    bench_close(bench);
    const enum fake_call again[] = {FAKE_OPEN, FAKE_READ, FAKE_SYNC, FAKE_SYNC_DIRECTORY};
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
        fake_disk_fail(bench->fake, again[i], 1, 1, EIO);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_UNAVAILABLE);
        fake_disk_heal(bench->fake);
    }
    fake_disk_fail(bench->fake, FAKE_READ, 1, 1, ENOMEM);
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_NO_MEMORY);
    fake_disk_heal(bench->fake);
    bench_must_open(bench);
    bench_expect(bench, 0, 0);
}

static void short_reads_and_writes_do_no_harm(void **state)
{
    struct bench *bench = *state;
    fake_disk_short(bench->fake, 7);
    bench_must_open(bench);
    for (int i = 0; i < 20; i++)
        bench_commit(bench, i);
    bench_wait_for(bench, bench_is_stored(bench, 19));
    bench_snapshot(bench);
    bench_store(bench, 20);
    bench_close(bench);
    bench_must_open(bench);
    bench_expect(bench, 0, 20);
}

static void the_modes_have_names(void **state)
{
    (void)state;
    assert_string_equal(journal_fsync_name(JOURNAL_FSYNC_ALWAYS), "always");
    assert_string_equal(journal_fsync_name(JOURNAL_FSYNC_EVERYSEC), "everysec");
    assert_string_equal(journal_fsync_name(JOURNAL_FSYNC_NO), "no");
}

static void what_was_written_is_counted(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    const uint64_t head = fake_disk_text(bench->fake, "journal.1").len;
    for (int i = 0; i < 3; i++)
        bench_store(bench, i);
    struct journal_numbers numbers = journal_numbers(bench->journal);
    assert_int_equal(numbers.written, fake_disk_text(bench->fake, "journal.1").len - head);
    assert_int_equal(metric_observed(&numbers.sync_latency), 3);
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, 1, EIO); /* written twice, stored once */
    bench_commit(bench, 3);
    bench_wait_for(bench, bench_is_stored(bench, 3));
    numbers = journal_numbers(bench->journal);
    assert_int_equal(numbers.failures, 1);
    assert_int_equal(numbers.written, fake_disk_text(bench->fake, "journal.1").len - head);
    assert_int_equal(metric_observed(&numbers.sync_latency), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(what_was_stored_is_there_again),
        bench_test(the_file_is_what_the_header_says),
        bench_test(lines_of_one_turn_are_synced_at_once),
        bench_test(what_was_written_is_counted),
        bench_test(lines_that_come_while_a_batch_is_out_make_the_next),
        bench_test(an_abandoned_line_leaves_nothing),
        bench_test(a_line_without_memory_is_refused_and_those_around_it_stay),
        bench_test(everysec_tells_when_it_is_written_and_syncs_soon),
        bench_test(without_syncing_a_killed_program_loses_nothing),
        bench_test(closing_stores_and_syncs_in_every_mode),
        bench_test(closing_says_when_it_cannot_store),
        bench_test(the_directory_has_one_holder),
        bench_test(other_files_are_left_alone),
        bench_test(opening_says_what_the_disk_refused),
        bench_test(short_reads_and_writes_do_no_harm),
        bench_test(the_modes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
