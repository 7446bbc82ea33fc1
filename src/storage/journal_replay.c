#include "storage/journal_private.h"

#include "proctrack/sealed_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first thing that is wrong is told; of more only the number. */
static void tell(struct journal_replay *replay, const char *name, int64_t offset, const char *why)
{
    struct journal_report *report = replay->report;
    if (report->problem[0] != '\0')
        return;
    snprintf(report->problem, sizeof(report->problem), "%s/%s, byte %lld: %s.", replay->disk->path,
             name, (long long)offset, why);
}

bool journal_replay_damage(struct journal_replay *replay, const char *name, int64_t offset,
                           const char *why)
{
    tell(replay, name, offset, why);
    replay->report->damaged++;
    if (replay->options->repair)
        return true;
    replay->err = ERR_CORRUPT;
    return false;
}

bool journal_replay_failed(struct journal_replay *replay, const char *what, const char *name,
                           int error)
{
    struct journal_report *report = replay->report;
    const bool memory = error == -ENOMEM;
    replay->err = memory ? ERR_NO_MEMORY : ERR_UNAVAILABLE;
    snprintf(report->problem, sizeof(report->problem), "%s/%s cannot be %s: %s.",
             replay->disk->path, name, what, strerror(-error));
    return false;
}

bool journal_replay_object(struct journal_replay *replay, enum journal_source source,
                           const char *name, int64_t offset, char *members, size_t len)
{
    const char *why = NULL;
    members[0] = '{';
    if (replay->options->replay(replay->options->replay_arg, source, (struct span){members, len},
                                &why)) {
        if (source == JOURNAL_SNAPSHOT)
            replay->report->items++;
        else
            replay->report->lines++;
        return true;
    }
    return why != NULL ? journal_replay_damage(replay, name, offset, why)
                       : journal_replay_failed(replay, "taken over", name, -ENOMEM);
}

/* --- a journal ---------------------------------------------------------------------------------
 */

struct file_replay {
    struct journal_replay *replay;
    char name[JOURNAL_NAME_SIZE];
    uint64_t number;
    bool is_last, is_first;
    bool headed; /* its first line was read */
    int64_t offset;
};

static size_t without_zeros(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == '\0')
        len--;
    return len;
}

/* Whether the end of the last file is a line that was being written when everything stopped: then
 * it was never acknowledged. A whole line behind which something else than its break stands was. */
static bool is_torn(const char *text, size_t len)
{
    const struct span written = {text, without_zeros(text, len)};
    return sealed_line_begins(written) && !sealed_line_leads(written);
}

static void cut_torn(struct journal_replay *replay, const struct file_replay *file, size_t len)
{
    replay->report->torn_bytes = (int64_t)len;
    char why[160];
    snprintf(why, sizeof(why),
             "the last line is incomplete, as when power fails while it is written; its %zu bytes "
             "were never acknowledged, and are cut off",
             len);
    tell(replay, file->name, file->offset, why);
}

/* The head of a file may be torn when nothing was acknowledged that stands in it: not when a
 * snapshot goes on there, as that was written later. */
static bool may_be_headless(const struct file_replay *file)
{
    return file->is_last && (file->number == 1 || !file->is_first);
}

static bool read_open_line(struct file_replay *file, const char *text, size_t len)
{
    struct journal_replay *replay = file->replay;
    const char *why = "the file ends within a line, and others follow";
    if (file->is_last && is_torn(text, len) && (file->headed || may_be_headless(file))) {
        cut_torn(replay, file, len);
        return true;
    }
    if (file->is_last)
        why = "the last line is not as it was written";
    return journal_replay_damage(replay, file->name, file->offset, why);
}

/* After damage the lines go on wherever they do. */
static bool read_head(struct file_replay *file, struct span line)
{
    struct journal_replay *replay = file->replay;
    struct journal_head head;
    const char *why = NULL;
    file->headed = true;
    replay->gap = true;
    if (!journal_head_parse(line, &head))
        why = "the first line is not as it was written (its checksum does not match)";
    else if (head.version != 1)
        why = "a newer version of this program wrote it";
    else if (head.number != file->number)
        why = "it is another of the journal's files under a wrong name";
    if (why != NULL)
        return journal_replay_damage(replay, file->name, 0, why);
    const bool begins = file->is_first && file->number > 1;
    if (!begins && head.after != replay->last &&
        !journal_replay_damage(replay, file->name, 0, "lines are missing before it"))
        return false;
    replay->gap = false;
    replay->tail_after = head.after;
    if (head.after > replay->last)
        replay->last = head.after;
    return true;
}

static bool read_line(struct file_replay *file, char *line, size_t len)
{
    struct journal_replay *replay = file->replay;
    struct span members;
    uint64_t seq = 0;
    const char *why = journal_line_parse((struct span){line, len}, &seq, &members);
    if (why != NULL) {
        replay->gap = true;
        return journal_replay_damage(replay, file->name, file->offset, why);
    }
    if (seq <= replay->last)
        return journal_replay_damage(replay, file->name, file->offset, "a line is there twice");
    if (seq != replay->last + 1 && !replay->gap &&
        !journal_replay_damage(replay, file->name, file->offset, "lines are missing before it"))
        return false;
    replay->gap = false;
    replay->last = seq;
    return journal_replay_object(replay, JOURNAL_LINE, file->name, file->offset,
                                 line + (members.data - line), members.len);
}

static bool read_lines(struct file_replay *file, struct line_reader *reader)
{
    char *line;
    size_t len;
    enum line_kind kind;
    while ((kind = line_reader_next(reader, &line, &len)) == LINE_WHOLE) {
        const bool ok =
            file->headed ? read_line(file, line, len) : read_head(file, (struct span){line, len});
        if (!ok)
            return false;
        file->offset = reader->offset;
    }
    if (kind == LINE_OPEN)
        return read_open_line(file, line, len);
    if (kind == LINE_FAILED)
        return journal_replay_failed(file->replay, "read", file->name, reader->error);
    if (file->headed || may_be_headless(file))
        return true;
    return journal_replay_damage(file->replay, file->name, 0, "the file is empty");
}

bool journal_replay_file(struct journal_replay *replay, uint64_t number, bool is_last)
{
    struct disk *disk = replay->disk;
    struct file_replay state = {.replay = replay,
                                .number = number,
                                .is_last = is_last,
                                .is_first = number == replay->first};
    journal_file_name(number, state.name);
    const int file = disk->ops->open(disk, state.name, DISK_READ);
    if (file < 0)
        return journal_replay_failed(replay, "opened", state.name, file);
    const uint64_t before = replay->report->damaged;
    struct line_reader reader;
    line_reader_init(&reader, disk, file, INT64_MAX);
    const bool ok = read_lines(&state, &reader);
    line_reader_finish(&reader);
    disk->ops->close(disk, file);
    if (replay->report->damaged > before)
        replay->damaged[replay->damaged_count++] = number;
    replay->journal_bytes += state.offset;
    replay->tail_size = state.headed ? state.offset : 0;
    return ok;
}
