/* Nothing can stop getaddrinfo(), so it runs in a thread that is left behind when it takes too
 * long. Whoever of the two comes last frees what they share. */
#include "storage/redis_lookup.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done, abandoned;
    int error;
    char address[NI_MAXHOST];
    char host[];
};

static int look_up(const char *host, int flags, char ret_address[NI_MAXHOST])
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(host, NULL, &hints, &list);
    if (error != 0)
        return error;
    const struct addrinfo *one = list; /* as the connection does: IPv4 first */
    while (one->ai_next != NULL && one->ai_family != AF_INET)
        one = one->ai_next;
    if (one->ai_family != AF_INET)
        one = list;
    error = getnameinfo(one->ai_addr, one->ai_addrlen, ret_address, NI_MAXHOST, NULL, 0,
                        NI_NUMERICHOST);
    freeaddrinfo(list);
    return error;
}

static void lookup_free(struct lookup *lookup)
{
    pthread_cond_destroy(&lookup->ended);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *run(void *arg)
{
    struct lookup *lookup = arg;
    char address[NI_MAXHOST] = "";
    int error = look_up(lookup->host, 0, address);
    pthread_mutex_lock(&lookup->lock);
    lookup->error = error;
    memcpy(lookup->address, address, sizeof(address));
    lookup->done = true;
    bool abandoned = lookup->abandoned;
    pthread_cond_signal(&lookup->ended);
    pthread_mutex_unlock(&lookup->lock);
    if (abandoned)
        lookup_free(lookup);
    return NULL;
}

static struct lookup *lookup_create(const char *host)
{
    size_t size = strlen(host) + 1;
    struct lookup *lookup = calloc(1, sizeof(*lookup) + size);
    pthread_condattr_t steady;
    if (lookup == NULL)
        return NULL;
    memcpy(lookup->host, host, size);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_cond_init(&lookup->ended, &steady);
    pthread_condattr_destroy(&steady);
    return lookup;
}

static struct timespec time_in(int64_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += ms % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

static enum err wait_for(struct lookup *lookup, int64_t timeout_ms, char ret_address[NI_MAXHOST],
                         const char **ret_why)
{
    struct timespec limit = time_in(timeout_ms);
    enum err err = ERR_OK;
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->done && pthread_cond_timedwait(&lookup->ended, &lookup->lock, &limit) == 0)
        ;
    lookup->abandoned = !lookup->done;
    if (!lookup->done) {
        err = ERR_TIMEOUT;
    } else if (lookup->error != 0) {
        *ret_why = gai_strerror(lookup->error);
        err = ERR_UNAVAILABLE;
    } else {
        memcpy(ret_address, lookup->address, NI_MAXHOST);
    }
    pthread_mutex_unlock(&lookup->lock);
    if (err != ERR_TIMEOUT)
        lookup_free(lookup);
    return err;
}

enum err redis_lookup(const char *host, int64_t timeout_ms, char ret_address[NI_MAXHOST],
                      const char **ret_why)
{
    pthread_t thread;
    pthread_attr_t detached;
    *ret_why = "the name was not looked up in time";
    if (look_up(host, AI_NUMERICHOST, ret_address) == 0)
        return ERR_OK;
    struct lookup *lookup = lookup_create(host);
    if (lookup == NULL)
        return ERR_NO_MEMORY;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &detached, run, lookup);
    pthread_attr_destroy(&detached);
    if (error == 0)
        return wait_for(lookup, timeout_ms, ret_address, ret_why);
    lookup_free(lookup);
    return ERR_NO_MEMORY;
}
