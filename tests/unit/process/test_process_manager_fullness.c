/* No new process once the store is nearly full; all else goes on. */
#include "process/manager_fixture.h"

static void fill(struct manager_fixture *f, double percent)
{
    f->watched->base.durability.fullness.used_ratio = percent / 100.0;
}

struct submitted {
    struct process_submit call;
    bool done;
};

static void on_submitted(struct process_op *op)
{
    container_of(op, struct submitted, call.op)->done = true;
}

static enum err submit_now(struct manager_fixture *f)
{
    struct submitted submitted = {.call.create.process = {.type = SPAN("t"), .input = SPAN("1")}};
    process_op_init(&submitted.call.op, on_submitted);
    process_manager_submit(f->manager, &submitted.call);
    manager_fixture_wait(f, &submitted.done);
    return submitted.call.op.result;
}

struct batch {
    struct process_submit_batch call;
    bool done;
};

static void on_batch_submitted(struct process_op *op)
{
    container_of(op, struct batch, call.op)->done = true;
}

static enum err batch_now(struct manager_fixture *f, enum err of_the_item)
{
    struct process_batch_item item = {.draft = {.type = SPAN("t"), .input = SPAN("1")},
                                      .result = of_the_item};
    struct batch batch = {.call = {.items = &item, .count = 1}};
    process_op_init(&batch.call.op, on_batch_submitted);
    process_manager_submit_batch(f->manager, &batch.call);
    manager_fixture_wait(f, &batch.done);
    return batch.call.op.result;
}

static void from_the_limit_on_new_ones_are_refused(void **state)
{
    struct manager_fixture *f = *state;
    f->options.full_percent = 95;
    fill(f, 94.9);
    assert_int_equal(submit_now(f), ERR_OK);
    assert_int_equal(process_manager_writes(f->manager), ERR_OK);
    fill(f, 95);
    assert_int_equal(submit_now(f), ERR_FULL);
    assert_int_equal(batch_now(f, ERR_OK), ERR_FULL);
    assert_int_equal(process_manager_writes(f->manager), ERR_FULL);
    assert_int_equal(f->watched->seen[WATCHED_create], 1);
    assert_int_equal(f->watched->seen[WATCHED_create_batch], 0);
    assert_int_equal(batch_now(f, ERR_INVALID), ERR_OK); /* of which nothing would be stored */
}

static void it_is_over_somewhat_below_the_limit(void **state)
{
    struct manager_fixture *f = *state;
    f->options.full_percent = 50;
    const struct {
        double percent;
        enum err expected;
    } steps[] = {{49.9, ERR_OK},   {100, ERR_FULL},  {49.9, ERR_FULL},
                 {49.1, ERR_FULL}, {48.9, ERR_OK},   {49.9, ERR_OK},
                 {50, ERR_FULL},   {49.5, ERR_FULL}, {10, ERR_OK}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        fill(f, steps[i].percent);
        assert_int_equal(submit_now(f), steps[i].expected);
        assert_int_equal(batch_now(f, ERR_OK), steps[i].expected);
    }
}

static void what_is_there_goes_on(void **state)
{
    struct manager_fixture *f = *state;
    f->options.full_percent = 95;
    struct process_id one = submit_type(f, "t"), two = submit_type(f, "t");
    fill(f, 100);
    struct claimer claimer = {.done = false};
    claim_start(f, &claimer, "t", 1, 0);
    manager_fixture_wait(f, &claimer.done);
    assert_int_equal(claimer.count, 1);
    const bool is_one = memcmp(&claimer.id, &one, sizeof(one)) == 0;
    const struct process_id *other = is_one ? &two : &one;
    const struct process_change cancel = {.event = EVENT_CANCEL};
    assert_int_equal(change_now(f, other, &cancel), ERR_OK);
    const struct process_change complete = {
        .event = EVENT_COMPLETE, .token = span_of(claimer.token), .result = SPAN("1")};
    assert_int_equal(change_now(f, &claimer.id, &complete), ERR_OK);
    assert_int_equal(get_stored(f, other).status, PROCESS_CANCELED);
    assert_int_equal(get_stored(f, &claimer.id).status, PROCESS_COMPLETED);
}

static void zero_means_never(void **state)
{
    struct manager_fixture *f = *state;
    f->options.full_percent = 0;
    fill(f, 100);
    assert_int_equal(submit_now(f), ERR_OK);
    assert_int_equal(process_manager_writes(f->manager), ERR_OK);
}

static void what_the_store_itself_says_comes_first(void **state)
{
    struct manager_fixture *f = *state;
    f->options.full_percent = 95;
    fill(f, 99);
    f->watched->base.durability.writes = ERR_UNAVAILABLE;
    assert_int_equal(process_manager_writes(f->manager), ERR_UNAVAILABLE);
    f->watched->base.durability.writes = ERR_OK;
    assert_int_equal(process_manager_writes(f->manager), ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(from_the_limit_on_new_ones_are_refused),
        MANAGER_TEST(it_is_over_somewhat_below_the_limit),
        MANAGER_TEST(what_is_there_goes_on),
        MANAGER_TEST(zero_means_never),
        MANAGER_TEST(what_the_store_itself_says_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
