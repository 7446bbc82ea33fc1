/* A real redis-server for tests, from PATH: its own process, in a directory of its own, on a unix
 * socket. It ends with the test, whatever happens to the test. */
#ifndef SUPPORT_REDIS_FIXTURE_H
#define SUPPORT_REDIS_FIXTURE_H

#include "proctrack/redis_client.h"

struct redis_fixture {
    char directory[64], socket[80];
    const char *const *arguments; /* further ones, as on the command line; NULL-ended, or NULL */
    int pid;                      /* 0 while it does not run */
};

/* For main(): without redis-server the test program returns this. */
#define REDIS_FIXTURE_SKIP 77
bool redis_fixture_available(void);

/* Each ends the program with a message when it fails. Arguments must outlive the fixture. */
void redis_fixture_start(struct redis_fixture *fixture, const char *const *arguments);
void redis_fixture_stop(struct redis_fixture *fixture); /* and removes the directory */

void redis_fixture_kill(struct redis_fixture *fixture);    /* as a crash would */
void redis_fixture_restart(struct redis_fixture *fixture); /* after a kill */
void redis_fixture_pause(struct redis_fixture *fixture);   /* it takes connections, but is silent */
void redis_fixture_resume(struct redis_fixture *fixture);

/* A TCP port of the loopback that nobody listens on, for "--port". */
int redis_fixture_free_port(void);

/* Options that lead to it, with a command timeout of 2 s. */
void redis_fixture_options(const struct redis_fixture *fixture, struct redis_options *ret_options);

/* Runs one command on a connection of its own, blanks between the arguments; returns its answer as
 * redis-cli would print it, one line each, until the next call. Errors begin with "(error) ". */
const char *redis_fixture_ask(const struct redis_fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Likewise, with the arguments as they are; NULL-ended, fewer than 64. */
const char *redis_fixture_ask_words(const struct redis_fixture *fixture, const char *const *words);

#endif
