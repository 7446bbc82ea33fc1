#include "support/test.h"

#include "proctrack/change_stamps.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

static struct change_stamps *stamps;

static int setup(void **state)
{
    (void)state;
    stamps = change_stamps_create();
    return stamps == NULL;
}

static int teardown(void **state)
{
    (void)state;
    change_stamps_destroy(stamps);
    return 0;
}

/* --- one key ---------------------------------------------------------------------------------- */

static const struct span key = {"key", 3};

static bool is_still(struct change_stamp stamp)
{
    return change_stamp_equal(stamp, change_stamps_get(stamps, key));
}

static void a_renewed_key_has_another_stamp(void **state)
{
    (void)state;
    struct change_stamp stamp = change_stamps_get(stamps, key);
    assert_true(is_still(stamp));
    change_stamps_renew(stamps, key);
    assert_false(is_still(stamp));
    stamp = change_stamps_get(stamps, key);
    change_stamps_renew_all(stamps);
    assert_false(is_still(stamp));
}

static void other_keys_keep_theirs(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    static struct change_stamp before[KEYS];
    char name[16];
    int renewed = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof(name), "key-%d", i);
        before[i] = change_stamps_get(stamps, span_of(name));
    }
    for (int i = 0; i < 10; i++)
        change_stamps_renew(stamps, key);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof(name), "key-%d", i);
        renewed += !change_stamp_equal(before[i], change_stamps_get(stamps, span_of(name)));
    }
    assert_in_range(renewed, 0, 3); /* those that share it by chance */
}

static void what_was_read_may_be_shown_until_it_changes(void **state)
{
    (void)state;
    struct change_stamp stamp = change_stamps_get(stamps, key);
    assert_true(change_stamps_settle(stamps, key, 7, &stamp));
    assert_true(is_still(stamp));
    assert_true(change_stamps_settle(stamps, key, 7, &stamp)); /* once more, as read again */
    assert_true(is_still(stamp));
    change_stamps_renew(stamps, key);
    assert_false(is_still(stamp));
    assert_false(change_stamps_settle(stamps, key, 7, &stamp));
    stamp = change_stamps_get(stamps, key);
    change_stamps_renew_all(stamps);
    assert_false(change_stamps_settle(stamps, key, 7, &stamp));
}

static void the_same_state_is_shown_by_both(void **state)
{
    (void)state;
    struct change_stamp a = change_stamps_get(stamps, key), b = a;
    assert_true(change_stamps_settle(stamps, key, 7, &a));
    assert_true(change_stamps_settle(stamps, key, 7, &b));
    assert_true(is_still(a));
    assert_true(is_still(b));
}

static void another_state_voids_what_was_shown(void **state)
{
    (void)state;
    struct change_stamp old = change_stamps_get(stamps, key), late = old;
    assert_true(change_stamps_settle(stamps, key, 7, &old));
    struct change_stamp new = change_stamps_get(stamps, key);
    assert_true(change_stamps_settle(stamps, key, 8, &new));
    assert_false(is_still(old));
    assert_true(is_still(new));
    assert_false(change_stamps_settle(stamps, key, 7, &late)); /* its read was too slow */
    assert_true(is_still(new));
    late = change_stamps_get(stamps, key);
    change_stamps_renew(stamps, key); /* likewise when the change has only been acknowledged */
    assert_false(change_stamps_settle(stamps, key, 8, &late));
}

static void who_keeps_nothing_voids_another_state_too(void **state)
{
    (void)state;
    struct change_stamp stamp = change_stamps_get(stamps, key), late = stamp;
    assert_true(change_stamps_settle(stamps, key, 7, &stamp));
    change_stamps_show(stamps, key, 7);
    assert_true(is_still(stamp));
    change_stamps_show(stamps, key, 8);
    assert_false(is_still(stamp));
    assert_false(change_stamps_settle(stamps, key, 7, &late));
}

/* --- loops on threads of their own --------------------------------------------------------------
 *
 * A store with one process, a writer that acknowledges most of the new versions (the others are as
 * if somebody elsewhere had stored them), readers that show what they have kept, or have read and
 * settled, and one who shows what it reads and keeps nothing. Nobody may show less than was
 * acknowledged or shown by anybody when the showing began. */

enum { VERSIONS = 20000, READERS = 2 };

static atomic_uint_fast64_t stored, known; /* known: the newest that anybody was told of */
static atomic_int wrong;

static void note_known(uint64_t version)
{
    uint_fast64_t was = atomic_load(&known);
    while (was < version && !atomic_compare_exchange_weak(&known, &was, version)) {
    }
}

static void acknowledge(uint64_t version)
{
    if (version % 8 == 1)
        change_stamps_renew_all(stamps);
    else
        change_stamps_renew(stamps, key);
    note_known(version);
}

static void *write_versions(void *arg)
{
    (void)arg;
    for (uint64_t version = 1; version <= VERSIONS; version++) {
        atomic_store(&stored, version);
        if (version % 4 != 3)
            acknowledge(version);
        if (version % 16 == 0)
            sched_yield();
    }
    return NULL;
}

static void show(uint64_t version, uint64_t least)
{
    if (version < least)
        atomic_fetch_add(&wrong, 1);
    note_known(version);
}

static void *show_versions(void *arg)
{
    uint64_t version = 0;
    (void)arg;
    while (version < VERSIONS) {
        uint64_t least = atomic_load(&known);
        version = atomic_load(&stored);
        change_stamps_show(stamps, key, version);
        show(version, least);
    }
    return NULL;
}

struct reader {
    pthread_t thread;
    uint64_t shown, hits;
};

static void *read_versions(void *arg)
{
    struct reader *reader = arg;
    struct change_stamp stamp = {0, 0};
    uint64_t version = 0;
    bool kept = false;
    while (version < VERSIONS) {
        uint64_t least = atomic_load(&known);
        if (kept && is_still(stamp)) {
            reader->hits++;
        } else {
            stamp = change_stamps_get(stamps, key);
            version = atomic_load(&stored);
            sched_yield(); /* its answer is under way */
            kept = change_stamps_settle(stamps, key, version, &stamp);
            if (!kept) {
                version = 0;
                continue;
            }
        }
        show(version, least);
        reader->shown++;
    }
    return NULL;
}

static void nobody_shows_less_than_is_known(void **state)
{
    (void)state;
    struct reader readers[READERS] = {0};
    pthread_t writer, shower;
    atomic_store(&stored, 0);
    atomic_store(&known, 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_versions, &readers[i]), 0);
    assert_int_equal(pthread_create(&shower, NULL, show_versions, NULL), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_versions, NULL), 0);
    pthread_join(writer, NULL);
    pthread_join(shower, NULL);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_true(readers[i].shown > 0);
    }
    assert_int_equal(atomic_load(&wrong), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_renewed_key_has_another_stamp),
        TEST(other_keys_keep_theirs),
        TEST(what_was_read_may_be_shown_until_it_changes),
        TEST(the_same_state_is_shown_by_both),
        TEST(another_state_voids_what_was_shown),
        TEST(who_keeps_nothing_voids_another_state_too),
        TEST(nobody_shows_less_than_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
