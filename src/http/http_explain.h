/* Why pending and due processes in an answer wait. Their records do not say it, so it is asked for
 * once the body is made, and put in: at once where the manager knows it, or before the answer goes.
 * An answer without such processes costs nothing here. On the loop's thread. */
#ifndef HTTP_EXPLAIN_H
#define HTTP_EXPLAIN_H

#include "proctrack/process_manager.h"

struct http_call;

struct http_explain {
    struct process_explain asked;
    struct http_explain_page *page; /* of more than one process */
    struct repo_standing_item one;  /* of the first */
    size_t one_at;
    size_t count;
    bool roughly;             /* without positions: set by the endpoint */
    bool out;                 /* with the manager */
    bool held;                /* the answer waits for it */
    struct text_buffer *body; /* while it can still be changed */
    struct span made;         /* the body, once it is the answer's */
};

void http_explain_init(struct http_explain *explain);
/* Also drops what was noted of a body that is not to be sent. Twice is fine. */
void http_explain_clear(struct http_explain *explain);

/* A process in the body being made; `at` is where the value of its reason begins. Without memory
 * its reason stays null. */
void http_explain_note(struct http_call *call, const struct process *process, size_t at);
/* The body is made: puts the reasons in, or asks for them. */
void http_explain_ask(struct http_call *call, struct text_buffer *body);
/* True: not yet; http_call_finish() is called again when the reasons are there. */
bool http_explain_holds(struct http_call *call);

#endif
