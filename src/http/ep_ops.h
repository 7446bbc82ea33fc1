/* What the answers for operators have in common. Each appends a member, with the comma before it;
 * on the loop's thread. */
#ifndef EP_OPS_H
#define EP_OPS_H

#include "proctrack/process_repository.h"
#include "proctrack/text.h"

struct http_call;

void ops_append_text(struct text_buffer *out, const char *key, const char *text); /* or null */
/* Where processes are kept, how well, and whether that is what was asked for. */
void ops_append_storage(const struct http_call *call, struct text_buffer *out);
void ops_append_watching(const struct http_call *call, struct text_buffer *out);

/* The one that serves. */
const struct process_repository *ops_repository(const struct http_call *call);

/* 200, not to be kept by anybody. */
void ops_answer_json(struct http_call *call, struct text_buffer *take_body);

#endif
