/* Cuts UTF-8 text into words, sentences and paragraphs. */
#ifndef TEXT_STATS_TOKENS_H
#define TEXT_STATS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Loads the character classes. False where the system has no C.UTF-8 locale. */
bool tokens_init(void);
void tokens_finish(void);

enum token_kind {
    TOKEN_WORD,
    TOKEN_SENTENCE_END,
    TOKEN_PARAGRAPH_END, /* ends the sentence too */
    TOKEN_END,           /* of the text: ends sentence and paragraph too */
};

/* A word is a run of letters and digits of any script that writes words apart (Latin, Greek,
 * Cyrillic, …). Apostrophes and hyphens between letters, and points and commas between digits,
 * belong to it. */
#define TOKEN_TEXT_MAX 256
struct token {
    char text[TOKEN_TEXT_MAX]; /* lower case, ' and - for all their kinds; a longer word is cut */
    size_t len;
    unsigned letters;
};

struct tokenizer {
    const char *at, *end;
    int64_t characters, letters, lines;
    /* private */
    bool line_open, line_has_text, paragraph_open;
    unsigned sentence_words;
    struct token last;
};

/* The text must be valid UTF-8 and outlive the tokenizer. */
void tokenizer_init(struct tokenizer *tokenizer, const char *text, size_t len);
/* For TOKEN_WORD, the word is tokenizer->last. */
enum token_kind tokenizer_next(struct tokenizer *tokenizer);

#endif
