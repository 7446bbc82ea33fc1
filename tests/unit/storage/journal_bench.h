/* A journal on a fake disk, whose lines and items are numbers: what is kept is a set of them. */
#ifndef STORAGE_JOURNAL_BENCH_H
#define STORAGE_JOURNAL_BENCH_H

#include "support/fake_disk.h"
#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/journal.h"

#include <stdio.h>

enum { BENCH_NUMBERS = 4096 };

struct bench {
    struct loop *loop;
    struct fake_disk *fake;
    struct disk *disk;
    struct journal *journal;
    struct journal_report report;
    enum err err;
    enum journal_fsync fsync;
    int64_t patience_ms;
    bool repair;
    bool found[BENCH_NUMBERS]; /* replayed */
    int found_last;            /* the last one of the journal */
    const char *refuse;        /* replay refuses number 13 so */
    bool refuses;
    bool has[BENCH_NUMBERS]; /* committed: what a snapshot holds */
    uint64_t place[BENCH_NUMBERS];
    int progress;
    size_t padding; /* bytes added to each line and item */
    /* A snapshot. */
    struct journal_snapshot snapshot;
    int next, part; /* items for each call of more */
    int done;
    enum err snapshot_err;
};

static inline bool bench_replay(void *arg, enum journal_source source, struct span content,
                                const char **ret_why)
{
    struct bench *bench = arg;
    const char *prefix = source == JOURNAL_LINE ? "{\"n\":" : "{\"item\":";
    int64_t number;
    assert_true(span_starts(content, prefix));
    struct span rest = {content.data + strlen(prefix), content.len - strlen(prefix)}, digits;
    assert_true(span_split(&rest, ',', &digits));
    assert_true(span_to_int(digits, 0, BENCH_NUMBERS - 1, &number));
    assert_true(rest.len >= 5 && rest.data[rest.len - 1] == '}');
    if (bench->refuses && number == 13) {
        *ret_why = bench->refuse;
        return false;
    }
    bench->found[number] = true;
    if (source == JOURNAL_LINE)
        bench->found_last = (int)number;
    return true;
}

static inline void bench_progress(void *arg)
{
    ((struct bench *)arg)->progress++;
}

static inline bool bench_open(struct bench *bench)
{
    const struct journal_options options = {.fsync = bench->fsync,
                                            .repair = bench->repair,
                                            .patience_ms = bench->patience_ms,
                                            .replay = bench_replay,
                                            .replay_arg = bench,
                                            .on_progress = bench_progress,
                                            .arg = bench};
    memset(bench->found, 0, sizeof(bench->found));
    bench->err = ERR_OK;
    bench->found_last = -1;
    bench->disk = fake_disk_open(bench->fake);
    bench->journal = journal_open(bench->loop, bench->disk, &options, &bench->report, &bench->err);
    if (bench->journal == NULL) {
        disk_destroy(bench->disk);
        bench->disk = NULL;
    }
    return bench->journal != NULL;
}

static inline void bench_must_open(struct bench *bench)
{
    if (!bench_open(bench))
        fail_msg("%s", bench->report.problem);
}

static inline void bench_close(struct bench *bench)
{
    if (bench->journal == NULL)
        return;
    journal_destroy(bench->journal);
    disk_destroy(bench->disk);
    bench->journal = NULL;
}

/* The power goes now. */
static inline void bench_crash(struct bench *bench, enum fake_keep keep, uint64_t seed)
{
    fake_disk_stop_at(bench->fake, 1, seed);
    bench_close(bench);
    fake_disk_crash(bench->fake, keep, seed);
}

static inline int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->loop = loop_create();
    bench->fake = fake_disk_create();
    bench->part = 10;
    *state = bench;
    return 0;
}

static inline int bench_teardown(void **state)
{
    struct bench *bench = *state;
    fake_disk_heal(bench->fake);
    bench_close(bench);
    loop_destroy(bench->loop);
    fake_disk_destroy(bench->fake);
    free(bench);
    return 0;
}

static inline void bench_append_number(struct bench *bench, struct text_buffer *out,
                                       const char *name, int number)
{
    text_append_format(out, "\"%s\":%d,\"p\":\"", name, number);
    for (size_t i = 0; i < bench->padding; i++)
        text_append_char(out, (char)('A' + (i + (size_t)number) % 26));
    text_append_char(out, '"');
}

static inline void bench_commit(struct bench *bench, int number)
{
    assert_int_equal(journal_state(bench->journal), ERR_OK);
    bench_append_number(bench, journal_begin(bench->journal), "n", number);
    assert_true(journal_ready(bench->journal));
    bench->has[number] = true;
    bench->place[number] = journal_commit(bench->journal);
    assert_int_equal(bench->place[number], journal_last(bench->journal));
}

static inline bool bench_is_stored(const struct bench *bench, int number)
{
    return bench->place[number] != 0 && journal_stored(bench->journal) >= bench->place[number];
}

#define bench_wait_for(bench, condition)                           \
    do {                                                           \
        const int64_t bench_end = clock_steady_ms() + PATIENCE_MS; \
        while (!(condition)) {                                     \
            assert_true(clock_steady_ms() < bench_end);            \
            loop_turn((bench)->loop, PATIENCE_MS);                 \
        }                                                          \
    } while (0)

/* Until a call of the kind is held on another thread. */
static inline void bench_wait_held(struct bench *bench, enum fake_call call)
{
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (!fake_disk_holds(bench->fake, call)) {
        assert_true(clock_steady_ms() < end);
        loop_turn(bench->loop, 1);
    }
}

static inline void bench_store(struct bench *bench, int number)
{
    bench_commit(bench, number);
    bench_wait_for(bench, bench_is_stored(bench, number));
}

static inline void bench_expect(const struct bench *bench, int first, int last)
{
    for (int i = 0; i < BENCH_NUMBERS; i++) {
        if (bench->found[i] != (i >= first && i <= last))
            fail_msg("number %d: %s", i, bench->found[i] ? "was not expected" : "is missing");
    }
}

/* --- snapshots ---------------------------------------------------------------------------------
 */

static inline bool bench_more(struct journal_snapshot *snapshot)
{
    struct bench *bench = container_of(snapshot, struct bench, snapshot);
    for (int i = 0; i < bench->part && bench->next < BENCH_NUMBERS; bench->next++) {
        if (!bench->has[bench->next])
            continue;
        bench_append_number(bench, journal_item_begin(bench->journal), "item", bench->next);
        journal_item_end(bench->journal);
        i++;
    }
    return bench->next < BENCH_NUMBERS;
}

static inline void bench_snapshot_done(struct journal_snapshot *snapshot, enum err err)
{
    struct bench *bench = container_of(snapshot, struct bench, snapshot);
    bench->done++;
    bench->snapshot_err = err;
}

static inline enum err bench_snapshot_start(struct bench *bench)
{
    bench->next = 0;
    bench->done = 0;
    bench->snapshot.more = bench_more;
    bench->snapshot.done = bench_snapshot_done;
    return journal_snapshot_start(bench->journal, &bench->snapshot);
}

static inline void bench_snapshot(struct bench *bench)
{
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    assert_int_equal(bench->done, 0);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_OK);
}

#define bench_test(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)

#endif
