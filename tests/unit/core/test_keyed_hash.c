#include "support/test.h"

#include "proctrack/keyed_hash.h"

static uint64_t byte_by_byte(struct span bytes)
{
    struct keyed_hash hash;
    keyed_hash_start(&hash);
    for (size_t i = 0; i < bytes.len; i++)
        keyed_hash_add(&hash, (unsigned char)bytes.data[i]);
    return keyed_hash_end(&hash);
}

static void both_forms_agree(void **state)
{
    (void)state;
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    for (size_t len = 0; len < sizeof(text); len++) {
        struct span bytes = {text, len};
        assert_true(keyed_hash(bytes) == byte_by_byte(bytes));
    }
    assert_true(keyed_hash(SPAN_NONE) == keyed_hash(SPAN("")));
}

static void each_byte_and_the_length_count(void **state)
{
    (void)state;
    char text[32] = {0};
    uint64_t zeros = keyed_hash((struct span){text, 20});
    assert_true(zeros != keyed_hash((struct span){text, 21}));
    for (size_t i = 0; i < 20; i++) {
        text[i] = 1;
        assert_true(zeros != keyed_hash((struct span){text, 20}));
        text[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_agree),
        cmocka_unit_test(each_byte_and_the_length_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
