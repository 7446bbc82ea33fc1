#include "analyzer/analyzer_words.h"

#include <stdlib.h>
#include <string.h>

bool words_add(struct words *words, struct span text)
{
    char **items = realloc(words->items, (words->count + 2) * sizeof(*items));
    if (items == NULL)
        return false;
    words->items = items;
    items[words->count] = NULL;
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return false;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    items[words->count++] = copy;
    items[words->count] = NULL;
    return true;
}

void words_free(char **items)
{
    for (char **item = items; item != NULL && *item != NULL; item++)
        free(*item);
    free(items);
}

void words_finish(struct words *words)
{
    words_free(words->items);
    *words = (struct words){NULL, 0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A backslash inside "…" is itself except before these. */
static bool is_escape_in_quotes(char next)
{
    return next == '"' || next == '\\' || next == '$' || next == '`';
}

/* Appends the next word's characters to *word; the place after it, or NULL with *ret_why set. */
static const char *split_word(const char *at, struct text_buffer *word, const char **ret_why)
{
    char quote = '\0';
    for (; *at != '\0' && (quote != '\0' || !is_blank(*at)); at++) {
        if (*at == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == '\\' && (quote == '\0' || (quote == '"' && is_escape_in_quotes(at[1])))) {
            if (*++at == '\0') {
                *ret_why = "nothing follows the last backslash";
                return NULL;
            }
            text_append_char(word, *at);
        } else {
            text_append_char(word, *at);
        }
    }
    if (quote == '\0')
        return at;
    *ret_why = quote == '"' ? "a \" is not closed" : "a ' is not closed";
    return NULL;
}

bool words_split(struct words *words, const char *text, const char **ret_why)
{
    struct text_buffer word;
    text_buffer_init(&word, strlen(text) + 1);
    for (const char *at = text;;) {
        while (is_blank(*at))
            at++;
        if (*at == '\0')
            break;
        word.len = 0;
        at = split_word(at, &word, ret_why);
        if (at == NULL)
            goto failed;
        if (word.failed || !words_add(words, text_buffer_span(&word))) {
            *ret_why = "out of memory";
            goto failed;
        }
    }
    text_buffer_finish(&word);
    return true;
failed:
    text_buffer_finish(&word);
    return false;
}
