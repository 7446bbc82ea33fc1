/* The opaque cursor of a list: a place, and which list it belongs to. Pure, any thread. */
#ifndef HTTP_CURSOR_H
#define HTTP_CURSOR_H

#include "proctrack/process_repository.h"

struct http_cursor {
    int status; /* the list's by_status, or -1 */
    struct repo_position position;
};

#define HTTP_CURSOR_TEXT_SIZE 36
void http_cursor_format(const struct http_cursor *cursor, char ret_text[HTTP_CURSOR_TEXT_SIZE]);
/* False for anything that http_cursor_format() did not make. */
bool http_cursor_parse(struct span text, struct http_cursor *ret_cursor);

#endif
