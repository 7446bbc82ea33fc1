#include "storage/line_reader.h"

#include <errno.h>

/* Little at first, as most files are short when a program starts; then as much as was read before,
 * so that little is taken for a file that ends there. */
enum { READ_FIRST_BYTES = 4096, READ_BYTES = 256 * 1024 };

static size_t read_size(int64_t from)
{
    return from < READ_FIRST_BYTES ? READ_FIRST_BYTES
           : from < READ_BYTES     ? (size_t)from
                                   : READ_BYTES;
}

void line_reader_init(struct line_reader *reader, struct disk *disk, int file, int64_t limit)
{
    *reader = (struct line_reader){.disk = disk, .file = file, .limit = limit};
    text_buffer_init(&reader->buffer, LINE_MAX_BYTES + READ_BYTES);
}

void line_reader_finish(struct line_reader *reader)
{
    text_buffer_finish(&reader->buffer);
}

static void drop_read_lines(struct line_reader *reader)
{
    struct text_buffer *buffer = &reader->buffer;
    if (reader->at == 0 || buffer->data == NULL)
        return;
    memmove(buffer->data, buffer->data + reader->at, buffer->len - reader->at);
    buffer->len -= reader->at;
    reader->at = 0;
}

static bool read_more(struct line_reader *reader)
{
    struct text_buffer *buffer = &reader->buffer;
    drop_read_lines(reader);
    const int64_t from = reader->offset + (int64_t)buffer->len;
    const int64_t left = reader->limit - from;
    const size_t most = read_size(from);
    const size_t want = left < (int64_t)most ? (size_t)left : most;
    if (!text_buffer_reserve(buffer, want)) {
        reader->error = buffer->len > LINE_MAX_BYTES ? -EFBIG : -ENOMEM;
        return false;
    }
    const int64_t count = want == 0
                              ? 0
                              : reader->disk->ops->read(reader->disk, reader->file,
                                                        buffer->data + buffer->len, want, from);
    if (count < 0) {
        reader->error = (int)count;
        return false;
    }
    buffer->len += (size_t)count;
    reader->ended = count == 0;
    return true;
}

enum line_kind line_reader_next(struct line_reader *reader, char **ret_line, size_t *ret_len)
{
    struct text_buffer *buffer = &reader->buffer;
    size_t looked = 0; /* of the line: without a break so far */
    for (;;) {
        const size_t have = buffer->len - reader->at;
        char *line = have > 0 ? buffer->data + reader->at : NULL;
        char *end =
            line != NULL && have > looked ? memchr(line + looked, '\n', have - looked) : NULL;
        *ret_line = line;
        *ret_len = end != NULL ? (size_t)(end - line) : have;
        if (end != NULL || reader->ended) {
            const size_t used = *ret_len + (end != NULL ? 1 : 0);
            reader->at += used;
            reader->offset += (int64_t)used;
            return end != NULL ? LINE_WHOLE : have > 0 ? LINE_OPEN : LINE_END;
        }
        looked = have;
        if (!read_more(reader))
            return LINE_FAILED;
    }
}
