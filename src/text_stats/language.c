/* Two kinds of evidence: stop words, which make up near half of any prose, and frequent trigrams of
 * letters, which help where prose is short. Each counts less the more languages share it. A
 * language's score is its share of the words plus half of its share of the trigrams; the guess is
 * the best score, and the confidence its lead over the second. */
#include "text_stats/language.h"

#include <string.h>

#define TRIGRAM_WEIGHT  0.5
#define MIN_SCORE       0.19 /* prose has 0.25 and more; other languages and code have less */
#define MIN_CONFIDENCE  0.25
#define EVIDENCE_ENOUGH 6.0 /* hits after which the amount of text no longer lowers confidence */

/* Words or trigrams with the languages that have them, one bit each. */
struct lexicon {
    struct vocabulary entries;
    unsigned char *languages; /* by entry number */
};

#define LEXICON_MAX 4096
static unsigned char stop_word_languages[LEXICON_MAX], trigram_languages[LEXICON_MAX];
static struct lexicon stop_words = {.languages = stop_word_languages};
static struct lexicon trigrams = {.languages = trigram_languages};

static bool add_entries(struct lexicon *lexicon, const char *list, int language)
{
    while (*list != '\0') {
        size_t len = strcspn(list, " ");
        uint32_t entry = vocabulary_add(&lexicon->entries, list, len, 0, 1);
        if (entry >= LEXICON_MAX)
            return false;
        lexicon->languages[entry] |= (unsigned char)(1u << language);
        list += len;
        list += *list == ' ';
    }
    return true;
}

bool languages_init(void)
{
    bool ok = true;
    for (int i = 0; ok && i < LANGUAGE_COUNT; i++)
        ok = add_entries(&stop_words, language_data[i].stop_words, i) &&
             add_entries(&trigrams, language_data[i].trigrams, i);
    return ok;
}

void languages_finish(void)
{
    vocabulary_finish(&stop_words.entries);
    vocabulary_finish(&trigrams.entries);
}

static unsigned languages_of(const struct lexicon *lexicon, const char *text, size_t len)
{
    uint32_t entry = vocabulary_find(&lexicon->entries, text, len);
    return entry != WORD_NONE ? lexicon->languages[entry] : 0;
}

const char *language_code(enum language language)
{
    return language < LANGUAGE_COUNT ? language_data[language].code : "und";
}

bool language_is_stop_word(enum language language, const char *word, size_t len)
{
    return language < LANGUAGE_COUNT && (languages_of(&stop_words, word, len) >> language & 1) != 0;
}

size_t language_elision(const char *word, size_t len)
{
    const char *apostrophe = memchr(word, '\'', len);
    if (apostrophe == NULL || apostrophe + 1 == word + len)
        return 0;
    size_t head = (size_t)(apostrophe - word) + 1;
    return languages_of(&stop_words, word, len) == 0 && languages_of(&stop_words, word, head) != 0
               ? head
               : 0;
}

/* --- the guess ----------------------------------------------------------------------------------
 */

struct evidence {
    double hits[LANGUAGE_COUNT];
    double total; /* of what was looked up */
};

static void add_evidence(struct evidence *evidence, unsigned languages, int64_t count)
{
    int sharing = __builtin_popcount(languages);
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        if ((languages >> i & 1) != 0)
            evidence->hits[i] += (double)count / sharing;
    }
}

static void weigh_word(struct evidence *evidence, const char *word, size_t len, int64_t count)
{
    size_t head = language_elision(word, len);
    evidence->total += (double)count;
    add_evidence(evidence, languages_of(&stop_words, word, head > 0 ? head : len), count);
}

static size_t character_length(const char *at)
{
    size_t len = 1;
    while (((unsigned char)at[len] & 0xC0) == 0x80)
        len++;
    return len;
}

/* The word's trigrams, the first and the last with an edge. */
static void weigh_trigrams(struct evidence *evidence, const char *word, size_t len, int64_t count)
{
    char edged[300];
    if (len + 3 > sizeof(edged))
        return;
    edged[0] = edged[len + 1] = '_';
    edged[len + 2] = '\0';
    memcpy(edged + 1, word, len);
    for (const char *at = edged; *at != '\0'; at += character_length(at)) {
        const char *end = at;
        int characters = 0;
        for (; characters < 3 && *end != '\0'; characters++)
            end += character_length(end);
        if (characters < 3)
            break;
        evidence->total += (double)count;
        add_evidence(evidence, languages_of(&trigrams, at, (size_t)(end - at)), count);
    }
}

static double share(const struct evidence *evidence, int language)
{
    return evidence->total > 0 ? evidence->hits[language] / evidence->total : 0;
}

static struct language_guess decide(const struct evidence *by_word,
                                    const struct evidence *by_trigram)
{
    const struct language_guess nothing = {.language = LANGUAGE_UNKNOWN, .confidence = 0};
    int best = 0;
    double first = 0, second = 0;
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        double score = share(by_word, i) + TRIGRAM_WEIGHT * share(by_trigram, i);
        if (score > first) {
            second = first;
            first = score;
            best = i;
        } else if (score > second) {
            second = score;
        }
    }
    if (first < MIN_SCORE)
        return nothing;
    double amount = (by_word->hits[best] + by_trigram->hits[best] / 3) / EVIDENCE_ENOUGH;
    double confidence = (first - second) / first * (amount < 1 ? amount : 1);
    if (confidence < MIN_CONFIDENCE)
        return nothing;
    return (struct language_guess){.language = (enum language)best, .confidence = confidence};
}

struct language_guess language_guess(const struct vocabulary *words)
{
    struct evidence by_word = {.total = 0}, by_trigram = {.total = 0};
    for (uint32_t i = 0; i < words->count; i++) {
        const struct word *word = &words->words[i];
        if (word->letters == 0)
            continue;
        weigh_word(&by_word, vocabulary_text(words, i), word->len, word->count);
        weigh_trigrams(&by_trigram, vocabulary_text(words, i), word->len, word->count);
    }
    return decide(&by_word, &by_trigram);
}
