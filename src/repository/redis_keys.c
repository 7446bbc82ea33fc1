#include "repository/redis_keys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct span redis_key(const struct redis_keys *keys, struct redis_key *storage, const char *name,
                      struct span rest)
{
    size_t prefix_len = strlen(keys->prefix);
    size_t name_len = strlen(name);
    size_t len = prefix_len + name_len + rest.len;
    assert(len < sizeof(storage->text)); /* ids, statuses and types are bounded */
    memcpy(storage->text, keys->prefix, prefix_len);
    memcpy(storage->text + prefix_len, name, name_len);
    if (rest.len > 0)
        memcpy(storage->text + prefix_len + name_len, rest.data, rest.len);
    storage->text[len] = '\0';
    return (struct span){storage->text, len};
}

struct span redis_group_key(const struct redis_keys *keys, struct redis_key *storage,
                            const char *status, struct span group)
{
    char rest[16 + PROCESS_GROUP_MAX];
    int len = snprintf(rest, sizeof(rest), "%s:" SPAN_FMT, status != NULL ? status : "all",
                       SPAN_ARG(group));
    assert(len > 0 && (size_t)len < sizeof(rest)); /* both are bounded */
    return redis_key(keys, storage, KEY_GROUP, (struct span){rest, (size_t)len});
}
