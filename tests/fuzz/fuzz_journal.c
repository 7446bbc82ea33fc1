/* libFuzzer target: whatever a journal's directory holds, opening it comes to an end. What is not
 * refused can be appended to and opened again, with all that was there; what is refused is left as
 * it was; a repair is never refused. The first byte says how to begin, the rest are the files:
 * the snapshot and the journals, a 0x1e between them. */
#include "support/fake_disk.h"

#include "proctrack/journal.h"
#include "proctrack/sealed_line.h"

#include <stdio.h>
#include <stdlib.h>

/* Not assert(): a target must stop in every build. */
#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPAIR = 1, MEND = 2, FIRST_FILE_SHIFT = 2, FILES = 4 };
#define PREFIX "{\"crc\":\"00000000\""

struct seen {
    uint64_t count, sum;
};

static bool note(void *arg, enum journal_source source, struct span content, const char **ret_why)
{
    struct seen *seen = arg;
    MUST(content.len >= 2 && content.data[0] == '{' && content.data[content.len - 1] == '}');
    MUST(memchr(content.data, '\n', content.len) == NULL);
    MUST(source == JOURNAL_LINE || source == JOURNAL_SNAPSHOT);
    *ret_why = "it makes no sense";
    seen->count++;
    seen->sum += seal_crc(0, content);
    return content.data[1] != '!';
}

static void nothing(void *arg)
{
    (void)arg;
}

/* --- right checksums, so that what is behind them is reached too ---------------------------------
 */

struct mending {
    struct text_buffer out;
    uint64_t items;
};

static void mend_line(struct mending *mending, struct span line)
{
    struct text_buffer *out = &mending->out;
    const struct span count = SPAN(",\"count\":");
    const size_t prefix = sizeof(PREFIX) - 1;
    size_t end = line.len;
    while (end > 0 && line.data[end - 1] != '}')
        end--;
    if (end >= 2 && line.data[end - 2] == ']')
        end -= 2;
    if (end <= prefix || !span_starts(line, "{\"crc\":\"")) {
        text_append_span(out, line);
        return;
    }
    const uint32_t all = seal_crc(0, text_buffer_span(out));
    const size_t begin = sealed_line_begin(out);
    if (end - prefix >= count.len && memcmp(line.data + prefix, count.data, count.len) == 0)
        text_append_format(out, ",\"count\":%d,\"all\":%u", (int)mending->items, all);
    else
        text_append(out, line.data + prefix, end - prefix - 1);
    MUST(sealed_line_end(out, begin));
    text_append(out, line.data + end, line.len - end);
    mending->items++;
}

static void mend(struct mending *mending, struct span text)
{
    struct span line;
    text_buffer_init(&mending->out, 1 << 24);
    mending->items = 0;
    while (span_split(&text, '\n', &line)) {
        mend_line(mending, line);
        if (text.data != NULL)
            text_append_char(&mending->out, '\n');
    }
    MUST(!mending->out.failed);
}

/* --- the directory -----------------------------------------------------------------------------
 */

static void file_name(int how, int i, char name[32])
{
    if (i == 0)
        snprintf(name, 32, "snapshot.json");
    else
        snprintf(name, 32, "journal.%d", i + (how >> FIRST_FILE_SHIFT & 3));
}

/* An empty part is no file; so there may be a gap, or no snapshot. */
static void put_files(struct fake_disk *fake, int how, struct span text)
{
    struct span part;
    char name[32];
    for (int i = 0; i < FILES && span_split(&text, '\x1e', &part); i++) {
        struct mending mending;
        file_name(how, i, name);
        if (part.len == 0)
            continue;
        mend(&mending, part);
        fake_disk_put(fake, name, (how & MEND) != 0 ? text_buffer_span(&mending.out) : part);
        text_buffer_finish(&mending.out);
    }
}

static void add_to_sum(void *arg, const char *name)
{
    void **args = arg;
    uint64_t *sum = args[1];
    const struct span text = fake_disk_text(args[0], name);
    *sum += (uint64_t)seal_crc(seal_crc(0, span_of(name)), text) + text.len;
}

static uint64_t directory_sum(struct fake_disk *fake)
{
    uint64_t sum = 0;
    void *args[] = {fake, &sum};
    fake_disk_names(fake, add_to_sum, args);
    return sum;
}

static struct journal *open_journal(struct loop *loop, struct disk *disk, bool repair,
                                    struct seen *ret_seen, struct journal_report *ret_report)
{
    struct seen seen = {.count = 0};
    enum err err = ERR_OK;
    const struct journal_options options = {
        .repair = repair, .replay = note, .replay_arg = &seen, .on_progress = nothing};
    struct journal *journal = journal_open(loop, disk, &options, ret_report, &err);
    MUST(journal != NULL || err == ERR_CORRUPT);
    MUST(journal != NULL || (ret_report->problem[0] != '\0' && ret_report->damaged > 0));
    *ret_seen = seen;
    return journal;
}

static void append_and_close(struct journal *journal)
{
    text_append_str(journal_begin(journal), "\"new\":1");
    MUST(journal_ready(journal));
    const uint64_t place = journal_commit(journal);
    MUST(journal_close(journal));
    MUST(journal_stored(journal) >= place);
    journal_destroy(journal);
}

static void check_directory(struct loop *loop, struct fake_disk *fake, bool repair)
{
    struct disk *disk = fake_disk_open(fake);
    struct journal_report report;
    struct seen first, second;
    const uint64_t sum = directory_sum(fake);
    struct journal *journal = open_journal(loop, disk, repair, &first, &report);
    const bool damaged = report.damaged > 0;
    MUST(journal != NULL || !repair);
    if (journal != NULL)
        append_and_close(journal);
    else
        MUST(directory_sum(fake) == sum);
    disk_destroy(disk);
    disk = fake_disk_open(fake);
    journal = open_journal(loop, disk, false, &second, &report);
    /* A repair makes a file that was missing anew. */
    MUST(repair || (journal != NULL) == !damaged);
    MUST(journal != NULL || damaged);
    if (journal != NULL) {
        MUST(report.torn_bytes == 0 && second.count == first.count + 1);
        MUST(second.sum == first.sum + seal_crc(0, SPAN("{\"new\":1}")));
        journal_destroy(journal);
    }
    disk_destroy(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (size == 0)
        return 0;
    if (loop == NULL)
        loop = loop_create();
    MUST(loop != NULL);
    struct fake_disk *fake = fake_disk_create();
    put_files(fake, data[0], (struct span){(const char *)data + 1, size - 1});
    check_directory(loop, fake, (data[0] & REPAIR) != 0);
    fake_disk_destroy(fake);
    loop_turn(loop, 0);
    return 0;
}
