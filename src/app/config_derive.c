/* What follows from the settings together, and what is wrong between them. */
#include "app/config_private.h"

#include <stdlib.h>
#include <string.h>

#define WHY_SIZE 1024

static void derive_analyzers(struct config *config)
{
    char why[WHY_SIZE] = "";
    if (*config->analyzers_file != '\0' &&
        !analyzer_set_load(&config->analyzers, config->analyzers_file, why, sizeof(why))) {
        char name[SETTING_NAME_SIZE];
        size_t i = SETTING_INDEX(analyzers_file);
        setting_given_name(config, &config_settings[i], config->sources[i], name);
        config_fault(config, "%s=%s: %s", name, config->analyzers_file, why);
    }
    for (size_t i = 0; i < config->analyzer.count; i++) {
        const char *definition = config->analyzer.items[i];
        if (analyzer_set_add(&config->analyzers, definition, why, sizeof(why)))
            continue;
        char name[SETTING_NAME_SIZE];
        size_t place = SETTING_INDEX(analyzer);
        setting_given_name(config, &config_settings[place], config->sources[place], name);
        config_fault(config, "%s=%s: %s", name, definition, why);
    }
}

static void derive_known_types(struct config *config)
{
    size_t count = config->analyzers.count;
    if (count == 0)
        return;
    config->known_types = calloc(count, sizeof(*config->known_types));
    config->known_type_slots = calloc(count, sizeof(*config->known_type_slots));
    if (config->known_types == NULL || config->known_type_slots == NULL) {
        config_fault(config, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        config->known_types[i] = config->analyzers.analyzers[i].type;
        config->known_type_slots[i] = config->analyzers.analyzers[i].concurrency;
    }
}

static void derive_type_table(struct config *config)
{
    char why[WHY_SIZE] = "", name[SETTING_NAME_SIZE];
    size_t i = SETTING_INDEX(types_file);
    if (*config->types_file == '\0' ||
        type_table_load(&config->types, config->types_file, why, sizeof(why)))
        return;
    setting_given_name(config, &config_settings[i], config->sources[i], name);
    config_fault(config, "%s=%s: %s", name, config->types_file, why);
}

static bool type_is_known(const struct config *config, struct span type)
{
    for (size_t i = 0; i < config->analyzers.count; i++)
        if (span_equal(config->analyzers.analyzers[i].type, type))
            return true;
    return false;
}

static void derive_types(struct config *config)
{
    bool analyzers_fine = config->faults.len == 0;
    if (*config->default_type != '\0')
        config->type_of_none = span_of(config->default_type);
    else if (config->analyzers.count == 1)
        config->type_of_none = config->analyzers.analyzers[0].type;
    if (config->accept_types != ACCEPT_KNOWN || !analyzers_fine)
        return;
    if (config->analyzers.count == 0)
        config_fault(config, "ACCEPT_TYPES=known: no analyzer is configured, so that every request "
                             "would be refused; configure one with ANALYZERS_FILE or --analyzer");
    else if (config->type_of_none.data != NULL && !type_is_known(config, config->type_of_none))
        config_fault(config,
                     "DEFAULT_TYPE=%s: no analyzer serves it, and ACCEPT_TYPES=known would "
                     "refuse it",
                     config->default_type);
}

static void derive_policy(struct config *config)
{
    struct process_policy *policy = &config->policy;
    process_policy_defaults(policy);
    policy->retention_ms[PROCESS_COMPLETED] = config->retention_completed_s * 1000;
    policy->retention_ms[PROCESS_CANCELED] = config->retention_canceled_s * 1000;
    policy->retention_ms[PROCESS_FAILED] = config->retention_failed_s * 1000;
    policy->tombstone_ms = config->tombstone_s * 1000;
    policy->idempotency_ms = config->idempotency_s * 1000;
    policy->cancel_grace_ms = config->cancel_grace_s * 1000;
    policy->retry_base_ms = config->retry_base_ms;
    policy->retry_cap_ms = config->retry_cap_ms;
    policy->max_stalls = (int)config->max_stalls;
    policy->events_max = (int)config->events_max;
    if (config->retry_cap_ms < config->retry_base_ms)
        config_fault(config, "RETRY_CAP_MS=%lld: must not be less than RETRY_BASE_MS=%lld",
                     (long long)config->retry_cap_ms, (long long)config->retry_base_ms);
}

static void check_origins(struct config *config)
{
    const struct config_list *origins = &config->cors_allow_origins;
    struct text_buffer all;
    bool has_any = false;
    text_buffer_init(&all, 4096);
    for (size_t i = 0; i < origins->count; i++) {
        text_append_format(&all, "%s%s", i > 0 ? ", " : "", origins->items[i]);
        has_any = has_any || strcmp(origins->items[i], "*") == 0;
    }
    if (has_any && origins->count > 1)
        config_fault(config,
                     "CORS_ALLOW_ORIGINS=" SPAN_FMT ": * allows every origin, so it must be alone",
                     SPAN_ARG(text_buffer_span(&all)));
    text_buffer_finish(&all);
}

static void check_stop(struct config *config)
{
    long long timeout = config->shutdown_timeout_s, delay = config->shutdown_delay_s;
    if (delay > 0 && delay >= timeout)
        config_fault(
            config,
            "SHUTDOWN_DELAY_SECONDS=%lld: must be less than SHUTDOWN_TIMEOUT_SECONDS=%lld, "
            "which includes it",
            delay, timeout);
    else if (config->analyzers.count > 0 && timeout - delay <= config->cancel_grace_s)
        config_warning(
            config,
            "SHUTDOWN_TIMEOUT_SECONDS=%lld%s is no longer than CANCEL_GRACE_SECONDS=%lld: "
            "an analyzer that ignores its TERM may outlive a stop's patience",
            timeout, delay > 0 ? " less SHUTDOWN_DELAY_SECONDS" : "",
            (long long)config->cancel_grace_s);
}

static void check_storage(struct config *config)
{
    bool on_disk = *config->data_dir != '\0';
    if (config->repair && !on_disk)
        config_fault(config, "--repair: DATA_DIR is empty, so that there is nothing to repair");
    if (!on_disk && config->sources[SETTING_INDEX(journal_fsync)] != SOURCE_DEFAULT)
        config_warning(config, "JOURNAL_FSYNC is given, but DATA_DIR is empty: nothing is stored");
    if (config->admin_port > 0 && config->admin_port == config->port)
        config_fault(config, "ADMIN_PORT=%lld: must be another than PORT",
                     (long long)config->admin_port);
}

void config_derive(struct config *config)
{
    config_derive_redis(config);
    derive_analyzers(config);
    derive_known_types(config);
    derive_type_table(config);
    derive_types(config);
    derive_policy(config);
    check_origins(config);
    check_stop(config);
    check_storage(config);
}
