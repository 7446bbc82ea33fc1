/* A page of processes: what GET /processes and GET /groups/<group> share. On the loop's thread. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "proctrack/process_repository.h"

struct http_call;
struct http_param_reader;

struct http_page {
    struct repo_list list;
    struct repo_group group; /* GET /groups/<group>: asked for before the page */
    int cursor_status;       /* of the list that the cursor was made for, or -1 */
    void (*append_front)(const struct http_call *call, struct text_buffer *body);
};

/* Readers of parameters. */
const char *http_page_read_status(struct http_call *call, struct span value);
const char *http_page_read_limit(struct http_call *call, struct span value);
const char *http_page_read_cursor(struct http_call *call, struct span value);

/* The query of a page; the list is its defaults where it says nothing. False: answered. */
bool http_page_query(struct http_call *call, const struct http_param_reader *readers, size_t count);
/* Lists once it is its turn, and answers. append_front appends members, each with a comma behind,
 * which come before those of the page. */
void http_page_answer(struct http_call *call,
                      void (*append_front)(const struct http_call *call, struct text_buffer *body));

#endif
