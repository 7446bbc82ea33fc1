/* The running service: its I/O loops, the signals that stop it, and the order of its end. */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include "app/config.h"
#include "app/exit_code.h"

/* On the main thread; returns when the service has stopped, or could not start. */
enum exit_code service_run(const struct config *config);

#endif
