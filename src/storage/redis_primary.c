/* Where sentinels watch over a service, its primary may change at any time, and the old one may not
 * know it yet, or never. So the sentinels are asked before each connect, and on while it lasts;
 * and the server itself is asked for its role, at the beginning and each second, which also shows
 * whether an idle connection is still alive. Whatever says "no longer" ends the connection.
 *
 * That a replica has what was written is not enough by itself to say that it will not be lost: the
 * next primary may be one that has not, while this one, and the replica that has, do not know of it
 * yet. So with WAIT, all replicas of this primary are waited for. One that falls silent may have
 * become the next primary, or be on its side of a partition: only when it is still silent after
 * DOUBT_MS, and most sentinels still name this primary, the others are enough. Answers of sentinels
 * count for less than that time, so one of both always shows.
 *
 * What goes with another connection, such as one that listens, does not ask: it follows. */
#include "storage/redis_client_private.h"

#include <string.h>

#define DOUBT_MS 3500

/* --- finding --------------------------------------------------------------------------------- */

static bool is_at(const struct redis_client *client, const struct redis_address *place)
{
    return client->place.port == place->port && strcmp(client->place.host, place->host) == 0;
}

/* What is known of its replicas outlives the connection. */
static void go_to(struct redis_client *client, const struct redis_address *place)
{
    if (!is_at(client, place))
        client->replicas = client->replicas_less_since = 0;
    client->place = *place;
    redis_address_describe(place, client->where, sizeof(client->where));
    redis_client_go(client);
}

static void on_found(void *arg, const struct redis_address *place)
{
    struct redis_client *client = arg;
    go_to(client, place);
}

static void on_moved(void *arg)
{
    struct redis_client *client = arg;
    switch (client->state) {
    case REDIS_RESOLVING:
    case REDIS_ENTERING:
    case REDIS_READY:
        redis_client_lose(client, "the sentinels name another primary");
        break;
    case REDIS_RESTING:
    case REDIS_SEARCHING:
    case REDIS_CLOSED:
        break;
    }
    redis_client_hurry(client);
}

void redis_primary_find(struct redis_client *client)
{
    const struct redis_client *beside = client->setup->beside;
    redis_options_describe(client->options, client->where, sizeof(client->where));
    if (client->sentinels != NULL)
        redis_sentinels_search(client->sentinels);
    else if (beside->state == REDIS_READY)
        go_to(client, &beside->place);
    else
        redis_client_lose(client, "the connection that it goes with is away");
}

/* --- staying --------------------------------------------------------------------------------- */

static bool is_doubt_over(const struct redis_client *client)
{
    return client->replicas_less_since != 0 && redis_sentinels_confirm(client->sentinels) &&
           loop_now_ms(client->loop) - client->replicas_less_since >= DOUBT_MS;
}

/* Notes how many replicas there are: more at once, fewer when there is no doubt. */
static void take_replicas(struct redis_client *client, long long replicas)
{
    if (replicas < client->replicas && client->replicas_less_since == 0)
        client->replicas_less_since = loop_now_ms(client->loop);
    if (replicas < client->replicas && !is_doubt_over(client))
        return;
    if (replicas != client->replicas)
        client->replicas_less_since = 0;
    client->replicas = replicas;
}

/* ["master", offset, [replicas]] */
bool redis_primary_take_role(struct redis_client *client, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        reply->element[0]->type != REDIS_REPLY_STRING)
        return true;
    if (strcmp(reply->element[0]->str, "master") != 0)
        return false;
    if (client->sentinels != NULL && reply->elements >= 3 &&
        reply->element[2]->type == REDIS_REPLY_ARRAY)
        take_replicas(client, (long long)reply->element[2]->elements);
    return true;
}

long long redis_primary_replicas(const struct redis_client *client)
{
    int wanted = client->options->wait_replicas;
    return client->replicas > wanted ? client->replicas : wanted;
}

bool redis_primary_is_safe(struct redis_client *client, long long replicas)
{
    if (replicas < client->options->wait_replicas)
        return false;
    if (client->sentinels == NULL)
        return true;
    if (replicas >= client->replicas) {
        client->replicas_less_since = 0;
        return redis_sentinels_confirm(client->sentinels);
    }
    if (client->replicas_less_since == 0)
        client->replicas_less_since = loop_now_ms(client->loop);
    return is_doubt_over(client);
}

static void build_role(struct redis_request *request, struct redis_commands *commands)
{
    (void)request;
    redis_command(commands, "ROLE");
}

static void on_role(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_client *client = container_of(request, struct redis_client, role);
    client->role_open = false;
    if (err == ERR_OK && !redis_primary_take_role(client, reply))
        redis_client_lose(client, "it is no longer the primary");
}

static bool is_left_behind(const struct redis_client *client)
{
    const struct redis_client *beside = client->setup->beside;
    return beside != NULL && (beside->state != REDIS_READY || !is_at(client, &beside->place));
}

void redis_primary_look(struct redis_client *client)
{
    if (is_left_behind(client)) {
        redis_client_lose(client, "the connection that it goes with has left");
        return;
    }
    if (client->role_open || redis_client_listens(client))
        return;
    client->role_open = true;
    client->role = (struct redis_request){.build = build_role, .done = on_role, .quiet = true};
    redis_client_submit(client, &client->role);
}

bool redis_primary_init(struct redis_client *client)
{
    const struct redis_sentinels_setup setup = {
        .on_found = on_found, .on_moved = on_moved, .arg = client};
    if (client->options->sentinel_count == 0 || client->setup->beside != NULL)
        return true;
    client->sentinels = redis_sentinels_create(client->loop, client->options, &setup);
    return client->sentinels != NULL;
}
