#include "http/http_gather.h"

#include "http/http_server_private.h"
#include "proctrack/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct http_peers {
    pthread_mutex_t lock; /* over all below, and parts of the peers */
    struct http_peer *peers[HTTP_LOOPS_MAX];
    int count;
    uint64_t run; /* the present one, or the last */
    bool running;
    int missing;      /* peers that have not answered it yet */
    int64_t began_ms; /* steady */
    bool wanted;      /* another one, when this has ended */
};

struct http_peers *http_peers_create(void)
{
    struct http_peers *all = calloc(1, sizeof(*all));
    if (all != NULL && pthread_mutex_init(&all->lock, NULL) != 0) {
        free(all);
        return NULL;
    }
    return all;
}

void http_peers_destroy(struct http_peers *all)
{
    if (all == NULL)
        return;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* --- runs, under the lock --------------------------------------------------------------------- */

static void begin_run(struct http_peers *all)
{
    all->run++;
    all->running = true;
    all->wanted = false;
    all->missing = 0;
    all->began_ms = clock_steady_ms();
    for (int i = 0; i < all->count; i++) {
        struct http_peer *peer = all->peers[i];
        if (peer == NULL)
            continue;
        peer->asked = true;
        all->missing++;
        loop_wakeup_send(peer->wakeup);
    }
}

/* Tells all: on any of them somebody may wait for it. */
static void end_run(struct http_peers *all)
{
    all->running = false;
    for (int i = 0; i < all->count; i++) {
        struct http_peer *peer = all->peers[i];
        if (peer == NULL)
            continue;
        if (peer->asked)
            peer->asked = peer->up = false;
        loop_wakeup_send(peer->wakeup);
    }
    if (all->wanted)
        begin_run(all);
}

static void count_answer(struct http_peers *all)
{
    if (--all->missing == 0)
        end_run(all);
}

static uint64_t last_ended(const struct http_peers *all)
{
    return all->running ? all->run - 1 : all->run;
}

/* --- those who wait --------------------------------------------------------------------------- */

static void add_up(struct http_peers *all, struct http_gathered *gathered)
{
    pthread_mutex_lock(&all->lock);
    gathered->loops = all->count;
    for (int i = 0; i < all->count; i++) {
        if (all->peers[i] == NULL)
            continue;
        gathered->up[i] = all->peers[i]->up;
        http_numbers_add(&gathered->sum, all->peers[i]->given);
    }
    pthread_mutex_unlock(&all->lock);
}

static void add_alone(const struct http_peer *peer, struct http_gathered *gathered)
{
    gathered->loops = 1;
    gathered->up[0] = true;
    http_numbers_collect(&gathered->sum, peer->server);
}

static struct http_gather *first_waiting(const struct http_peer *peer)
{
    return list_is_empty(&peer->waiting)
               ? NULL
               : container_of(peer->waiting.next, struct http_gather, link);
}

/* Those that a `done` adds wait for a later run. */
static void answer_waiting(struct http_peer *peer, uint64_t ended)
{
    struct http_gather *gather = first_waiting(peer);
    if (gather == NULL || gather->run > ended)
        return;
    struct http_gathered *gathered = calloc(1, sizeof(*gathered));
    bool fine = gathered != NULL && http_numbers_init(&gathered->sum);
    if (fine && peer->all != NULL)
        add_up(peer->all, gathered);
    else if (fine)
        add_alone(peer, gathered);
    while ((gather = first_waiting(peer)) != NULL && gather->run <= ended) {
        list_remove(&gather->link);
        gather->done(gather, fine ? gathered : NULL);
    }
    if (gathered != NULL)
        http_numbers_finish(&gathered->sum);
    free(gathered);
}

/* The present run's number, if this loop is to answer it; else 0. */
static uint64_t run_asked(struct http_peer *peer)
{
    pthread_mutex_lock(&peer->all->lock);
    uint64_t run = peer->asked ? peer->all->run : 0;
    pthread_mutex_unlock(&peer->all->lock);
    return run;
}

/* An answer that comes after its run has ended must not pass for one to the next. */
static uint64_t give(struct http_peer *peer, uint64_t run)
{
    struct http_peers *all = peer->all;
    pthread_mutex_lock(&all->lock);
    if (peer->asked && all->run == run) {
        struct http_numbers *given = peer->spare;
        peer->spare = peer->given;
        peer->given = given;
        peer->asked = false;
        peer->up = true;
        count_answer(all);
    }
    uint64_t ended = last_ended(all);
    pthread_mutex_unlock(&all->lock);
    return ended;
}

static void on_woken(void *arg)
{
    struct http_peer *peer = arg;
    uint64_t run = run_asked(peer);
    if (run > 0)
        http_numbers_collect(peer->spare, peer->server);
    answer_waiting(peer, give(peer, run));
}

static int64_t end_late_run(struct http_peers *all)
{
    int64_t now = clock_steady_ms();
    pthread_mutex_lock(&all->lock);
    if (all->running && now - all->began_ms >= GATHER_MS)
        end_run(all);
    int64_t left = all->running ? all->began_ms + GATHER_MS - now : 0;
    pthread_mutex_unlock(&all->lock);
    return left;
}

/* Any loop on which somebody waits ends the run: the one that began it may be stuck. */
static void on_deadline(void *arg)
{
    struct http_peer *peer = arg;
    int64_t left = end_late_run(peer->all);
    on_woken(peer);
    if (!list_is_empty(&peer->waiting))
        loop_timer_start(peer->deadline, left);
}

void http_gather(struct http_server *server, struct http_gather *gather)
{
    struct http_peer *peer = &server->peer;
    struct http_peers *all = peer->all;
    gather->run = 0;
    if (list_is_empty(&peer->waiting) && all != NULL)
        loop_timer_start(peer->deadline, GATHER_MS);
    list_append(&peer->waiting, &gather->link);
    if (all == NULL) {
        answer_waiting(peer, 0);
        return;
    }
    pthread_mutex_lock(&all->lock);
    gather->run = all->run + 1;
    if (all->running)
        all->wanted = true;
    else
        begin_run(all);
    pthread_mutex_unlock(&all->lock);
    on_woken(peer); /* its own numbers are at hand */
}

/* --- joining and leaving ------------------------------------------------------------------------
 */

static struct http_numbers *numbers_create(void)
{
    struct http_numbers *numbers = malloc(sizeof(*numbers));
    if (numbers != NULL && !http_numbers_init(numbers)) {
        free(numbers);
        return NULL;
    }
    return numbers;
}

static void numbers_destroy(struct http_numbers *numbers)
{
    if (numbers != NULL)
        http_numbers_finish(numbers);
    free(numbers);
}

static bool add_peer(struct http_peers *all, struct http_peer *peer)
{
    pthread_mutex_lock(&all->lock);
    bool fits = all->count < HTTP_LOOPS_MAX;
    if (fits) {
        peer->number = all->count;
        all->peers[all->count++] = peer;
        peer->all = all;
    }
    pthread_mutex_unlock(&all->lock);
    return fits;
}

bool http_peer_join(struct http_peer *peer, struct http_server *server)
{
    *peer = (struct http_peer){.server = server};
    list_init(&peer->waiting);
    if (server->options->peers == NULL)
        return true;
    peer->wakeup = loop_wakeup_create(server->loop, on_woken, peer);
    peer->deadline = loop_timer_create(server->loop, on_deadline, peer);
    peer->spare = numbers_create();
    peer->given = numbers_create();
    return peer->wakeup != NULL && peer->deadline != NULL && peer->spare != NULL &&
           peer->given != NULL && add_peer(server->options->peers, peer);
}

static void remove_peer(struct http_peers *all, struct http_peer *peer)
{
    pthread_mutex_lock(&all->lock);
    all->peers[peer->number] = NULL;
    if (peer->asked)
        count_answer(all);
    peer->all = NULL;
    pthread_mutex_unlock(&all->lock);
}

void http_peer_leave(struct http_peer *peer)
{
    if (peer->server == NULL)
        return;
    if (peer->all != NULL)
        remove_peer(peer->all, peer);
    loop_wakeup_destroy(peer->wakeup);
    loop_timer_destroy(peer->deadline);
    numbers_destroy(peer->spare);
    numbers_destroy(peer->given);
    peer->wakeup = NULL;
    peer->deadline = NULL;
    peer->spare = peer->given = NULL;
    answer_waiting(peer, UINT64_MAX);
}
