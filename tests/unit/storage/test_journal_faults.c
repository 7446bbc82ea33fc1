/* A disk that is full, fails or stops, and the same once it is well again. */
#include "storage/journal_bench.h"

#include <errno.h>

static void wait_for_state(struct bench *bench, enum err state)
{
    bench_wait_for(bench, journal_state(bench->journal) == state);
}

static void reopen_after_power_loss(struct bench *bench, int last)
{
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, last);
}

static void a_full_disk_is_told_and_heals(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    const int64_t used = (int64_t)fake_disk_text(bench->fake, "journal.1").len;
    fake_disk_room(bench->fake, used + 20); /* a part of the line */
    bench_commit(bench, 1);
    wait_for_state(bench, ERR_FULL);
    assert_false(bench_is_stored(bench, 1));
    assert_int_equal(journal_numbers(bench->journal).failures, 1);
    const int told = bench->progress;
    fake_disk_room(bench->fake, -1);
    bench_wait_for(bench, bench_is_stored(bench, 1));
    assert_int_equal(journal_state(bench->journal), ERR_OK);
    assert_true(bench->progress > told);
    bench_store(bench, 2);
    reopen_after_power_loss(bench, 2);
}

/* The batch that failed comes first, then what had been committed behind it. */
static void what_was_committed_meanwhile_follows(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    fake_disk_fail(bench->fake, FAKE_WRITE, 1, 1, EDQUOT);
    fake_disk_hold(bench->fake, FAKE_WRITE, true);
    bench_commit(bench, 0);
    bench_wait_held(bench, FAKE_WRITE);
    bench_commit(bench, 1);
    loop_turn(bench->loop, 0);
    fake_disk_hold(bench->fake, FAKE_WRITE, false);
    wait_for_state(bench, ERR_FULL);
    bench_wait_for(bench, bench_is_stored(bench, 1));
    reopen_after_power_loss(bench, 1);
}

/* Nothing counts after a failed sync until the file was opened, read and cut anew; then the lines
 * are written again, as what was written may never get to the disk. */
static void a_failed_sync_is_not_believed_later(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, 1, EIO);
    const int64_t opened = fake_disk_calls_of(bench->fake, FAKE_OPEN);
    const int64_t cut = fake_disk_calls_of(bench->fake, FAKE_TRUNCATE);
    const int64_t written = fake_disk_calls_of(bench->fake, FAKE_WRITE);
    bench_commit(bench, 1);
    wait_for_state(bench, ERR_UNAVAILABLE);
    assert_false(bench_is_stored(bench, 1));
    bench_wait_for(bench, bench_is_stored(bench, 1));
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_OPEN), opened + 1);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_TRUNCATE), cut + 1);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_WRITE), written + 2);
    assert_false(journal_wants_snapshot(bench->journal)); /* all is sure */
    reopen_after_power_loss(bench, 1);
}

/* It counts as one that fails, until it does answer; only then is anything stored. */
static void a_disk_that_does_not_answer_is_told_of(void **state)
{
    struct bench *bench = *state;
    bench->patience_ms = 20;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_hold(bench->fake, FAKE_SYNC, true);
    bench_commit(bench, 1);
    const int told = bench->progress;
    wait_for_state(bench, ERR_UNAVAILABLE);
    assert_int_equal(bench->progress, told + 1);
    assert_true(fake_disk_holds(bench->fake, FAKE_SYNC));
    assert_false(bench_is_stored(bench, 1));
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, 1, EIO); /* it does so with an error at first */
    fake_disk_hold(bench->fake, FAKE_SYNC, false);
    bench_wait_for(bench, journal_numbers(bench->journal).failures == 1);
    wait_for_state(bench, ERR_OK);
    assert_true(bench_is_stored(bench, 1));
    bench_store(bench, 2);
    reopen_after_power_loss(bench, 2);
}

static void mending_fails_as_often_as_it_must(void **state)
{
    struct bench *bench = *state;
    const enum fake_call calls[] = {FAKE_OPEN, FAKE_READ, FAKE_TRUNCATE, FAKE_SYNC};
    bench_must_open(bench);
    bench_store(bench, 0);
    for (int i = 0; i < 4; i++) {
        fake_disk_fail(bench->fake, FAKE_WRITE, 1, 1, EIO);
        fake_disk_fail(bench->fake, calls[i], 1, 1, EIO);
        const uint64_t failures = journal_numbers(bench->journal).failures;
        bench_commit(bench, i + 1);
        bench_wait_for(bench, bench_is_stored(bench, i + 1));
        assert_int_equal(journal_numbers(bench->journal).failures, failures + 2);
    }
    reopen_after_power_loss(bench, 4);
}

/* What was acknowledged is no longer there: nothing is accepted on top of that. */
static void a_file_that_has_changed_is_not_appended_to(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    const struct span text = fake_disk_text(bench->fake, "journal.1");
    char *copy = malloc(text.len);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    copy[text.len - 5] ^= 1;
    fake_disk_put(bench->fake, "journal.1", (struct span){copy, text.len});
    fake_disk_fail(bench->fake, FAKE_WRITE, 1, 1, EIO);
    const int64_t cut = fake_disk_calls_of(bench->fake, FAKE_TRUNCATE);
    bench_commit(bench, 1);
    bench_wait_for(bench, journal_numbers(bench->journal).failures == 3);
    assert_int_equal(journal_state(bench->journal), ERR_UNAVAILABLE);
    assert_int_equal(fake_disk_calls_of(bench->fake, FAKE_TRUNCATE), cut);
    copy[text.len - 5] ^= 1;
    fake_disk_put(bench->fake, "journal.1", (struct span){copy, text.len});
    bench_wait_for(bench, bench_is_stored(bench, 1));
    free(copy);
}

