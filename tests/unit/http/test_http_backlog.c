#include "http/http_backlog.h"

#include "support/test.h"

#define MAX 100

static struct http_backlog backlog;

static int setup(void **state)
{
    (void)state;
    http_backlog_init(&backlog, MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_backlog_finish(&backlog);
    return 0;
}

/* The backlog is the only one left that holds it. */
static bool add(size_t len, char byte)
{
    struct http_chunk *chunk = http_chunk_create(len);
    assert_non_null(chunk);
    memset(chunk->bytes, byte, len);
    bool added = http_backlog_add(&backlog, chunk);
    http_chunk_release(chunk);
    return added;
}

static void assert_take(size_t max, const char *expected)
{
    char bytes[1000];
    size_t len = http_backlog_take(&backlog, bytes, max);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(bytes, expected, len);
}

static void gives_in_order(void **state)
{
    (void)state;
    assert_true(http_backlog_is_empty(&backlog));
    assert_take(10, "");
    for (int round = 0; round < 3; round++) {
        assert_true(add(3, 'a'));
        assert_true(add(2, 'b'));
        assert_take(1, "a");
        assert_true(add(1, 'c'));
        assert_true(add(4, 'd'));
        assert_take(3, "aab");
        assert_true(add(1, 'e'));
        assert_int_equal(backlog.bytes, 7);
        assert_take(100, "bcdddde");
        assert_true(http_backlog_is_empty(&backlog));
        assert_int_equal(backlog.bytes, 0);
    }
}

static void holds_no_memory_while_empty(void **state)
{
    (void)state;
    assert_true(add(3, 'a'));
    assert_non_null(backlog.chunks);
    assert_take(3, "aaa");
    assert_null(backlog.chunks);
}

static void is_bounded(void **state)
{
    (void)state;
    assert_true(add(60, 'a'));
    assert_false(add(41, 'b'));
    assert_true(add(40, 'c'));
    assert_false(add(1, 'd'));
    assert_int_equal(backlog.bytes, MAX);
    char bytes[1];
    assert_int_equal(http_backlog_take(&backlog, bytes, 1), 1);
    assert_true(add(1, 'e'));
    assert_int_equal(backlog.bytes, MAX);
}

/* Or a process with a large result could not be told of at all. */
static void a_single_chunk_may_be_larger(void **state)
{
    (void)state;
    assert_true(add(10 * MAX, 'a'));
    assert_false(add(1, 'b'));
    char bytes[10 * MAX];
    assert_int_equal(http_backlog_take(&backlog, bytes, sizeof(bytes)), 10 * MAX);
    assert_true(add(1, 'b'));
}

/* A stream begins with a few bytes, and a comment may wait at any time. */
static void a_large_chunk_may_follow_a_small_one(void **state)
{
    (void)state;
    assert_true(add(MAX / 8, 'a'));
    assert_true(add(10 * MAX, 'b'));
    assert_false(add(1, 'c'));
}

static void shares_what_it_holds(void **state)
{
    (void)state;
    struct http_chunk *chunk = http_chunk_create(2);
    assert_non_null(chunk);
    for (int i = 0; i < 10; i++)
        assert_true(http_backlog_add(&backlog, chunk));
    assert_int_equal(chunk->count, 11);
    http_backlog_finish(&backlog);
    assert_int_equal(chunk->count, 1);
    http_chunk_release(chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(holds_no_memory_while_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_chunk_may_be_larger, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_chunk_may_follow_a_small_one, setup, teardown),
        cmocka_unit_test_setup_teardown(shares_what_it_holds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
