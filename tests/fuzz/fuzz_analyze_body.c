/* Any body of POST /analyze: read, or refused with a problem that is itself JSON. */
#include "http/analyze_body.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_json(struct span text)
{
    struct span value;
    struct json_fault fault;
    require(json_check(text, &value, &fault));
}

static void require_problem(const struct http_faults *faults)
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

static void require_draft(const struct analyze_draft *draft)
{
    require_json(draft->input);
    require(draft->metadata.data == NULL || json_kind_of(draft->metadata) == JSON_KIND_OBJECT);
    require(draft->type.data == NULL || process_type_is_valid(draft->type));
    require(draft->group.data == NULL || process_group_is_valid(draft->group));
    require(draft->priority >= PROCESS_PRIORITY_MIN && draft->priority <= PROCESS_PRIORITY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct analyze_draft draft;
    struct json_fault fault;
    struct http_faults faults;
    http_faults_init(&faults, "pointer");
    switch (analyze_body_read((struct span){(const char *)data, size}, &draft, &fault, &faults)) {
    case BODY_OK:
        require_draft(&draft);
        break;
    case BODY_INVALID:
        require_problem(&faults);
        break;
    case BODY_NOT_JSON:
        require(fault.offset <= size && fault.reason != NULL);
        break;
    }
    http_faults_finish(&faults);
    return 0;
}
