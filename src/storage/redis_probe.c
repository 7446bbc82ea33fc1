/* The start-up check: is there a Redis that takes us in, and will it keep what it is given? With
 * hiredis' blocking calls, all within one deadline. Each step answers OK or says in the probe's
 * problem what a person should know. */
#include "storage/redis_probe.h"

#include "proctrack/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOADING_PAUSE_MS 20
#define AGAIN_PAUSE_MS   100

enum err redis_check_problem(struct redis_check *check, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(check->probe->problem, sizeof(check->probe->problem), format, args);
    va_end(args);
    return err;
}

static struct timeval time_left(const struct redis_check *check)
{
    int64_t ms = check->deadline - clock_steady_ms();
    if (ms < 1)
        ms = 1; /* zero would mean for ever */
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static bool is_late(const struct redis_check *check)
{
    return clock_steady_ms() >= check->deadline;
}

/* --- connecting ------------------------------------------------------------------------------ */

static enum err broken(struct redis_check *check, int error)
{
    if (error == EAGAIN || error == EINPROGRESS || error == ETIMEDOUT || is_late(check))
        return redis_check_problem(check, ERR_TIMEOUT, "no answer within %lld ms",
                                   (long long)check->options->connect_timeout_ms);
    return redis_check_problem(check, ERR_UNAVAILABLE, "%.200s", check->context->errstr);
}

/* errno of it. */
static int connect_once(struct redis_check *check, const char *unix_path, const char *address,
                        int port)
{
    if (check->context != NULL)
        redisFree(check->context);
    errno = 0;
    check->context = unix_path[0] != '\0'
                         ? redisConnectUnixWithTimeout(unix_path, time_left(check))
                         : redisConnectWithTimeout(address, port, time_left(check));
    return errno;
}

static enum err connect_to(struct redis_check *check, const char *unix_path, const char *address,
                           int port)
{
    int error;
    do
        error = connect_once(check, unix_path, address, port);
    while (check->context != NULL && check->context->err != 0 && error == EINTR && !is_late(check));
    if (check->context == NULL)
        return redis_check_problem(check, ERR_NO_MEMORY, "out of memory");
    if (check->context->err != 0 || redisSetTimeout(check->context, time_left(check)) != REDIS_OK)
        return broken(check, error);
    return ERR_OK;
}

enum err redis_check_connect(struct redis_check *check, const char *unix_path,
                             const struct redis_address *place)
{
    char address[NI_MAXHOST] = "";
    const char *why = "";
    if (unix_path[0] == '\0') {
        int64_t left = check->deadline - clock_steady_ms();
        enum err err = redis_lookup(place->host, left > 0 ? left : 1, address, &why);
        if (err != ERR_OK)
            return redis_check_problem(check, err, "%s", why);
    }
    return connect_to(check, unix_path, address, place->port);
}

static enum err start_tls(struct redis_check *check)
{
    const char *why = "";
    if (!check->options->tls)
        return ERR_OK;
    check->tls = redis_tls_create(check->options, &why);
    if (check->tls == NULL)
        return redis_check_problem(check, ERR_INVALID, "%s", why);
    errno = 0;
    if (redis_tls_start(check->tls, check->context, check->options, &why))
        return ERR_OK;
    if (errno == EAGAIN || is_late(check)) /* the socket's own time-out may end a little early */
        return broken(check, EAGAIN);
    return redis_check_problem(check, ERR_UNAVAILABLE, "%s", why);
}

static enum err open_connection(struct redis_check *check)
{
    const struct redis_options *options = check->options;
    struct redis_address place = {"", options->port};
    enum err err = ERR_OK;
    memcpy(place.host, options->host, sizeof(place.host));
    if (options->sentinel_count > 0)
        err = redis_check_find_primary(check, &place);
    if (err == ERR_OK)
        err = redis_check_connect(check, options->unix_path, &place);
    return err == ERR_OK ? start_tls(check) : err;
}

/* --- commands -------------------------------------------------------------------------------- */

redisReply *redis_check_ask(struct redis_check *check, int argc, const char **argv,
                            enum err *ret_err)
{
    redisReply *reply = NULL;
    if (is_late(check) || redisSetTimeout(check->context, time_left(check)) != REDIS_OK) {
        *ret_err = broken(check, EAGAIN);
        return NULL;
    }
    errno = 0;
    reply = redisCommandArgv(check->context, argc, argv, NULL);
    *ret_err = reply != NULL ? ERR_OK : broken(check, errno);
    return reply;
}

/* What the reply must not be is an error; `meaning` says what it would mean. */
static enum err demand(struct redis_check *check, const char *meaning, int argc, const char **argv)
{
    enum err err;
    redisReply *reply = redis_check_ask(check, argc, argv, &err);
    if (reply == NULL)
        return err;
    if (reply->type == REDIS_REPLY_ERROR)
        err = redis_check_problem(check, ERR_INVALID, "%s: %.*s", meaning,
                                  redis_error_shown(reply->str), reply->str);
    freeReplyObject(reply);
    return err;
}

enum err redis_check_authenticate(struct redis_check *check, const char *username,
                                  const char *password)
{
    static const char meaning[] = "the credentials were refused";
    if (username[0] != '\0') {
        const char *argv[] = {"AUTH", username, password};
        return demand(check, meaning, 3, argv);
    }
    const char *argv[] = {"AUTH", password};
    return password[0] != '\0' ? demand(check, meaning, 2, argv) : ERR_OK;
}

static enum err authenticate(struct redis_check *check)
{
    return redis_check_authenticate(check, check->options->username, check->options->password);
}

static enum err select_database(struct redis_check *check)
{
    char database[16];
    const char *argv[] = {"SELECT", database};
    snprintf(database, sizeof(database), "%d", check->options->database);
    return check->options->database != 0 ? demand(check, "the database was refused", 2, argv)
                                         : ERR_OK;
}

static enum err judge_ping(struct redis_check *check, const redisReply *reply, bool *ret_loading)
{
    *ret_loading = false;
    if (reply->type != REDIS_REPLY_ERROR)
        return ERR_OK;
    *ret_loading = strncmp(reply->str, "LOADING", 7) == 0;
    bool no_entry = strncmp(reply->str, "NOAUTH", 6) == 0 || strncmp(reply->str, "NOPERM", 6) == 0;
    return redis_check_problem(check, no_entry ? ERR_INVALID : ERR_UNAVAILABLE,
                               "PING was refused: %.*s", redis_error_shown(reply->str), reply->str);
}

/* A Redis that has just been started reads its data first; as long as there is time we wait. */
static enum err ping(struct redis_check *check)
{
    const struct timespec pause = {.tv_nsec = LOADING_PAUSE_MS * 1000000};
    const char *argv[] = {"PING"};
    bool loading = true;
    enum err err = ERR_UNAVAILABLE;
    while (loading && !is_late(check)) {
        redisReply *reply = redis_check_ask(check, 1, argv, &err);
        if (reply == NULL)
            return err;
        err = judge_ping(check, reply, &loading);
        freeReplyObject(reply);
        if (loading)
            nanosleep(&pause, NULL);
    }
    return err;
}

/* --- what it says about itself --------------------------------------------------------------- */

bool redis_info_find(struct span info, const char *name, struct span *ret_value)
{
    struct span line, key;
    while (span_split(&info, '\n', &line)) {
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0 || !span_split(&line, ':', &key) || line.data == NULL)
            continue;
        if (span_is(key, name)) {
            *ret_value = line;
            return true;
        }
    }
    return false;
}

