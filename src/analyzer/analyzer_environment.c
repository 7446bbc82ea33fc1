#include "analyzer/analyzer_environment.h"

#include <stdlib.h>
#include <string.h>

static const char *const always_passed[] = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", NULL};

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool environment_name_is_valid(struct span name)
{
    if (name.len == 0 || !is_letter(name.data[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        if (!is_letter(name.data[i]) && (name.data[i] < '0' || name.data[i] > '9'))
            return false;
    }
    return !span_is(name, "PROCESS_ID") && !span_is(name, "PROCESS_TYPE") &&
           !span_is(name, "PROCESS_ATTEMPT") && !span_is(name, "TRACEPARENT");
}

static bool add(struct words *words, const char *name, struct span value)
{
    struct text_buffer pair;
    text_buffer_init(&pair, SIZE_MAX);
    text_append_str(&pair, name);
    text_append_char(&pair, '=');
    text_append_span(&pair, value);
    bool ok = !pair.failed && words_add(words, text_buffer_span(&pair));
    text_buffer_finish(&pair);
    return ok;
}

static bool is_set_already(const struct words *words, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < words->count; i++) {
        if (strncmp(words->items[i], name, len) == 0 && words->items[i][len] == '=')
            return true;
    }
    return false;
}

static bool pass_on(struct words *words, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        const char *value = getenv(*names);
        if (value != NULL && !is_set_already(words, *names) && !add(words, *names, span_of(value)))
            return false;
    }
    return true;
}

bool environment_build(struct words *words, const struct analyzer *analyzer,
                       const struct process_id *id, int attempt, struct span traceparent)
{
    char id_text[PROCESS_ID_TEXT_SIZE];
    process_id_format(id, id_text);
    struct text_buffer number;
    text_buffer_init(&number, 16);
    text_append_int(&number, attempt);
    bool ok = !number.failed && pass_on(words, always_passed) &&
              pass_on(words, (const char *const *)analyzer->environment) &&
              add(words, "PROCESS_ID", span_of(id_text)) &&
              add(words, "PROCESS_TYPE", analyzer->type) &&
              add(words, "PROCESS_ATTEMPT", text_buffer_span(&number)) &&
              (traceparent.data == NULL || add(words, "TRACEPARENT", traceparent));
    text_buffer_finish(&number);
    return ok;
}
