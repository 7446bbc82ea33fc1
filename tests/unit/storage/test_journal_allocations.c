/* The journal with every one of its allocations failing in turn, and with some in a row: what was
 * committed is stored in the end, what was refused is not there, and no start changes anything that
 * it cannot take over. The linker sends what the program allocates through here (--wrap). */
#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { NUMBERS = 64, ATTEMPTS_MAX = 300, PADDING = 3000 };

/* --- what fails --------------------------------------------------------------------------------
 */

static atomic_int before_failure, failures_left;

static bool fails(void)
{
    if (atomic_load(&failures_left) <= 0 || atomic_fetch_sub(&before_failure, 1) > 0)
        return false;
    return atomic_fetch_sub(&failures_left, 1) > 0;
}

#include "support/failing_wraps.h"

static void fail_at(int nth, int times)
{
    atomic_store(&before_failure, nth);
    atomic_store(&failures_left, times);
}

/* Whether any did; from now on none does. */
static bool stop_failing(int times)
{
    return atomic_exchange(&failures_left, 0) < times;
}

/* --- a journal of numbers ----------------------------------------------------------------------
 */

struct world {
    struct loop *loop;
    char above[64], path[80];
    struct disk *disk;
    struct journal *journal;
    struct journal_report report;
    enum err err;
    bool repair;
    bool found[NUMBERS], committed[NUMBERS];
    struct journal_snapshot snapshot;
    int done;
    enum err snapshot_err;
};

static bool replay(void *arg, enum journal_source source, struct span content, const char **ret_why)
{
    struct world *world = arg;
    struct span rest = {content.data + 5, content.len - 5}, digits; /* behind {"n": */
    int64_t number;
    (void)source;
    (void)ret_why;
    assert_true(span_starts(content, "{\"n\":"));
    assert_true(span_split(&rest, ',', &digits));
    assert_true(span_to_int(digits, 0, NUMBERS - 1, &number));
    world->found[number] = true;
    return true;
}

static void on_progress(void *arg)
{
    (void)arg;
}

static bool open_world(struct world *world)
{
    const struct journal_options options = {.fsync = JOURNAL_FSYNC_NO,
                                            .repair = world->repair,
                                            .replay = replay,
                                            .replay_arg = world,
                                            .on_progress = on_progress};
    int error = 0;
    memset(world->found, 0, sizeof(world->found));
    world->err = ERR_OK;
    world->report.problem[0] = '\0';
    world->disk = disk_open_directory(world->path, &error);
    if (world->disk == NULL) {
        assert_int_equal(error, ENOMEM);
        return false;
    }
    world->journal = journal_open(world->loop, world->disk, &options, &world->report, &world->err);
    if (world->journal == NULL) {
        assert_int_equal(world->err, ERR_NO_MEMORY);
        assert_true(world->report.problem[0] != '\0');
        disk_destroy(world->disk);
        world->disk = NULL;
    }
    return world->journal != NULL;
}

static void close_world(struct world *world)
{
    journal_destroy(world->journal);
    disk_destroy(world->disk);
    world->journal = NULL;
    world->disk = NULL;
}

static void expect_committed(struct world *world)
{
    assert_true(open_world(world));
    assert_memory_equal(world->found, world->committed, sizeof(world->found));
}

static void append_number(struct text_buffer *out, int number)
{
    text_append_format(out, "\"n\":%d,\"p\":\"", number);
    for (int i = 0; i < PADDING; i++)
        text_append_char(out, 'x');
    text_append_char(out, '"');
}

#define WAIT_FOR(world, condition)                             \
    do {                                                       \
        const int64_t limit = clock_steady_ms() + PATIENCE_MS; \
        while (!(condition)) {                                 \
            assert_true(clock_steady_ms() < limit);            \
            loop_turn((world)->loop, PATIENCE_MS);             \
        }                                                      \
    } while (0)

static bool is_idle(const struct world *world)
{
    return journal_state(world->journal) == ERR_OK &&
           journal_stored(world->journal) == journal_last(world->journal);
}

/* Once it can be written: whether there was memory for the line. */
static bool store(struct world *world, int number)
{
    WAIT_FOR(world, is_idle(world));
    append_number(journal_begin(world->journal), number);
    if (!journal_ready(world->journal))
        return false;
    world->committed[number] = true;
    journal_commit(world->journal);
    WAIT_FOR(world, is_idle(world));
    return true;
}

static bool more(struct journal_snapshot *snapshot)
{
    const struct world *world = container_of(snapshot, struct world, snapshot);
    for (int i = 0; i < NUMBERS; i++) {
        if (!world->committed[i])
            continue;
        append_number(journal_item_begin(world->journal), i);
        journal_item_end(world->journal);
    }
    return false;
}

static void on_snapshot(struct journal_snapshot *snapshot, enum err err)
{
    struct world *world = container_of(snapshot, struct world, snapshot);
    world->done++;
    world->snapshot_err = err;
}

static enum err take_snapshot(struct world *world)
{
    world->done = 0;
    world->snapshot = (struct journal_snapshot){.more = more, .done = on_snapshot};
    assert_int_equal(journal_snapshot_start(world->journal, &world->snapshot), ERR_OK);
    WAIT_FOR(world, world->done > 0);
    return world->snapshot_err;
}

