/* Many things at random, each compared with the rules, and now and then everything that can be
 * asked. */
#include "support/conformance_world.h"

#include "support/test.h"

static void step(struct world *w)
{
    w->now += 1 + rand() % 1500;
    world_advance(w);
    switch (rand() % 8) {
    case 0:
    case 1:
        world_claim(w);
        break;
    case 2:
        world_replace(w);
        break;
    case 3:
        if (rand() % 3 == 0)
            world_pause(w);
        break;
    default:
        world_change(w);
    }
}

static void random_histories_follow_the_rules(void **state)
{
    enum { STEPS = 600 };
    struct conformance *c = *state;
    static struct world w;
    conformance_seed(c);
    c->policy.events_max = 6;
    conformance_reopen(c);
    world_begin(&w, c);
    for (int i = 0; i < STEPS; i++) {
        step(&w);
        if (i % 5 == 0)
            world_check_views(&w);
    }
}

int conformance_histories_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(random_histories_follow_the_rules),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
