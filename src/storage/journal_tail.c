/* The end of the journal. After a failure nothing is known of the file but what was there at the
 * last success, and that only if it can be read again: mend() opens it anew, reads it all, and cuts
 * what is behind. */
#include "storage/journal_private.h"

#include "proctrack/clock.h"

#include <errno.h>

#define HEAD_MAX 255

int journal_write_all(struct disk *disk, int file, struct span data)
{
    while (data.len > 0) {
        const int64_t count = disk->ops->write(disk, file, data.data, data.len);
        if (count < 0)
            return (int)count;
        if (count == 0)
            return -EIO;
        data = (struct span){data.data + count, data.len - (size_t)count};
    }
    return 0;
}

bool journal_tail_init(struct journal_tail *tail, struct disk *disk)
{
    *tail = (struct journal_tail){.disk = disk, .file = -1};
    text_buffer_init(&tail->head, HEAD_MAX);
    return text_buffer_reserve(&tail->head, HEAD_MAX);
}

void journal_tail_finish(struct journal_tail *tail)
{
    journal_tail_close(tail);
    text_buffer_finish(&tail->head);
}

void journal_tail_close(struct journal_tail *tail)
{
    if (tail->file >= 0)
        tail->disk->ops->close(tail->disk, tail->file);
    tail->file = -1;
}

static int write_head(struct disk *disk, int file, struct span head)
{
    int error = disk->ops->truncate(disk, file, 0);
    if (error == 0)
        error = journal_write_all(disk, file, head);
    if (error == 0)
        error = disk->ops->sync(disk, file);
    if (error == 0)
        error = disk->ops->sync_directory(disk);
    return error;
}

int journal_tail_begin(struct journal_tail *tail, uint64_t number, uint64_t after)
{
    struct disk *disk = tail->disk;
    char name[JOURNAL_NAME_SIZE];
    journal_file_name(number, name);
    tail->head.len = 0;
    journal_head_append(&tail->head, number, after);
    int file = disk->ops->open(disk, name, DISK_CREATE);
    if (file == -EEXIST)
        file = disk->ops->open(disk, name, DISK_APPEND);
    const int error = file < 0 ? file : write_head(disk, file, text_buffer_span(&tail->head));
    if (error == 0) {
        journal_tail_close(tail);
        tail->file = file;
        tail->number = number;
        tail->after = tail->last = after;
        tail->size = (int64_t)tail->head.len;
        tail->broken = false;
    } else if (file >= 0) {
        disk->ops->close(disk, file);
    }
    return error;
}

/* Whether the lines up to tail->size are all there, as they were written. */
static int check_lines(const struct journal_tail *tail)
{
    struct line_reader reader;
    struct journal_head head;
    struct span members;
    char *line;
    size_t len;
    line_reader_init(&reader, tail->disk, tail->file, tail->size);
    enum line_kind kind = line_reader_next(&reader, &line, &len);
    bool right = kind == LINE_WHOLE && journal_head_parse((struct span){line, len}, &head) &&
                 head.version == 1 && head.number == tail->number && head.after == tail->after;
    uint64_t last = tail->after;
    while (right && (kind = line_reader_next(&reader, &line, &len)) == LINE_WHOLE) {
        uint64_t seq = 0;
        right =
            journal_line_parse((struct span){line, len}, &seq, &members) == NULL && seq == last + 1;
        last = seq;
    }
    int error = 0;
    if (kind == LINE_FAILED)
        error = reader.error;
    else if (!right || kind != LINE_END || last != tail->last || reader.offset != tail->size)
        error = -EBADMSG;
    line_reader_finish(&reader);
    return error;
}

static int mend(struct journal_tail *tail)
{
    struct disk *disk = tail->disk;
    char name[JOURNAL_NAME_SIZE];
    journal_file_name(tail->number, name);
    journal_tail_close(tail);
    tail->file = disk->ops->open(disk, name, DISK_APPEND);
    if (tail->file < 0)
        return tail->file;
    int error = check_lines(tail);
    if (error == 0)
        error = disk->ops->truncate(disk, tail->file, tail->size);
    if (error == 0)
        error = disk->ops->sync(disk, tail->file);
    tail->broken = error != 0;
    return error;
}

/* What is in the old file must not be torn once there is a new one. */
static int begin_next(struct journal_tail *tail)
{
    const int error = tail->disk->ops->sync(tail->disk, tail->file);
    return error != 0 ? error : journal_tail_begin(tail, tail->number + 1, tail->last);
}

int journal_tail_do(struct journal_tail *tail, struct journal_step *step)
{
    int error = tail->broken ? mend(tail) : 0;
    if (error == 0 && step->new_file) {
        error = begin_next(tail);
        step->begun = error == 0;
    }
    if (error == 0)
        error = journal_write_all(tail->disk, tail->file, step->lines);
    if (error == 0 && step->sync) {
        const int64_t began = clock_steady_us();
        error = tail->disk->ops->sync(tail->disk, tail->file);
        step->sync_us = clock_steady_us() - began;
    }
    tail->broken = error != 0;
    if (error == 0 && step->lines.len > 0) {
        tail->size += (int64_t)step->lines.len;
        tail->last = step->last;
    }
    return error;
}
