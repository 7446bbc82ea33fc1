#include "text_stats/terms.h"

#include <stdlib.h>
#include <string.h>

/* --- what counts as a term ----------------------------------------------------------------------
 */

static bool is_term(enum language language, const char *text, size_t len, uint32_t letters)
{
    return letters >= 2 && !language_is_stop_word(language, text, len);
}

/* For each word its number among the terms, or WORD_NONE. NULL if no memory. */
static uint32_t *collect_terms(struct vocabulary *terms, const struct vocabulary *words,
                               enum language language)
{
    uint32_t *numbers = calloc((size_t)words->count + 1, sizeof(*numbers));
    for (uint32_t i = 0; numbers != NULL && i < words->count; i++) {
        const struct word *word = &words->words[i];
        const char *text = vocabulary_text(words, i);
        size_t head = language_elision(text, word->len);
        uint32_t head_letters = head > 0 ? (uint32_t)head - 1 : 0; /* these are of one byte each */
        numbers[i] = WORD_NONE;
        if (!is_term(language, text + head, word->len - head, word->letters - head_letters))
            continue;
        numbers[i] =
            vocabulary_add(terms, text + head, word->len - head, word->letters, word->count);
        if (numbers[i] == WORD_NONE) {
            free(numbers);
            numbers = NULL;
        }
    }
    return numbers;
}

/* --- the best ------------------------------------------------------------------------------------
 */

/* Below 0 when a goes before b. */
static int compare(const struct term *a, const struct term *b)
{
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    int order = strcmp(a->first, b->first);
    return order != 0 || a->second == NULL ? order : strcmp(a->second, b->second);
}

/* Puts the term into its place among the best, if it has one there. */
static void offer(struct term *best, size_t *count, size_t max, struct term term)
{
    size_t at = *count;
    if (at == max && compare(&term, &best[max - 1]) >= 0)
        return;
    if (at == max)
        at--;
    else
        ++*count;
    for (; at > 0 && compare(&term, &best[at - 1]) < 0; at--)
        best[at] = best[at - 1];
    best[at] = term;
}

static void rank_words(struct terms *terms)
{
    const struct vocabulary *vocabulary = &terms->vocabulary;
    for (uint32_t i = 0; i < vocabulary->count; i++)
        offer(terms->words, &terms->word_count, TERMS_MAX,
              (struct term){.first = vocabulary_text(vocabulary, i),
                            .count = vocabulary->words[i].count});
}

static bool is_elided(const struct vocabulary *words, uint32_t word)
{
    return language_elision(vocabulary_text(words, word), words->words[word].len) > 0;
}

/* Pairs of terms: pairs of words become the same pair when they differ by an elision only. A word
 * with an elision in front is the neighbour of what was elided, not of the word before. */
static bool collect_pairs(struct pairs *pairs, const struct counts *counts, const uint32_t *numbers)
{
    for (size_t i = 0; i < counts->pairs.place_count; i++) {
        const struct pair *pair = &counts->pairs.places[i];
        if (pair->count == 0 || is_elided(&counts->vocabulary, pair->second))
            continue;
        uint32_t first = numbers[pair->first], second = numbers[pair->second];
        if (first != WORD_NONE && second != WORD_NONE &&
            !pairs_add(pairs, first, second, pair->count))
            return false;
    }
    return true;
}

static void rank_pairs(struct terms *terms, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->place_count; i++) {
        const struct pair *pair = &pairs->places[i];
        if (pair->count >= 2)
            offer(terms->bigrams, &terms->bigram_count, BIGRAMS_MAX,
                  (struct term){.first = vocabulary_text(&terms->vocabulary, pair->first),
                                .second = vocabulary_text(&terms->vocabulary, pair->second),
                                .count = pair->count});
    }
}

bool terms_init(struct terms *terms, const struct counts *counts, enum language language)
{
    memset(terms, 0, sizeof(*terms));
    uint32_t *numbers = collect_terms(&terms->vocabulary, &counts->vocabulary, language);
    if (numbers == NULL)
        return false;
    struct pairs pairs = {.count = 0};
    bool ok = collect_pairs(&pairs, counts, numbers);
    if (ok) {
        rank_words(terms);
        rank_pairs(terms, &pairs);
    }
    pairs_finish(&pairs);
    free(numbers);
    return ok;
}

void terms_finish(struct terms *terms)
{
    vocabulary_finish(&terms->vocabulary);
}
