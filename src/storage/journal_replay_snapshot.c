#include "storage/journal_private.h"

#include "proctrack/clock.h"
#include "proctrack/sealed_line.h"

struct snapshot_replay {
    struct journal_replay *replay;
    int64_t offset;
    uint64_t count; /* items */
    uint32_t crc;   /* of all lines so far */
    bool ended;     /* the last line was read */
};

static bool damage(struct snapshot_replay *state, const char *why)
{
    state->replay->snapshot_damaged = true;
    return journal_replay_damage(state->replay, SNAPSHOT_NAME, state->offset, why);
}

static struct span rest_of(struct span text, size_t from)
{
    return (struct span){text.data + from, text.len - from};
}

/* As it is written, byte for byte: the checksum over the whole file is only known at its end. */
static const char *parse_head(struct span line, uint64_t *ret_first, int64_t *ret_at)
{
    static const char wrong[] = "the first line is not as it was written";
    static const char end[] = "\",\"items\":[";
    struct span at, number;
    int64_t first;
    if (!span_starts(line, JOURNAL_SNAPSHOT_FORMAT))
        return wrong;
    if (!span_starts(line, JOURNAL_SNAPSHOT_HEAD))
        return "a newer version of this program wrote it, or it is damaged";
    at = rest_of(line, sizeof(JOURNAL_SNAPSHOT_HEAD) - 1);
    if (!span_split(&at, ',', &number) || !span_to_int(number, 1, INT64_MAX - 1, &first) ||
        at.data == NULL || !span_starts(at, "\"created_at\":\""))
        return wrong;
    at = rest_of(at, sizeof("\"created_at\":\"") - 1);
    if (at.len != TIME_TEXT_SIZE - 1 + sizeof(end) - 1 ||
        !span_is(rest_of(at, TIME_TEXT_SIZE - 1), end) ||
        !time_parse((struct span){at.data, TIME_TEXT_SIZE - 1}, ret_at))
        return wrong;
    *ret_first = (uint64_t)first;
    return NULL;
}

static bool read_head(struct snapshot_replay *state, struct span line)
{
    struct journal_replay *replay = state->replay;
    const char *why = parse_head(line, &replay->first, &replay->snapshot_at);
    return why == NULL || damage(state, why);
}

/* False: it is none. */
static bool read_end(struct snapshot_replay *state, struct span line, bool *ret_right)
{
    struct span members;
    uint64_t count, crc;
    if (line.len < 2 || !sealed_line_check((struct span){line.data, line.len - 2}, &members) ||
        memcmp(line.data + line.len - 2, "]}", 2) != 0 ||
        !sealed_line_number(&members, "count", &count) ||
        !sealed_line_number(&members, "all", &crc))
        return false;
    state->ended = true;
    *ret_right = count == state->count && crc == state->crc;
    return true;
}

static bool read_item(struct snapshot_replay *state, char *line, size_t len)
{
    struct span members;
    if (len == 0 || line[len - 1] != ',' ||
        !sealed_line_check((struct span){line, len - 1}, &members) || members.data[0] != ',')
        return damage(state, "the item is not as it was written (its checksum does not match)");
    const uint64_t before = state->replay->report->damaged;
    state->count++;
    const bool ok = journal_replay_object(state->replay, JOURNAL_SNAPSHOT, SNAPSHOT_NAME,
                                          state->offset, line + (members.data - line), members.len);
    if (state->replay->report->damaged > before)
        state->replay->snapshot_damaged = true;
    return ok;
}

static bool read_line(struct snapshot_replay *state, char *line, size_t len)
{
    bool right = true;
    if (state->ended)
        return damage(state, "something follows the snapshot's end");
    if (state->offset == 0)
        return read_head(state, (struct span){line, len});
    if (read_end(state, (struct span){line, len}, &right))
        return right || damage(state, "items are missing or were changed before this line");
    return read_item(state, line, len);
}

static bool read_lines(struct snapshot_replay *state, struct line_reader *reader)
{
    enum line_kind kind;
    char *line;
    size_t len;
    while ((kind = line_reader_next(reader, &line, &len)) == LINE_WHOLE) {
        const uint32_t crc = seal_crc(state->crc, (struct span){line, len + 1});
        if (!read_line(state, line, len))
            return false;
        state->crc = crc;
        state->offset = reader->offset;
    }
    if (kind == LINE_FAILED)
        return journal_replay_failed(state->replay, "read", SNAPSHOT_NAME, reader->error);
    if (kind == LINE_END && state->ended)
        return true;
    return damage(state, kind == LINE_OPEN ? "the line is not as it was written"
                                           : "the snapshot's end is missing");
}

bool journal_replay_snapshot(struct journal_replay *replay)
{
    struct snapshot_replay state = {.replay = replay};
    struct disk *disk = replay->disk;
    const int file = disk->ops->open(disk, SNAPSHOT_NAME, DISK_READ);
    if (file < 0)
        return journal_replay_failed(replay, "opened", SNAPSHOT_NAME, file);
    struct line_reader reader;
    line_reader_init(&reader, disk, file, INT64_MAX);
    const bool ok = read_lines(&state, &reader);
    replay->snapshot_bytes = state.offset;
    line_reader_finish(&reader);
    disk->ops->close(disk, file);
    return ok;
}
