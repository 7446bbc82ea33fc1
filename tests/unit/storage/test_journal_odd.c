/* Files whose every checksum is right, but that no journal would write; and calls of the disk that
 * fail where that is rare. */
#include "storage/journal_bench.h"

#include "proctrack/sealed_line.h"

#include <errno.h>

#define HEAD "\"format\":\"proctrackd journal\","

/* --- files made by hand ------------------------------------------------------------------------
 */

struct text {
    struct text_buffer out;
};

static void begin(struct text *text)
{
    text_buffer_init(&text->out, 1 << 20);
}

/* `{"crc":…,MEMBERS}`, and what follows it on its line. */
static void add_sealed(struct text *text, const char *members, const char *after)
{
    const size_t line = sealed_line_begin(&text->out);
    if (members[0] != '\0')
        text_append_char(&text->out, ',');
    text_append_str(&text->out, members);
    assert_true(sealed_line_end(&text->out, line));
    text_append_str(&text->out, after);
}

static void put(struct bench *bench, const char *name, struct text *text)
{
    fake_disk_put(bench->fake, name, text_buffer_span(&text->out));
    text_buffer_finish(&text->out);
}

static void expect_refused(struct bench *bench, const char *name, const char *why)
{
    assert_false(bench_open(bench));
    assert_int_equal(bench->err, ERR_CORRUPT);
    if (strstr(bench->report.problem, name) == NULL || strstr(bench->report.problem, why) == NULL)
        fail_msg("expected %s and \"%s\", but: %s", name, why, bench->report.problem);
}

static void heads_of_others_are_refused(void **state)
{
    static const char damaged[] = "is not as it was written";
    static const struct {
        const char *members, *why;
    } heads[] = {
        {"\"format\":\"a diary\"", damaged},
        {HEAD "\"edition\":1", damaged},
        {HEAD "\"version\":1,\"number\":1", damaged},
        {HEAD "\"version\":1,\"journal\":1,\"behind\":0", damaged},
        {HEAD "\"version\":1,\"journal\":1,\"after\":0,\"more\":1", damaged},
        {HEAD "\"version\":1,\"journal\":01,\"after\":0", damaged},
        {HEAD "\"version\":1,\"journal\":1,\"after\":-1", damaged},
        {HEAD "\"version\":2,\"pages\":[]", "a newer version of this program"},
        {HEAD "\"version\":1,\"journal\":7,\"after\":0", "under a wrong name"},
        {HEAD "\"version\":1,\"journal\":1,\"after\":5", "lines are missing"},
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct text text;
        begin(&text);
        add_sealed(&text, heads[i].members, "\n");
        put(*state, "journal.1", &text);
        expect_refused(*state, "journal.1, byte 0:", heads[i].why);
    }
}

static void lines_of_others_are_refused(void **state)
{
    static const char *const lines[] = {"\"n\":1", "\"seq\":1", "\"seq\":\"1\",\"n\":1",
                                        "\"seq\":9", ""};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct text text;
        begin(&text);
        add_sealed(&text, HEAD "\"version\":1,\"journal\":1,\"after\":0", "\n");
        add_sealed(&text, lines[i], "\n");
        put(*state, "journal.1", &text);
        expect_refused(*state, "journal.1", "the line is none of a journal");
    }
}

/* What stands at the end and cannot be the beginning of a line was not left by a power cut. */
static void an_end_that_is_no_line_is_not_cut_off(void **state)
{
    struct text text;
    begin(&text);
    add_sealed(&text, HEAD "\"version\":1,\"journal\":1,\"after\":0", "\n");
    text_append_str(&text.out, "hello");
    put(*state, "journal.1", &text);
    expect_refused(*state, "journal.1", "the last line is not as it was written");
}

#define SNAPSHOT "{\"format\":\"proctrackd snapshot\",\"version\":1,"
#define AT       "2025-11-08T10:00:00.000Z"

