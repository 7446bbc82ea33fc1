#include "http/http_admission.h"

#define LATE_US        (200 * 1000)
#define CALM_US        (1000 * 1000)
#define IDLE_US        (2 * 1000) /* between two turns; more than the loop's clock is coarse */
#define INTERVAL_US    (100 * 1000)
#define ALWAYS         8 /* of each turn */
#define STORAGE_FACTOR 5
#define CROWD          64            /* at a time: so many may be slow, but are not too many ... */
#define PATIENCE_US    (1000 * 1000) /* ... unless they are as slow as this */
#define OUT_MIN        512 /* the same of a storage, which may be slow but serve many at once */

void http_admission_init(struct http_admission *admission, int64_t wait_ms)
{
    *admission =
        (struct http_admission){.wait_us = wait_ms * 1000, .late_since_us = -1, .fastest_us = -1};
}

/* --- the loop --------------------------------------------------------------------------------- */

void http_admission_begin(struct http_admission *admission, int64_t now_us, int64_t turn_us)
{
    int64_t paused_us = now_us - turn_us - admission->run_ended_us;
    admission->behind_us = turn_us;
    if (paused_us <= IDLE_US)
        admission->behind_us += admission->run_ended_us - admission->run_began_us;
    if (paused_us > LATE_US)
        admission->late_since_us = -1;
    admission->run_began_us = now_us;
    admission->admitted = 0;
    if (now_us >= admission->calm_after_us)
        admission->shedding = false;
}

static int64_t waited_us(const struct http_admission *admission, int64_t now_us)
{
    return admission->behind_us + now_us - admission->run_began_us;
}

void http_admission_end(struct http_admission *admission, int64_t now_us, uint64_t requests)
{
    int64_t waited = waited_us(admission, now_us);
    bool late = admission->wait_us > 0 && waited > admission->wait_us;
    admission->run_ended_us = now_us;
    if (!late || (requests <= CROWD && waited < PATIENCE_US))
        admission->late_since_us = -1;
    else if (admission->late_since_us < 0)
        admission->late_since_us = now_us; /* one long turn is not yet overload */
    if (admission->late_since_us >= 0 && now_us - admission->late_since_us >= LATE_US)
        admission->shedding = true;
    if (late)
        admission->calm_after_us = now_us + CALM_US;
}

/* --- the storage ------------------------------------------------------------------------------ */

/* An interval begins with its first answer. */
void http_admission_note(struct http_admission *admission, int64_t now_us, int64_t took_us)
{
    if (admission->fastest_us < 0)
        admission->interval_began_us = now_us;
    if (admission->fastest_us < 0 || took_us < admission->fastest_us)
        admission->fastest_us = took_us;
    if (now_us - admission->interval_began_us < INTERVAL_US)
        return;
    admission->storage_late =
        admission->wait_us > 0 && admission->fastest_us > STORAGE_FACTOR * admission->wait_us;
    admission->fastest_us = -1;
}

bool http_admission_admits(struct http_admission *admission, int64_t now_us, unsigned out)
{
    bool late = admission->shedding && admission->admitted >= ALWAYS &&
                waited_us(admission, now_us) > admission->wait_us;
    if (late || (admission->storage_late && out >= OUT_MIN))
        return false;
    admission->admitted++;
    return true;
}
