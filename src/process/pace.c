/* The advice is such that a client that obeys it asks O(log duration) times until the longest pause
 * is reached: without history each pause is a share of the age, so that the age grows by a factor;
 * with it each poll passes the median of what is left of it, so that half of that drops out. */
#include "process/pace.h"

#include <stdlib.h>

#define AGE_SHARE       4 /* a quarter of the age */
#define BUSY_FROM       50
#define BUSY_FACTOR     4 /* at 100 percent */
#define JITTER_SHARE    5 /* a fifth of the pause */
#define FRESH_SHARE     4
#define FRESH_MIN_MS    100
#define BASE_MAX_MS     (PACE_MAX_MS * JITTER_SHARE / (JITTER_SHARE + 1)) /* with jitter: the most */
#define SORTED_SIZE(of) ((of) * sizeof(int64_t))

/* --- history ------------------------------------------------------------------------------------
 */

/* How many are not longer than this. */
static size_t count_until(const struct pace_history *history, int64_t ms)
{
    size_t low = 0, high = history->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (history->sorted[middle] <= ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop_oldest(struct pace_history *history)
{
    size_t at = count_until(history, history->runs[0].ms) - 1;
    history->count--;
    memmove(&history->sorted[at], &history->sorted[at + 1], SORTED_SIZE(history->count - at));
    memmove(&history->runs[0], &history->runs[1], history->count * sizeof(history->runs[0]));
}

void pace_history_add(struct pace_history *history, struct pace_run run)
{
    if (history->count == PACE_HISTORY)
        drop_oldest(history);
    size_t at = count_until(history, run.ms);
    memmove(&history->sorted[at + 1], &history->sorted[at], SORTED_SIZE(history->count - at));
    history->sorted[at] = run.ms;
    history->runs[history->count++] = run;
}

static bool is_known(const struct pace_history *history, const struct pace_run *run)
{
    for (size_t i = 0; i < history->count; i++) {
        if (history->runs[i].ended_at == run->ended_at && history->runs[i].ms == run->ms)
            return true;
    }
    return false;
}

static int by_end(const void *a, const void *b)
{
    const struct pace_run *left = a, *right = b;
    return (left->ended_at > right->ended_at) - (left->ended_at < right->ended_at);
}

bool pace_history_merge(struct pace_history *history, const struct pace_run *runs, size_t count)
{
    struct pace_run all[2 * PACE_HISTORY];
    size_t len = history->count;
    memcpy(all, history->runs, len * sizeof(all[0]));
    for (size_t i = 0; i < count && i < PACE_HISTORY; i++) {
        if (!is_known(history, &runs[i]))
            all[len++] = runs[i];
    }
    if (len == history->count)
        return false;
    qsort(all, len, sizeof(all[0]), by_end);
    history->count = 0;
    for (size_t i = len > PACE_HISTORY ? len - PACE_HISTORY : 0; i < len; i++)
        pace_history_add(history, all[i]);
    return true;
}

/* Of those that are longer than `age`, the first that so many percent of them do not exceed; -1
 * when there are none. */
static int64_t percentile(const struct pace_history *history, int64_t age, size_t percent)
{
    size_t from = history != NULL ? count_until(history, age) : 0;
    if (history == NULL || from == history->count)
        return -1;
    size_t rank = ((history->count - from) * percent + 99) / 100;
    return history->sorted[from + rank - 1];
}

/* --- advice -------------------------------------------------------------------------------------
 */

static int64_t age_since(int64_t then, int64_t now)
{
    return now > then ? now - then : 0; /* another machine's clock may be ahead */
}

/* As long as it is expected to stay as it is. */
static int64_t pause_of(const struct pace_basis *basis, const struct process *process)
{
    if (process->status == PROCESS_PENDING && process->run_at > basis->now)
        return process->run_at - basis->now;
    if (process->status == PROCESS_PENDING)
        return age_since(process->run_at, basis->now) / AGE_SHARE;
    int64_t age = age_since(process->started_at, basis->now);
    int64_t median = percentile(basis->history, age, 50);
    return median >= 0 ? median - age : age / AGE_SHARE;
}

/* Who asks a busy server should ask less often. */
static int64_t under_load(int64_t pause, int busy_percent)
{
    if (busy_percent <= BUSY_FROM)
        return pause;
    int over = (busy_percent < 100 ? busy_percent : 100) - BUSY_FROM;
    return pause + pause * (BUSY_FACTOR - 1) * over / (100 - BUSY_FROM);
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

static void expect_end(const struct pace_basis *basis, const struct process *process,
                       struct process_pace *ret_pace)
{
    bool runs = process->status == PROCESS_RUNNING;
    int64_t begin = runs ? process->started_at : process->run_at;
    if (!runs && begin <= basis->now)
        return; /* it waits for a worker: nobody knows how long */
    int64_t age = runs ? age_since(begin, basis->now) : -1;
    int64_t median = percentile(basis->history, age, 50);
    if (median < 0)
        return;
    ret_pace->eta_p50 = begin + median;
    ret_pace->eta_p90 = begin + percentile(basis->history, age, 90);
}

void pace_advise(const struct pace_basis *basis, const struct process *process,
                 struct process_pace *ret_pace)
{
    *ret_pace = (struct process_pace){
        .retry_after_ms = -1, .fresh_ms = INT32_MAX, .eta_p50 = TIME_NONE, .eta_p90 = TIME_NONE};
    if (process_status_is_final(process->status))
        return;
    int64_t pause = clamp(pause_of(basis, process), PACE_MIN_MS, BASE_MAX_MS);
    pause = clamp(under_load(pause, basis->busy_percent), PACE_MIN_MS, BASE_MAX_MS);
    int64_t jitter = pause / JITTER_SHARE * basis->chance / UINT32_MAX;
    ret_pace->retry_after_ms = pause + jitter;
    ret_pace->fresh_ms = clamp(ret_pace->retry_after_ms / FRESH_SHARE, FRESH_MIN_MS, PACE_MAX_MS);
    expect_end(basis, process, ret_pace);
}
