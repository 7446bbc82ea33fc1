/* Commands in RESP2, as arguments with lengths, ready to be sent. One buffer is used again for
 * every request. */
#ifndef STORAGE_REDIS_COMMANDS_H
#define STORAGE_REDIS_COMMANDS_H

#include "proctrack/redis_client.h"

#define REDIS_COMMANDS_MAX       (REDIS_SCRIPTS_MAX + 16) /* a session loads them all at once */
#define REDIS_COMMANDS_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define REDIS_SHA_TEXT_SIZE      41

struct redis_commands {
    struct text_buffer text;
    struct span parts[REDIS_COMMANDS_MAX]; /* after redis_commands_end(): the commands */
    size_t starts[REDIS_COMMANDS_MAX];     /* before it: where each begins in the text */
    int args[REDIS_COMMANDS_MAX];
    int count;
    const struct span *scripts;
    char hashes[REDIS_SCRIPTS_MAX][REDIS_SHA_TEXT_SIZE]; /* as Redis named the scripts */
    bool by_text; /* scripts are called by their text, which Redis then keeps */
};

void redis_commands_init(struct redis_commands *commands, const struct span *scripts);
void redis_commands_finish(struct redis_commands *commands);
void redis_commands_begin(struct redis_commands *commands, bool by_text);
/* False if no memory, too large, or too many commands. The parts are valid until the next begin. */
bool redis_commands_end(struct redis_commands *commands);

#endif
