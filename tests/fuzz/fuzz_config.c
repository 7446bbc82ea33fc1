/* Any environment, command line and configuration file: accepted, or refused with a reason and
 * without the secrets. A line that begins with a dash is an option, one that begins with a colon a
 * line of the file, any other a variable. REDIS_URL gets the first line as well, and the file's
 * reader all of it. */
#include "app/config_file.h"
#include "app/config_private.h"
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

static void split(char *text, struct words *options, struct words *variables,
                  struct text_buffer *file)
{
    add(options, "proctrackd");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (names_file(line))
            continue;
        if (line[0] == ':')
            text_append_format(file, "%s\n", line + 1);
        else
            add(line[0] == '-' ? options : variables, line);
    }
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

static void load(const struct words *options, const struct words *variables,
                 const struct text_buffer *file, bool is_secret)
{
    struct config config;
    const struct span text = text_buffer_span(file);
    bool fine = config_load_with(&config, options->items, variables->items, &text);
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

static void read_file(struct span text)
{
    struct config_file_reader reader = {.rest = text};
    struct config_file_entry entry;
    unsigned line = 0;
    while (config_file_next(&reader, &entry)) {
        require(entry.line > line);
        line = entry.line;
        if (entry.fault != NULL)
            continue;
        require(entry.name.len > 0 && entry.name.data >= text.data);
        require(entry.value.data + entry.value.len <= text.data + text.len);
        char *value = malloc(entry.value.len + 1);
        if (value == NULL)
            return;
        config_file_value(&entry, value);
        require(strlen(value) <= entry.value.len && strchr(value, '\n') == NULL);
        free(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words options = {0}, variables = {0};
    struct text_buffer file;
    text_buffer_init(&file, 1 << 20);
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_file((struct span){text, size});
    parse_url(text);
    bool is_secret = strstr(text, SECRET) == NULL;
    split(text, &options, &variables, &file);
    if (is_secret && size % 2 == 0)
        add(&variables, "REDIS_PASSWORD=" SECRET);
    else if (is_secret)
        text_append_str(&file, "REDIS_PASSWORD=" SECRET "\n");
    load(&options, &variables, &file, is_secret);
    text_buffer_finish(&file);
    free(text);
    return 0;
}
