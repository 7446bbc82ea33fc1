/* What the files of the Redis repository share:
 *   redis_repository.c  its life, and the calls under way
 *   redis_create.c      create without a key, and what is known of announced types
 *   redis_batch.c       create with a key, create_batch
 *   redis_read.c        get, events, counts, ping
 *   redis_change.c      transition, remove
 *   redis_claim.c       claim, and hearing of work that others bring
 *   redis_walk.c        list, sweep, advance
 *   redis_standing.c    standing
 *   redis_dump.c        dump
 *   redis_restore.c     restore
 *   redis_audit.c       audit
 *   redis_overview.c    group, types, workers, pause
 *   redis_fullness.c    how full it is
 *   redis_news.c        hearing of what others change: watching, following, publishing */
#ifndef REPOSITORY_REDIS_CALLS_H
#define REPOSITORY_REDIS_CALLS_H

#include "proctrack/redis_repository.h"
#include "proctrack/redis_tracking.h"
#include "repository/redis_keys.h"
#include "repository/redis_record.h"
#include "repository/redis_scripts.h"

#define REDIS_CALLS_MAX   16384 /* under way at once; more are refused */
#define DAMAGE_REMEMBERED 16
#define ANNOUNCED_MAX     256

/* One call under way. */
struct redis_call {
    struct redis_request request;
    struct redis_repository *repository;
    struct process_op *op;
    char id[PROCESS_ID_TEXT_SIZE]; /* empty: the call is not about one process */
    bool announces;                /* create: tells that its type is in use */
    size_t expected;               /* create: replies within EXEC's */
    bool again;                    /* claim: the second look, after keys were watched; get: the
                                      watch may have been refused */
    uint64_t round;                /* get: redis_tracking_round() when it was sent */
};

/* What types, workers, events and dump give out, until `done` returns: grown as needed. */
struct redis_given {
    struct repo_type *types;
    struct repo_worker *workers;
    struct span *events;
    struct repo_item *items; /* REPO_DUMP_MAX, or NULL */
    struct repo_settled *settled;
    size_t type_room, worker_room, event_room, settled_room;
};

struct redis_follower;

struct redis_news {
    struct loop *loop;
    const struct redis_options *options;
    struct redis_key processes, channel; /* what all their keys begin with; where is published */
    struct redis_tracking *tracking;
    bool begun; /* it has heard before */
    bool followed;
    struct redis_follower *follower; /* while it is followed, or has just been */
    struct loop_task settle;         /* makes the follower, or ends it */
    struct loop_timer *again;        /* it could not be made */
};

/* What is asked every few seconds. */
struct redis_fullness {
    struct loop_timer *timer;
    struct redis_request request;
    bool open; /* it is under way */
};

struct redis_repository {
    struct process_repository base;
    bool publishes; /* each change, since the server does not tell of it */
    struct redis_client *client;
    struct redis_news news;
    struct redis_fullness fullness;
    struct redis_client_setup setup;
    struct redis_scripts scripts;
    struct redis_keys keys;
    struct redis_key layout_key;
    struct list_link spare;             /* redis_call.request.link: made before, not in use */
    size_t call_count;                  /* made in all */
    struct process page[REPO_LIST_MAX]; /* what list and claim give out, until `done` returns */
    struct redis_given given;

    struct {
        uint64_t hash; /* of a type that was announced not long ago */
        int64_t until;
    } announced[ANNOUNCED_MAX];

    char damage[DAMAGE_REMEMBERED][PROCESS_ID_TEXT_SIZE]; /* as last logged */
    size_t damage_next;
    int64_t damage_logged_at;
    int64_t audit_logged_at;
};

struct redis_repository *redis_repository(struct process_repository *base);

/* Starts a call: build and done as in struct redis_request. `id` may be NULL. */
void redis_call_start(struct redis_repository *repository, struct process_op *op,
                      const struct process_id *id, bool writes,
                      void (*build)(struct redis_request *, struct redis_commands *),
                      void (*done)(struct redis_request *, enum err, struct redisReply *));
/* Goes on with another request of the same call, in what is left of its time. */
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

