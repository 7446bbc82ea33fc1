#include "app/config.h"

#include "app/config_layer.h"

#include <ctype.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMARKS_MAX (64 * 1024)

/* One line: what the user typed must not be able to break it, or move the cursor. */
__attribute__((format(printf, 2, 0))) static void remark(struct text_buffer *out,
                                                         const char *format, va_list arguments)
{
    char line[1024];
    int len = vsnprintf(line, sizeof(line), format, arguments);
    if (len < 0)
        return;
    for (char *c = line; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    text_append_format(out, "%s%s\n", line, (size_t)len >= sizeof(line) ? "..." : "");
}

void config_fault(struct config *config, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(&config->faults, format, arguments);
    va_end(arguments);
}

void config_warning(struct config *config, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    remark(&config->warnings, format, arguments);
    va_end(arguments);
}

/* An empty variable counts as not set, unless that says something: that is how compose files and
 * charts leave things out. */
static const char *environment_value(const char *const environment[], const struct setting *setting,
                                     const char *suffix)
{
    const char *name = setting->name;
    size_t name_len = strlen(name), suffix_len = strlen(suffix);
    for (size_t i = 0; environment[i] != NULL; i++) {
        const char *entry = environment[i];
        if (entry[0] == name[0] && strncmp(entry, name, name_len) == 0 &&
            strncmp(entry + name_len, suffix, suffix_len) == 0 &&
            entry[name_len + suffix_len] == '=' &&
            (entry[name_len + suffix_len + 1] != '\0' || setting->empty_is_given))
            return entry + name_len + suffix_len + 1;
    }
    return NULL;
}

/* False when neither the command line nor the environment says anything of it. */
static bool load_setting(struct config *config, size_t i, const struct command_line *line)
{
    const struct setting *setting = &config_settings[i];
    const char *const *environment = config->environment;
    if (config->sources[i] == SOURCE_OPTION) /* a list: its items are there already */
        return true;
    if (setting_take(config, setting, line->values[i], SOURCE_OPTION, line->files[i],
                     SOURCE_OPTION_FILE))
        return true;
    const char *file =
        setting->kind == SETTING_SECRET ? environment_value(environment, setting, "_FILE") : NULL;
    return setting_take(config, setting, environment_value(environment, setting, ""),
                        SOURCE_ENVIRONMENT, file, SOURCE_ENVIRONMENT_FILE);
}

static void load_settings(struct config *config, const struct command_line *line,
                          const struct span *file_text)
{
    struct config_layer layer;
    size_t file = SETTING_INDEX(config_file);
    load_setting(config, file, line);
    if (file_text != NULL)
        config_layer_parse(&layer, config, *file_text);
    else
        config_layer_load(&layer, config);
    for (size_t i = 0; i < config_setting_count; i++)
        if (i != file && !load_setting(config, i, line))
            config_layer_apply(&layer, config, i);
    config_layer_warn(&layer, config);
    config_layer_finish(&layer);
}

/* The cores that this process may use, which a container or taskset can make fewer. */
static int64_t core_count(void)
{
    cpu_set_t allowed;
    int count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
                    ? CPU_COUNT(&allowed)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 64 ? 64 : count;
}

static void instance_default(char ret_name[INSTANCE_MAX + 1])
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        strcpy(host, "proctrackd");
    for (char *c = host; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
            *c = '-';
    /* 12: room for ':' and any process id. */
    snprintf(ret_name, INSTANCE_MAX + 1, "%.*s:%d", INSTANCE_MAX - 12, host, (int)getpid());
}

static void load_defaults(struct config *config)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (config_settings[i].initial != NULL)
            setting_set(config, &config_settings[i], config_settings[i].initial, SOURCE_DEFAULT);
    config->io_threads = core_count();
    char instance[INSTANCE_MAX + 1];
    instance_default(instance);
    setting_set(config, &config_settings[SETTING_INDEX(instance)], instance, SOURCE_DEFAULT);
}

bool config_load_with(struct config *ret_config, const char *const argv[],
                      const char *const environment[], const struct span *file_text)
{
    memset(ret_config, 0, sizeof(*ret_config));
    ret_config->argv = argv;
    ret_config->environment = environment;
    text_buffer_init(&ret_config->faults, REMARKS_MAX);
    text_buffer_init(&ret_config->warnings, REMARKS_MAX);
    load_defaults(ret_config);

    struct command_line line;
    command_line_read(&line, ret_config, argv);
    if (ret_config->action == CONFIG_HELP || ret_config->action == CONFIG_VERSION)
        return true;
    load_settings(ret_config, &line, file_text);
    config_derive(ret_config);
    return ret_config->faults.len == 0 && !ret_config->faults.failed;
}

bool config_load(struct config *ret_config, const char *const argv[],
                 const char *const environment[])
{
    return config_load_with(ret_config, argv, environment, NULL);
}

static void finish_text(char **text, bool secret)
{
    if (secret && *text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void finish_list(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){0};
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        void *field = (char *)config + config_settings[i].offset;
        switch (config_settings[i].kind) {
        case SETTING_TEXT:
        case SETTING_SECRET:
            finish_text(field, config_settings[i].kind == SETTING_SECRET);
            break;
        case SETTING_LIST:
            finish_list(field);
            break;
        case SETTING_INTEGER:
        case SETTING_BOOLEAN:
        case SETTING_CHOICE:
            break;
        }
    }
    explicit_bzero(&config->redis, sizeof(config->redis));
    analyzer_set_finish(&config->analyzers);
    free(config->known_types);
    config->known_types = NULL;
    free(config->known_type_slots);
    config->known_type_slots = NULL;
    type_table_finish(&config->types);
    text_buffer_finish(&config->faults);
    text_buffer_finish(&config->warnings);
}
