/* A command's header tells the number of its arguments, which is known only at its end. So room is
 * left for it, and it is written right before the arguments. */
#include "storage/redis_commands.h"

#include <stdio.h>
#include <string.h>

#define HEADER_ROOM  16
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

void redis_arg(struct redis_commands *commands, struct span arg)
{
    text_append_char(&commands->text, '$');
    text_append_int(&commands->text, (int64_t)arg.len);
    text_append_literal(&commands->text, "\r\n");
    text_append_span(&commands->text, arg);
    text_append_literal(&commands->text, "\r\n");
    commands->args[commands->count - 1]++;
}

void redis_arg_str(struct redis_commands *commands, const char *arg)
{
    redis_arg(commands, span_of(arg));
}

void redis_arg_int(struct redis_commands *commands, int64_t arg)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)arg);
    redis_arg(commands, (struct span){text, (size_t)len});
}

bool redis_commands_end(struct redis_commands *commands)
{
    size_t len = commands->text.len;
    text_append_char(&commands->text, '\0'); /* hiredis looks for one more argument of SUBSCRIBE */
    if (commands->text.failed || commands->count == 0)
        return false;
    for (int i = 0; i < commands->count; i++) {
        char header[HEADER_ROOM];
        size_t body = commands->starts[i] + HEADER_ROOM;
        size_t end = i + 1 < commands->count ? commands->starts[i + 1] : len;
        size_t head = (size_t)snprintf(header, sizeof(header), "*%d\r\n", commands->args[i]);
        memcpy(commands->text.data + body - head, header, head);
        commands->parts[i] = (struct span){commands->text.data + body - head, end - body + head};
    }
    return true;
}
