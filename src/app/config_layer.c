#include "app/config_layer.h"

#include "app/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

/* --- the text ---------------------------------------------------------------------------------
 */

/* The setting of that name; *ret_is_file: it was the _FILE form of a secret. */
static bool find_setting(struct span name, size_t *ret_i, bool *ret_is_file)
{
    struct span stem = {name.data, name.len > 5 ? name.len - 5 : 0};
    bool may_be_file = stem.len > 0 && memcmp(name.data + stem.len, "_FILE", 5) == 0;
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        *ret_i = i;
        *ret_is_file = false;
        if (span_is(name, setting->name))
            return true;
        *ret_is_file = true;
        if (may_be_file && setting->kind == SETTING_SECRET && span_is(stem, setting->name))
            return true;
    }
    return false;
}

/* The line on which it was given before; 0: on none. */
static unsigned line_before(const struct config_layer *layer, size_t setting, bool is_file)
{
    for (size_t i = 0; i < layer->count; i++)
        if (layer->items[i].setting == setting && layer->items[i].is_file == is_file)
            return layer->items[i].line;
    return 0;
}

static void refuse(struct config *config, unsigned line, const char *why)
{
    config_fault(config, "%s:%u: %s", config->config_file, line, why);
}

/* False: the line says nothing that could be set, and a fault tells why. */
static bool find_item(const struct config_layer *layer, struct config *config,
                      const struct config_file_entry *entry, struct config_layer_item *ret_item)
{
    const char *path = config->config_file;
    struct span name = entry->name;
    size_t i;
    bool is_file;
    if (entry->fault != NULL) {
        refuse(config, entry->line, entry->fault);
    } else if (!find_setting(name, &i, &is_file)) {
        config_fault(config, "%s:%u: " SPAN_FMT ": there is no such setting; see --help", path,
                     entry->line, SPAN_ARG(name));
    } else if (config_settings[i].offset == offsetof(struct config, config_file)) {
        refuse(config, entry->line, "CONFIG_FILE: this file cannot name another");
    } else if (config_settings[i].kind != SETTING_LIST && line_before(layer, i, is_file) > 0) {
        config_fault(config, "%s:%u: " SPAN_FMT ": is on line %u already", path, entry->line,
                     SPAN_ARG(name), line_before(layer, i, is_file));
    } else {
        *ret_item =
            (struct config_layer_item){.setting = i, .line = entry->line, .is_file = is_file};
        return true;
    }
    return false;
}

static size_t count_entries(struct span text)
{
    struct config_file_reader reader = {.rest = text};
    struct config_file_entry entry;
    size_t count = 0;
    while (config_file_next(&reader, &entry))
        count++;
    return count;
}

void config_layer_parse(struct config_layer *ret_layer, struct config *config, struct span text)
{
    struct config_file_reader reader = {.rest = text};
    struct config_file_entry entry;
    struct config_layer *layer = ret_layer;
    *layer = (struct config_layer){.values_size = text.len + 1};
    layer->items = calloc(count_entries(text) + 1, sizeof(*layer->items));
    layer->values = malloc(layer->values_size);
    if (layer->items == NULL || layer->values == NULL) {
        config_fault(config, "%s: out of memory", config->config_file);
        return;
    }
    char *next = layer->values; /* a line is longer than its value, so that all of them fit */
    while (config_file_next(&reader, &entry)) {
        struct config_layer_item *item = &layer->items[layer->count];
        if (!find_item(layer, config, &entry, item))
            continue;
        config_file_value(&entry, next);
        item->value = next;
        next += strlen(next) + 1;
        layer->count++;
    }
}

/* --- the file ---------------------------------------------------------------------------------
 */

/* Without a copy of it in memory that was freed; false with errno set. */
static bool read_file(FILE *file, struct span *ret_text, bool *ret_readable_by_all)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0)
        return false;
    setvbuf(file, NULL, _IONBF, 0);
    char *data = malloc(FILE_BYTES_MAX + 1);
    if (data == NULL)
        return false;
    errno = 0;
    size_t len = fread(data, 1, FILE_BYTES_MAX + 1, file);
    *ret_readable_by_all = (info.st_mode & S_IROTH) != 0;
    *ret_text = (struct span){data, len};
    if (len > FILE_BYTES_MAX)
        errno = EFBIG;
    return !ferror(file) && len <= FILE_BYTES_MAX;
}

void config_layer_load(struct config_layer *ret_layer, struct config *config)
{
    struct span text = {NULL, 0};
    bool readable_by_all = false;
    *ret_layer = (struct config_layer){0};
    if (*config->config_file == '\0')
        return;
    FILE *file = fopen(config->config_file, "re");
    if (file != NULL && read_file(file, &text, &readable_by_all)) {
        config_layer_parse(ret_layer, config, text);
        ret_layer->readable_by_all = readable_by_all;
    } else {
        char name[SETTING_NAME_SIZE];
        size_t i = SETTING_INDEX(config_file);
        setting_given_name(config, &config_settings[i], config->sources[i], name);
        config_fault(config, "%s=%s: cannot be read: %s", name, config->config_file,
                     strerror(errno));
    }
    if (file != NULL)
        fclose(file);
    if (text.data != NULL)
        explicit_bzero((char *)text.data, text.len);
    free((char *)text.data);
}

/* --- the settings -----------------------------------------------------------------------------
 */

/* As in the environment, an empty value says nothing where nothing else is said of it. */
static bool says_something(const struct config_layer_item *item)
{
    return *item->value != '\0' ||
           (!item->is_file && config_settings[item->setting].empty_is_given);
}

void config_layer_apply(const struct config_layer *layer, struct config *config, size_t setting)
{
    const struct config_layer_item *value = NULL, *file = NULL;
    for (size_t i = 0; i < layer->count; i++) {
        const struct config_layer_item *item = &layer->items[i];
        if (item->setting != setting || !says_something(item))
            continue;
        config->file_lines[setting] = item->line;
        if (item->is_file)
            file = item;
        else
            value = item;
        if (config_settings[setting].kind == SETTING_LIST)
            setting_set(config, &config_settings[setting], item->value, SOURCE_FILE);
    }
    if (config_settings[setting].kind != SETTING_LIST)
        setting_take(config, &config_settings[setting], value != NULL ? value->value : NULL,
                     SOURCE_FILE, file != NULL ? file->value : NULL, SOURCE_FILE_FILE);
}

void config_layer_warn(const struct config_layer *layer, struct config *config)
{
    for (size_t i = 0; layer->readable_by_all && i < config_setting_count; i++) {
        if (config_settings[i].kind != SETTING_SECRET || config->sources[i] != SOURCE_FILE)
            continue;
        config_warning(config,
                       "%s holds %s and can be read by every user of the machine: take that right "
                       "away (chmod o-r)",
                       config->config_file, config_settings[i].name);
        return;
    }
}

void config_layer_finish(struct config_layer *layer)
{
    if (layer->values != NULL)
        explicit_bzero(layer->values, layer->values_size);
    free(layer->values);
    free(layer->items);
    *layer = (struct config_layer){0};
}
