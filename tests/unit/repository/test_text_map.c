#include "support/test.h"

#include "proctrack/list.h"
#include "repository/text_map.h"

#include <stdio.h>

enum { COUNT = 20000 };

struct entry {
    struct text_map_entry place;
    char key[16];
};

static struct entry entries[COUNT];

static size_t dropped;

static void count_dropped(struct text_map_entry *entry)
{
    memset(entry, 0xff, sizeof(*entry)); /* it may be freed here */
    dropped++;
}

static struct span key_of(size_t i)
{
    snprintf(entries[i].key, sizeof(entries[i].key), "key%zu", i);
    return span_of(entries[i].key);
}

static void finds_what_is_in_it_while_it_grows(void **state)
{
    (void)state;
    struct text_map map;
    assert_true(text_map_init(&map));
    for (size_t i = 0; i < COUNT; i++) {
        assert_null(text_map_find(&map, key_of(i)));
        text_map_insert(&map, &entries[i].place, key_of(i));
        size_t other = i / 2; /* may lie in the buckets that are still to be moved */
        assert_ptr_equal(text_map_find(&map, key_of(other)), &entries[other].place);
    }
    for (size_t i = 0; i < COUNT; i += 2)
        text_map_remove(&map, &entries[i].place);
    assert_int_equal(map.size, COUNT / 2);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(text_map_find(&map, key_of(i)) != NULL, i % 2 == 1);
    text_map_finish(&map, count_dropped);
}

static void removes_from_both_halves_of_a_growth(void **state)
{
    (void)state;
    struct text_map map;
    assert_true(text_map_init(&map));
    for (size_t i = 0; i < 70; i++) /* just after a growth began */
        text_map_insert(&map, &entries[i].place, key_of(i));
    assert_true(map.old.count > 0);
    for (size_t i = 0; i < 70; i++) {
        text_map_remove(&map, &entries[i].place);
        assert_null(text_map_find(&map, key_of(i)));
    }
    assert_int_equal(map.size, 0);
    text_map_finish(&map, count_dropped);
}

static void the_end_drops_what_is_left(void **state)
{
    (void)state;
    struct text_map map;
    assert_true(text_map_init(&map));
    for (size_t i = 0; i < 70; i++)
        text_map_insert(&map, &entries[i].place, key_of(i));
    assert_true(map.old.count > 0);
    text_map_remove(&map, &entries[0].place);
    dropped = 0;
    text_map_finish(&map, count_dropped);
    assert_int_equal(dropped, 69);
}

static void keys_are_compared_by_length_and_bytes(void **state)
{
    (void)state;
    struct text_map map;
    struct text_map_entry a, b;
    assert_true(text_map_init(&map));
    text_map_insert(&map, &a, (struct span){"a\0b", 3});
    text_map_insert(&map, &b, (struct span){"a\0c", 3});
    assert_ptr_equal(text_map_find(&map, (struct span){"a\0c", 3}), &b);
    assert_null(text_map_find(&map, SPAN("a")));
    text_map_finish(&map, count_dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_in_it_while_it_grows),
        cmocka_unit_test(removes_from_both_halves_of_a_growth),
        cmocka_unit_test(the_end_drops_what_is_left),
        cmocka_unit_test(keys_are_compared_by_length_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
