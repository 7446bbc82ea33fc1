/* REDIS_URL and the single settings put together: what is given singly wins over the URL's part,
 * so that for instance the password can come from a secret's file and the rest from a URL. */
#include "app/config_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GIVEN(config, field) ((config)->sources[SETTING_INDEX(field)] != SOURCE_DEFAULT)

static void apply_single_settings(struct config *config, struct redis_options *redis)
{
    if (GIVEN(config, redis_host))
        text_copy(redis->host, sizeof(redis->host), span_of(config->redis_host));
    if (GIVEN(config, redis_port))
        redis->port = (int)config->redis_port;
    if (GIVEN(config, redis_db))
        redis->database = (int)config->redis_db;
    if (GIVEN(config, redis_username))
        text_copy(redis->username, sizeof(redis->username), span_of(config->redis_username));
    if (GIVEN(config, redis_password))
        text_copy(redis->password, sizeof(redis->password), span_of(config->redis_password));
}

static void check_redis(struct config *config, const struct redis_options *redis)
{
    if (redis->unix_path[0] != '\0' && (GIVEN(config, redis_host) || GIVEN(config, redis_port)))
        config_fault(config, "%s: contradicts REDIS_URL, which names a unix socket",
                     GIVEN(config, redis_host) ? "REDIS_HOST" : "REDIS_PORT");
    if (redis->sentinel_count > 0 && (GIVEN(config, redis_host) || GIVEN(config, redis_port)))
        config_fault(config, "%s: contradicts REDIS_URL, which names sentinels",
                     GIVEN(config, redis_host) ? "REDIS_HOST" : "REDIS_PORT");
    if (redis->username[0] != '\0' && redis->password[0] == '\0')
        config_fault(config, "REDIS_USERNAME: needs REDIS_PASSWORD too");
    if (redis->tls && !redis_client_has_tls())
        config_fault(config, "REDIS_URL: rediss:// asks for TLS, which this build cannot speak to "
                             "Redis (--version says so); use redis:// or unix://");
    if (!redis->tls && *config->redis_tls_ca_file != '\0')
        config_fault(config, "REDIS_TLS_CA_FILE: only rediss:// in REDIS_URL uses it");
    if (redis->tls && *config->redis_tls_ca_file != '\0' &&
        access(config->redis_tls_ca_file, R_OK) != 0)
        config_fault(config, "REDIS_TLS_CA_FILE=%s: cannot be read: %s", config->redis_tls_ca_file,
                     strerror(errno));
}

/* Settings that do nothing because Redis is off: REDIS_URL and an explicit "off" is a decision,
 * everything else an oversight. */
static void warn_unused(struct config *config)
{
    const char *unused = config->redis_required          ? "REDIS_REQUIRED"
                         : GIVEN(config, redis_host)     ? "REDIS_HOST"
                         : GIVEN(config, redis_password) ? "REDIS_PASSWORD"
                                                         : NULL;
    if (unused != NULL && !GIVEN(config, enable_redis_persistence))
        config_warning(config,
                       "%s is given, but Redis is not in use: that takes "
                       "ENABLE_REDIS_PERSISTENCE=true or REDIS_URL",
                       unused);
}

void config_derive_redis(struct config *config)
{
    struct redis_options *redis = &config->redis;
    const char *why = NULL;
    redis_options_defaults(redis);
    /* Its faults are told even where it is switched off. */
    if (*config->redis_url != '\0' && !redis_options_parse_url(redis, config->redis_url, &why)) {
        char name[SETTING_NAME_SIZE];
        size_t i = SETTING_INDEX(redis_url);
        setting_given_name(config, &config_settings[i], config->sources[i], name);
        config_fault(config, "%s: %s", name, why);
        return;
    }
    config->use_redis = GIVEN(config, enable_redis_persistence) ? config->enable_redis_persistence
                                                                : *config->redis_url != '\0';
    apply_single_settings(config, redis);
    text_copy(redis->tls_ca_file, sizeof(redis->tls_ca_file), span_of(config->redis_tls_ca_file));
    text_copy(redis->client_name, sizeof(redis->client_name), span_of(config->instance));
    redis->connect_timeout_ms = config->redis_connect_timeout_ms;
    redis->command_timeout_ms = config->redis_command_timeout_ms;
    redis->wait_replicas = (int)config->redis_wait_replicas;
    if (config->use_redis)
        check_redis(config, redis);
    else
        warn_unused(config);
}
