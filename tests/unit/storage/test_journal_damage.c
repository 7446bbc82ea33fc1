/* Files that are not as they were written: cut, overwritten with zeros, with a bit turned, missing.
 * What can come of power that fails while a line is written is cut off; all else ends the start,
 * with nothing changed, or is left out by a repair that keeps the file. */
#include "storage/journal_bench.h"

#include <errno.h>

/* scripts/torn_journal wants all of it. */
static int few_or_all(int few, int all)
{
    const bool is_long = getenv("PROCTRACK_TEST_LONG") != NULL;
    return is_long ? all : few;
}

struct copy {
    char *data;
    size_t len;
};

static struct copy copy_of(struct bench *bench, const char *name)
{
    const struct span text = fake_disk_text(bench->fake, name);
    struct copy copy = {malloc(text.len + 1), text.len};
    assert_non_null(copy.data);
    memcpy(copy.data, text.data, text.len);
    return copy;
}

static void put(struct bench *bench, const char *name, const struct copy *copy, size_t len)
{
    fake_disk_put(bench->fake, name, (struct span){copy->data, len});
}

/* Lines that end within the first `len` bytes, without the head. */
static int whole_lines(const struct copy *copy, size_t len)
{
    int lines = -1;
    for (size_t i = 0; i < len; i++)
        lines += copy->data[i] == '\n';
    return lines < 0 ? 0 : lines;
}

static size_t line_begin(const struct copy *copy, size_t at)
{
    while (at > 0 && copy->data[at - 1] != '\n')
        at--;
    return at;
}

static void fill(struct bench *bench, int count, size_t padding)
{
    bench->padding = padding;
    bench_must_open(bench);
    for (int i = 0; i < count; i++)
        bench_commit(bench, i);
    bench_close(bench);
}

static void expect_refused(struct bench *bench, const char *name, size_t offset)
{
    char where[64];
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_CORRUPT);
    snprintf(where, sizeof(where), "/fake/%s, byte %zu: ", name, offset);
    if (strstr(bench->report.problem, where) == NULL)
        fail_msg("expected %s, but: %s", where, bench->report.problem);
    assert_non_null(strstr(bench->report.problem, "--repair"));
}

static void expect_cut(struct bench *bench, const struct copy *whole, size_t cut, size_t len)
{
    const int lines = whole_lines(whole, cut);
    bench_must_open(bench);
    bench_expect(bench, 0, lines - 1);
    const size_t kept = line_begin(whole, cut);
    assert_int_equal(bench->report.torn_bytes, len - kept);
    assert_int_equal(bench->report.problem[0] != '\0', len > kept);
    bench_close(bench);
    bench_must_open(bench); /* once cut it is whole */
    assert_int_equal(bench->report.torn_bytes, 0);
    bench_expect(bench, 0, lines - 1);
    bench_close(bench);
}

static void a_torn_end_is_cut_off(void **state)
{
    struct bench *bench = *state;
    fill(bench, 6, 10);
    struct copy whole = copy_of(bench, "journal.1"), zeros = copy_of(bench, "journal.1");
    for (size_t cut = whole.len; cut-- > 0;) {
        put(bench, "journal.1", &whole, cut);
        expect_cut(bench, &whole, cut, cut);
        memset(zeros.data + cut, 0, whole.len - cut);
        put(bench, "journal.1", &zeros, whole.len);
        expect_cut(bench, &whole, cut, whole.len);
    }
    free(whole.data);
    free(zeros.data);
}

static void a_cut_journal_goes_on(void **state)
{
    struct bench *bench = *state;
    fill(bench, 3, 10);
    struct copy whole = copy_of(bench, "journal.1");
    for (size_t cut = 0; cut < whole.len; cut += 7) {
        put(bench, "journal.1", &whole, cut);
        bench_must_open(bench);
        bench_store(bench, 77);
        bench_close(bench);
        bench_must_open(bench);
        assert_int_equal(bench->report.lines, whole_lines(&whole, cut) + 1);
        bench_close(bench);
    }
    free(whole.data);
}

static void a_large_journal_is_cut_anywhere(void **state)
{
    struct bench *bench = *state;
    fill(bench, 700, 60);
    struct copy whole = copy_of(bench, "journal.1");
    assert_true(whole.len > 64 * 1024);
    const size_t step = (size_t)few_or_all(251, 1);
    for (size_t cut = 1; cut < whole.len; cut += step) {
        put(bench, "journal.1", &whole, cut);
        bench_must_open(bench);
        bench_expect(bench, 0, whole_lines(&whole, cut) - 1);
        bench_close(bench);
    }
    print_message("cut %d bytes apart: %zu bytes\n", (int)step, whole.len);
    free(whole.data);
}

