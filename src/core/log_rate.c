#include "core/log_private.h"

#define NS_PER_SECOND INT64_C(1000000000)

bool log_rate_take(struct log_rate *rate, int64_t now_ns, int64_t per_second, int64_t size)
{
    const int64_t each_ns = NS_PER_SECOND / per_second;
    int64_t full_at = atomic_load_explicit(&rate->full_at_ns, memory_order_relaxed);
    int64_t from;
    do {
        from = full_at > now_ns ? full_at : now_ns;
        if (from - now_ns > (size - 1) * each_ns)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&rate->full_at_ns, &full_at, from + each_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}
