/* What the files of the client share:
 *   redis_client.c   the connection's life: connect, lose, try again, close
 *   redis_primary.c  where to connect, with sentinels
 *   redis_session.c  what a new connection is asked before it serves
 *   redis_flow.c     requests: submit, replies, replicas
 *   redis_ends.c     how requests end, and when at the latest */
#ifndef STORAGE_REDIS_CLIENT_PRIVATE_H
#define STORAGE_REDIS_CLIENT_PRIVATE_H

#include "storage/redis_commands.h"
#include "storage/redis_link.h"
#include "storage/redis_replies.h"
#include "storage/redis_sentinels.h"

enum redis_state {
    REDIS_RESTING,   /* waits before it tries again */
    REDIS_SEARCHING, /* asks the sentinels */
    REDIS_RESOLVING, /* looks up the host */
    REDIS_ENTERING,  /* connects and sets up the session */
    REDIS_READY,
    REDIS_CLOSED,
};

#define REDIS_PROBLEM_MAX 160

enum redis_step {
    STEP_AUTH,
    STEP_ROLE,
    STEP_SELECT,
    STEP_NAME,
    STEP_SCRIPT,
    STEP_LAYOUT_SET,
    STEP_LAYOUT_GET,
    STEP_PING,
    STEP_ID,
    STEP_SUBSCRIBE,
};

struct redis_session {
    struct redis_request request;
    enum redis_step steps[REDIS_COMMANDS_MAX]; /* in the order of their replies */
    size_t count, replied;
    size_t script; /* whose hash comes next */
};

struct redis_client {
    struct loop *loop;
    const struct redis_options *options;
    const struct redis_client_setup *setup;
    char where[300]; /* for logs */
    enum redis_state state;

    struct redis_address place;        /* where it connects; not with a unix path */
    struct redis_sentinels *sentinels; /* NULL: there are none, or it goes where another is */
    struct redis_request role;         /* asked from time to time where there are sentinels */
    bool role_open;
    long long replicas;          /* that a write is waited for on, with sentinels and WAIT */
    int64_t replicas_less_since; /* loop ms; 0: all of them have what was written */

    struct redis_link link;
    struct redis_tls *tls;
    struct loop_resolve *resolve;
    struct loop_timer *pace; /* ends a rest, or a connect that takes too long */
    int64_t rest_ms;
    bool was_ready;
    char problem[REDIS_PROBLEM_MAX]; /* as last logged; empty while all is well */

    struct redis_session session; /* while entering */
    int64_t id;                   /* of a listening connection, as the server numbers it */

    struct redis_commands commands;
    struct redis_replies replies;
    struct list_link in_flight; /* redis_request.link, in the order of their replies */
    struct loop_timer *deadline;
    int64_t soonest; /* loop ms: the first end of one that is over before its reply is due */
    bool last_look;  /* something is late, but its reply may be there already */
    bool broken;     /* the connection is to be dropped in the next turn */

    struct list_link unconfirmed; /* answered, and waiting for the replicas */
    struct redis_request touch;   /* what is written before it */
    struct redis_request wait;    /* the one WAIT */
    struct loop_task send_wait;
    bool wait_open;          /* it is under way */
    bool wait_again;         /* writes have come after it */
    int64_t wait_deadline;   /* of the first of these */
    bool replicas_short;     /* as last logged */
    int64_t error_logged_at; /* 0: never */
};

/* redis_client.c. Ends the connection, ends all requests, and rests before the next try. */
void redis_client_lose(struct redis_client *client, const char *problem);
void redis_client_enter(struct redis_client *client); /* the session is set up */
void redis_client_go(struct redis_client *client);    /* client->place is known: connects */
/* What is lost, or rests, tries again in the next turn. */
void redis_client_hurry(struct redis_client *client);

/* redis_primary.c: staying with the primary that the sentinels name. */
bool redis_primary_init(struct redis_client *client); /* false: no memory */
/* Finds where to connect; redis_client_go() or redis_client_lose() follows, perhaps at once. */
void redis_primary_find(struct redis_client *client);
/* While READY, each second: whether it is still the place to be. */
void redis_primary_look(struct redis_client *client);
/* How many replicas WAIT is to wait for, and whether so many are enough. */
long long redis_primary_replicas(const struct redis_client *client);
bool redis_primary_is_safe(struct redis_client *client, long long replicas);
/* Takes the reply to ROLE. False: it is no primary. One that says nothing proves nothing. */
bool redis_primary_take_role(struct redis_client *client, const redisReply *reply);

static inline bool redis_client_listens(const struct redis_client *client)
{
    return client->setup->channel != NULL;
}

/* redis_session.c. Sends what a new connection must be asked, and judges the replies; one of
 * redis_client_enter() and redis_client_lose() follows. */
void redis_session_start(struct redis_client *client);
void redis_session_reply(struct redis_client *client, const redisReply *reply);

/* redis_flow.c */
bool redis_flow_init(struct redis_client *client); /* false: no memory */
/* Sends a request whatever the state. False, with *ret_err, when it was not sent. */
bool redis_flow_send(struct redis_client *client, struct redis_request *request, enum err *ret_err);

/* redis_ends.c */
bool redis_ends_init(struct redis_client *client); /* false: no memory */
/* Takes it out of its list and ends it; `reply` counts when err is OK. */
void redis_request_end(struct redis_request *request, enum err err, redisReply *reply);
void redis_request_end_kept(struct redis_request *request, enum err err);
/* Ends all requests that are open: TIMEOUT for those that are late, `err` for the others. */
void redis_ends_all(struct redis_client *client, enum err err);
/* Puts a request that was sent behind those in flight. */
void redis_ends_expect(struct redis_client *client, struct redis_request *request);
/* Starts the timer anew: what is due first has changed. */
void redis_ends_await(struct redis_client *client);
void redis_ends_count(struct redis_client *client); /* one that missed its deadline */

#endif
