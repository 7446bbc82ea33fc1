#include "support/test.h"

#include "proctrack/memory_repository.h"
#include "support/sync_calls.h"

#include <stdio.h>

enum { COUNT = 25, LIMIT = 10 };

static void add_and_remove(const struct sync *sync, struct process_id *ret_id, int64_t now,
                           const char *key)
{
    bool replayed;
    struct process draft = {.type = SPAN("t"), .version = 1, .created_at = now, .run_at = now};
    struct process_change cancel = {.event = EVENT_CANCEL, .now = now};
    assert_true(process_id_new(&draft.id));
    assert_int_equal(sync_create_with_key(sync, &draft, key, 1, &replayed, NULL), ERR_OK);
    assert_int_equal(sync_change(sync, &draft.id, &cancel, NULL, NULL), ERR_OK);
    assert_int_equal(sync_remove(sync, &draft.id, now, 0, NULL), ERR_OK);
    *ret_id = draft.id;
}

static void advance_to_the_end(const struct sync *sync, int64_t now)
{
    struct repo_advance advanced;
    int steps = 0;
    do {
        assert_int_equal(sync_advance(sync, now, LIMIT, &advanced), ERR_OK);
        assert_true(++steps <= COUNT);
    } while (advanced.more);
}

/* Else they would pile up wherever more come per second than the schedule's steps forget. */
static void tombstones_and_keys_are_forgotten_as_fast_as_they_come(void **state)
{
    (void)state;
    struct process_policy policy;
    struct process_id ids[COUNT];
    char key[16];
    const int64_t now = 1000;
    process_policy_defaults(&policy);
    policy.tombstone_ms = 5000;
    policy.idempotency_ms = 9000;
    struct sync sync = {loop_create(), memory_repository_create(&policy)};
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add_and_remove(&sync, &ids[i], now, key);
    }
    advance_to_the_end(&sync, now + 4999);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sync_get(&sync, &ids[i], false, NULL), ERR_GONE);
    advance_to_the_end(&sync, now + 5000);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sync_get(&sync, &ids[i], false, NULL), ERR_NOT_FOUND);
    advance_to_the_end(&sync, now + 9000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add_and_remove(&sync, &ids[i], now, key);
    }
    repository_destroy(sync.repository);
    loop_destroy(sync.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tombstones_and_keys_are_forgotten_as_fast_as_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