/* --- scripts: the time is the first argument of each; what they answer begins with a code ------
 */

void redis_call_script(struct redis_commands *commands, enum redis_script script, struct span key,
                       int64_t now);

/* What a plain script leaves to the one that can do everything: SLOW, or a command of it failed
 * (then only index entries were added, which heal). */
bool redis_is_for_the_other(enum err err, const struct redisReply *reply);

/* RFC 3339, as records hold it. */
void redis_arg_time(struct redis_commands *commands, int64_t time);

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
/* The text of a reply that is one; else absent. */
struct span redis_text_of(const struct redisReply *value);
/* A record: its id, then its fields. */
enum err redis_answer_record(const struct redisReply *value, struct process *ret_process);
/* Room for so many entries of timelines. */
bool redis_given_events(struct redis_given *given, size_t count);
/* A list of records into the repository's page; damaged ones are left out and noted. */
enum err redis_answer_page(struct redis_repository *repository, const struct redisReply *list,
                           size_t *ret_count);

/* --- creation -------------------------------------------------------------------------------- */

/* Behind the fingerprint of a key: it may lead to a batch or to a single process. */
#define REDIS_MARK_EITHER " either"

/* The index that moves a new process on, and its score there. */
struct redis_place {
    const char *name;
    struct span rest;
    int64_t score;
};
struct redis_place redis_first_place(const struct process *process);

/* Whether it is time to announce the type again; then it counts as announced. */
bool redis_announce_due(struct redis_repository *repository, struct span type);
/* It may not have been stored after all. */
void redis_announce_failed(struct redis_repository *repository, struct span type);

void redis_create_once(struct redis_repository *repository, struct repo_create *create);

/* --- news ------------------------------------------------------------------------------------ */

bool redis_news_init(
    struct redis_repository *repository, struct loop *loop,
    const struct redis_options *options);        /* false: no memory; finish all the same */
void redis_news_close(struct redis_news *news);  /* before the client is closed */
void redis_news_finish(struct redis_news *news); /* before it is destroyed */

/* Adds a PUBLISH of a change, for where `publishes` is set. `status` may be "removed", `id` "-". */
void redis_publish(struct redis_commands *commands, const struct redis_repository *repository,
                   const char *id, const char *status, struct span type);

/* --- fullness -------------------------------------------------------------------------------- */

bool redis_fullness_init(struct redis_repository *repository, struct loop *loop); /* as above */
void redis_fullness_client_ready(struct redis_fullness *fullness);                /* asks at once */
void redis_fullness_close(struct redis_fullness *fullness);
void redis_fullness_finish(struct redis_fullness *fullness);

/* --- the slots ------------------------------------------------------------------------------- */

void redis_create(struct process_repository *base, struct repo_create *create);
void redis_get(struct process_repository *base, struct repo_get *get);
void redis_create_batch(struct process_repository *base, struct repo_create_batch *batch);
void redis_events(struct process_repository *base, struct repo_events *events);
void redis_standing(struct process_repository *base, struct repo_standing *standing);
void redis_group(struct process_repository *base, struct repo_group *group);
void redis_types(struct process_repository *base, struct repo_types *types);
void redis_workers(struct process_repository *base, struct repo_workers *workers);
void redis_pause(struct process_repository *base, struct repo_pause *pause);
void redis_counts(struct process_repository *base, struct repo_counts *counts);
void redis_ping(struct process_repository *base, struct repo_ping *ping);
void redis_follow(struct process_repository *base, bool on);
void redis_transition(struct process_repository *base, struct repo_transition *transition);
void redis_claim(struct process_repository *base, struct repo_claim *claim);
void redis_remove(struct process_repository *base, struct repo_remove *remove);
void redis_list(struct process_repository *base, struct repo_list *list);
void redis_sweep(struct process_repository *base, struct repo_sweep *sweep);
void redis_advance(struct process_repository *base, struct repo_advance *advance);
void redis_dump(struct process_repository *base, struct repo_dump *dump);
void redis_restore(struct process_repository *base, struct repo_restore *restore);
void redis_audit(struct process_repository *base, struct repo_audit *audit);

#endif
