/* Following: who does is told of every process that is created, changed or removed. */
#include "support/conformance_changes.h"

#include "support/test.h"

#include <string.h>

/* Until it hears, which may take a moment. */
static void follow(const struct sides *s)
{
    struct process_id id;
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    repository_follow(s->by[0].repository, true);
    do {
        if (clock_steady_ms() > deadline)
            fail_msg("what was created is not told");
        id = conformance_add_to(s->c, "probe", 0, s->c->now);
        loop_turn(s->c->sync.loop, 20);
    } while (!has_heard(&id));
    forget();
}

/* All that has happened until now. */
static void hear_out(const struct sides *s)
{
    struct process_id mark = conformance_add_to(s->c, "mark", 0, s->c->now);
    wait_to_hear(s->c, &mark);
    forget();
}

static void who_follows_hears_of_every_change(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int kind = 0; kind < KINDS; kind++) {
        struct sides s = open_sides(c);
        repository_follow(s.by[0].repository, true); /* twice is fine */
        follow(&s);
        prepare(c, (enum kind)kind, &kept);
        wait_to_hear(c, &kept.process.id); /* created, and what else led there */
        hear_out(&s);
        make(c, &s.by[kind % 2], (enum kind)kind, &kept);
        wait_to_hear(c, &kept.process.id);
        assert_int_equal(ear.all, 0);
        close_sides(&s);
        conformance_reopen(c);
    }
}

static void who_follows_hears_of_a_batch(void **state)
{
    enum { COUNT = 60 };
    struct sides s = open_sides(*state);
    static struct process drafts[COUNT];
    struct repo_create_batch batch = conformance_batch(s.c, drafts, COUNT);
    follow(&s);
    assert_int_equal(sync_create_batch(&s.by[1], &batch), ERR_OK);
    for (int i = 0; i < COUNT; i++)
        wait_to_hear(s.c, &drafts[i].id);
    assert_int_equal(ear.all, 0);
    close_sides(&s);
}

static void who_has_ceased_to_follow_hears_only_of_what_is_watched(void **state)
{
    struct sides s = open_sides(*state);
    struct process_change cancel = conformance_change(s.c, EVENT_CANCEL, NULL);
    for (int round = 0; round < 3; round++) {
        follow(&s);
        repository_follow(s.by[0].repository, false);
        struct process_id watched = conformance_add(s.c);
        watch(&s.by[0], &watched);
        forget();
        struct process_id created = conformance_add(s.c);
        assert_int_equal(sync_change(&s.by[1], &created, &cancel, NULL, NULL), ERR_OK);
        assert_int_equal(sync_change(&s.by[1], &watched, &cancel, NULL, NULL), ERR_OK);
        wait_to_hear(s.c, &watched);
        if (strcmp(s.by[0].repository->watching, "publish") != 0) /* there all is told anyway */
            assert_false(has_heard(&created));
        assert_int_equal(ear.all, 0);
    }
    close_sides(&s);
}

int conformance_follow_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(who_follows_hears_of_every_change),
        CONFORMANCE_TEST(who_follows_hears_of_a_batch),
        CONFORMANCE_TEST(who_has_ceased_to_follow_hears_only_of_what_is_watched),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
