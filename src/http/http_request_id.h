/* What a request is called in its answer, in problems and in the log: as the client calls it, or by
 * an id of ours. Pure; a set of ids belongs to one thread. */
#ifndef HTTP_REQUEST_ID_H
#define HTTP_REQUEST_ID_H

#include "proctrack/text.h"

#define HTTP_REQUEST_ID      "X-Request-Id"
#define HTTP_REQUEST_ID_MAX  128 /* characters of a client's */
#define HTTP_REQUEST_ID_SIZE (HTTP_REQUEST_ID_MAX + 1)

/* 1..HTTP_REQUEST_ID_MAX characters out of A-Z a-z 0-9 . _ : / + = @ -: nothing that any answer,
 * log or page would have to escape. */
bool http_request_id_is_valid(struct span text);

/* Ids that nobody else makes: a random part and a count, in hexadecimal digits. */
struct http_request_ids {
    char random[16];
    uint64_t count;
};
/* False when the kernel gives no randomness. */
bool http_request_ids_init(struct http_request_ids *ids);
/* The next one; costs no system call. */
void http_request_ids_next(struct http_request_ids *ids, char ret_id[HTTP_REQUEST_ID_SIZE]);

#endif
