/* cmocka with the headers that it wants first. */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proctrack/text.h"
#include "support/patience.h"

#define assert_span(actual, expected)                                                       \
    do {                                                                                    \
        struct span assert_span_a = (actual), assert_span_b = (expected);                   \
        assert_int_equal(assert_span_a.data == NULL, assert_span_b.data == NULL);           \
        assert_int_equal(assert_span_a.len, assert_span_b.len);                             \
        if (assert_span_a.len > 0)                                                          \
            assert_memory_equal(assert_span_a.data, assert_span_b.data, assert_span_a.len); \
    } while (0)

#endif