static void heads_of_snapshots_must_be_right(void **state)
{
    static const char *const heads[] = {
        "[]",
        SNAPSHOT "\"journal\":",
        SNAPSHOT "\"journal\":5",
        SNAPSHOT "\"journal\":0,\"created_at\":\"" AT "\",\"items\":[",
        SNAPSHOT "\"journal\":x,\"created_at\":\"" AT "\",\"items\":[",
        SNAPSHOT "\"journal\":5,",
        SNAPSHOT "\"journal\":5,\"made_at\":\"" AT "\",\"items\":[",
        SNAPSHOT "\"journal\":5,\"created_at\":\"" AT "\",\"items\":{",
        SNAPSHOT "\"journal\":5,\"created_at\":\"" AT "\",\"items\":[ ",
        SNAPSHOT "\"journal\":5,\"created_at\":\"2025-11-08T10:00:00.000X\",\"items\":[",
        "{\"format\":\"proctrackd snapshot\",\"version\":2,",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct text text;
        begin(&text);
        text_append_format(&text.out, "%s\n", heads[i]);
        put(*state, "snapshot.json", &text);
        expect_refused(*state, "snapshot.json, byte 0:",
                       i + 1 < sizeof(heads) / sizeof(heads[0]) ? "the first line"
                                                                : "a newer version");
    }
}

static void begin_snapshot(struct text *text)
{
    begin(text);
    text_append_str(&text->out, SNAPSHOT "\"journal\":1,\"created_at\":\"" AT "\",\"items\":[\n");
}

static void add_end(struct text *text, int count, bool right, const char *after)
{
    char members[80];
    const uint32_t crc = seal_crc(0, text_buffer_span(&text->out)) ^ (right ? 0 : 1);
    snprintf(members, sizeof(members), "\"count\":%d,\"all\":%lu", count, (unsigned long)crc);
    add_sealed(text, members, after);
}

static void items_must_be_right(void **state)
{
    static const struct {
        const char *members, *after;
    } items[] = {
        {"\"item\":1,\"p\":\"\"", "\n"},
        {"", ",\n"},
        {"", "\n"},
        {NULL, "\n"},
        {NULL, ",\n"},
        {"\"count\":1", "]}\n"},
        {"\"total\":1,\"all\":1", "]}\n"},
    };
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct text text;
        begin_snapshot(&text);
        if (items[i].members != NULL)
            add_sealed(&text, items[i].members, items[i].after);
        else
            text_append_str(&text.out, items[i].after);
        add_end(&text, 1, true, "]}\n");
        put(*state, "snapshot.json", &text);
        expect_refused(*state, "snapshot.json", "the item is not as it was written");
    }
}

static void ends_of_snapshots_must_be_right(void **state)
{
    static const struct {
        int count;
        bool right;
        const char *after, *why;
    } ends[] = {
        {2, true, "]}\n", "items are missing or were changed"},
        {1, false, "]}\n", "items are missing or were changed"},
        {1, true, "]]\n", "the item is not as it was written"},
        {1, true, "\n", "the item is not as it was written"},
        {1, true, "]}", "the line is not as it was written"},
        {1, true, "]}\n]}\n", "something follows the snapshot's end"},
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct text text;
        begin_snapshot(&text);
        add_sealed(&text, "\"item\":1,\"p\":\"\"", ",\n");
        add_end(&text, ends[i].count, ends[i].right, ends[i].after);
        put(*state, "snapshot.json", &text);
        expect_refused(*state, "snapshot.json", ends[i].why);
    }
    struct text text;
    begin_snapshot(&text);
    add_sealed(&text, "\"item\":1,\"p\":\"\"", ",\n");
    add_end(&text, 1, true, "]}\n");
    put(*state, "snapshot.json", &text);
    expect_refused(*state, "journal.1", "the file is missing"); /* all else was right */
}

/* --- repair ------------------------------------------------------------------------------------
 */

static void damage(struct bench *bench, const char *name)
{
    const struct span text = fake_disk_text(bench->fake, name);
    char *copy = malloc(text.len);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    copy[text.len - 10] ^= 1;
    fake_disk_put(bench->fake, name, (struct span){copy, text.len});
    free(copy);
}