/* Where the damage is found: the line, or the one before it when that has lost its end. */
static void expect_flip_found(struct bench *bench, const struct copy *whole, size_t at)
{
    const size_t begin = line_begin(whole, at);
    expect_refused(bench, "journal.1", begin);
    bench_expect(bench, 0, whole_lines(whole, begin) - 1);
}

static void flip(struct bench *bench, struct copy *copy, const char *name, size_t bit)
{
    copy->data[bit / 8] = (char)(copy->data[bit / 8] ^ (1 << bit % 8));
    put(bench, name, copy, copy->len);
}

static void every_bit_that_turns_is_found(void **state)
{
    struct bench *bench = *state;
    fill(bench, 4, 5);
    struct copy whole = copy_of(bench, "journal.1"), turned = copy_of(bench, "journal.1");
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        flip(bench, &turned, "journal.1", bit);
        expect_flip_found(bench, &whole, bit / 8);
        assert_span(fake_disk_text(bench->fake, "journal.1"),
                    ((struct span){turned.data, turned.len})); /* nothing was changed */
        flip(bench, &turned, "journal.1", bit);
    }
    bench_must_open(bench);
    bench_expect(bench, 0, 3);
    free(whole.data);
    free(turned.data);
}

static void bits_that_turn_in_a_large_journal_are_found(void **state)
{
    struct bench *bench = *state;
    fill(bench, 700, 60);
    struct copy whole = copy_of(bench, "journal.1"), turned = copy_of(bench, "journal.1");
    uint64_t seed = 5;
    for (int i = 0, flips = few_or_all(2000, 10000); i < flips; i++) {
        const size_t bit = (size_t)(fake_random(&seed) % (whole.len * 8));
        flip(bench, &turned, "journal.1", bit);
        expect_flip_found(bench, &whole, bit / 8);
        flip(bench, &turned, "journal.1", bit);
    }
    free(whole.data);
    free(turned.data);
}

static void make_snapshot(struct bench *bench, int items, int more)
{
    bench_must_open(bench);
    for (int i = 0; i < items; i++)
        bench_commit(bench, i);
    bench_snapshot(bench);
    for (int i = items; i < items + more; i++)
        bench_store(bench, i);
    bench_close(bench);
}

static void every_bit_that_turns_in_a_snapshot_is_found(void **state)
{
    struct bench *bench = *state;
    make_snapshot(bench, 4, 1);
    struct copy turned = copy_of(bench, "snapshot.json");
    for (size_t bit = 0; bit < turned.len * 8; bit++) {
        flip(bench, &turned, "snapshot.json", bit);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_CORRUPT);
        assert_non_null(strstr(bench->report.problem, "/fake/"));
        assert_true(fake_disk_has(bench->fake, "journal.2"));
        flip(bench, &turned, "snapshot.json", bit);
    }
    bench_must_open(bench);
    bench_expect(bench, 0, 4);
    free(turned.data);
}

/* The last line that was acknowledged has lost its break, and the next one is torn. */
static void a_torn_end_hides_no_damage_before_it(void **state)
{
    struct bench *bench = *state;
    fill(bench, 4, 5);
    struct copy whole = copy_of(bench, "journal.1");
    const size_t begin = line_begin(&whole, whole.len - 1), broken = begin - 1;
    const size_t before = line_begin(&whole, broken);
    whole.data[broken] = 'X';
    for (size_t cut = begin; cut < whole.len; cut++) {
        put(bench, "journal.1", &whole, cut);
        expect_refused(bench, "journal.1", before);
        bench_expect(bench, 0, 1);
    }
    memset(whole.data + whole.len - 3, 0, 3);
    put(bench, "journal.1", &whole, whole.len);
    expect_refused(bench, "journal.1", before);
    free(whole.data);
}

static void a_snapshot_that_was_cut_is_refused(void **state)
{
    struct bench *bench = *state;
    make_snapshot(bench, 4, 1);
    struct copy whole = copy_of(bench, "snapshot.json");
    for (size_t cut = 0; cut < whole.len; cut++) {
        put(bench, "snapshot.json", &whole, cut);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_CORRUPT);
    }
    free(whole.data);
}

static void what_follows_a_snapshot_is_refused(void **state)
{
    struct bench *bench = *state;
    make_snapshot(bench, 2, 0);
    struct copy whole = copy_of(bench, "snapshot.json");
    whole.data[whole.len] = '\n';
    put(bench, "snapshot.json", &whole, whole.len + 1);
    expect_refused(bench, "snapshot.json", whole.len);
    free(whole.data);
}

/* Two journals, as after a snapshot that did not come to its end. */
static void make_two_journals(struct bench *bench)
{
    bench_must_open(bench);
    bench_store(bench, 0);
    bench_store(bench, 1);
    fake_disk_fail(bench->fake, FAKE_RENAME, 1, 1, EIO);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    bench_wait_for(bench, bench->done > 0);
    bench_store(bench, 2);
    bench_store(bench, 3);
    bench_close(bench);
    assert_true(fake_disk_has(bench->fake, "journal.1"));
    assert_true(fake_disk_has(bench->fake, "journal.2"));
}