static bool info_is(struct span info, const char *name, const char *expected)
{
    struct span value;
    return redis_info_find(info, name, &value) && span_is(value, expected);
}

static void take_info(struct redis_probe *probe, struct span info)
{
    struct span value;
    if (redis_info_find(info, "redis_version", &value))
        text_copy(probe->version, sizeof(probe->version), value);
    if (redis_info_find(info, "maxmemory_policy", &value))
        text_copy(probe->maxmemory_policy, sizeof(probe->maxmemory_policy), value);
    probe->has_maxmemory = redis_info_find(info, "maxmemory", &value) && !span_is(value, "0");
    if (info_is(info, "aof_enabled", "0"))
        probe->persists = false; /* unless snapshots are on */
}

/* Services often refuse CONFIG. Where it cannot be known whether snapshots are made, no alarm is
 * raised: `persists` stays as it is meant for "unknown", true. */
static void take_save(struct redis_probe *probe, const redisReply *reply)
{
    bool known = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                 reply->element[1]->type == REDIS_REPLY_STRING;
    if (!known || reply->element[1]->len > 0)
        probe->persists = true;
}

static enum err inquire(struct redis_check *check)
{
    enum err err;
    const char *info_argv[] = {"INFO"};
    const char *save_argv[] = {"CONFIG", "GET", "save"};
    redisReply *reply = redis_check_ask(check, 1, info_argv, &err);
    if (reply == NULL)
        return err;
    struct span info =
        reply->type == REDIS_REPLY_STRING ? (struct span){reply->str, reply->len} : SPAN_NONE;
    take_info(check->probe, info);
    bool replica = info_is(info, "role", "slave") && info_is(info, "slave_read_only", "1");
    freeReplyObject(reply);
    if (replica)
        return redis_check_problem(check, ERR_UNAVAILABLE, "it is a read-only replica");
    if (check->probe->persists)
        return ERR_OK;
    reply = redis_check_ask(check, 3, save_argv, &err);
    if (reply == NULL)
        return err;
    take_save(check->probe, reply);
    freeReplyObject(reply);
    return ERR_OK;
}

