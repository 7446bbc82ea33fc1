/* One value: from text into the field of struct config that the table names. */
#include "app/config_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_FILE_MAX 4096

static void *field_of(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static void name_in_file(const struct config *config, const struct setting *setting,
                         const char *suffix, char ret_name[SETTING_NAME_SIZE])
{
    const char *path = config->config_file;
    size_t len = strlen(path), shown = SETTING_NAME_SIZE - 128; /* the rest takes less than that */
    snprintf(ret_name, SETTING_NAME_SIZE, "%s:%u: %s%s", len > shown ? path + len - shown : path,
             config->file_lines[setting - config_settings], setting->name, suffix);
}

void setting_given_name(const struct config *config, const struct setting *setting,
                        enum config_source source, char ret_name[SETTING_NAME_SIZE])
{
    char option[OPTION_TEXT_SIZE];
    setting_option(setting, option);
    switch (source) {
    case SOURCE_FILE:
        name_in_file(config, setting, "", ret_name);
        return;
    case SOURCE_FILE_FILE:
        name_in_file(config, setting, "_FILE", ret_name);
        return;
    case SOURCE_DEFAULT:
    case SOURCE_ENVIRONMENT:
        snprintf(ret_name, SETTING_NAME_SIZE, "%s", setting->name);
        return;
    case SOURCE_ENVIRONMENT_FILE:
        snprintf(ret_name, SETTING_NAME_SIZE, "%s_FILE", setting->name);
        return;
    case SOURCE_OPTION:
        snprintf(ret_name, SETTING_NAME_SIZE, "%s", option);
        return;
    case SOURCE_OPTION_FILE:
        snprintf(ret_name, SETTING_NAME_SIZE, "%s-file", option);
        return;
    }
}

/* What is allowed, in words that continue "must be". */
static void describe_allowed(const struct setting *setting, char *ret_text, size_t size)
{
    struct text_buffer out;
    text_buffer_init(&out, size - 1);
    switch (setting->kind) {
    case SETTING_INTEGER:
        text_append_format(&out, "a whole number from %" PRId64 " to %" PRId64, setting->min,
                           setting->max);
        if (setting->unit != NULL)
            text_append_format(&out, " (%s)", setting->unit);
        break;
    case SETTING_BOOLEAN:
        text_append_str(&out, "true or false");
        break;
    case SETTING_CHOICE:
        for (size_t i = 0; setting->choices[i] != NULL; i++)
            text_append_format(&out, "%s%s", i == 0 ? "one of " : ", ", setting->choices[i]);
        break;
    case SETTING_TEXT:
    case SETTING_SECRET:
    case SETTING_LIST:
        if (setting->allowed != NULL)
            text_append_format(&out, "%s, ", setting->allowed);
        text_append_format(&out, "at most %" PRId64 " bytes", setting->max);
        break;
    }
    text_copy(ret_text, size, text_buffer_span(&out));
    text_buffer_finish(&out);
}

/* Kubernetes puts tcp://address:port into <SERVICE>_PORT of every container, for a service called
 * redis as well. */
static const char *hint_for(const char *text)
{
    return strncmp(text, "tcp://", 6) == 0
               ? " (Kubernetes sets it for a service of that name: set enableServiceLinks: false)"
               : "";
}

static void refuse(struct config *config, const struct setting *setting, const char *text,
                   enum config_source source)
{
    char name[SETTING_NAME_SIZE], allowed[512] = "";
    setting_given_name(config, setting, source, name);
    describe_allowed(setting, allowed, sizeof(allowed));
    if (setting->kind == SETTING_SECRET)
        config_fault(config, "%s: must be %s", name, allowed);
    else
        config_fault(config, "%s=%s: must be %s%s", name, text, allowed, hint_for(text));
}

/* In any case of letters. */
static bool boolean_parse(const char *text, bool *ret_value)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0) {
            *ret_value = i % 2 == 1;
            return true;
        }
    return false;
}

static bool choice_parse(const struct setting *setting, const char *text, int *ret_value)
{
    for (int i = 0; setting->choices[i] != NULL; i++)
        if (strcasecmp(setting->choices[i], text) == 0) {
            *ret_value = i;
            return true;
        }
    return false;
}

static bool text_is_allowed(const struct setting *setting, const char *text)
{
    return strlen(text) <= (size_t)setting->max && (setting->check == NULL || setting->check(text));
}

