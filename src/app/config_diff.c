#include "app/config_diff.h"

static bool lists_differ(const struct config_list *a, const struct config_list *b)
{
    if (a->count != b->count)
        return true;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return true;
    return false;
}

static bool values_differ(const struct config *a, const struct config *b,
                          const struct setting *setting)
{
    const void *left = (const char *)a + setting->offset;
    const void *right = (const char *)b + setting->offset;
    switch (setting->kind) {
    case SETTING_INTEGER:
        return *(const int64_t *)left != *(const int64_t *)right;
    case SETTING_BOOLEAN:
        return *(const bool *)left != *(const bool *)right;
    case SETTING_CHOICE:
        return *(const int *)left != *(const int *)right;
    case SETTING_TEXT:
    case SETTING_SECRET:
        return strcmp(*(char *const *)left, *(char *const *)right) != 0;
    case SETTING_LIST:
        return lists_differ(left, right);
    }
    return true;
}

bool config_differs(const struct config *a, const struct config *b, size_t setting)
{
    return (a->sources[setting] != SOURCE_DEFAULT || b->sources[setting] != SOURCE_DEFAULT) &&
           values_differ(a, b, &config_settings[setting]);
}

void config_append_changes(struct text_buffer *out, const struct config *a, const struct config *b,
                           bool that_reload)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (config_settings[i].reloads == that_reload && config_differs(a, b, i))
            text_append_format(out, "%s%s", out->len > 0 ? ", " : "", config_settings[i].name);
}
