/* Loops that beat, fall silent, end, and sleep with the whole machine. */
#include "support/test.h"

#include "proctrack/heartbeats.h"

#define LIMIT_MS 10000

struct instance {
    struct heartbeats *beats;
    struct heartbeat_listener listener; /* of loop 0 */
    int64_t now_ms;
};

static void begin(struct instance *instance, int loops)
{
    instance->beats = heartbeats_create(loops);
    assert_non_null(instance->beats);
    instance->now_ms = 1000;
    heartbeat_listener_init(&instance->listener, instance->beats);
    assert_int_equal(heartbeat_loops(&instance->listener), loops);
}

/* Loop 0 beats and listens once more; of the others those in the mask beat, too. */
static void beat(struct instance *instance, int64_t after_ms, unsigned others)
{
    instance->now_ms += after_ms;
    for (int i = 1; i < heartbeat_loops(&instance->listener); i++)
        if (others & (1u << i))
            heartbeats_beat(instance->beats, i);
    heartbeats_beat(instance->beats, 0);
    heartbeat_listen(&instance->listener, instance->now_ms);
}

static int silent(const struct instance *instance)
{
    return heartbeat_silent_loops(&instance->listener, LIMIT_MS);
}

static void loops_that_beat_are_not_silent(void **state)
{
    struct instance instance;
    (void)state;
    begin(&instance, 3);
    assert_int_equal(silent(&instance), 0); /* before the first beat */
    for (int i = 0; i < 100; i++)
        beat(&instance, HEARTBEAT_MS, 6);
    assert_int_equal(silent(&instance), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(heartbeat_silent_ms(&instance.listener, i), 0);
    heartbeats_destroy(instance.beats);
}

static void a_loop_is_silent_from_the_limit_on(void **state)
{
    struct instance instance;
    (void)state;
    begin(&instance, 3);
    beat(&instance, 0, 6);
    for (int64_t ms = HEARTBEAT_MS; ms < LIMIT_MS; ms += HEARTBEAT_MS) {
        beat(&instance, HEARTBEAT_MS, 2);
        assert_int_equal(silent(&instance), 0);
    }
    beat(&instance, HEARTBEAT_MS, 2);
    assert_int_equal(silent(&instance), 1);
    assert_int_equal(heartbeat_silent_ms(&instance.listener, 1), 0);
    assert_int_equal(heartbeat_silent_ms(&instance.listener, 2), LIMIT_MS);
    assert_int_equal(heartbeat_silent_loops(&instance.listener, 0), 0); /* not judged */
    beat(&instance, HEARTBEAT_MS, 4);                                   /* it goes on */
    assert_int_equal(silent(&instance), 0);
    heartbeats_destroy(instance.beats);
}

static void a_loop_that_never_began_is_silent(void **state)
{
    struct instance instance;
    (void)state;
    begin(&instance, 2);
    for (int64_t ms = 0; ms <= LIMIT_MS + HEARTBEAT_MS; ms += HEARTBEAT_MS)
        beat(&instance, HEARTBEAT_MS, 0);
    assert_int_equal(silent(&instance), 1);
    heartbeats_destroy(instance.beats);
}

/* The listener wakes first, an hour later by its clock, and the others have not beaten since. */
static void a_pause_of_all_is_no_silence(void **state)
{
    struct instance instance;
    (void)state;
    begin(&instance, 2);
    beat(&instance, 0, 2);
    for (int pause = 0; pause < 5; pause++) {
        beat(&instance, 3600000, 0);
        assert_int_equal(silent(&instance), 0);
        beat(&instance, HEARTBEAT_MS, 2);
        assert_int_equal(heartbeat_silent_ms(&instance.listener, 1), 0);
    }
    heartbeats_destroy(instance.beats);
}

static void a_loop_that_has_ended_is_not_silent(void **state)
{
    struct instance instance;
    (void)state;
    begin(&instance, 2);
    beat(&instance, HEARTBEAT_MS, 2);
    heartbeats_end(instance.beats, 1);
    for (int i = 0; i < 100; i++)
        beat(&instance, HEARTBEAT_MS, 0);
    assert_int_equal(silent(&instance), 0);
    heartbeats_destroy(instance.beats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_that_beat_are_not_silent),
        cmocka_unit_test(a_loop_is_silent_from_the_limit_on),
        cmocka_unit_test(a_loop_that_never_began_is_silent),
        cmocka_unit_test(a_pause_of_all_is_no_silence),
        cmocka_unit_test(a_loop_that_has_ended_is_not_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
