/* A server with a journal in a directory of its own, requests to it, and what is there. */
#ifndef DURABLE_FIXTURE_H
#define DURABLE_FIXTURE_H

#include "http/http_fixture.h"

/* The fixture of http_fixture.h, over a repository in a new directory. */
int durable_setup(void **state);
int durable_teardown(void **state); /* also when memory fails */
void durable_start(void);
void durable_stop(void);
/* Starts again, on the same directory: the same must be there. */
void durable_check_restart(void);
/* The repository alone; NULL when there is no memory. */
struct process_repository *durable_open(struct fixture *f);
void durable_close(struct process_repository *repository);

enum state { NOTHING, PENDING, RUNNING, COMPLETED, FAILED };

/* In its texts $I stands for the id of a process in that state, $L for its lease, $T for its type,
 * which no other has. */
struct request {
    const char *name, *method, *target, *fields, *body;
    enum state state;
    unsigned status;   /* of the answer, when all goes well */
    const char *after; /* the process' status then; NULL: as before; "": it is gone */
    int64_t added;     /* processes */
    bool keyed;        /* sent again it does nothing more */
};

/* Makes a process of a new type in that state: from now on the texts are about it. */
void request_prepare(enum state state);
const char *request_compose(const struct request *request); /* static */
/* The answer, which must have that status; static. */
const struct answer *request_must(const struct request *request, unsigned status);

struct seen {
    char status[32]; /* of the process, "" when it is gone */
    int64_t total;
};
struct seen see(enum state state);
bool seen_is_same(const struct seen *a, const struct seen *b);

#endif
