/* What the program is given: a JSON string, {"text": "…"}, or
 * {"documents": [{"name": "…", "text": "…"}, …]}. */
#ifndef TEXT_STATS_INPUT_H
#define TEXT_STATS_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define INPUT_MAX           ((size_t)64 * 1024 * 1024) /* bytes */
#define INPUT_DOCUMENTS_MAX 1000
#define INPUT_NAME_MAX      200 /* bytes */

struct document {
    const char *name; /* NULL for a text without one */
    const char *text;
    size_t len;
};

struct input {
    struct document *documents;
    size_t count, bytes;
    bool has_names; /* documents were given */
    json_t *root;   /* what the texts point into */
};

/* Reads all of the descriptor. On false ret_why says what is wrong with the input. */
bool input_read(struct input *ret_input, int fd, char *ret_why, size_t why_size);
void input_finish(struct input *input);

#endif
