/* A whole server on a loop, over a repository that answers at once or holds calls until the test
 * lets them go, and clients on raw sockets driven by turns of the same loop. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "support/held_repository.h"
#include "support/test.h"

#include "proctrack/http_server.h"

struct fixture {
    struct loop *loop;
    struct process_repository *repository;
    struct process_policy policy;
    struct process_manager_options manager_options;
    struct process_manager *manager;
    struct http_options options; /* change before fixture_start() */
    struct http_server *server;
    int port;
};

/* The one of the running test, made by one of the set-ups: `held` holds the repository's calls. */
extern struct fixture fixture;
int fixture_setup(void **state);
int fixture_setup_held(void **state);
int fixture_teardown(void **state); /* also after the test has finished it */

/* Everything but the server. */
void fixture_init(struct fixture *f, bool held);
/* `open` makes the repository, on f->loop and with f->policy. */
void fixture_init_on(struct fixture *f, struct process_repository *(*open)(struct fixture *f));
void fixture_start(struct fixture *f);
/* In the order in which a program ends; the parts may have been ended before. */
void fixture_stop(struct fixture *f);
void fixture_finish(struct fixture *f);

struct client {
    int fd;
    bool closed; /* by the server */
    char in[200000];
    size_t len;
};

struct answer {
    unsigned status;
    char header[4096]; /* with its empty line */
    char body[130000];
};

struct client *client_connect(struct fixture *f);
void client_close(struct client *client);
void client_send(struct client *client, const char *text);
/* Sends all of it, turning the loop as needed. False when the server has closed. */
bool client_send_all(struct fixture *f, struct client *client, const char *data, size_t len);
/* Turns the loop once, and takes in what has come; fails after the deadline (steady ms). */
void client_turn(struct fixture *f, struct client *client, int64_t deadline);
/* Turns the loop until a whole answer has come, and takes it. head: without a body. */
void client_read(struct fixture *f, struct client *client, bool head, struct answer *ret_answer);
/* The same, but false when the server has closed instead. */
bool client_receive(struct fixture *f, struct client *client, struct answer *ret_answer);
/* Reads what the server wrote before it ended, without a loop. */
void client_read_rest(struct client *client, struct answer *ret_answer);
/* Turns the loop until the server has closed, having sent nothing more. */
void client_expect_close(struct fixture *f, struct client *client);
/* Turns the loop until the repository holds so many calls. */
void fixture_wait_held(struct fixture *f, size_t count);

/* One request, with a field `Host`; fields and body may be NULL. Static. */
const char *request_text(const char *method, const char *target, const char *fields,
                         const char *body);
/* One request on a connection of its own; the text has everything but `Host`, or NULL for fields
 * and body. The answer is static. */
const struct answer *ask(struct fixture *f, const char *method, const char *target,
                         const char *fields, const char *body);

/* The value of a header field, or NULL; static. */
const char *answer_field(const struct answer *answer, const char *name);
void assert_field(const struct answer *answer, const char *name, const char *expected);
/* A member of the body, an object; NULL when there is none. As JSON text, static. */
const char *answer_member(const struct answer *answer, const char *name);
void assert_member(const struct answer *answer, const char *name, const char *expected);
/* A problem with this status and `/problems/<slug>`. */
void assert_problem(const struct answer *answer, unsigned status, const char *slug);

#endif
