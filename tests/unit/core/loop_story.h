/* What the loop's tests share: a loop for each test, and a story of what happened on it. */
#ifndef CORE_LOOP_STORY_H
#define CORE_LOOP_STORY_H

#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/loop.h"

/* What happened, in order, as letters. */
static char story[64];

static inline void tell(char letter)
{
    const size_t len = strlen(story);
    assert_true(len + 1 < sizeof(story));
    story[len] = letter;
    story[len + 1] = '\0';
}

static inline void tell_arg(void *arg)
{
    tell(*(const char *)arg);
}

static inline void turn_until(struct loop *loop, const char *expected)
{
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (strcmp(story, expected) != 0 && clock_steady_ms() < end)
        loop_turn(loop, PATIENCE_MS);
    assert_string_equal(story, expected);
}

static inline int setup_loop(void **state)
{
    story[0] = '\0';
    *state = loop_create();
    return *state != NULL ? 0 : -1;
}

static inline int teardown_loop(void **state)
{
    loop_destroy(*state);
    return 0;
}

/* A start-up that takes its time. */
static inline void be_busy(struct loop *loop)
{
    loop_turn(loop, 0);
    const int64_t end = clock_steady_ms() + 40;
    while (clock_steady_ms() < end)
        ;
}

#define loop_test(function) cmocka_unit_test_setup_teardown(function, setup_loop, teardown_loop)

#endif
