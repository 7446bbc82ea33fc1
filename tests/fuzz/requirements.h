/* What holds of every body that is read, for the targets that read bodies. */
#ifndef FUZZ_REQUIREMENTS_H
#define FUZZ_REQUIREMENTS_H

#include "http/http_problem.h"
#include "proctrack/json_scan.h"

#include <stdlib.h>

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

static inline void require_json(struct span text)
{
    struct span value;
    struct json_fault fault;
    require(json_check(text, &value, &fault));
}

static inline void require_problem(const struct http_faults *faults)
{
    struct text_buffer problem;
    text_buffer_init(&problem, 1 << 20);
    http_problem_open(&problem, PROBLEM_INVALID, NULL);
    http_problem_faults(&problem, faults);
    text_append_char(&problem, '}');
    require(!problem.failed && faults->count > 0);
    require_json(text_buffer_span(&problem));
    text_buffer_finish(&problem);
}

#endif
