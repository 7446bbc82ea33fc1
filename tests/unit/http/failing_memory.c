/* The program's own malloc(), calloc() and realloc() come before those of the C library for all
 * that is in it. Under a sanitizer they pass on to that one's, which are there under these names.
 */
#include "http/failing_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define NEVER -1L

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
__attribute__((weak)) void *__interceptor_malloc(size_t size);
__attribute__((weak)) void *__interceptor_calloc(size_t count, size_t size);
__attribute__((weak)) void *__interceptor_realloc(void *block, size_t size);

/* What is called before a sanitizer has begun must not be looked at by it. */
#define BARE __attribute__((no_sanitize("address"), no_sanitize("undefined")))

static _Atomic long left = NEVER; /* until one fails */
static _Atomic bool all_fail;
static _Atomic int failures;

BARE static bool fails(void)
{
    long seen = left;
    do {
        if (seen == NEVER)
            return false;
    } while (!atomic_compare_exchange_weak(&left, &seen,
                                           seen > 0   ? seen - 1
                                           : all_fail ? 0
                                                      : NEVER));
    if (seen > 0)
        return false;
    failures++;
    errno = ENOMEM;
    return true;
}

BARE void *malloc(size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_malloc != NULL ? __interceptor_malloc(size) : __libc_malloc(size);
}

BARE void *calloc(size_t count, size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_calloc != NULL ? __interceptor_calloc(count, size)
                                        : __libc_calloc(count, size);
}

BARE void *realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    return __interceptor_realloc != NULL ? __interceptor_realloc(block, size)
                                         : __libc_realloc(block, size);
}

void memory_fail_after(int nth, bool all)
{
    failures = 0;
    all_fail = all;
    left = nth;
}

int memory_calm(void)
{
    left = NEVER;
    return failures;
}
