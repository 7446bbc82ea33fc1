/* What the files of the Redis repository share:
 *   redis_repository.c  its life, and the calls under way
 *   redis_create.c      create
 *   redis_read.c        get, counts, ping
 *   redis_change.c      transition, claim, remove
 *   redis_walk.c        list, sweep, advance */
#ifndef REPOSITORY_REDIS_CALLS_H
#define REPOSITORY_REDIS_CALLS_H

#include "proctrack/redis_repository.h"
#include "repository/redis_keys.h"
#include "repository/redis_record.h"
#include "repository/redis_scripts.h"

#define REDIS_CALLS_MAX   16384 /* under way at once; more are refused */
#define DAMAGE_REMEMBERED 16

/* One call under way. */
struct redis_call {
    struct redis_request request;
    struct redis_repository *repository;
    struct process_op *op;
    char id[PROCESS_ID_TEXT_SIZE]; /* empty: the call is not about one process */
};

struct redis_repository {
    struct process_repository base;
    struct redis_client *client;
    struct redis_client_setup setup;
    struct redis_scripts scripts;
    struct redis_keys keys;
    struct redis_key layout_key;
    struct list_link spare;             /* redis_call.request.link: made before, not in use */
    size_t call_count;                  /* made in all */
    struct process page[REPO_LIST_MAX]; /* what list and claim give out, until `done` returns */

    char damage[DAMAGE_REMEMBERED][PROCESS_ID_TEXT_SIZE]; /* as last logged */
    size_t damage_next;
    int64_t damage_logged_at;
};

struct redis_repository *redis_repository(struct process_repository *base);

/* Starts a call: build and done as in struct redis_request. `id` may be NULL. */
void redis_call_start(struct redis_repository *repository, struct process_op *op,
                      const struct process_id *id, bool writes,
                      void (*build)(struct redis_request *, struct redis_commands *),
                      void (*done)(struct redis_request *, enum err, struct redisReply *));
/* Goes on with another request of the same call. */
void redis_call_next(struct redis_call *call,
                     void (*build)(struct redis_request *, struct redis_commands *),
                     void (*done)(struct redis_request *, enum err, struct redisReply *));
/* Gives the call back and ends the operation. */
void redis_call_finish(struct redis_call *call, enum err err);

static inline struct redis_call *redis_call_of(struct redis_request *request)
{
    return container_of(request, struct redis_call, request);
}

/* The key of the call's process. */
struct span redis_call_key(const struct redis_call *call, struct redis_key *storage);

/* Counts and logs a record that cannot be read; "" when it is not known which. */
void redis_note_damage(struct redis_repository *repository, const char *id);

/* --- scripts: prefix and time are the first arguments of each; what they answer begins with a code
 */

void redis_call_script(const struct redis_call *call, struct redis_commands *commands,
                       enum redis_script script, struct span key, int64_t now);
void redis_arg_policy(struct redis_commands *commands, const struct process_policy *policy);

struct redis_answer {
    struct redisReply *const *values; /* what stands behind the code */
    size_t count;
};
/* The code as an error, also when the request itself failed; CORRUPT and healed entries are noted.
 * INTERNAL when the answer has not at least `least` values. */
enum err redis_answer_open(struct redis_call *call, enum err err, const struct redisReply *reply,
                           size_t least, struct redis_answer *ret_answer);
/* The i-th value as a number; 0 when it is none. */
int64_t redis_answer_int(const struct redis_answer *answer, size_t i);
/* A record: its id, then its fields. */
enum err redis_answer_record(const struct redisReply *value, struct process *ret_process);
/* A list of records into the repository's page; damaged ones are left out and noted. */
enum err redis_answer_page(struct redis_repository *repository, const struct redisReply *list,
                           size_t *ret_count);

/* --- the slots ------------------------------------------------------------------------------- */

void redis_create(struct process_repository *base, struct repo_create *create);
void redis_get(struct process_repository *base, struct repo_get *get);
void redis_counts(struct process_repository *base, struct repo_counts *counts);
void redis_ping(struct process_repository *base, struct repo_ping *ping);
void redis_transition(struct process_repository *base, struct repo_transition *transition);
void redis_claim(struct process_repository *base, struct repo_claim *claim);
void redis_remove(struct process_repository *base, struct repo_remove *remove);
void redis_list(struct process_repository *base, struct repo_list *list);
void redis_sweep(struct process_repository *base, struct repo_sweep *sweep);
void redis_advance(struct process_repository *base, struct repo_advance *advance);

#endif
