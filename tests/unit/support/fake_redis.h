/* A Redis that says what the test wants, on the test's loop: for what a real one does only rarely,
 * or never. */
#ifndef SUPPORT_FAKE_REDIS_H
#define SUPPORT_FAKE_REDIS_H

#include "proctrack/loop.h"
#include "proctrack/text.h"

struct fake_redis;

/* Called for each command with its name, in the order of arrival. Returns the reply in RESP, an
 * empty text for none, or NULL to close the connection. */
typedef const char *fake_redis_reply(void *arg, const char *name);

struct fake_redis *fake_redis_create(struct loop *loop, fake_redis_reply *reply, void *arg);
/* The same on a port of this machine, for what knows no sockets of that kind. */
struct fake_redis *fake_redis_create_on_port(struct loop *loop, fake_redis_reply *reply, void *arg);
int fake_redis_port(const struct fake_redis *fake);
void fake_redis_destroy(struct fake_redis *fake);
const char *fake_redis_socket(const struct fake_redis *fake); /* its path */
int fake_redis_connections(const struct fake_redis *fake);    /* accepted so far */
/* Sends bytes that nobody asked for on the newest connection. */
void fake_redis_say(struct fake_redis *fake, const char *text);

/* What a Redis would answer while a session is set up; NULL for any other command. */
const char *fake_redis_session_reply(const char *name);

#endif
