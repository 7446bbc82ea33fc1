/* A name is looked up in libuv's thread pool, where nothing can stop it. A canceled resolve is
 * therefore only detached: the lookup's end frees it. */
#include "core/loop_private.h"

#include <netdb.h>
#include <stdlib.h>

struct loop_resolve {
    uv_getaddrinfo_t uv;
    struct loop *loop;
    struct loop_task refused; /* tells of a name that libuv would not even look up */
    const char *why;
    bool detached;
    void (*done)(void *arg, const char *address, const char *why);
    void *arg;
};

/* As hiredis does: IPv4 first, since a server bound to "localhost" often has only that. */
static const struct addrinfo *preferred(const struct addrinfo *list)
{
    for (const struct addrinfo *one = list; one != NULL; one = one->ai_next) {
        if (one->ai_family == AF_INET)
            return one;
    }
    return list;
}

static void finish(struct loop_resolve *resolve, const struct addrinfo *found, const char *why)
{
    char address[NI_MAXHOST];
    const bool ok = found != NULL && getnameinfo(found->ai_addr, found->ai_addrlen, address,
                                                 sizeof(address), NULL, 0, NI_NUMERICHOST) == 0;
    loop_note_work(resolve->loop);
    resolve->done(resolve->arg, ok ? address : NULL, ok ? NULL : why);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct loop_resolve *resolve = container_of(request, struct loop_resolve, uv);
    if (!resolve->detached && !resolve->loop->closing) {
        const char *why = status != 0 ? uv_strerror(status) : "no address";
        finish(resolve, preferred(list), why);
    }
    uv_freeaddrinfo(list);
    free(resolve);
}

static void on_refused(struct loop_task *task)
{
    struct loop_resolve *resolve = container_of(task, struct loop_resolve, refused);
    finish(resolve, NULL, resolve->why);
    free(resolve);
}

struct loop_resolve *
loop_resolve_start(struct loop *loop, const char *host,
                   void (*done)(void *arg, const char *address, const char *why), void *arg)
{
    struct loop_resolve *resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL)
        return NULL;
    resolve->loop = loop;
    resolve->done = done;
    resolve->arg = arg;
    loop_task_init(&resolve->refused, on_refused);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const int error = uv_getaddrinfo(&loop->uv, &resolve->uv, on_looked_up, host, NULL, &hints);
    if (error != 0) {
        resolve->why = uv_strerror(error);
        loop_defer(loop, &resolve->refused);
    }
    return resolve;
}

void loop_resolve_cancel(struct loop_resolve *resolve)
{
    if (resolve == NULL)
        return;
    if (resolve->why != NULL) { /* never looked up: nobody else holds it */
        loop_task_cancel(&resolve->refused);
        free(resolve);
        return;
    }
    resolve->detached = true;
    uv_cancel((uv_req_t *)&resolve->uv);
}
