#include "http/metrics.h"

static const struct metric_family
    processes = {"proctrackd_processes", METRIC_GAUGE, "Processes that are kept, by status.", NULL},
    of_types = {"proctrackd_type_processes", METRIC_GAUGE,
                "Processes of a type that may be claimed now (pending) or run.", NULL},
    oldest = {"proctrackd_oldest_waiting_seconds", METRIC_GAUGE,
              "How long the oldest process of a type that may be claimed has waited.", "seconds"},
    created = {"proctrackd_processes_created", METRIC_COUNTER,
               "Processes created through this instance.", NULL},
    finished = {"proctrackd_processes_finished", METRIC_COUNTER,
                "Processes that ended through this instance, by how.", NULL},
    run = {"proctrackd_process_run_seconds", METRIC_HISTOGRAM,
           "How long the last run of a finished process took.", "seconds"},
    wait = {"proctrackd_process_wait_seconds", METRIC_HISTOGRAM,
            "From the time at which a process was to run until its claim.", "seconds"},
    claims = {"proctrackd_claims", METRIC_COUNTER, "Processes claimed through this instance.",
              NULL},
    leases_lost = {"proctrackd_leases_lost", METRIC_COUNTER,
                   "Runs whose worker stopped renewing its lease.", NULL},
    retries = {"proctrackd_retries", METRIC_COUNTER,
               "Further attempts after a failed one, and retries by hand.", NULL},
    backlog = {"proctrackd_sweep_backlog", METRIC_GAUGE,
               "What is due and waits for the schedule: processes to release, leases that lapsed, "
               "deadlines that passed, finished processes to remove.",
               NULL},
    swept = {"proctrackd_swept", METRIC_COUNTER,
             "What this instance's schedule did, and what was cleaned up on request.", NULL};

static const char *const due_names[REPO_DUE_KINDS] = {
    [DUE_RELEASE] = "release",
    [DUE_LAPSE] = "lapse",
    [DUE_EXPIRE] = "expire",
    [DUE_REMOVAL] = "removal",
};

/* --- what is stored --------------------------------------------------------------------------- */

void metrics_stored_take_counts(struct metrics_stored *stored, const struct repo_counts *counts)
{
    stored->counted = true;
    memcpy(stored->by_status, counts->by_status, sizeof(stored->by_status));
    memcpy(stored->due, counts->due, sizeof(stored->due));
}

static void add_type(struct metrics_type *into, const struct repo_type *from)
{
    into->waiting += from->waiting;
    into->running += from->state.running;
    if (from->waiting_since != TIME_NONE &&
        (into->oldest_since == TIME_NONE || from->waiting_since < into->oldest_since))
        into->oldest_since = from->waiting_since;
}

/* They come in the order of their names. */
void metrics_stored_take_types(struct metrics_stored *stored, const struct repo_types *types)
{
    stored->typed = true;
    stored->now = types->now;
    for (size_t i = 0; i < types->count; i++) {
        size_t at = i < METRICS_TYPES ? i : METRICS_TYPES;
        struct metrics_type *into = &stored->types[at];
        if (i <= METRICS_TYPES) {
            *into = (struct metrics_type){.oldest_since = TIME_NONE};
            text_copy(into->type, sizeof(into->type),
                      span_of(at < METRICS_TYPES ? types->types[i].type : PROCESS_NUMBERS_OTHER));
            stored->type_count = at + 1;
        }
        add_type(into, &types->types[i]);
    }
}

static void write_statuses(struct metric_writer *writer, const struct metrics_stored *stored)
{
    metric_begin(writer, &processes);
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++)
        metric_count(
            writer,
            METRIC_LABELS({"status", span_of(process_status_name((enum process_status)status))}),
            (uint64_t)stored->by_status[status]);
    metric_begin(writer, &backlog);
    for (int kind = 0; kind < REPO_DUE_KINDS; kind++)
        metric_count(writer, METRIC_LABELS({"kind", span_of(due_names[kind])}),
                     (uint64_t)stored->due[kind]);
}

