#include "http/metrics.h"

static const struct metric_family
    up = {"proctrackd_repository_up", METRIC_GAUGE,
          "Whether the repository answered this scrape; if not, what it knows is left out.", NULL},
    info = {"proctrackd_repository", METRIC_INFO, "Where processes are kept, and how durably.",
            NULL},
    audit_found = {"proctrackd_audit_found", METRIC_COUNTER,
                   "What audits found amiss between records and indexes.", NULL},
    used_ratio = {"proctrackd_storage_used_ratio", METRIC_GAUGE,
                  "How much of the disk or of Redis's memory is taken, of 1.", "ratio"},
    full = {"proctrackd_storage_full", METRIC_GAUGE,
            "Whether new processes are refused before they are tried, for want of room.", NULL},
    disk_size = {"proctrackd_disk_size_bytes", METRIC_GAUGE, "Size of the disk of DATA_DIR.",
                 "bytes"},
    disk_free = {"proctrackd_disk_free_bytes", METRIC_GAUGE,
                 "What of it this program may still use.", "bytes"},
    redis_up = {"proctrackd_redis_up", METRIC_GAUGE,
                "Whether every connection to Redis that should be there is.", NULL},
    redis_commands = {"proctrackd_redis_commands", METRIC_COUNTER, "Commands sent to Redis.", NULL},
    redis_latency = {"proctrackd_redis_command_duration_seconds", METRIC_HISTOGRAM,
                     "From a command or transaction being written to its reply.", "seconds"},
    redis_reconnects = {"proctrackd_redis_reconnects", METRIC_COUNTER,
                        "Connections to Redis made after the first.", NULL},
    redis_timeouts = {"proctrackd_redis_timeouts", METRIC_COUNTER,
                      "Calls that Redis did not answer in time.", NULL},
    redis_used = {"proctrackd_redis_memory_used_bytes", METRIC_GAUGE, "Memory that Redis uses.",
                  "bytes"},
    redis_max = {"proctrackd_redis_memory_max_bytes", METRIC_GAUGE,
                 "Memory that Redis may use; left out where it has no limit.", "bytes"},
    journal_bytes = {"proctrackd_journal_bytes", METRIC_GAUGE,
                     "Size of the journal since the last snapshot.", "bytes"},
    journal_written = {"proctrackd_journal_written_bytes", METRIC_COUNTER,
                       "Written to the journal.", "bytes"},
    journal_sync = {"proctrackd_journal_fsync_duration_seconds", METRIC_HISTOGRAM,
                    "How long the disk took to make journal batches durable.", "seconds"},
    journal_failures = {"proctrackd_journal_failures", METRIC_COUNTER,
                        "Batches that could not be stored.", NULL},
    snapshot_bytes = {"proctrackd_snapshot_bytes", METRIC_GAUGE, "Size of the last snapshot.",
                      "bytes"},
    snapshot_time = {"proctrackd_snapshot_timestamp_seconds", METRIC_GAUGE,
                     "When the last snapshot was written.", "seconds"};

static void write_redis(struct metric_writer *writer, const struct repository_counters *counters,
                        const struct repository_fullness *fullness)
{
    metrics_write_count(writer, &redis_up,
                        counters->links > 0 && counters->links_up == counters->links);
    metrics_write_count(writer, &redis_commands, counters->commands);
    metric_begin(writer, &redis_latency);
    metric_histogram(writer, NULL, &counters->command_latency);
    metrics_write_count(writer, &redis_reconnects, counters->reconnects);
    metrics_write_count(writer, &redis_timeouts, counters->timeouts);
    if (fullness->memory_used > 0)
        metrics_write_count(writer, &redis_used, (uint64_t)fullness->memory_used);
    if (fullness->memory_max > 0)
        metrics_write_count(writer, &redis_max, (uint64_t)fullness->memory_max);
}

static void write_journal(struct metric_writer *writer, const struct repository_counters *counters,
                          const struct repository_durability *durability)
{
    metrics_write_count(writer, &journal_bytes, (uint64_t)durability->journal_bytes);
    metrics_write_count(writer, &journal_written, counters->journal_written);
    metric_begin(writer, &journal_sync);
    metric_histogram(writer, NULL, &counters->journal_sync_latency);
    metrics_write_count(writer, &journal_failures, durability->failures);
    metrics_write_count(writer, &snapshot_bytes, (uint64_t)durability->snapshot_bytes);
    if (durability->snapshot_at != TIME_NONE) {
        metric_begin(writer, &snapshot_time);
        metric_seconds(writer, NULL, durability->snapshot_at * 1000);
    }
}

static void write_fullness(struct metric_writer *writer, const struct repository_fullness *fullness)
{
    if (fullness->disk_size > 0) {
        metrics_write_count(writer, &disk_size, (uint64_t)fullness->disk_size);
        metrics_write_count(writer, &disk_free, (uint64_t)fullness->disk_free);
    }
    if (fullness->disk_size > 0 || fullness->memory_max > 0) {
        metric_begin(writer, &used_ratio);
        metric_real(writer, NULL, fullness->used_ratio);
    }
}

static void write_audits(struct metric_writer *writer, const struct process_audits *audits)
{
    metric_begin(writer, &audit_found);
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        metric_count(writer,
                     METRIC_LABELS({"finding", span_of(process_audit_finding_name(
                                                   (enum repo_audit_finding)i))}),
                     audits->found[i]);
}

void metrics_write_storage(struct metric_writer *writer, const struct http_gathered *gathered,
                           const struct metrics_stored *stored,
                           const struct metrics_instance *instance)
{
    const struct process_repository *repository = instance->repository;
    const struct repository_durability *durability = &repository->durability;
    const struct repository_counters *counters = &gathered->sum.storage;
    const char *fallback = instance->fallback_reason;
    metrics_write_count(writer, &up, stored->counted);
    metric_begin(writer, &info);
    metric_count(writer,
                 METRIC_LABELS({"repository", span_of(repository->ops->name)},
                               {"durability", span_of(durability->mode)},
                               {"fallback", span_of(fallback != NULL ? fallback : "none")}),
                 1);
    if (strcmp(repository->ops->name, "redis") == 0)
        write_redis(writer, counters, &durability->fullness);
    else if (strcmp(durability->mode, "none") != 0)
        write_journal(writer, counters, durability);
    write_fullness(writer, &durability->fullness);
    metrics_write_count(writer, &full, instance->full);
    write_audits(writer, instance->audits);
}
