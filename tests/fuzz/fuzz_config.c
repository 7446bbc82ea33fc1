/* Any environment and command line: accepted, or refused with a reason and without the secrets. A
 * line that begins with a dash is an option, any other a variable. REDIS_URL gets the first line
 * as well. */
#include "app/config.h"
#include "requirements.h"

#include <string.h>
#include <strings.h>

#define WORDS_MAX 32
#define SECRET    "s3cr3t-that-nobody-sees"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct words {
    const char *items[WORDS_MAX + 2];
    size_t count;
};

static void add(struct words *words, const char *text)
{
    if (words->count < WORDS_MAX)
        words->items[words->count++] = text;
}

/* Files are not what is looked at here. */
static bool names_file(const char *text)
{
    return strcasestr(text, "FILE") != NULL || strcasestr(text, "ANALYZER") != NULL;
}

static void split(char *text, struct words *options, struct words *variables)
{
    add(options, "proctrackd");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (!names_file(line))
            add(line[0] == '-' ? options : variables, line);
}

static bool shows_secret(const struct text_buffer *lines)
{
    return lines->len > 0 && memmem(lines->data, lines->len, SECRET, strlen(SECRET)) != NULL;
}

static void require_loaded(const struct config *config)
{
    char where[512];
    require(config->action != CONFIG_RUN || config->faults.len == 0);
    require(config->port >= 0 && config->port <= 65535);
    require(config->io_threads >= 1 && config->io_threads <= 64);
    if (!config->use_redis)
        return;
    require(config->redis.port >= 1 && config->redis.port <= 65535);
    require(config->redis.database >= 0);
    require(strlen(config->redis.host) < sizeof(config->redis.host));
    redis_options_describe(&config->redis, where, sizeof(where));
    require(strlen(where) > 0);
}

static void load(const struct words *options, const struct words *variables, bool is_secret)
{
    struct config config;
    bool fine = config_load(&config, options->items, variables->items);
    require(fine || config.faults.len > 0);
    if (fine && config.action != CONFIG_HELP && config.action != CONFIG_VERSION)
        require_loaded(&config);
    require(!is_secret || (!shows_secret(&config.faults) && !shows_secret(&config.warnings)));
    config_finish(&config);
}

static void parse_url(const char *url)
{
    struct redis_options options, before;
    const char *why = NULL;
    redis_options_defaults(&options);
    before = options;
    if (!redis_options_parse_url(&options, url, &why)) {
        require(why != NULL && memcmp(&options, &before, sizeof(options)) == 0);
        return;
    }
    require(options.host[0] != '\0' || options.unix_path[0] != '\0' || options.sentinel_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words options = {0}, variables = {0};
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    parse_url(text);
    bool is_secret = strstr(text, SECRET) == NULL;
    split(text, &options, &variables);
    if (is_secret)
        add(&variables, "REDIS_PASSWORD=" SECRET);
    load(&options, &variables, is_secret);
    free(text);
    return 0;
}