/* --- directories -------------------------------------------------------------------------------
 */

static void remove_found(void *arg, const char *name)
{
    struct disk *disk = arg;
    assert_int_equal(disk->ops->remove(disk, name), 0);
}

static void empty_directory(struct world *world)
{
    int error = 0;
    struct disk *disk = disk_open_directory(world->path, &error);
    assert_non_null(disk);
    assert_int_equal(disk->ops->list(disk, remove_found, disk), 0);
    disk_destroy(disk);
    memset(world->committed, 0, sizeof(world->committed));
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    const char *temporary = getenv("TMPDIR");
    snprintf(world->above, sizeof(world->above), "%.40s/test-journal-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(world->above));
    snprintf(world->path, sizeof(world->path), "%s/data", world->above);
    world->loop = loop_create();
    assert_non_null(world->loop);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    stop_failing(0);
    close_world(world);
    empty_directory(world);
    assert_int_equal(rmdir(world->path), 0);
    assert_int_equal(rmdir(world->above), 0);
    loop_destroy(world->loop);
    free(world);
    return 0;
}

static void make_nothing(struct world *world)
{
    empty_directory(world);
}

static void make_snapshot_and_journal(struct world *world)
{
    empty_directory(world);
    assert_true(open_world(world));
    assert_true(store(world, 0) && store(world, 1));
    assert_int_equal(take_snapshot(world), ERR_OK);
    assert_true(store(world, 2));
    close_world(world);
}

/* The second of three lines, and the only item, are not as they were written. */
static void make_damaged(struct world *world)
{
    empty_directory(world);
    assert_true(open_world(world));
    assert_true(store(world, 0));
    assert_int_equal(take_snapshot(world), ERR_OK);
    assert_true(store(world, 1) && store(world, 2) && store(world, 3));
    close_world(world);
    static const struct {
        const char *name;
        int line;
    } places[] = {{"snapshot.json", 1}, {"journal.2", 2}};
    for (size_t i = 0; i < 2; i++) {
        char path[120], line[PADDING + 200];
        snprintf(path, sizeof(path), "%s/%s", world->path, places[i].name);
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        for (int n = 0; n < places[i].line; n++)
            assert_non_null(fgets(line, sizeof(line), file));
        assert_int_equal(fseek(file, 100, SEEK_CUR), 0);
        assert_int_equal(fputc('!', file), '!');
        assert_int_equal(fclose(file), 0);
    }
    world->committed[0] = world->committed[2] = false;
}

/* --- in turn -----------------------------------------------------------------------------------
 */

static void open_failing(struct world *world, void (*make)(struct world *world), bool repair)
{
    bool failed = true, refused = false;
    for (int n = 0; failed; n++) {
        assert_true(n < ATTEMPTS_MAX);
        world->repair = false;
        make(world);
        world->repair = repair;
        fail_at(n, 1);
        const bool opened = open_world(world);
        failed = stop_failing(1);
        assert_true(opened || failed);
        refused = refused || !opened;
        if (!opened)
            assert_true(open_world(world));
        assert_memory_equal(world->found, world->committed, sizeof(world->found));
        assert_int_equal(world->report.damaged > 0, repair);
        close_world(world);
    }
    assert_true(refused);
}

static void opening_takes_over_all_or_says_why(void **state)
{
    open_failing(*state, make_nothing, false);
    open_failing(*state, make_snapshot_and_journal, false);
    open_failing(*state, make_damaged, true);
}

static void lines_are_refused_or_stored(void **state)
{
    struct world *world = *state;
    int refused = 0;
    for (int times = 1; times <= 3; times++) {
        bool failed = true;
        for (int n = 0; failed; n++) {
            assert_true(n < ATTEMPTS_MAX);
            empty_directory(world);
            assert_true(open_world(world));
            fail_at(n, times);
            for (int i = 0; i < 3; i++)
                refused += !store(world, i);
            failed = stop_failing(times);
            assert_true(store(world, 3));
            close_world(world);
            expect_committed(world);
            close_world(world);
        }
    }
    assert_true(refused > 0);
}

static void a_snapshot_is_written_or_not_at_all(void **state)
{
    struct world *world = *state;
    int without_memory = 0;
    for (int times = 1; times <= 3; times++) {
        bool failed = true;
        for (int n = 0; failed; n++) {
            assert_true(n < ATTEMPTS_MAX);
            empty_directory(world);
            assert_true(open_world(world));
            assert_true(store(world, 0) && store(world, 1));
            fail_at(n, times);
            const enum err err = take_snapshot(world);
            failed = stop_failing(times);
            assert_true(err == ERR_OK || err == ERR_NO_MEMORY || err == ERR_UNAVAILABLE);
            assert_true(failed || err == ERR_OK);
            without_memory += err == ERR_NO_MEMORY;
            assert_true(store(world, 2));
            close_world(world);
            expect_committed(world);
            assert_int_equal(world->report.items > 0, err == ERR_OK);
            close_world(world);
        }
    }
    assert_true(without_memory > 0);
}

#define world_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(opening_takes_over_all_or_says_why),
        world_test(lines_are_refused_or_stored),
        world_test(a_snapshot_is_written_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
