/* Any body of POST /analyze: read, or refused with a problem that is itself JSON. */
#include "requirements.h"

#include "http/analyze_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
