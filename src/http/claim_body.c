#include "http/claim_body.h"

#include "proctrack/process_repository.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND_MS  INT64_C(1000)
#define WAIT_MAX_S 300

_Static_assert(REPO_CLAIM_TYPES_MAX == 1000, "as told in read_types()");

void claim_read_lease(struct span value, const char *pointer, int64_t *ret_ms,
                      struct http_faults *faults)
{
    body_seconds(value, pointer, PROCESS_LEASE_MIN_MS / SECOND_MS, PROCESS_LEASE_MAX_MS / SECOND_MS,
                 ret_ms, faults);
}

void claim_read_wait(struct span value, const char *pointer, int64_t *ret_ms,
                     struct http_faults *faults)
{
    body_seconds(value, pointer, 0, WAIT_MAX_S, ret_ms, faults);
}

static int compare_types(const void *a, const void *b)
{
    const struct span *left = a, *right = b;
    if (left->len != right->len)
        return left->len < right->len ? -1 : 1;
    return memcmp(left->data, right->data, left->len);
}

static size_t drop_repeated(struct span *types, size_t count)
{
    size_t kept = 0;
    qsort(types, count, sizeof(*types), compare_types);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !span_equal(types[kept - 1], types[i]))
            types[kept++] = types[i];
    }
    return kept;
}

static size_t type_size(struct span item)
{
    return item.len <= PROCESS_TYPE_MAX ? item.len : PROCESS_TYPE_MAX + 1;
}

/* How many there are, and what room their texts need. */
static size_t measure_types(struct span array, size_t *ret_size)
{
    struct span item;
    size_t count = 0;
    *ret_size = 0;
    for (size_t cursor = 0; json_array_next(array, &cursor, &item); count++)
        *ret_size += type_size(item);
    return count;
}

static bool has_good_length(struct span value, size_t *ret_count, size_t *ret_size)
{
    if (json_kind_of(value) != JSON_KIND_ARRAY)
        return false;
    *ret_count = measure_types(value, ret_size);
    return *ret_count >= 1 && *ret_count <= REPO_CLAIM_TYPES_MAX;
}

static void read_types(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct claim_draft *draft = into;
    size_t count, size;
    if (!has_good_length(value, &count, &size)) {
        http_faults_add(faults, span_of(pointer), "must be an array of 1 to 1000 types");
        return;
    }
    draft->types = malloc(count * sizeof(*draft->types) + size);
    draft->no_memory = draft->types == NULL;
    if (draft->no_memory)
        return;
    char *text = (char *)(draft->types + count);
    struct span item;
    for (size_t cursor = 0, i = 0; json_array_next(value, &cursor, &item); i++) {
        char number[24], at[BODY_POINTER_SIZE];
        snprintf(number, sizeof(number), "%zu", i);
        body_pointer(pointer, number, at);
        body_name(item, at, text, type_size(item), process_type_is_valid,
                  "must be a string of 1 to 64 characters out of A-Z a-z 0-9 _ . -",
                  &draft->types[i], faults);
        text += type_size(item);
    }
    if (faults->count == 0)
        draft->type_count = drop_repeated(draft->types, count);
}

static void read_worker(void *into, struct span value, const char *pointer,
                        struct http_faults *faults)
{
    struct claim_draft *draft = into;
    body_name(value, pointer, draft->worker_text, sizeof(draft->worker_text),
              process_worker_is_valid, "must be a string of 1 to 128 printable ASCII characters",
              &draft->worker, faults);
}

static void read_max(void *into, struct span value, const char *pointer, struct http_faults *faults)
{
    struct claim_draft *draft = into;
    int64_t number;
    if (body_integer(value, pointer, 1, REPO_CLAIM_MAX, &number, faults))
        draft->max = (int)number;
}

static void read_claim_lease(void *into, struct span value, const char *pointer,
                             struct http_faults *faults)
{
    struct claim_draft *draft = into;
    claim_read_lease(value, pointer, &draft->lease_ms, faults);
}

static void read_claim_wait(void *into, struct span value, const char *pointer,
                            struct http_faults *faults)
{
    struct claim_draft *draft = into;
    claim_read_wait(value, pointer, &draft->wait_ms, faults);
}

static const struct body_field claim_fields[] = {
    {"types", read_types, false, true},
    {"worker", read_worker, false, true},
    {"max", read_max, true, false},
    {"lease_seconds", read_claim_lease, true, false},
    {"wait_seconds", read_claim_wait, true, false}, /* the last: claim_next has it not */
};
#define CLAIM_FIELDS (sizeof(claim_fields) / sizeof(*claim_fields))

void claim_draft_clear(struct claim_draft *draft)
{
    draft->types = NULL;
    draft->type_count = 0;
    draft->worker = SPAN_NONE;
    draft->max = 1;
    draft->lease_ms = PROCESS_LEASE_MS;
    draft->wait_ms = 0;
    draft->no_memory = false;
}

enum body_verdict claim_body_read(struct span body, struct claim_draft *ret_draft,
                                  struct json_fault *ret_fault, struct http_faults *faults)
{
    claim_draft_clear(ret_draft);
    return body_read(body, false, claim_fields, CLAIM_FIELDS, ret_draft, ret_fault, faults);
}

void claim_draft_finish(struct claim_draft *draft)
{
    free(draft->types);
    draft->types = NULL;
}

void claim_next_read(struct span object, const char *at, struct claim_draft *draft,
                     struct http_faults *faults)
{
    body_read_object(object, at, claim_fields, CLAIM_FIELDS - 1, draft, faults);
}
