/* All sentinels are asked every ASK_MS, and at once when a search begins or one of them is reached.
 * A search waits for the answers of all that can be reached, but not longer than GATHER_MS for the
 * others once there is one: a sentinel that is slow, or frozen, must not hold up the service. */
#include "storage/redis_sentinels.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS    500
#define GATHER_MS 200
#define FRESH_MS  3000 /* so old may an answer be that says where the primary is now */

struct sentinel {
    struct redis_sentinels *all;
    struct redis_options options;
    struct redis_client_setup setup;
    struct redis_client *client;
    struct redis_request ask_epoch, ask_place;
    bool asked;                 /* both are under way */
    bool ask_again;             /* a search has begun meanwhile */
    int64_t heard_epoch;        /* of the answer that is under way */
    int64_t epoch;              /* of the newest answer, */
    struct redis_address place; /*     its place, */
    int64_t answered_at;        /*     and when it came, loop ms; */
    bool answered, has_place;   /*     whether there was any, and one that knows the service */
};

struct redis_sentinels {
    struct loop *loop;
    const struct redis_options *options;
    struct redis_sentinels_setup setup;
    struct sentinel sentinels[REDIS_SENTINELS_MAX];
    int count;
    struct loop_timer *ask, *gather;
    bool searching, gathered, closed;
    int64_t search_began;
    struct redis_address found; /* last; without a host: none yet */
};

/* --- judging --------------------------------------------------------------------------------- */

