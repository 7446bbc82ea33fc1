/* Words with how often they came, numbered in the order of their first coming, and pairs of such
 * numbers with how often they came. */
#ifndef TEXT_STATS_VOCABULARY_H
#define TEXT_STATS_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    size_t offset; /* of its text, which a zero ends */
    uint32_t len, letters;
    uint64_t hash;
    int64_t count;
};

struct vocabulary {
    struct word *words;
    uint32_t count;
    char *texts;
    /* private */
    uint32_t capacity, slot_count;
    uint32_t *slots; /* word number + 1, or 0 */
    size_t texts_len, texts_capacity;
};

#define WORD_NONE UINT32_MAX

/* Zero a struct vocabulary to initialise it. Counts `more` comings of the word; its number, or
 * WORD_NONE if no memory. */
uint32_t vocabulary_add(struct vocabulary *vocabulary, const char *text, size_t len,
                        uint32_t letters, int64_t more);
uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t len);
const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t word);
void vocabulary_finish(struct vocabulary *vocabulary);

struct pair {
    uint32_t first, second;
    int64_t count; /* 0: an empty place */
};

struct pairs {
    struct pair *places; /* some of them empty */
    size_t place_count;
    size_t count;
};

bool pairs_add(struct pairs *pairs, uint32_t first, uint32_t second, int64_t more);
void pairs_finish(struct pairs *pairs);

#endif