static void write_stored_types(struct metric_writer *writer, const struct metrics_stored *stored)
{
    metric_begin(writer, &of_types);
    for (size_t i = 0; i < stored->type_count; i++) {
        const struct metrics_type *of = &stored->types[i];
        struct span type = span_of(of->type);
        metric_count(writer, METRIC_LABELS({"type", type}, {"status", SPAN("pending")}),
                     (uint64_t)of->waiting);
        metric_count(writer, METRIC_LABELS({"type", type}, {"status", SPAN("running")}),
                     (uint64_t)of->running);
    }
    metric_begin(writer, &oldest);
    for (size_t i = 0; i < stored->type_count; i++) {
        const struct metrics_type *of = &stored->types[i];
        int64_t waited = of->oldest_since != TIME_NONE ? stored->now - of->oldest_since : 0;
        metric_seconds(writer, METRIC_LABELS({"type", span_of(of->type)}),
                       waited > 0 ? waited * 1000 : 0);
    }
}

/* --- what has happened ------------------------------------------------------------------------ */

/* That of all others is shown once something was counted there. */
static bool is_shown(const struct process_numbers *numbers, size_t i)
{
    return i > 0 || numbers->count > PROCESS_NUMBERS_TYPES;
}

static void write_counter(struct metric_writer *writer, const struct process_numbers *numbers,
                          const struct metric_family *family, size_t offset)
{
    metric_begin(writer, family);
    for (size_t i = 0; i < numbers->count; i++) {
        const char *of = (const char *)&numbers->types[i];
        uint64_t value;
        memcpy(&value, of + offset, sizeof(value));
        if (is_shown(numbers, i))
            metric_count(writer, METRIC_LABELS({"type", span_of(numbers->types[i].type)}), value);
    }
}

static void write_finished(struct metric_writer *writer, const struct process_numbers *numbers)
{
    metric_begin(writer, &finished);
    for (size_t i = 0; i < numbers->count; i++) {
        for (int status = 0; is_shown(numbers, i) && status < PROCESS_STATUS_COUNT; status++)
            if (process_status_is_final((enum process_status)status))
                metric_count(writer,
                             METRIC_LABELS({"type", span_of(numbers->types[i].type)},
                                           {"status", span_of(process_status_name(
                                                          (enum process_status)status))}),
                             numbers->types[i].finished[status]);
    }
}

static void write_times(struct metric_writer *writer, const struct process_numbers *numbers,
                        const struct metric_family *family)
{
    metric_begin(writer, family);
    for (size_t i = 0; i < numbers->count; i++) {
        const struct process_type_numbers *of = &numbers->types[i];
        if (is_shown(numbers, i))
            metric_histogram(writer, METRIC_LABELS({"type", span_of(of->type)}),
                             family == &run ? &of->run : &of->wait);
    }
}

static void write_swept(struct metric_writer *writer, const struct process_sweep_numbers *numbers)
{
    const struct {
        const char *kind;
        uint64_t count;
    } kinds[] = {{"released", numbers->released},
                 {"lapsed", numbers->lapsed},
                 {"overdue", numbers->overdue},
                 {"expired", numbers->expired},
                 {"cleaned", numbers->cleaned}};
    metric_begin(writer, &swept);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        metric_count(writer, METRIC_LABELS({"kind", span_of(kinds[i].kind)}), kinds[i].count);
}

void metrics_write_processes(struct metric_writer *writer, const struct http_gathered *gathered,
                             const struct metrics_stored *stored)
{
    const struct process_numbers *numbers = &gathered->sum.processes;
    if (stored->counted)
        write_statuses(writer, stored);
    if (stored->typed)
        write_stored_types(writer, stored);
    write_counter(writer, numbers, &created, offsetof(struct process_type_numbers, created));
    write_finished(writer, numbers);
    write_times(writer, numbers, &run);
    write_times(writer, numbers, &wait);
    write_counter(writer, numbers, &claims, offsetof(struct process_type_numbers, claims));
    write_counter(writer, numbers, &leases_lost,
                  offsetof(struct process_type_numbers, leases_lost));
    write_counter(writer, numbers, &retries, offsetof(struct process_type_numbers, retries));
    write_swept(writer, &numbers->swept);
}
