/* How requests end, and when at the latest.
 *
 * A reply that does not come in time cannot be waited for, nor skipped: the connection is dropped,
 * since the late reply would be taken for the next request's. All commands have the same time, so
 * it is enough to look at the oldest. A request that goes on with other commands has what is left
 * of its own time only: when that is over it ends, and something else takes the reply in its place,
 * for the connection is none the worse for it. */
#include "storage/redis_client_private.h"

#include <stdlib.h>

/* --- ends ------------------------------------------------------------------------------------ */

static struct redis_request *request_of(struct list_link *link)
{
    return container_of(link, struct redis_request, link);
}

void redis_request_end(struct redis_request *request, enum err err, redisReply *reply)
{
    list_remove(&request->link);
    request->done(request, err, err == ERR_OK ? reply : NULL);
}

void redis_request_end_kept(struct redis_request *request, enum err err)
{
    redisReply *reply = request->kept;
    request->kept = NULL;
    redis_request_end(request, err, reply);
    freeReplyObject(reply);
}

void redis_ends_count(struct redis_client *client)
{
    if (client->setup->timeouts != NULL)
        ++*client->setup->timeouts;
}

static enum err late_or(struct redis_client *client, const struct redis_request *request,
                        enum err err)
{
    if (err != ERR_UNAVAILABLE || request->deadline > loop_now_ms(client->loop))
        return err;
    redis_ends_count(client);
    return ERR_TIMEOUT;
}

void redis_ends_all(struct redis_client *client, enum err err)
{
    struct list_link kept, open;
    struct list_link *link;
    loop_task_cancel(&client->send_wait);
    if (client->deadline != NULL) /* the client may be half made */
        loop_timer_stop(client->deadline);
    client->wait_open = client->wait_again = client->last_look = client->broken = false;
    client->soonest = INT64_MAX;
    list_take_all(&client->unconfirmed, &kept); /* what `done` submits finds the lists empty */
    list_take_all(&client->in_flight, &open);
    while ((link = list_pop(&kept)) != NULL)
        redis_request_end_kept(request_of(link), late_or(client, request_of(link), err));
    while ((link = list_pop(&open)) != NULL)
        redis_request_end(request_of(link), late_or(client, request_of(link), err), NULL);
}

/* --- deadlines ------------------------------------------------------------------------------- */

/* When something is late. */
static int64_t first_due(const struct redis_client *client)
{
    if (list_is_empty(&client->in_flight))
        return client->soonest;
    int64_t due = request_of(client->in_flight.next)->reply_due;
    return due < client->soonest ? due : client->soonest;
}

void redis_ends_await(struct redis_client *client)
{
    int64_t due = first_due(client), left = due - loop_now_ms(client->loop);
    client->last_look = false;
    if (due != INT64_MAX)
        loop_timer_start(client->deadline, left > 0 ? left : 0);
}

static void on_stand_in_done(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)err;
    (void)reply;
    free(request);
}

/* Takes the reply in its place. False: no memory. */
static bool stand_in(struct redis_request *request)
{
    struct redis_request *other = malloc(sizeof(*other));
    if (other == NULL)
        return false;
    *other = (struct redis_request){.done = on_stand_in_done,
                                    .quiet = true,
                                    .deadline = INT64_MAX,
                                    .reply_due = request->reply_due,
                                    .replies = request->replies,
                                    .repeated = true};
    list_append(&request->link, &other->link); /* before it */
    return true;
}

/* Moves those whose time is over, notes when the next one's is. False: no memory. */
static bool take_late(struct redis_client *client, struct list_link *from, struct list_link *late)
{
    list_for_each_safe (link, from) {
        struct redis_request *request = request_of(link);
        bool ends_first = request->deadline < request->reply_due;
        if (!ends_first || request->deadline > loop_now_ms(client->loop)) {
            if (ends_first && request->deadline < client->soonest)
                client->soonest = request->deadline;
            continue;
        }
        if (request->kept == NULL && !stand_in(request))
            return false;
        list_remove(link);
        list_append(late, link);
    }
    return true;
}

static void end_late(struct redis_client *client)
{
    struct list_link late, *link;
    list_init(&late);
    client->soonest = INT64_MAX;
    bool taken = take_late(client, &client->in_flight, &late) &&
                 take_late(client, &client->unconfirmed, &late);
    redis_ends_await(client);
    while ((link = list_pop(&late)) != NULL) {
        redis_ends_count(client);
        redis_request_end_kept(request_of(link), ERR_TIMEOUT);
    }
    if (!taken && client->state == REDIS_READY)
        redis_client_lose(client, "out of memory");
}

static void on_deadline(void *arg)
{
    struct redis_client *client = arg;
    int64_t now = loop_now_ms(client->loop);
    if (client->broken) {
        redis_client_lose(client, "out of memory");
    } else if (first_due(client) > now) {
        redis_ends_await(client);
    } else if (!client->last_look) {
        client->last_look = true; /* this loop may have been late itself: let it read once more */
        loop_timer_start(client->deadline, 1);
    } else if (client->soonest <= now) {
        end_late(client);
    } else {
        redis_client_lose(client, "no reply within the command timeout");
    }
}

void redis_ends_expect(struct redis_client *client, struct redis_request *request)
{
    int64_t before = first_due(client);
    if (request->deadline < request->reply_due && request->deadline < client->soonest)
        client->soonest = request->deadline;
    list_append(&client->in_flight, &request->link);
    if (client->state == REDIS_READY && first_due(client) < before)
        redis_ends_await(client);
}

bool redis_ends_init(struct redis_client *client)
{
    list_init(&client->in_flight);
    list_init(&client->unconfirmed);
    client->soonest = INT64_MAX;
    client->deadline = loop_timer_create(client->loop, on_deadline, client);
    return client->deadline != NULL;
}
