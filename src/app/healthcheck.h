/* proctrackd --healthcheck: asks the instance that this configuration describes how it fares, for
 * images without curl. */
#ifndef APP_HEALTHCHECK_H
#define APP_HEALTHCHECK_H

#include "app/config.h"
#include "app/exit_code.h"

/* GET of the path ("/healthz") on ADMIN_PORT where there is one, else on PORT, within 5 seconds in
 * all. Prints one line. EXIT_OK when the answer is 200, EXIT_UNHEALTHY for everything else,
 * EXIT_CONFIG when the port cannot be known. Ends the program by itself when the time is up, so it
 * must be the only thing that runs. */
enum exit_code healthcheck_run(const struct config *config, const char *path);

#endif
