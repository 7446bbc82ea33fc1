/* A file of settings in JSON: an object with one member, which holds everything. */
#ifndef PROCTRACK_JSON_FILE_H
#define PROCTRACK_JSON_FILE_H

#include "proctrack/text.h"

/* Reads the file and checks it. *ret_value is the value of `member`, and lies in `text`, which must
 * be initialised and is the caller's to finish. False with a sentence in ret_why, which begins with
 * the path. Blocks: before the loops start. */
bool json_file_read(const char *path, const char *member, struct text_buffer *text,
                    struct span *ret_value, char *ret_why, size_t why_size);

#endif