/* Lines that had been acknowledged before they were synced may be lost by a failed sync. */
static void a_failed_sync_of_acknowledged_lines_asks_for_a_snapshot(void **state)
{
    struct bench *bench = *state;
    bench->fsync = JOURNAL_FSYNC_EVERYSEC;
    bench_must_open(bench);
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, 1, EIO);
    bench_store(bench, 0);
    wait_for_state(bench, ERR_UNAVAILABLE);
    wait_for_state(bench, ERR_OK);
    assert_true(journal_wants_snapshot(bench->journal));
    bench_snapshot(bench);
    assert_false(journal_wants_snapshot(bench->journal));
    reopen_after_power_loss(bench, 0);
}

static void a_failure_while_files_change_is_made_good(void **state)
{
    struct bench *bench = *state;
    const enum fake_call calls[] = {FAKE_SYNC, FAKE_OPEN, FAKE_TRUNCATE, FAKE_WRITE,
                                    FAKE_SYNC_DIRECTORY};
    bench_must_open(bench);
    for (int i = 0; i < 5; i++) {
        bench_store(bench, 2 * i);
        fake_disk_hold(bench->fake, FAKE_WRITE, true); /* of the snapshot, too */
        fake_disk_fail(bench->fake, calls[i], 1, 1, EIO);
        assert_int_equal(bench_snapshot_start(bench), ERR_OK);
        bench_commit(bench, 2 * i + 1);
        fake_disk_hold(bench->fake, FAKE_WRITE, false);
        bench_wait_for(bench, bench->done > 0 && bench_is_stored(bench, 2 * i + 1));
        wait_for_state(bench, ERR_OK);
    }
    reopen_after_power_loss(bench, 9);
}

/* The n-th call of anything is the last before the power goes. */
struct run {
    struct bench *bench;
    int committed, stored;
};

static bool is_alive(const struct bench *bench)
{
    return !fake_disk_stopped(bench->fake);
}

static void commit_some(struct run *run, int count)
{
    struct bench *bench = run->bench;
    for (int i = 0; i < count && journal_state(bench->journal) == ERR_OK; i++)
        bench_commit(bench, run->committed++);
    bench_wait_for(bench, !is_alive(bench) ||
                              journal_stored(bench->journal) == journal_last(bench->journal));
}

static void work(struct run *run)
{
    struct bench *bench = run->bench;
    if (!bench_open(bench))
        return;
    commit_some(run, 3);
    for (int round = 0; round < 2 && is_alive(bench); round++) {
        const bool started = bench_snapshot_start(bench) == ERR_OK;
        commit_some(run, 2);
        bench_wait_for(bench, !started || bench->done > 0 || !is_alive(bench));
        if (is_alive(bench))
            commit_some(run, 2);
    }
    run->stored = (int)journal_stored(bench->journal);
}

/* False: the work ended before the n-th call. */
static bool stop_at(struct bench *bench, int64_t nth, enum fake_keep keep)
{
    struct run run = {.bench = bench};
    fake_disk_destroy(bench->fake);
    bench->fake = fake_disk_create();
    memset(bench->has, 0, sizeof(bench->has));
    memset(bench->place, 0, sizeof(bench->place));
    fake_disk_stop_at(bench->fake, nth, (uint64_t)nth);
    work(&run);
    const bool stopped = fake_disk_stopped(bench->fake);
    if (stopped && bench->journal != NULL)
        run.stored = (int)journal_stored(bench->journal);
    bench_close(bench);
    fake_disk_crash(bench->fake, keep, (uint64_t)nth * 7919);
    bench_must_open(bench);
    for (int i = 0; i < BENCH_NUMBERS; i++) {
        if (i < run.stored ? !bench->found[i] : bench->found[i] && i >= run.committed)
            fail_msg("stopped at call %d: number %d, %d were stored", (int)nth, i, run.stored);
    }
    bench_store(bench, BENCH_NUMBERS - 1); /* it goes on */
    bench_close(bench);
    return stopped;
}

static void no_stop_loses_what_was_stored(void **state)
{
    struct bench *bench = *state;
    const enum fake_keep keeps[] = {KEEP_SYNCED, KEEP_ALL, KEEP_PART};
    for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
        int64_t nth = 1;
        while (stop_at(bench, nth, keeps[i]))
            nth++;
        assert_true(nth > 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_full_disk_is_told_and_heals),
        bench_test(what_was_committed_meanwhile_follows),
        bench_test(a_failed_sync_is_not_believed_later),
        bench_test(a_disk_that_does_not_answer_is_told_of),
        bench_test(mending_fails_as_often_as_it_must),
        bench_test(a_file_that_has_changed_is_not_appended_to),
        bench_test(a_failed_sync_of_acknowledged_lines_asks_for_a_snapshot),
        bench_test(a_failure_while_files_change_is_made_good),
        bench_test(no_stop_loses_what_was_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
