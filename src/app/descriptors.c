#include "app/descriptors.h"

#include <sys/resource.h>

long descriptors_allow(long connections, long others)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return connections;
    rlim_t needed = (rlim_t)connections + (rlim_t)others;
    if (limit.rlim_cur >= needed)
        return connections;
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    if (limit.rlim_cur >= needed)
        return connections;
    return limit.rlim_cur > (rlim_t)others ? (long)(limit.rlim_cur - (rlim_t)others) : 1;
}
