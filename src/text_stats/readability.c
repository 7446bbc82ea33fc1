#include "text_stats/readability.h"

#include <string.h>

static bool is_vowel(char c)
{
    return c != '\0' && strchr("aeiouy", c) != NULL;
}

static bool ends_with(const char *word, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len > end_len && strcmp(word + len - end_len, end) == 0;
}

/* Whether an e after this consonant is spoken at a word's end: table, settled; not whale, called.
 */
static bool makes_e_spoken(const char *word, size_t i)
{
    return is_vowel(word[i]) ||
           (word[i] == 'l' && i > 0 && !is_vowel(word[i - 1]) && word[i - 1] != 'l');
}

static bool hisses(const char *word, size_t i)
{
    return strchr("sxzcg", word[i]) != NULL ||
           (word[i] == 'h' && i > 0 && (word[i - 1] == 's' || word[i - 1] == 'c'));
}

/* An e at the end that is written but not spoken: cake, cakes, baked; but faces, wanted. */
static bool has_silent_e(const char *word, size_t len)
{
    if (ends_with(word, len, "e"))
        return !makes_e_spoken(word, len - 2);
    if (ends_with(word, len, "es"))
        return !makes_e_spoken(word, len - 3) && !hisses(word, len - 3);
    if (ends_with(word, len, "ed"))
        return !makes_e_spoken(word, len - 3) && strchr("td", word[len - 3]) == NULL;
    return false;
}

int syllables_of(const char *word)
{
    int groups = 0;
    size_t len = 0;
    for (bool in_group = false; word[len] != '\0'; len++) {
        bool vowel = is_vowel(word[len]);
        groups += vowel && !in_group;
        in_group = vowel;
    }
    if (groups > 1 && has_silent_e(word, len))
        groups--;
    return groups > 0 ? groups : 1;
}

static int64_t count_syllables(const struct vocabulary *vocabulary)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < vocabulary->count; i++)
        count += vocabulary->words[i].count * syllables_of(vocabulary_text(vocabulary, i));
    return count;
}

struct readability readability_of(const struct counts *counts, bool english)
{
    struct readability result = {.known = false};
    if (counts->words < READABILITY_MIN_WORDS || counts->sentences == 0)
        return result;
    double words = (double)counts->words, sentences = (double)counts->sentences;
    double long_words = (double)counts->long_words;
    result.known = true;
    result.lix = words / sentences + 100 * long_words / words;
    result.rix = long_words / sentences;
    if (english) {
        double syllables = (double)count_syllables(&counts->vocabulary);
        result.english = true;
        result.flesch_reading_ease = 206.835 - 1.015 * words / sentences - 84.6 * syllables / words;
        result.flesch_kincaid_grade = 0.39 * words / sentences + 11.8 * syllables / words - 15.59;
    }
    return result;
}
