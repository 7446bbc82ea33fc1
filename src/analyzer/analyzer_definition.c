#include "analyzer/analyzer_definition.h"

#include "analyzer/analyzer_set.h"
#include "analyzer/analyzer_words.h"

#include <stdlib.h>
#include <string.h>

/* False if no memory. */
static bool copy_words(char **items, char ***ret_items)
{
    struct words words = {NULL, 0};
    bool fine = true;
    for (size_t i = 0; fine && items != NULL && items[i] != NULL; i++)
        fine = words_add(&words, span_of(items[i]));
    if (!fine)
        words_finish(&words);
    *ret_items = words.items;
    return fine;
}

static bool copy_text(const char *text, char **ret_text)
{
    *ret_text = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_text != NULL;
}

static bool copy(const struct analyzer *from, struct analyzer *to)
{
    *to = *from;
    to->argv = to->environment = NULL;
    to->directory = NULL;
    char *type = strndup(from->type.data, from->type.len);
    to->type = (struct span){type, from->type.len};
    return type != NULL && copy_words(from->argv, &to->argv) &&
           copy_words(from->environment, &to->environment) &&
           copy_text(from->directory, &to->directory);
}

struct analyzer_definition *analyzer_definition_create(const struct analyzer *analyzer)
{
    struct analyzer_definition *definition = malloc(sizeof(*definition));
    if (definition == NULL)
        return NULL;
    definition->users = 1;
    if (copy(analyzer, &definition->analyzer))
        return definition;
    analyzer_definition_release(definition);
    return NULL;
}

struct analyzer_definition *analyzer_definition_share(struct analyzer_definition *definition)
{
    definition->users++;
    return definition;
}

void analyzer_definition_release(struct analyzer_definition *definition)
{
    if (definition == NULL || --definition->users > 0)
        return;
    analyzer_finish(&definition->analyzer);
    free(definition);
}
