/* What scripts are given and what they answer: {code, healed, damaged, the last damaged id, ...}.
 * Nothing of an answer is believed before it was looked at: somebody may have put another script
 * or another Redis in between. */
#include "repository/redis_calls.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#define HEAD 4 /* values in front of those that the script itself gives */

/* What a number of Lua's can say exactly: such numbers can be added up. */
#define NUMBER_MAX (INT64_C(1) << 53)

void redis_call_script(struct redis_commands *commands, enum redis_script script, struct span key,
                       int64_t now)
{
    redis_command_script(commands, script, key);
    redis_arg_int(commands, now);
}

void redis_arg_time(struct redis_commands *commands, int64_t time)
{
    char text[TIME_TEXT_SIZE];
    time_format(time, text);
    redis_arg(commands, (struct span){text, sizeof(text) - 1});
}

struct span redis_text_of(const struct redisReply *value)
{
    bool is_text = value->type == REDIS_REPLY_STRING || value->type == REDIS_REPLY_STATUS;
    return is_text ? (struct span){value->str, value->len} : SPAN_NONE;
}

bool redis_is_for_the_other(enum err err, const struct redisReply *reply)
{
    if (err != ERR_OK)
        return err == ERR_CORRUPT || err == ERR_INTERNAL;
    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
           span_is(redis_text_of(reply->element[0]), "SLOW");
}

static enum err code_of(struct span code)
{
    static const char *const names[] = {
#define X(name, text) #name,
        ERR_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_is(code, names[i]))
            return (enum err)i;
    }
    return ERR_INTERNAL;
}

static void note_damaged(struct redis_repository *repository, const struct redis_answer *head)
{
    char id[PROCESS_ID_TEXT_SIZE] = "";
    int64_t damaged = redis_answer_int(head, 2);
    repository->base.counters.healed += (uint64_t)redis_answer_int(head, 1);
    if (damaged <= 0)
        return;
    text_copy(id, sizeof(id), redis_text_of(head->values[3]));
    redis_note_damage(repository, id);
    repository->base.counters.damaged += (uint64_t)(damaged - 1);
}

enum err redis_answer_open(struct redis_call *call, enum err err, const struct redisReply *reply,
                           size_t least, struct redis_answer *ret_answer)
{
    *ret_answer = (struct redis_answer){NULL, 0};
    if (err == ERR_CORRUPT)
        redis_note_damage(call->repository, call->id);
    if (err != ERR_OK)
        return err;
    struct redis_answer head = {reply->element, reply->elements};
    if (reply->type != REDIS_REPLY_ARRAY || head.count < HEAD)
        return ERR_INTERNAL;
    note_damaged(call->repository, &head);
    err = code_of(redis_text_of(head.values[0]));
    *ret_answer = (struct redis_answer){head.values + HEAD, head.count - HEAD};
    return err == ERR_OK && ret_answer->count < least ? ERR_INTERNAL : err;
}

int64_t redis_answer_int(const struct redis_answer *answer, size_t i)
{
    int64_t number = 0;
    if (i >= answer->count)
        return 0;
    const struct redisReply *value = answer->values[i];
    if (value->type == REDIS_REPLY_INTEGER)
        number = value->integer;
    else if (!span_to_int(redis_text_of(value), -NUMBER_MAX, NUMBER_MAX, &number))
        return 0;
    return number >= -NUMBER_MAX && number <= NUMBER_MAX ? number : 0;
}

enum err redis_answer_record(const struct redisReply *value, struct process *ret_process)
{
    struct process_id id;
    if (value->type != REDIS_REPLY_ARRAY || value->elements < 1 ||
        !process_id_parse(redis_text_of(value->element[0]), &id))
        return ERR_CORRUPT;
    enum err err = redis_record_parse(value->element + 1, value->elements - 1, &id, ret_process);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

enum err redis_answer_page(struct redis_repository *repository, const struct redisReply *list,
                           size_t *ret_count)
{
    *ret_count = 0;
    if (list->type != REDIS_REPLY_ARRAY || list->elements > REPO_LIST_MAX)
        return ERR_INTERNAL;
    for (size_t i = 0; i < list->elements; i++) {
        if (redis_answer_record(list->element[i], &repository->page[*ret_count]) == ERR_OK) {
            ++*ret_count;
            continue;
        }
        char id[PROCESS_ID_TEXT_SIZE] = "";
        if (list->element[i]->type == REDIS_REPLY_ARRAY && list->element[i]->elements > 0)
            text_copy(id, sizeof(id), redis_text_of(list->element[i]->element[0]));
        redis_note_damage(repository, id);
    }
    return ERR_OK;
}
