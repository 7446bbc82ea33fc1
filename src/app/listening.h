/* The sockets that are listened on: those that the service manager passed (socket activation,
 * sd_listen_fds(3)), else ones of our own on HOST, PORT and ADMIN_PORT. On the main thread, before
 * the loops run. */
#ifndef APP_LISTENING_H
#define APP_LISTENING_H

#include "app/config.h"
#include "app/exit_code.h"

#define LOOPS_MAX 64

struct listening_address {
    char host[64];
    int port;
};

struct listening {
    int fds[LOOPS_MAX]; /* of each loop; -1: none, or taken */
    int admin_fd;       /* likewise */
    bool passed;        /* the first one was, and waits for the loops to be counted */
    bool admin_passed;
    struct listening_address http, admin; /* once they are listened on */
};

void listening_init(struct listening *ret_listening);
void listening_close(struct listening *listening); /* those that nobody took */

/* Takes what was passed: one socket for requests (named "http"), one for operators (named "admin"),
 * other names in that order. EXIT_ADDRESS, having said why, for what cannot be listened on. */
enum exit_code listening_inherit(struct listening *listening);
/* Whether there is a socket for operators, or will be. */
bool listening_has_admin(const struct listening *listening, const struct config *config);
/* Opens what was not passed, and gives each of the loops a socket. EXIT_ADDRESS or EXIT_SYSTEM,
 * having said why. */
enum exit_code listening_open(struct listening *listening, const struct config *config, int loops);

/* A descriptor out of the above, for its owner to be. */
int listening_take(int *fd);
/* In the log. */
void listening_tell(const struct listening *listening, const struct config *config, int loops);

#endif