static bool text_set(struct config *config, const struct setting *setting, const char *text)
{
    if (!text_is_allowed(setting, text))
        return false;
    char *copy = strdup(text);
    if (copy == NULL) {
        config_fault(config, "%s: out of memory", setting->name);
        return true;
    }
    char **field = field_of(config, setting);
    free(*field);
    *field = copy;
    return true;
}

static void list_add(struct config *config, const struct setting *setting, struct span item,
                     enum config_source source)
{
    struct config_list *list = field_of(config, setting);
    char *copy = strndup(item.data, item.len);
    char **grown = realloc(list->items, (list->count + 2) * sizeof(*grown));
    if (grown != NULL)
        list->items = grown;
    if (copy == NULL || grown == NULL) {
        config_fault(config, "%s: out of memory", setting->name);
        free(copy);
        return;
    }
    if (!text_is_allowed(setting, copy)) {
        refuse(config, setting, copy, source);
        free(copy);
        copy = NULL;
    }
    list->items[list->count] = copy;
    list->items[list->count + (copy != NULL)] = NULL;
    list->count += copy != NULL;
}

static void list_set(struct config *config, const struct setting *setting, const char *text,
                     enum config_source source)
{
    struct span rest = span_of(text), item;
    while (span_split(&rest, setting->separator, &item)) {
        item = span_trim(item);
        if (item.len > 0)
            list_add(config, setting, item, source);
    }
}

void setting_set(struct config *config, const struct setting *setting, const char *text,
                 enum config_source source)
{
    bool fine = true;
    switch (setting->kind) {
    case SETTING_INTEGER:
        fine = span_to_int(span_of(text), setting->min, setting->max, field_of(config, setting));
        break;
    case SETTING_BOOLEAN:
        fine = boolean_parse(text, field_of(config, setting));
        break;
    case SETTING_TEXT:
    case SETTING_SECRET:
        fine = text_set(config, setting, text);
        break;
    case SETTING_CHOICE:
        fine = choice_parse(setting, text, field_of(config, setting));
        break;
    case SETTING_LIST:
        list_set(config, setting, text, source);
        break;
    }
    if (!fine)
        refuse(config, setting, text, source);
    config->sources[setting - config_settings] = source;
}

/* Ends the text with a zero; false with errno set when the file cannot be read. */
static bool read_secret(const char *path, char ret_text[SECRET_FILE_MAX + 2], size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret in freed memory */
    errno = 0;
    *ret_len = fread(ret_text, 1, SECRET_FILE_MAX + 1, file);
    ret_text[*ret_len] = '\0';
    int failure = ferror(file) ? errno : 0;
    fclose(file);
    errno = failure;
    return failure == 0;
}

static size_t without_newline(const char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '\n')
        return len;
    return len > 1 && text[len - 2] == '\r' ? len - 2 : len - 1;
}

void setting_set_from_file(struct config *config, const struct setting *setting, const char *path,
                           enum config_source source)
{
    char name[SETTING_NAME_SIZE], text[SECRET_FILE_MAX + 2];
    size_t len = 0;
    setting_given_name(config, setting, source, name);
    config->sources[setting - config_settings] = source;
    if (!read_secret(path, text, &len)) {
        config_fault(config, "%s=%s: cannot be read: %s", name, path, strerror(errno));
    } else if (len > SECRET_FILE_MAX || strlen(text) != len) {
        config_fault(config, "%s=%s: must hold text of at most %d bytes", name, path,
                     SECRET_FILE_MAX);
    } else {
        text[without_newline(text, len)] = '\0';
        setting_set(config, setting, text, source);
    }
    explicit_bzero(text, sizeof(text));
}

bool setting_take(struct config *config, const struct setting *setting, const char *value,
                  enum config_source value_source, const char *file, enum config_source file_source)
{
    if (value != NULL && file != NULL) {
        char value_name[SETTING_NAME_SIZE], file_name[SETTING_NAME_SIZE];
        setting_given_name(config, setting, value_source, value_name);
        setting_given_name(config, setting, file_source, file_name);
        config_fault(config, "%s and %s: give only one of them", value_name, file_name);
    } else if (value != NULL) {
        setting_set(config, setting, value, value_source);
    } else if (file != NULL) {
        setting_set_from_file(config, setting, file, file_source);
    }
    return value != NULL || file != NULL;
}
