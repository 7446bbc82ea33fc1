/* The most frequent terms of a text. */
#ifndef TEXT_STATS_TERMS_H
#define TEXT_STATS_TERMS_H

#include "text_stats/counts.h"
#include "text_stats/language.h"

#define TERMS_MAX   20
#define BIGRAMS_MAX 10

struct term {
    const char *first, *second; /* second: NULL for a single word */
    int64_t count;
};

/* Most frequent first, equally frequent by name. Without the language's stop words, numbers and
 * single letters; what elision puts in front of a word is cut off. Bigrams are neighbours in a
 * sentence that came at least twice. */
struct terms {
    struct term words[TERMS_MAX], bigrams[BIGRAMS_MAX];
    size_t word_count, bigram_count;
    struct vocabulary vocabulary; /* private: what the texts point into */
};

/* False if no memory. */
bool terms_init(struct terms *terms, const struct counts *counts, enum language language);
void terms_finish(struct terms *terms);

#endif
