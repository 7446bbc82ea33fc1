/* Which requests are answered while more come than can be served. A request that has waited too
 * long is refused at once, which costs little, so that the others are still answered in time
 * instead of all of them too late. Two queues are looked at:
 *
 * - The loop's: what has come is read in one go per turn, so a request has waited since the turn
 *   before began, unless the loop has been idle in between. Being late once is no overload, nor
 *   are CROWD clients whose requests take long, up to PATIENCE_US; being late all through LATE_US
 *   with more than these is, also with shorter pauses in between, as all may wait for the storage
 *   together. It is over when nothing has been late for CALM_US.
 * - The storage's: it is late when, all through an interval, not one of its answers has come in
 *   STORAGE_FACTOR times the wait allowed, while OUT_MIN requests are out with it.
 *
 * Some of each turn's requests are always admitted. Pure but for the clock that the caller reads;
 * on the loop's thread. */
#ifndef HTTP_ADMISSION_H
#define HTTP_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

struct http_admission {
    int64_t wait_us; /* that is allowed; 0: any */

    int64_t run_began_us, behind_us; /* this turn's, and how long a request may have waited then */
    int64_t run_ended_us;            /* the last turn's */
    unsigned admitted;               /* in this turn */
    int64_t late_since_us;           /* -1: not late */
    int64_t calm_after_us;           /* while shedding: when it ends unless one is late again */
    bool shedding;

    int64_t interval_began_us;
    int64_t fastest_us; /* answer of the storage in this interval; -1: none */
    bool storage_late;
};

void http_admission_init(struct http_admission *admission, int64_t wait_ms);

/* Around the reading of what has come. turn_us: what this turn has taken before it; requests: how
 * many have come. */
void http_admission_begin(struct http_admission *admission, int64_t now_us, int64_t turn_us);
void http_admission_end(struct http_admission *admission, int64_t now_us, uint64_t requests);

/* Nothing is to be shed: the common case, for which no clock need be read. */
static inline bool http_admission_is_calm(const struct http_admission *admission)
{
    return !admission->shedding && !admission->storage_late;
}
/* Else: whether a request that has just been read is to be served; `out`: how many are out with the
 * storage. */
bool http_admission_admits(struct http_admission *admission, int64_t now_us, unsigned out);
/* The storage has answered one after so long. */
void http_admission_note(struct http_admission *admission, int64_t now_us, int64_t took_us);

#endif
