/* Two connections: the client's, on which reads are noted, and one that listens, to which Redis
 * sends the names of the keys that changed. It is on while both serve and the client's has been
 * told the number of the other:
 *
 *   client ready -> the listening one connects -> CLIENT TRACKING ON REDIRECT <its number> ...
 *
 * With a channel the last step is left out: what others publish comes by itself.
 *
 * Whenever one of them ends, whatever was noted is lost, and the way is gone again from there. Each
 * end and each beginning is told as "all may have changed", so that whoever waits looks once more.
 * A connection that says nothing might be dead, and one of them is no use without the other: so
 * both are asked every second, and the answers have the deadline that any has.
 *
 * With each new connection of the client's, the other is made anew too: after a fail-over both must
 * lead to the same server. A refusal may only mean that the listening connection has just been
 * ended there, or that the server is busy; one that refuses REFUSALS_MAX times in a row is asked
 * again only with the client's next connection, or after a good while. */
#include "proctrack/redis_tracking.h"

#include "proctrack/log.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define INVALIDATIONS   "__redis__:invalidate"
#define SIGN_OF_LIFE_MS 1000
#define ASK_AGAIN_MS    60000
#define REFUSALS_MAX    3

struct redis_tracking {
    struct loop *loop;
    const struct redis_options *options;
    struct redis_client *client;
    struct redis_tracking_setup setup;

    struct redis_client_setup listening;
    struct redis_client *listener; /* NULL before the client is ready for the first time */
    struct loop_timer *life;
    struct redis_request sign;  /* of life, the listener's */
    struct redis_request pulse; /* the client's */
    bool sign_open, pulse_open;

    struct redis_request enabling;
    bool enabling_open;
    int64_t enabling_id; /* the listener's number in it */
    bool on, refused, closed;
    int refusals;   /* in a row */
    uint64_t round; /* how often it has begun */
    bool refusal_logged;
    int64_t doubted_at; /* loop ms; 0: never */
};

static void tell(struct redis_tracking *tracking, struct span what)
{
    if (!tracking->closed)
        tracking->setup.on_changed(tracking->setup.arg, what);
}

static void begin(struct redis_tracking *tracking)
{
    tracking->on = true;
    tracking->refusals = 0;
    tracking->round++;
    tracking->refusal_logged = false;
    log_debug("redis notifications on");
    tell(tracking, SPAN_NONE);
}

static void end(struct redis_tracking *tracking)
{
    bool was_on = tracking->on;
    tracking->on = false;
    if (was_on)
        tell(tracking, SPAN_NONE);
}

/* The listener stays, closed, until it is made anew: this may run in a call of its. */
static void give_up(struct redis_tracking *tracking)
{
    tracking->refused = true;
    redis_client_close(tracking->listener);
    loop_timer_start(tracking->life, ASK_AGAIN_MS);
    if (!tracking->refusal_logged)
        log_info("redis notifications unavailable",
                 log_text("reason", tracking->setup.way == REDIS_TRACK_CHANNEL
                                        ? "this user may not subscribe to the channel"
                                        : "the server does not offer CLIENT TRACKING, or not to "
                                          "this user"));
    tracking->refusal_logged = true;
    end(tracking);
}

/* --- on the client's connection -------------------------------------------------------------- */

void redis_tracking_watch(struct redis_commands *commands)
{
    redis_command(commands, "CLIENT");
    redis_arg_str(commands, "CACHING");
    redis_arg_str(commands, "YES");
}

