#include "proctrack/process_numbers.h"

#include "proctrack/keyed_hash.h"

#include <string.h>

static struct process_type_numbers *begin(struct process_numbers *numbers, struct span type)
{
    struct process_type_numbers *of_type = &numbers->types[numbers->count];
    memset(of_type, 0, sizeof(*of_type));
    of_type->run.scale = of_type->wait.scale = METRIC_PERIOD;
    if (!text_copy(of_type->type, sizeof(of_type->type), type))
        return NULL;
    numbers->lens[numbers->count++] = (unsigned char)type.len;
    return of_type;
}

void process_numbers_init(struct process_numbers *numbers)
{
    memset(numbers, 0, sizeof(*numbers));
    begin(numbers, SPAN(PROCESS_NUMBERS_OTHER));
}

static bool is_called(const struct process_numbers *numbers, size_t i, struct span type)
{
    return type.len == numbers->lens[i] && memcmp(type.data, numbers->types[i].type, type.len) == 0;
}

/* Takes the name in while there is room. */
static bool is_admitted(struct process_type_names *names, struct span type)
{
    size_t i = 0;
    pthread_mutex_lock(&names->lock);
    while (i < names->count && !span_is(type, names->names[i]))
        i++;
    if (i == names->count && i < PROCESS_NUMBERS_TYPES &&
        text_copy(names->names[i], sizeof(names->names[i]), type))
        names->count++;
    bool admitted = i < names->count;
    pthread_mutex_unlock(&names->lock);
    return admitted;
}

static struct process_type_numbers *find_or_begin(struct process_numbers *numbers, struct span type)
{
    _Static_assert(PROCESS_NUMBERS_TYPES < sizeof(numbers->slots), "a slot is always free");
    size_t slot = keyed_hash(type) % sizeof(numbers->slots);
    for (; numbers->slots[slot] != 0; slot = (slot + 1) % sizeof(numbers->slots)) {
        if (is_called(numbers, numbers->slots[slot], type))
            return &numbers->types[numbers->slots[slot]];
    }
    if (numbers->count > PROCESS_NUMBERS_TYPES ||
        (numbers->names != NULL && !is_admitted(numbers->names, type)))
        return &numbers->types[0];
    struct process_type_numbers *of_type = begin(numbers, type);
    if (of_type == NULL)
        return &numbers->types[0];
    numbers->slots[slot] = (unsigned char)(numbers->count - 1);
    return of_type;
}

/* Most often it is one of a few, which are told apart by less than a hash. */
struct process_type_numbers *process_numbers_of(struct process_numbers *numbers, struct span type)
{
    if (type.len == 0)
        return &numbers->types[0];
    const unsigned letters =
        (unsigned char)type.data[0] * 7u + (unsigned char)type.data[type.len - 1];
    unsigned char *recent = &numbers->recent[(letters + type.len * 31) % sizeof(numbers->recent)];
    if (*recent == 0 || !is_called(numbers, *recent, type))
        *recent = (unsigned char)(find_or_begin(numbers, type) - numbers->types);
    return &numbers->types[*recent];
}

static void merge_type(struct process_type_numbers *into, const struct process_type_numbers *from)
{
    into->created += from->created;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        into->finished[i] += from->finished[i];
    into->claims += from->claims;
    into->leases_lost += from->leases_lost;
    into->retries += from->retries;
    metric_histogram_merge(&into->run, &from->run);
    metric_histogram_merge(&into->wait, &from->wait);
}

void process_numbers_merge(struct process_numbers *into, const struct process_numbers *from)
{
    into->swept.released += from->swept.released;
    into->swept.lapsed += from->swept.lapsed;
    into->swept.overdue += from->swept.overdue;
    into->swept.expired += from->swept.expired;
    into->swept.cleaned += from->swept.cleaned;
    merge_type(&into->types[0], &from->types[0]);
    for (size_t i = 1; i < from->count; i++)
        merge_type(process_numbers_of(into, span_of(from->types[i].type)), &from->types[i]);
}