/* --- hearing of changes ---------------------------------------------------------------------- */

/* Whether it is done without an error. */
static enum err try_it(struct redis_check *check, int argc, const char **argv, bool *ret_works)
{
    enum err err;
    redisReply *reply = redis_check_ask(check, argc, argv, &err);
    if (reply == NULL)
        return err;
    *ret_works = reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    return ERR_OK;
}

static enum err ask_for_id(struct redis_check *check, char ret_id[24])
{
    enum err err;
    const char *argv[] = {"CLIENT", "ID"};
    redisReply *reply = redis_check_ask(check, 2, argv, &err);
    if (reply == NULL)
        return err;
    snprintf(ret_id, 24, "%lld", reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0);
    freeReplyObject(reply);
    return ERR_OK;
}

/* All that the connections will ask for later, with this one as both of them, and the channel's
 * name for that of a key. */
static enum err try_tracking(struct redis_check *check)
{
    char id[24] = "";
    enum err err = ask_for_id(check, id);
    const struct {
        int argc;
        const char *argv[6];
    } steps[] = {
        {6, {"CLIENT", "TRACKING", "ON", "REDIRECT", id, "OPTIN"}},
        {3, {"CLIENT", "CACHING", "YES"}},
        {2, {"PTTL", check->channel}},
        {2, {"EXISTS", check->channel}},
        {3, {"CLIENT", "TRACKING", "OFF"}},
        {2, {"SUBSCRIBE", "__redis__:invalidate"}},
        {1, {"UNSUBSCRIBE"}},
    };
    bool works = true;
    for (size_t i = 0; err == ERR_OK && works && i < sizeof(steps) / sizeof(steps[0]); i++) {
        const char *argv[6];
        memcpy(argv, steps[i].argv, sizeof(argv));
        err = try_it(check, steps[i].argc, argv, &works);
    }
    check->probe->tracks = err == ERR_OK && works;
    return err;
}

/* What is published so means nothing to who hears it. */
static enum err find_news(struct redis_check *check)
{
    const char *argv[] = {"PUBLISH", check->channel, "-"};
    enum err err = try_tracking(check);
    if (err == ERR_OK && !check->probe->tracks)
        err = try_it(check, 3, argv, &check->probe->publishes);
    return err;
}

static enum err try_once(struct redis_check *check)
{
    enum err (*const steps[])(struct redis_check *) = {
        open_connection, authenticate, select_database, ping, inquire, find_news};
    enum err err = ERR_OK;
    memset(check->probe, 0, sizeof(*check->probe));
    check->probe->persists = true;
    for (size_t i = 0; err == ERR_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        err = steps[i](check);
    if (check->context != NULL)
        redisFree(check->context);
    redis_tls_destroy(check->tls);
    check->context = NULL;
    check->tls = NULL;
    return err;
}

/* With sentinels, as long as there is time: one of them may be away, or behind the times, and the
 * next primary may just be chosen. That there was no time left in the end is not what to tell. */
static enum err try_again(struct redis_check *check, enum err err)
{
    const struct timespec pause = {.tv_nsec = AGAIN_PAUSE_MS * 1000000};
    char before[sizeof(check->probe->problem)];
    memcpy(before, check->probe->problem, sizeof(before));
    check->attempt++;
    if (check->attempt % check->options->sentinel_count == 0)
        nanosleep(&pause, NULL);
    enum err again = try_once(check);
    if (again != ERR_TIMEOUT || !is_late(check))
        return again;
    memcpy(check->probe->problem, before, sizeof(before));
    return err;
}

enum err redis_probe(const struct redis_options *redis, const char *channel,
                     struct redis_probe *ret_probe)
{
    struct redis_check check = {.options = redis,
                                .channel = channel,
                                .probe = ret_probe,
                                .deadline = clock_steady_ms() + redis->connect_timeout_ms};
    enum err err = try_once(&check);
    while (err != ERR_OK && err != ERR_INVALID && redis->sentinel_count > 0 && !is_late(&check))
        err = try_again(&check, err);
    return err;
}
