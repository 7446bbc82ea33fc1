#include "storage/redis_probe.h"

#include "proctrack/clock.h"
#include "storage/redis_sentinels.h"

/* The time is shared out, so that one that does not answer leaves some for the others. */
static enum err ask_for_primary(struct redis_check *asking, struct redis_address *ret_place)
{
    const struct redis_options *options = asking->options;
    const char *argv[] = {"SENTINEL", "get-master-addr-by-name", options->service};
    enum err err = redis_check_connect(
        asking, "", &options->sentinels[asking->attempt % options->sentinel_count]);
    if (err == ERR_OK)
        err = redis_check_authenticate(asking, options->sentinel_username,
                                       options->sentinel_password);
    if (err != ERR_OK)
        return err;
    redisReply *reply = redis_check_ask(asking, 3, argv, &err);
    if (reply == NULL)
        return err;
    if (reply->type == REDIS_REPLY_ERROR)
        err = redis_check_problem(asking, ERR_UNAVAILABLE, "the sentinel says: %.*s",
                                  redis_error_shown(reply->str), reply->str);
    else if (!redis_sentinels_place(reply, ret_place))
        err = redis_check_problem(asking, ERR_UNAVAILABLE,
                                  "the sentinels do not know the service %s", options->service);
    freeReplyObject(reply);
    return err;
}

enum err redis_check_find_primary(struct redis_check *check, struct redis_address *ret_place)
{
    int64_t now = clock_steady_ms();
    struct redis_check asking = {.options = check->options,
                                 .probe = check->probe,
                                 .deadline = now + (check->deadline - now) /
                                                       (check->options->sentinel_count + 1),
                                 .attempt = check->attempt};
    enum err err = ask_for_primary(&asking, ret_place);
    if (asking.context != NULL)
        redisFree(asking.context);
    return err;
}