/* The first command of READS is as all that will be asked later, so that a refusal shows now. */
static void build_enabling(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_tracking *tracking = container_of(request, struct redis_tracking, enabling);
    redis_command(commands, "CLIENT");
    redis_arg_str(commands, "TRACKING");
    redis_arg_str(commands, "OFF");
    redis_command(commands, "CLIENT");
    redis_arg_str(commands, "TRACKING");
    redis_arg_str(commands, "ON");
    redis_arg_str(commands, "REDIRECT");
    redis_arg_int(commands, tracking->enabling_id);
    if (tracking->setup.way == REDIS_TRACK_PREFIX) {
        redis_arg_str(commands, "BCAST");
        redis_arg_str(commands, "PREFIX");
        redis_arg_str(commands, tracking->setup.name);
    } else {
        redis_arg_str(commands, "OPTIN");
        redis_tracking_watch(commands);
    }
    redis_command(commands, "PING");
}

static bool both_ready(const struct redis_tracking *tracking)
{
    return tracking->listener != NULL && redis_client_is_ready(tracking->client) &&
           redis_client_is_ready(tracking->listener);
}

static void enable(struct redis_tracking *tracking);

static void on_enabled(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_tracking *tracking = container_of(request, struct redis_tracking, enabling);
    (void)reply;
    tracking->enabling_open = false;
    if (tracking->closed || !both_ready(tracking))
        return; /* it is tried again when both are */
    if (tracking->enabling_id != redis_client_id(tracking->listener)) {
        enable(tracking);
    } else if (err == ERR_OK) {
        begin(tracking);
    } else if (err != ERR_TIMEOUT && ++tracking->refusals == REFUSALS_MAX) {
        give_up(tracking);
    } /* else it is tried again with the next sign of life, or the next connection */
}

static void enable(struct redis_tracking *tracking)
{
    if (tracking->enabling_open || !both_ready(tracking))
        return;
    tracking->enabling_open = true;
    tracking->enabling_id = redis_client_id(tracking->listener);
    tracking->enabling =
        (struct redis_request){.build = build_enabling, .done = on_enabled, .quiet = true};
    redis_client_submit(tracking->client, &tracking->enabling);
}

void redis_tracking_doubt(struct redis_tracking *tracking)
{
    if (!tracking->on)
        return;
    int64_t now = loop_now_ms(tracking->loop);
    bool again = tracking->doubted_at != 0 && now - tracking->doubted_at < ASK_AGAIN_MS;
    tracking->doubted_at = now;
    if (again) {
        give_up(tracking);
        return;
    }
    end(tracking);
    enable(tracking);
}

/* --- the listening connection ---------------------------------------------------------------- */

static void on_message(void *arg, const struct redisReply *payload)
{
    struct redis_tracking *tracking = arg;
    if (tracking->setup.way == REDIS_TRACK_CHANNEL) {
        if (payload->type == REDIS_REPLY_STRING)
            tell(tracking, (struct span){payload->str, payload->len});
        return;
    }
    if (payload->type != REDIS_REPLY_ARRAY) { /* all keys were dropped at once */
        tell(tracking, SPAN_NONE);
        return;
    }
    for (size_t i = 0; i < payload->elements; i++) {
        const struct redisReply *key = payload->element[i];
        if (key->type == REDIS_REPLY_STRING)
            tell(tracking, (struct span){key->str, key->len});
    }
}

static bool is_refusal(const char *problem)
{
    return strstr(problem, "NOPERM ") != NULL || strstr(problem, "ERR ") != NULL;
}

static void on_listener_state(void *arg, bool ready)
{
    struct redis_tracking *tracking = arg;
    if (ready) {
        loop_timer_start(tracking->life, SIGN_OF_LIFE_MS);
        if (tracking->setup.way == REDIS_TRACK_CHANNEL)
            begin(tracking);
        else
            enable(tracking);
        return;
    }
    loop_timer_stop(tracking->life);
    if (is_refusal(redis_client_problem(tracking->listener)))
        give_up(tracking);
    else
        end(tracking);
}

static void build_sign(struct redis_request *request, struct redis_commands *commands)
{
    redis_command(commands, "SUBSCRIBE");
    redis_arg_str(commands, container_of(request, struct redis_tracking, sign)->listening.channel);
}

