/* What a new connection is asked, in one write: who we are, our database, our name, our scripts,
 * whether the keys have the layout that we know, and PING. The first refusal ends the try. */
#include "storage/redis_client_private.h"

#include <stdio.h>
#include <string.h>

static void add_step(struct redis_session *session, enum redis_step step)
{
    session->steps[session->count++] = step;
}

static void build_entry(struct redis_client *client, struct redis_commands *commands)
{
    const struct redis_options *options = client->options;
    if (options->username[0] != '\0' || options->password[0] != '\0') {
        redis_command(commands, "AUTH");
        if (options->username[0] != '\0')
            redis_arg_str(commands, options->username);
        redis_arg_str(commands, options->password);
        add_step(&client->session, STEP_AUTH);
    }
    if (options->sentinel_count > 0) {
        redis_command(commands, "ROLE");
        add_step(&client->session, STEP_ROLE);
    }
    if (options->database != 0) {
        redis_command(commands, "SELECT");
        redis_arg_int(commands, options->database);
        add_step(&client->session, STEP_SELECT);
    }
    redis_command(commands, "CLIENT");
    redis_arg_str(commands, "SETNAME");
    redis_arg_str(commands, options->client_name);
    add_step(&client->session, STEP_NAME);
}

static void build_layout(struct redis_client *client, struct redis_commands *commands)
{
    redis_command(commands, "SET");
    redis_arg_str(commands, client->setup->layout_key);
    redis_arg_str(commands, client->setup->layout);
    redis_arg_str(commands, "NX");
    add_step(&client->session, STEP_LAYOUT_SET);
    redis_command(commands, "GET");
    redis_arg_str(commands, client->setup->layout_key);
    add_step(&client->session, STEP_LAYOUT_GET);
}

/* The last, since from then on the connection takes no other command. */
static void build_subscription(struct redis_client *client, struct redis_commands *commands)
{
    redis_command(commands, "CLIENT");
    redis_arg_str(commands, "ID");
    add_step(&client->session, STEP_ID);
    redis_command(commands, "SUBSCRIBE");
    redis_arg_str(commands, client->setup->channel);
    add_step(&client->session, STEP_SUBSCRIBE);
}

static void build_session(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_client *client = container_of(request, struct redis_client, session.request);
    build_entry(client, commands);
    if (redis_client_listens(client)) {
        build_subscription(client, commands);
        return;
    }
    for (size_t i = 0; i < client->setup->script_count; i++) {
        redis_command(commands, "SCRIPT");
        redis_arg_str(commands, "LOAD");
        redis_arg(commands, client->setup->scripts[i]);
        add_step(&client->session, STEP_SCRIPT);
    }
    if (client->setup->layout_key != NULL)
        build_layout(client, commands);
    redis_command(commands, "PING");
    add_step(&client->session, STEP_PING);
}

/* Only when the connection ends first; redis_client_lose() has said why. */
static void on_session_cut(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)request;
    (void)err;
    (void)reply;
}

void redis_session_start(struct redis_client *client)
{
    enum err err;
    client->session = (struct redis_session){
        .request = {.build = build_session, .done = on_session_cut, .deadline = INT64_MAX}};
    list_init(&client->session.request.link);
    if (!redis_flow_send(client, &client->session.request, &err))
        redis_client_lose(client, "out of memory");
}

static void refuse(struct redis_client *client, const char *step, const char *why)
{
    char problem[REDIS_PROBLEM_MAX];
    snprintf(problem, sizeof(problem), "%s: %.*s", step, redis_error_shown(why), why);
    redis_client_lose(client, problem);
}

static void check_no_error(struct redis_client *client, const char *step, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        refuse(client, step, reply->str);
}

static void check_last(struct redis_client *client, const char *step, const redisReply *reply)
{
    check_no_error(client, step, reply);
    if (client->state == REDIS_ENTERING)
        redis_client_enter(client);
}

static void check_script(struct redis_client *client, const redisReply *reply)
{
    struct redis_session *session = &client->session;
    const struct span hash = {reply->str, reply->len};
    if (reply->type == REDIS_REPLY_ERROR)
        refuse(client, "SCRIPT LOAD", reply->str);
    else if (reply->type != REDIS_REPLY_STRING ||
             !text_copy(client->commands.hashes[session->script++], REDIS_SHA_TEXT_SIZE, hash))
        refuse(client, "SCRIPT LOAD", "no hash came back");
}

/* A Redis that is full or cannot save still answers reads, so most errors are let pass. A replica
 * is of no use: it is the wrong address, or a master that has lost its office. */
static void check_layout_set(struct redis_client *client, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "READONLY", 8) == 0)
        refuse(client, "SET", reply->str);
}

static void check_layout_get(struct redis_client *client, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        refuse(client, client->setup->layout_key, reply->str);
    else if (reply->type == REDIS_REPLY_STRING &&
             !span_is((struct span){reply->str, reply->len}, client->setup->layout))
        refuse(client, client->setup->layout_key,
               "the keys have a layout that this version does not know");
}

static void check_role(struct redis_client *client, const redisReply *reply)
{
    if (!redis_primary_take_role(client, reply))
        refuse(client, "ROLE", "it is not the primary");
}

void redis_session_reply(struct redis_client *client, const redisReply *reply)
{
    switch (client->session.steps[client->session.replied++]) {
    case STEP_AUTH:
        check_no_error(client, "AUTH", reply);
        break;
    case STEP_ROLE:
        check_role(client, reply);
        break;
    case STEP_SELECT:
        check_no_error(client, "SELECT", reply);
        break;
    case STEP_NAME: /* a help to operators, nothing that we need */
        break;
    case STEP_SCRIPT:
        check_script(client, reply);
        break;
    case STEP_LAYOUT_SET:
        check_layout_set(client, reply);
        break;
    case STEP_LAYOUT_GET:
        check_layout_get(client, reply);
        break;
    case STEP_PING:
        check_last(client, "PING", reply);
        break;
    case STEP_ID: /* 0 if it is none: such a connection is not found later */
        client->id = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
        break;
    case STEP_SUBSCRIBE:
        check_last(client, "SUBSCRIBE", reply);
        break;
    }
}