static void only_the_last_file_may_be_torn(void **state)
{
    struct bench *bench = *state;
    make_two_journals(bench);
    struct copy first = copy_of(bench, "journal.1"), second = copy_of(bench, "journal.2");
    for (size_t cut = 0; cut < first.len; cut++) {
        put(bench, "journal.1", &first, cut);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_CORRUPT);
    }
    put(bench, "journal.1", &first, first.len);
    for (size_t cut = 0; cut < second.len; cut++) {
        put(bench, "journal.2", &second, cut);
        bench_must_open(bench);
        bench_expect(bench, 0, 1 + whole_lines(&second, cut));
        bench_close(bench);
    }
    free(first.data);
    free(second.data);
}

static void files_that_are_missing_are_noticed(void **state)
{
    struct bench *bench = *state;
    make_two_journals(bench);
    struct copy first = copy_of(bench, "journal.1"), second = copy_of(bench, "journal.2");
    fake_disk_drop(bench->fake, "journal.1");
    expect_refused(bench, "journal.1", 0);
    put(bench, "journal.1", &second, second.len);
    expect_refused(bench, "journal.1", 0); /* under a wrong name */
    put(bench, "journal.1", &first, first.len);
    put(bench, "journal.4", &second, second.len);
    expect_refused(bench, "journal.3", 0);
    fake_disk_drop(bench->fake, "journal.4");
    bench_must_open(bench);
    bench_snapshot(bench);
    bench_close(bench);
    fake_disk_drop(bench->fake, "journal.3");
    expect_refused(bench, "journal.3", 0);
    fake_disk_drop(bench->fake, "snapshot.json");
    fake_disk_put(bench->fake, "journal.3", SPAN(""));
    expect_refused(bench, "journal.1", 0);
    free(first.data);
    free(second.data);
}

static void lines_that_are_missing_or_there_twice_are_noticed(void **state)
{
    struct bench *bench = *state;
    fill(bench, 4, 5);
    struct copy whole = copy_of(bench, "journal.1"), other = copy_of(bench, "journal.1");
    const size_t first =
        whole_lines(&whole, whole.len) == 4
            ? (size_t)((char *)memchr(whole.data, '\n', whole.len) - whole.data) + 1
            : 0;
    const size_t len = (whole.len - first) / 4;
    memmove(other.data + first + len, other.data + first + 2 * len, 2 * len);
    put(bench, "journal.1", &other, whole.len - len);
    expect_refused(bench, "journal.1", first + len);
    memcpy(other.data, whole.data, whole.len);
    memcpy(other.data + first + len, whole.data + first, len);
    put(bench, "journal.1", &other, whole.len);
    expect_refused(bench, "journal.1", first + len);
    /* The first lines of a file that is not the first one. */
    fake_disk_put(bench->fake, "journal.1", SPAN(""));
    bench_must_open(bench);
    bench_close(bench);
    free(whole.data);
    free(other.data);
}

static void what_makes_no_sense_is_damage(void **state)
{
    struct bench *bench = *state;
    fill(bench, 20, 5);
    bench->refuses = true;
    bench->refuse = "it makes no sense";
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_CORRUPT);
    assert_non_null(strstr(bench->report.problem, "it makes no sense"));
    bench->refuse = NULL;
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_NO_MEMORY);
}

/* --- repair ------------------------------------------------------------------------------------
 */

struct kept {
    const char *name;
    int count;
};

static void count_kept(void *arg, const char *name)
{
    struct kept *kept = arg;
    kept->count += strncmp(name, kept->name, strlen(kept->name)) == 0;
}

static int kept_files(struct bench *bench, const char *prefix)
{
    struct kept kept = {.name = prefix};
    fake_disk_names(bench->fake, count_kept, &kept);
    return kept.count;
}

static int found_count(const struct bench *bench)
{
    int count = 0;
    for (int i = 0; i < BENCH_NUMBERS; i++)
        count += bench->found[i];
    return count;
}

/* Repairs, takes a snapshot of what was found, and starts as usual. */
static void repair(struct bench *bench, int at_least)
{
    bench->repair = true;
    bench_must_open(bench);
    bench->repair = false;
    const int found = found_count(bench);
    assert_true(found >= at_least);
    assert_true(bench->report.damaged > 0);
    assert_non_null(strstr(bench->report.problem, "left out"));
    assert_true(journal_wants_snapshot(bench->journal));
    memcpy(bench->has, bench->found, sizeof(bench->has));
    bench_snapshot(bench);
    assert_false(journal_wants_snapshot(bench->journal));
    bench_store(bench, BENCH_NUMBERS - 1);
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    assert_int_equal(found_count(bench), found + 1);
    assert_true(bench->found[BENCH_NUMBERS - 1]);
    bench_close(bench);
}

