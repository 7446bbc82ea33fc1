/* Requests to a Redis client, as commands in words. */
#ifndef SUPPORT_CLIENT_CALLS_H
#define SUPPORT_CLIENT_CALLS_H

#include "proctrack/redis_client.h"

struct client_call {
    struct redis_request request;
    const char *const *words; /* several commands, NULL after each, and another NULL at the end */
    enum err result;
    char text[256]; /* the reply, if it is text */
    long long number;
    int ends; /* how often it was done */
};

/* Submits; the words must live until it is done. */
void client_call_start(struct redis_client *client, struct client_call *call,
                       const char *const *words);
void client_call_wait(struct loop *loop, const struct client_call *call);
/* Start and wait. */
enum err client_call_run(struct loop *loop, struct redis_client *client, struct client_call *call,
                         const char *const *words);
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL, NULL})

/* Turns the loop until the client is ready (or is not); ends the program after 10 s. */
void client_wait_ready(struct loop *loop, const struct redis_client *client, bool ready);

#endif
