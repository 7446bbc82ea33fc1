/* A command's header tells the number of its arguments, which is known only at its end. So room is
 * left for it, and it is written right before the arguments. */
#include "storage/redis_commands.h"

#include <string.h>

#define HEADER_ROOM  16
#define LENGTH_ROOM  24 /* of any number, with its mark and line end */
#define KEEP_AT_MOST ((size_t)1024 * 1024)

void redis_commands_init(struct redis_commands *commands, const struct span *scripts)
{
    memset(commands, 0, sizeof(*commands));
    text_buffer_init(&commands->text, REDIS_COMMANDS_MAX_BYTES);
    commands->scripts = scripts;
}

void redis_commands_finish(struct redis_commands *commands)
{
    text_buffer_finish(&commands->text);
}

void redis_commands_begin(struct redis_commands *commands, bool by_text)
{
    if (commands->text.failed || commands->text.capacity > KEEP_AT_MOST) {
        text_buffer_finish(&commands->text);
        text_buffer_init(&commands->text, REDIS_COMMANDS_MAX_BYTES);
    }
    commands->text.len = 0;
    commands->count = 0;
    commands->by_text = by_text;
}

void redis_command(struct redis_commands *commands, const char *name)
{
    static const char room[HEADER_ROOM];
    if (commands->count == REDIS_COMMANDS_MAX) {
        commands->text.failed = true;
        return;
    }
    commands->starts[commands->count] = commands->text.len;
    commands->args[commands->count] = 0;
    commands->count++;
    text_append(&commands->text, room, sizeof(room));
    redis_arg_str(commands, name);
}

void redis_command_script(struct redis_commands *commands, size_t script, struct span key)
{
    if (commands->by_text) {
        redis_command(commands, "EVAL");
        redis_arg(commands, commands->scripts[script]);
    } else {
        redis_command(commands, "EVALSHA");
        redis_arg_str(commands, commands->hashes[script]);
    }
    redis_arg(commands, SPAN("1"));
    redis_arg(commands, key);
}

/* "<mark><number>\r\n" ends right before `end`; where it begins. */
static char *put_length(char *end, char mark, size_t number)
{
    *--end = '\n';
    *--end = '\r';
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *--end = mark;
    return end;
}

/* Most arguments are a few bytes: room is looked for once. */
void redis_arg(struct redis_commands *commands, struct span arg)
{
    char length[LENGTH_ROOM];
    char *begin = put_length(length + sizeof(length), '$', arg.len);
    size_t begin_len = (size_t)(length + sizeof(length) - begin);
    commands->args[commands->count - 1]++;
    if (!text_buffer_reserve(&commands->text, begin_len + arg.len + 2))
        return;
    text_append(&commands->text, begin, begin_len);
    text_append_span(&commands->text, arg);
    text_append_literal(&commands->text, "\r\n");
}

void redis_arg_str(struct redis_commands *commands, const char *arg)
{
    redis_arg(commands, span_of(arg));
}

void redis_arg_int(struct redis_commands *commands, int64_t arg)
{
    char digits[20];
    char *begin = digits + sizeof(digits);
    uint64_t rest = arg < 0 ? UINT64_C(0) - (uint64_t)arg : (uint64_t)arg;
    do {
        *--begin = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (arg < 0)
        *--begin = '-';
    redis_arg(commands, (struct span){begin, (size_t)(digits + sizeof(digits) - begin)});
}

bool redis_commands_end(struct redis_commands *commands)
{
    size_t len = commands->text.len;
    text_append_char(&commands->text, '\0'); /* hiredis looks for one more argument of SUBSCRIBE */
    if (commands->text.failed || commands->count == 0)
        return false;
    for (int i = 0; i < commands->count; i++) {
        char *body = commands->text.data + commands->starts[i] + HEADER_ROOM;
        size_t end = i + 1 < commands->count ? commands->starts[i + 1] : len;
        char *header = put_length(body, '*', (size_t)commands->args[i]);
        commands->parts[i] = (struct span){header, (size_t)(commands->text.data + end - header)};
    }
    return true;
}