/* What is damaged is kept before anything is changed, or nothing is changed. */
static void a_repair_that_cannot_keep_a_copy_is_none(void **state)
{
    struct bench *bench = *state;
    static const struct {
        enum fake_call call;
        int nth;
    } failures[] = {
        {FAKE_OPEN, 2},  {FAKE_OPEN, 3}, {FAKE_READ, 3},           {FAKE_READ, 4},
        {FAKE_WRITE, 1}, {FAKE_SYNC, 1}, {FAKE_SYNC_DIRECTORY, 1},
    };
    bench_must_open(bench);
    for (int i = 0; i < 5; i++)
        bench_store(bench, i);
    bench_close(bench);
    damage(bench, "journal.1");
    bench->repair = true;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fake_disk_fail(bench->fake, failures[i].call, failures[i].nth, 1, EIO);
        assert_false(bench_open(bench));
        assert_int_equal(bench->err, ERR_UNAVAILABLE);
        assert_non_null(strstr(bench->report.problem, "journal.1 cannot be copied: Input/output"));
        assert_false(fake_disk_has(bench->fake, "journal.2"));
        fake_disk_heal(bench->fake);
    }
    bench_must_open(bench);
    bench_expect(bench, 0, 3);
}

static void a_repair_leaves_out_items_that_make_no_sense(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    for (int i = 0; i < 20; i++)
        bench_store(bench, i);
    bench_snapshot(bench);
    bench_close(bench);
    bench->refuses = bench->repair = true;
    bench->refuse = "it makes no sense";
    bench_must_open(bench);
    assert_int_equal(bench->report.items, 19);
    assert_int_equal(bench->report.damaged, 1);
    assert_non_null(strstr(bench->report.problem, "snapshot.json, byte"));
    assert_true(journal_wants_snapshot(bench->journal));
}

/* Lines are missing within a file: what follows is taken over. */
static void a_repair_goes_past_lines_that_are_missing(void **state)
{
    struct bench *bench = *state;
    struct text text;
    begin(&text);
    add_sealed(&text, HEAD "\"version\":1,\"journal\":1,\"after\":0", "\n");
    add_sealed(&text, "\"seq\":1,\"n\":0,\"p\":\"\"", "\n");
    add_sealed(&text, "\"seq\":3,\"n\":1,\"p\":\"\"", "\n");
    add_sealed(&text, "\"seq\":3,\"n\":2,\"p\":\"\"", "\n"); /* and one there twice */
    add_sealed(&text, "\"seq\":4,\"n\":2,\"p\":\"\"", "\n");
    put(bench, "journal.1", &text);
    expect_refused(bench, "journal.1", "lines are missing before it");
    bench->repair = true;
    bench_must_open(bench);
    bench_expect(bench, 0, 2);
    assert_int_equal(bench->report.damaged, 2);
    assert_int_equal(journal_last(bench->journal), 4);
}

/* The head of a later file may say that lines before it are missing. */
static void a_repair_goes_past_lines_that_are_missing_between_files(void **state)
{
    struct bench *bench = *state;
    struct text text;
    begin(&text);
    add_sealed(&text, HEAD "\"version\":1,\"journal\":1,\"after\":3", "\n");
    add_sealed(&text, "\"seq\":4,\"n\":0,\"p\":\"\"", "\n");
    put(bench, "journal.1", &text);
    bench->repair = true;
    bench_must_open(bench);
    bench_expect(bench, 0, 0);
    assert_int_equal(journal_last(bench->journal), 4);
}

/* --- the disk while it runs --------------------------------------------------------------------
 */

