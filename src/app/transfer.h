/* `proctrackd export` and `proctrackd import`: all that is kept, as lines of JSON, out of the
 * repository that the configuration names, or into it.
 *
 *   {"crc":"89abcdef","format":"proctrackd export","version":1,"created_at":…,"program":…}
 *   {"crc":…, then an item as repository_item.h has it}
 *   …
 *   {"crc":…,"processes":N,"removed":N,"keys":N,"paused":N}
 *
 * each sealed (sealed_line.h). Redis is read and written while others use it; DATA_DIR must not be
 * in use. Importing twice changes nothing. */
#ifndef APP_TRANSFER_H
#define APP_TRANSFER_H

#include "app/config.h"
#include "app/exit_code.h"

enum transfer_way { TRANSFER_NONE, TRANSFER_EXPORT, TRANSFER_IMPORT };

struct transfer_command {
    enum transfer_way way;
    const char *file; /* NULL: standard output or input */
    char **rest;      /* the other arguments, NULL-ended, beginning with the program's name */
};

/* Takes what belongs to it out of argv, which it changes. False (said on standard error) when that
 * makes no sense. */
bool transfer_read(struct transfer_command *ret_command, char *argv[]);
enum exit_code transfer_run(const struct transfer_command *command, const struct config *config);

#endif