static void a_repair_leaves_out_only_what_is_damaged(void **state)
{
    struct bench *bench = *state;
    fill(bench, 8, 5);
    struct copy whole = copy_of(bench, "journal.1");
    for (size_t bit = 0; bit < whole.len * 8; bit += 3) {
        fake_disk_destroy(bench->fake);
        bench->fake = fake_disk_create();
        flip(bench, &whole, "journal.1", bit);
        repair(bench, whole.data[bit / 8 + 1] == '{' ? 6 : 7);
        assert_int_equal(kept_files(bench, "journal.1.damaged-"), 1);
        assert_false(fake_disk_has(bench->fake, "journal.1"));
        flip(bench, &whole, "journal.1", bit);
    }
    free(whole.data);
}

static void a_repair_of_a_snapshot_keeps_it(void **state)
{
    struct bench *bench = *state;
    make_snapshot(bench, 6, 2);
    struct copy whole = copy_of(bench, "snapshot.json"), journal = copy_of(bench, "journal.2");
    for (size_t bit = 0; bit < whole.len * 8; bit += 5) {
        fake_disk_destroy(bench->fake);
        bench->fake = fake_disk_create();
        put(bench, "journal.2", &journal, journal.len);
        flip(bench, &whole, "snapshot.json", bit);
        repair(bench, 6);
        assert_int_equal(kept_files(bench, "snapshot.json.damaged-"), 1);
        flip(bench, &whole, "snapshot.json", bit);
    }
    free(whole.data);
    free(journal.data);
}

static void a_repair_goes_past_files_that_are_missing(void **state)
{
    struct bench *bench = *state;
    make_two_journals(bench);
    fake_disk_drop(bench->fake, "journal.1");
    repair(bench, 2);
    assert_true(fake_disk_has(bench->fake, "journal.4"));
    assert_int_equal(kept_files(bench, "journal.2.damaged-"), 1);
}

static void a_repair_that_is_cut_short_is_repeated(void **state)
{
    struct bench *bench = *state;
    fill(bench, 8, 5);
    struct copy whole = copy_of(bench, "journal.1");
    flip(bench, &whole, "journal.1", (whole.len / 2) * 8);
    bench->repair = true;
    bench_must_open(bench);
    bench_store(bench, 100);
    bench_close(bench); /* no snapshot was written */
    bench->repair = false;
    assert_false(bench_open(bench));
    repair(bench, 8);
    assert_true(bench->found[100]);
    free(whole.data);
}

/* ... and so is one past a file that is missing: it is not made as if nothing had been in it. */
static void a_missing_file_stays_missing_until_there_is_a_snapshot(void **state)
{
    struct bench *bench = *state;
    make_snapshot(bench, 3, 1);
    fake_disk_drop(bench->fake, "journal.2");
    expect_refused(bench, "journal.2", 0);
    bench->repair = true;
    bench_must_open(bench);
    bench_store(bench, 100);
    bench_close(bench); /* no snapshot was written */
    bench->repair = false;
    expect_refused(bench, "journal.2", 0);
    repair(bench, 4);
    assert_true(bench->found[100]);
}

static void a_repair_of_what_is_whole_changes_nothing(void **state)
{
    struct bench *bench = *state;
    fill(bench, 8, 5);
    bench->repair = true;
    bench_must_open(bench);
    bench_expect(bench, 0, 7);
    assert_false(journal_wants_snapshot(bench->journal));
    bench_store(bench, 8);
    assert_false(fake_disk_has(bench->fake, "journal.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_torn_end_is_cut_off),
        bench_test(a_cut_journal_goes_on),
        bench_test(a_large_journal_is_cut_anywhere),
        bench_test(every_bit_that_turns_is_found),
        bench_test(bits_that_turn_in_a_large_journal_are_found),
        bench_test(every_bit_that_turns_in_a_snapshot_is_found),
        bench_test(a_torn_end_hides_no_damage_before_it),
        bench_test(a_snapshot_that_was_cut_is_refused),
        bench_test(what_follows_a_snapshot_is_refused),
        bench_test(only_the_last_file_may_be_torn),
        bench_test(files_that_are_missing_are_noticed),
        bench_test(lines_that_are_missing_or_there_twice_are_noticed),
        bench_test(what_makes_no_sense_is_damage),
        bench_test(a_repair_leaves_out_only_what_is_damaged),
        bench_test(a_repair_of_a_snapshot_keeps_it),
        bench_test(a_repair_goes_past_files_that_are_missing),
        bench_test(a_repair_that_is_cut_short_is_repeated),
        bench_test(a_missing_file_stays_missing_until_there_is_a_snapshot),
        bench_test(a_repair_of_what_is_whole_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
