#include "http/feed_queue.h"

#include "support/test.h"

static struct feed_queue *queue;

static int setup(void **state)
{
    (void)state;
    queue = feed_queue_create();
    return queue != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    feed_queue_destroy(queue);
    return 0;
}

static struct process_id numbered(unsigned n)
{
    struct process_id id = {{0}};
    id.bytes[0] = (unsigned char)n;
    id.bytes[1] = (unsigned char)(n >> 8);
    id.bytes[2] = (unsigned char)(n >> 16);
    return id;
}

static bool add(unsigned n)
{
    struct process_id id = numbered(n);
    return feed_queue_add(queue, &id);
}

static struct feed_item *take(unsigned expected)
{
    struct process_id id = numbered(expected);
    struct feed_item *item = feed_queue_take(queue);
    assert_non_null(item);
    assert_int_equal(process_id_compare(&item->id, &id), 0);
    return item;
}

static void gives_each_once_in_order(void **state)
{
    (void)state;
    assert_true(feed_queue_is_empty(queue));
    assert_null(feed_queue_take(queue));
    assert_true(add(1) && add(2) && add(1) && add(3) && add(2));
    for (unsigned n = 1; n <= 3; n++)
        feed_queue_done(queue, take(n));
    assert_true(feed_queue_is_empty(queue));
    assert_null(feed_queue_take(queue));
}

static void one_that_changes_while_it_is_read_comes_again(void **state)
{
    (void)state;
    assert_true(add(1) && add(2));
    struct feed_item *one = take(1);
    assert_true(add(1) && add(1));
    struct feed_item *two = take(2);
    assert_true(feed_queue_is_empty(queue)); /* not while it is being read */
    feed_queue_done(queue, one);
    feed_queue_done(queue, two);
    feed_queue_done(queue, take(1));
    assert_true(feed_queue_is_empty(queue));
    assert_true(add(1));
    feed_queue_done(queue, take(1));
}

static void is_bounded(void **state)
{
    (void)state;
    for (unsigned n = 0; n < FEED_WAITING_MAX; n++)
        assert_true(add(n));
    assert_false(add(FEED_WAITING_MAX));
    assert_true(add(7)); /* it waits already */
    struct feed_item *first = take(0);
    assert_true(add(FEED_WAITING_MAX));
    assert_false(add(FEED_WAITING_MAX + 1));
    feed_queue_done(queue, first);
    for (unsigned n = 1; n <= FEED_WAITING_MAX; n++)
        feed_queue_done(queue, take(n));
    assert_true(feed_queue_is_empty(queue));
}

static void clearing_forgets_what_waits(void **state)
{
    (void)state;
    assert_true(add(1) && add(2) && add(3));
    struct feed_item *one = take(1);
    assert_true(add(1));
    feed_queue_clear(queue);
    assert_true(feed_queue_is_empty(queue));
    feed_queue_done(queue, one);
    assert_true(feed_queue_is_empty(queue));
    assert_true(add(2) && add(1));
    feed_queue_done(queue, take(2));
    feed_queue_done(queue, take(1));
}

static bool is_news(unsigned n, int64_t version)
{
    struct process_id id = numbered(n);
    return feed_queue_is_news(queue, &id, version);
}

static void a_state_is_news_once(void **state)
{
    (void)state;
    assert_true(is_news(1, 1));
    assert_false(is_news(1, 1));
    assert_true(is_news(1, 3));
    assert_false(is_news(1, 3));
    assert_true(is_news(1, 2)); /* of a store that was restored */
    assert_true(is_news(1, FEED_REMOVED));
    assert_false(is_news(1, FEED_REMOVED));
    assert_true(is_news(1, 1));
}

/* It may forget, and then tells a state again; it never takes one process for another. */
static void remembers_many_and_confuses_none(void **state)
{
    (void)state;
    const unsigned count = FEED_TOLD_MAX / 8;
    unsigned forgotten = 0;
    for (unsigned n = 0; n < count; n++)
        assert_true(is_news(n, 5));
    for (unsigned n = 0; n < count; n++)
        forgotten += is_news(n, 5);
    assert_true(forgotten < count / 50);
    for (unsigned n = 0; n < 4 * FEED_TOLD_MAX; n++)
        assert_true(is_news(count + n, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_each_once_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_changes_while_it_is_read_comes_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(clearing_forgets_what_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_state_is_news_once, setup, teardown),
        cmocka_unit_test_setup_teardown(remembers_many_and_confuses_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
