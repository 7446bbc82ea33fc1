/* The lines of a file, one after the other, in bounded memory. Blocks. */
#ifndef STORAGE_LINE_READER_H
#define STORAGE_LINE_READER_H

#include "proctrack/disk.h"

#define LINE_MAX_BYTES ((size_t)1 << 30)

struct line_reader {
    struct disk *disk;
    int file;
    struct text_buffer buffer;
    size_t at;      /* in the buffer: the next line */
    int64_t offset; /* in the file: the next line */
    int64_t limit;  /* nothing is read from here on */
    bool ended;     /* all that there is is in the buffer */
    int error;
};

enum line_kind {
    LINE_WHOLE,  /* without its break */
    LINE_OPEN,   /* what stands behind the last break; the last one */
    LINE_END,    /* there is nothing more */
    LINE_FAILED, /* reader->error, as disk.h has them */
};

/* The file stays the caller's; it is read from its beginning up to `limit`. */
void line_reader_init(struct line_reader *reader, struct disk *disk, int file, int64_t limit);
void line_reader_finish(struct line_reader *reader);
/* The line is the caller's to change, until the next call. */
enum line_kind line_reader_next(struct line_reader *reader, char **ret_line, size_t *ret_len);

#endif