/* Lines are written again only behind what is known to be as it was. */
static void nothing_is_appended_to_a_file_that_is_not_ours_any_more(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *head, *line, *end;
    } files[] = {
        {"\"version\":2,\"pages\":[]", NULL, ""},
        {"\"version\":1,\"journal\":2,\"after\":0", "\"seq\":1,\"n\":0,\"p\":\"\"", "\n"},
        {"\"version\":1,\"journal\":1,\"after\":1", "\"seq\":1,\"n\":0,\"p\":\"\"", "\n"},
        {"\"version\":1,\"journal\":1,\"after\":0", NULL, ""},
        {"\"version\":1,\"journal\":1,\"after\":0", "\"seq\":2,\"n\":0,\"p\":\"\"", "\n"},
        {"\"version\":1,\"journal\":1,\"after\":0", "\"seq\":1,\"n\":0,\"p\":\"\"", ""},
        {"\"version\":1,\"journal\":1,\"after\":0", "\"seq\":1,\"p\":\"\"", "\n"},
        {"\"version\":1,\"journal\":1,\"after\":0", "\"line\":1", "\n"},
        {"\"version\":1,\"journal\":1,\"after\":0", "\"seq\":1,\"n\":0,\"p\":\"\"", "\n"},
    };
    const size_t count = sizeof(files) / sizeof(files[0]);
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_fail(bench->fake, FAKE_WRITE, 1, 1, EIO);
    for (size_t i = 0; i < count; i++) {
        struct text text;
        char head[120];
        begin(&text);
        snprintf(head, sizeof(head), HEAD "%s", files[i].head);
        add_sealed(&text, head, "\n");
        if (files[i].line != NULL)
            add_sealed(&text, files[i].line, files[i].end);
        put(bench, "journal.1", &text);
        if (i == 0)
            bench_commit(bench, 1);
        const uint64_t failures = journal_numbers(bench->journal).failures;
        if (i + 1 == count)
            break; /* the last one is as it was */
        bench_wait_for(bench, journal_numbers(bench->journal).failures > failures);
        assert_int_equal(journal_state(bench->journal), ERR_UNAVAILABLE);
        assert_false(journal_close(bench->journal));
        bench_close(bench);
        begin(&text);
        add_sealed(&text, HEAD "\"version\":1,\"journal\":1,\"after\":0", "\n");
        add_sealed(&text, "\"seq\":1,\"n\":0,\"p\":\"\"", "\n");
        put(bench, "journal.1", &text);
        bench_must_open(bench);
        fake_disk_fail(bench->fake, FAKE_WRITE, 1, 1, EIO);
        bench_commit(bench, 1);
    }
    bench_wait_for(bench, bench_is_stored(bench, 1));
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 1);
}

/* The disk may be out of memory, too: to those who ask it is not there. */
static void a_disk_without_memory_is_no_disk(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    fake_disk_fail(bench->fake, FAKE_SYNC, 1, 1, ENOMEM);
    bench_commit(bench, 0);
    bench_wait_for(bench, journal_state(bench->journal) != ERR_OK);
    assert_int_equal(journal_state(bench->journal), ERR_UNAVAILABLE);
    bench_wait_for(bench, bench_is_stored(bench, 0));
    fake_disk_fail(bench->fake, FAKE_RENAME, 1, 1, ENOMEM);
    assert_int_equal(bench_snapshot_start(bench), ERR_OK);
    bench_wait_for(bench, bench->done > 0);
    assert_int_equal(bench->snapshot_err, ERR_NO_MEMORY);
    assert_int_equal(journal_state(bench->journal), ERR_OK);
}

static void what_a_snapshot_left_behind_is_in_nobodys_way(void **state)
{
    struct bench *bench = *state;
    bench_must_open(bench);
    bench_store(bench, 0);
    fake_disk_put(bench->fake, "snapshot.json.new", SPAN("half of one"));
    bench_snapshot(bench);
    assert_false(fake_disk_has(bench->fake, "snapshot.json.new"));
    bench_crash(bench, KEEP_SYNCED, 0);
    bench_must_open(bench);
    bench_expect(bench, 0, 0);
}

/* A journal that is smaller than the snapshot is read sooner than a new one is written. */
static void no_snapshot_is_wanted_that_costs_more_than_it_saves(void **state)
{
    struct bench *bench = *state;
    const size_t mib = 1024 * 1024;
    bench_must_open(bench);
    bench->padding = 20 * mib;
    bench_store(bench, 0);
    bench_snapshot(bench);
    bench->padding = 17 * mib;
    bench_store(bench, 1);
    assert_false(journal_wants_snapshot(bench->journal));
    bench->padding = 4 * mib;
    bench_store(bench, 2);
    assert_true(journal_wants_snapshot(bench->journal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(heads_of_others_are_refused),
        bench_test(lines_of_others_are_refused),
        bench_test(an_end_that_is_no_line_is_not_cut_off),
        bench_test(heads_of_snapshots_must_be_right),
        bench_test(items_must_be_right),
        bench_test(ends_of_snapshots_must_be_right),
        bench_test(a_repair_that_cannot_keep_a_copy_is_none),
        bench_test(a_repair_leaves_out_items_that_make_no_sense),
        bench_test(a_repair_goes_past_lines_that_are_missing),
        bench_test(a_repair_goes_past_lines_that_are_missing_between_files),
        bench_test(nothing_is_appended_to_a_file_that_is_not_ours_any_more),
        bench_test(a_disk_without_memory_is_no_disk),
        bench_test(what_a_snapshot_left_behind_is_in_nobodys_way),
        bench_test(no_snapshot_is_wanted_that_costs_more_than_it_saves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
