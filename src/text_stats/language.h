/* Which language a text is in, and the words that every text in it is full of. */
#ifndef TEXT_STATS_LANGUAGE_H
#define TEXT_STATS_LANGUAGE_H

#include "text_stats/vocabulary.h"

enum language {
    LANGUAGE_DE,
    LANGUAGE_EN,
    LANGUAGE_ES,
    LANGUAGE_FR,
    LANGUAGE_IT,
    LANGUAGE_NL,
    LANGUAGE_PT,
    LANGUAGE_SV,
    LANGUAGE_COUNT,
    LANGUAGE_UNKNOWN = LANGUAGE_COUNT,
};

/* What is known about one language (language_data.c); words and trigrams apart by blanks, `_` in a
 * trigram is the edge of a word. */
struct language_data {
    const char *code; /* ISO 639-1 */
    const char *stop_words;
    const char *trigrams;
};
extern const struct language_data language_data[LANGUAGE_COUNT];

bool languages_init(void); /* false if no memory */
void languages_finish(void);

struct language_guess {
    enum language language; /* LANGUAGE_UNKNOWN where nothing stands out */
    double confidence;      /* 0..1: how far it stands out, and from how much text */
};
struct language_guess language_guess(const struct vocabulary *words);

const char *language_code(enum language language); /* "und" for LANGUAGE_UNKNOWN (BCP 47) */

/* False for every word where the language is unknown. */
bool language_is_stop_word(enum language language, const char *word, size_t len);

/* Bytes of an article or the like that is written together with what follows: 2 for "l'homme". */
size_t language_elision(const char *word, size_t len);

#endif