static bool is_same_place(const struct redis_address *a, const struct redis_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool counts(const struct redis_sentinels *all, const struct sentinel *sentinel)
{
    int64_t since = all->searching ? all->search_began : loop_now_ms(all->loop) - FRESH_MS;
    return sentinel->answered && sentinel->has_place && sentinel->answered_at >= since;
}

/* The newest word; where several are as new, one that names what was found last. */
static const struct sentinel *newest(const struct redis_sentinels *all)
{
    const struct sentinel *best = NULL;
    for (int i = 0; i < all->count; i++) {
        const struct sentinel *one = &all->sentinels[i];
        if (!counts(all, one))
            continue;
        bool newer = best == NULL || one->epoch > best->epoch;
        bool as_new = best != NULL && one->epoch == best->epoch;
        if (newer || (as_new && is_same_place(&one->place, &all->found)))
            best = one;
    }
    return best;
}

/* Whether the search should wait for this one. */
static bool is_awaited(const struct redis_sentinels *all, const struct sentinel *sentinel)
{
    if (!redis_client_is_ready(sentinel->client))
        return redis_client_problem(sentinel->client)[0] == '\0';
    return !sentinel->answered || sentinel->answered_at < all->search_began;
}

static void end_search(struct redis_sentinels *all, const struct sentinel *best)
{
    redis_sentinels_rest(all);
    all->found = best->place;
    all->setup.on_found(all->setup.arg, &all->found);
}

static void judge(struct redis_sentinels *all)
{
    const struct sentinel *best = newest(all);
    if (all->closed || best == NULL)
        return;
    if (!all->searching) {
        if (all->found.host[0] != '\0' && !is_same_place(&best->place, &all->found))
            all->setup.on_moved(all->setup.arg);
        return;
    }
    for (int i = 0; i < all->count && !all->gathered; i++) {
        if (is_awaited(all, &all->sentinels[i]))
            return;
    }
    end_search(all, best);
}

static void on_gather(void *arg)
{
    struct redis_sentinels *all = arg;
    all->gathered = true;
    judge(all);
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool is_place_text(struct span text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:";
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(allowed, text.data[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

bool redis_sentinels_place(const struct redisReply *reply, struct redis_address *ret_place)
{
    int64_t port;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    struct span host = {reply->element[0]->str, reply->element[0]->len};
    struct span digits = {reply->element[1]->str, reply->element[1]->len};
    if (!is_place_text(host) || !span_to_int(digits, 1, 65535, &port) ||
        !text_copy(ret_place->host, sizeof(ret_place->host), host))
        return false;
    ret_place->port = (int)port;
    return true;
}

/* The names and values of SENTINEL MASTER. 0 where it is not said: then all are as new. */
static int64_t epoch_of(const struct redisReply *reply)
{
    int64_t epoch = 0;
    if (reply->type != REDIS_REPLY_ARRAY)
        return 0;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const struct redisReply *name = reply->element[i], *value = reply->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
            strcmp(name->str, "config-epoch") != 0)
            continue;
        if (span_to_int((struct span){value->str, value->len}, 0, INT64_MAX, &epoch))
            return epoch;
    }
    return 0;
}

static void build_epoch(struct redis_request *request, struct redis_commands *commands)
{
    redis_command(commands, "SENTINEL");
    redis_arg_str(commands, "MASTER");
    redis_arg_str(commands,
                  container_of(request, struct sentinel, ask_epoch)->all->options->service);
}

static void on_epoch(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct sentinel *sentinel = container_of(request, struct sentinel, ask_epoch);
    sentinel->heard_epoch = err == ERR_OK ? epoch_of(reply) : 0;
}

static void build_place(struct redis_request *request, struct redis_commands *commands)
{
    redis_command(commands, "SENTINEL");
    redis_arg_str(commands, "get-master-addr-by-name");
    redis_arg_str(commands,
                  container_of(request, struct sentinel, ask_place)->all->options->service);
}

static void ask(struct sentinel *sentinel);

static void on_place(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct sentinel *sentinel = container_of(request, struct sentinel, ask_place);
    struct redis_sentinels *all = sentinel->all;
    sentinel->asked = false;
    if (err == ERR_OK) {
        sentinel->answered = true;
        sentinel->answered_at = loop_now_ms(all->loop);
        sentinel->epoch = sentinel->heard_epoch;
        sentinel->has_place = redis_sentinels_place(reply, &sentinel->place);
    }
    if (sentinel->ask_again)
        ask(sentinel);
    judge(all);
}

/* Both in one write, so that nothing changes between them. A sentinel in the midst of a fail-over
 * tells the new place with the second one alone, but has the new epoch by then. */
static void ask(struct sentinel *sentinel)
{
    if (sentinel->all->closed || !redis_client_is_ready(sentinel->client))
        return;
    sentinel->ask_again = sentinel->asked;
    if (sentinel->asked)
        return;
    sentinel->asked = true;
    sentinel->ask_epoch =
        (struct redis_request){.build = build_epoch, .done = on_epoch, .quiet = true};
    sentinel->ask_place =
        (struct redis_request){.build = build_place, .done = on_place, .quiet = true};
    redis_client_submit(sentinel->client, &sentinel->ask_epoch);
    redis_client_submit(sentinel->client, &sentinel->ask_place);
}

static void ask_all(struct redis_sentinels *all)
{
    loop_timer_start(all->ask, ASK_MS);
    for (int i = 0; i < all->count; i++)
        ask(&all->sentinels[i]);
}

static void on_ask(void *arg)
{
    ask_all(arg);
}

static void on_state(void *arg, bool ready)
{
    struct sentinel *sentinel = arg;
    sentinel->ask_again = false;
    if (ready)
        ask(sentinel);
    else if (sentinel->client != NULL)
        judge(sentinel->all); /* nobody needs to wait for it */
}

/* --- searching ------------------------------------------------------------------------------- */

void redis_sentinels_search(struct redis_sentinels *all)
{
    all->searching = true;
    all->gathered = false;
    all->search_began = loop_now_ms(all->loop);
    loop_timer_start(all->gather, GATHER_MS);
    ask_all(all);
}

void redis_sentinels_rest(struct redis_sentinels *all)
{
    if (all == NULL)
        return;
    all->searching = false;
    loop_timer_stop(all->gather);
}

const char *redis_sentinels_problem(const struct redis_sentinels *all)
{
    const char *why = "no sentinel answered in time";
    for (int i = 0; i < all->count; i++) {
        const struct sentinel *one = &all->sentinels[i];
        if (redis_client_is_ready(one->client) && one->answered && !one->has_place)
            return "the sentinels do not know the service";
        if (redis_client_problem(one->client)[0] != '\0')
            why = redis_client_problem(one->client);
    }
    return why;
}

bool redis_sentinels_confirm(const struct redis_sentinels *all)
{
    int64_t since = loop_now_ms(all->loop) - FRESH_MS;
    int confirming = 0;
    for (int i = 0; i < all->count; i++) {
        const struct sentinel *one = &all->sentinels[i];
        if (one->answered && one->has_place && one->answered_at >= since &&
            is_same_place(&one->place, &all->found))
            confirming++;
    }
    return confirming * 2 > all->count;
}

/* --- life ------------------------------------------------------------------------------------ */

static bool add(struct redis_sentinels *all, const struct redis_address *place)
{
    const struct redis_options *options = all->options;
    struct sentinel *sentinel = &all->sentinels[all->count];
    sentinel->all = all;
    redis_options_defaults(&sentinel->options);
    memcpy(sentinel->options.host, place->host, sizeof(place->host));
    sentinel->options.port = place->port;
    memcpy(sentinel->options.username, options->sentinel_username,
           sizeof(options->sentinel_username));
    memcpy(sentinel->options.password, options->sentinel_password,
           sizeof(options->sentinel_password));
    memcpy(sentinel->options.client_name, options->client_name, sizeof(options->client_name));
    sentinel->options.connect_timeout_ms = options->connect_timeout_ms;
    sentinel->options.command_timeout_ms = options->command_timeout_ms;
    sentinel->setup =
        (struct redis_client_setup){.quiet = true, .on_state = on_state, .arg = sentinel};
    sentinel->client = redis_client_create(all->loop, &sentinel->options, &sentinel->setup);
    all->count += sentinel->client != NULL;
    return sentinel->client != NULL;
}

struct redis_sentinels *redis_sentinels_create(struct loop *loop,
                                               const struct redis_options *options,
                                               const struct redis_sentinels_setup *setup)
{
    struct redis_sentinels *all = calloc(1, sizeof(*all));
    if (all == NULL)
        return NULL;
    all->loop = loop;
    all->options = options;
    all->setup = *setup;
    all->ask = loop_timer_create(loop, on_ask, all);
    all->gather = loop_timer_create(loop, on_gather, all);
    bool complete = all->ask != NULL && all->gather != NULL;
    for (int i = 0; i < options->sentinel_count && complete; i++)
        complete = add(all, &options->sentinels[i]);
    if (complete)
        return all;
    redis_sentinels_destroy(all);
    return NULL;
}

void redis_sentinels_close(struct redis_sentinels *all)
{
    if (all == NULL || all->closed)
        return;
    all->closed = true;
    redis_sentinels_rest(all);
    loop_timer_stop(all->ask);
    for (int i = 0; i < all->count; i++)
        redis_client_close(all->sentinels[i].client);
}

void redis_sentinels_destroy(struct redis_sentinels *all)
{
    if (all == NULL)
        return;
    all->closed = true;
    for (int i = 0; i < all->count; i++)
        redis_client_destroy(all->sentinels[i].client);
    loop_timer_destroy(all->ask);
    loop_timer_destroy(all->gather);
    free(all);
}
