/* Stands between a client and a Redis, on the test's loop, and holds back what the test wants: a
 * connection that is there and yet says nothing, or answers that come in an order which is rare. */
#ifndef SUPPORT_REDIS_RELAY_H
#define SUPPORT_REDIS_RELAY_H

#include "proctrack/loop.h"

#include <stdbool.h>

#define REDIS_RELAY_MAX 64 /* connections in all */

struct redis_relay;

struct redis_relay *redis_relay_create(struct loop *loop, const char *server); /* its unix socket */
void redis_relay_destroy(struct redis_relay *relay);
const char *redis_relay_socket(const struct redis_relay *relay); /* its path */
int redis_relay_connections(const struct redis_relay *relay);    /* accepted so far */
/* What the server says on the n-th connection (from 0) waits as long as it is held. */
void redis_relay_hold(struct redis_relay *relay, int connection, bool held);
/* In the next that the server says, the n-th value (from 0, an array before what is in it) is
 * replaced by this text, which must stay. Not on a connection that has subscribed: there hiredis
 * asserts what it expects. */
void redis_relay_replace(struct redis_relay *relay, int nth, const char *text);
/* Whether there was an n-th; nothing is replaced any more. */
bool redis_relay_has_replaced(struct redis_relay *relay);

#endif