static void on_sign(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_tracking *tracking = container_of(request, struct redis_tracking, sign);
    (void)reply;
    tracking->sign_open = false;
    if (err == ERR_OK && !tracking->closed)
        loop_timer_start(tracking->life, SIGN_OF_LIFE_MS);
}

static void build_pulse(struct redis_request *request, struct redis_commands *commands)
{
    (void)request;
    redis_command(commands, "PING");
}

static void on_pulse(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)err; /* when none comes the client loses its connection, and says so */
    (void)reply;
    container_of(request, struct redis_tracking, pulse)->pulse_open = false;
}

static void ask_for_life(struct redis_tracking *tracking)
{
    if (!tracking->sign_open) {
        tracking->sign_open = true;
        tracking->sign = (struct redis_request){.build = build_sign, .done = on_sign};
        redis_client_submit(tracking->listener, &tracking->sign);
    }
    if (!tracking->pulse_open && tracking->setup.way != REDIS_TRACK_CHANNEL) {
        tracking->pulse_open = true;
        tracking->pulse = (struct redis_request){.build = build_pulse, .done = on_pulse};
        redis_client_submit(tracking->client, &tracking->pulse);
    }
}

static void listen(struct redis_tracking *tracking)
{
    loop_timer_stop(tracking->life);
    redis_client_destroy(tracking->listener);
    tracking->refused = false;
    tracking->refusals = 0;
    tracking->listener =
        redis_client_create(tracking->loop, tracking->options, &tracking->listening);
    if (tracking->listener == NULL)
        loop_timer_start(tracking->life, ASK_AGAIN_MS);
}

/* On the listening connection's timer: it has been silent, or it was refused, or could not be made.
 */
static void on_life(void *arg)
{
    struct redis_tracking *tracking = arg;
    if (tracking->listener == NULL || tracking->refused) {
        if (redis_client_is_ready(tracking->client))
            listen(tracking);
    } else {
        ask_for_life(tracking);
        if (!tracking->on && tracking->setup.way != REDIS_TRACK_CHANNEL)
            enable(tracking);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

void redis_tracking_client_state(struct redis_tracking *tracking, bool ready)
{
    if (tracking == NULL || tracking->closed)
        return;
    if (ready)
        listen(tracking);
    else
        end(tracking);
}

struct redis_tracking *redis_tracking_create(struct loop *loop, const struct redis_options *options,
                                             struct redis_client *client,
                                             const struct redis_tracking_setup *setup)
{
    struct redis_tracking *tracking = calloc(1, sizeof(*tracking));
    if (tracking == NULL)
        return NULL;
    tracking->loop = loop;
    tracking->options = options;
    tracking->client = client;
    tracking->setup = *setup;
    tracking->listening = (struct redis_client_setup){
        .on_state = on_listener_state,
        .beside = client,
        .channel = setup->way == REDIS_TRACK_CHANNEL ? setup->name : INVALIDATIONS,
        .on_message = on_message,
        .arg = tracking,
    };
    tracking->life = loop_timer_create(loop, on_life, tracking);
    if (tracking->life == NULL) {
        free(tracking);
        return NULL;
    }
    return tracking;
}

void redis_tracking_close(struct redis_tracking *tracking)
{
    if (tracking == NULL || tracking->closed)
        return;
    tracking->closed = true;
    tracking->on = false;
    loop_timer_stop(tracking->life);
    if (tracking->listener != NULL)
        redis_client_close(tracking->listener);
}

void redis_tracking_destroy(struct redis_tracking *tracking)
{
    if (tracking == NULL)
        return;
    redis_tracking_close(tracking);
    redis_client_destroy(tracking->listener);
    loop_timer_destroy(tracking->life);
    free(tracking);
}

bool redis_tracking_is_on(const struct redis_tracking *tracking)
{
    return tracking->on;
}

uint64_t redis_tracking_round(const struct redis_tracking *tracking)
{
    return tracking->on ? tracking->round : 0;
}
