#include "http/http_numbers.h"

#include "http/http_server_private.h"

bool http_numbers_init(struct http_numbers *numbers)
{
    *numbers = (struct http_numbers){0};
    process_numbers_init(&numbers->processes);
    return http_tally_init(&numbers->tally);
}

void http_numbers_finish(struct http_numbers *numbers)
{
    http_tally_finish(&numbers->tally);
}

void http_numbers_collect(struct http_numbers *numbers, const struct http_server *server)
{
    http_tally_clear(&numbers->tally);
    http_tally_merge(&numbers->tally, &server->tally);
    numbers->counters = server->counters;
    numbers->connections = server->connections;
    numbers->open_calls = server->open_calls;
    numbers->waiting_calls = server->waiting_calls;
    memcpy(numbers->waiters, server->waiters, sizeof(numbers->waiters));
    numbers->streams = server->streams.count;
    numbers->statuses = status_cache_numbers(server->statuses);
    numbers->processes = *process_manager_numbers(server->manager);
    numbers->storage = repository_serving(process_manager_repository(server->manager))->counters;
}

static void add_counters(struct http_counters *into, const struct http_counters *from)
{
    into->requests += from->requests;
    into->unreadable += from->unreadable;
    into->refused += from->refused;
    into->shed += from->shed;
    for (size_t class = 0; class < sizeof(into->answers) / sizeof(*into->answers); class ++)
        into->answers[class] += from->answers[class];
}

static void add_statuses(struct status_cache_numbers *into, const struct status_cache_numbers *from)
{
    into->hits += from->hits;
    into->misses += from->misses;
    into->invalidations += from->invalidations;
    into->evictions += from->evictions;
    into->entries += from->entries;
    into->bytes += from->bytes;
}

void http_numbers_add(struct http_numbers *into, const struct http_numbers *from)
{
    http_tally_merge(&into->tally, &from->tally);
    add_counters(&into->counters, &from->counters);
    into->connections += from->connections;
    into->open_calls += from->open_calls;
    into->waiting_calls += from->waiting_calls;
    for (int kind = 0; kind < HTTP_WAITER_KINDS; kind++)
        into->waiters[kind] += from->waiters[kind];
    into->streams += from->streams;
    add_statuses(&into->statuses, &from->statuses);
    process_numbers_merge(&into->processes, &from->processes);
    repository_counters_merge(&into->storage, &from->storage);
}
