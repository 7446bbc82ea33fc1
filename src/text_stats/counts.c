#include "text_stats/counts.h"

#include "text_stats/tokens.h"

#include <stdlib.h>

#define LONG_WORD_LETTERS 6
#define PASSED_STEP       ((size_t)16 * 1024)

struct counting {
    struct counts *counts;
    struct tokenizer tokenizer;
    uint32_t before; /* the sentence's word before, or WORD_NONE */
    int64_t sentence_words, paragraph_words;
    const char *told; /* up to here `passed` knows */
};

static bool count_word(struct counting *counting)
{
    struct counts *counts = counting->counts;
    const struct token *token = &counting->tokenizer.last;
    uint32_t word = vocabulary_add(&counts->vocabulary, token->text, token->len, token->letters, 1);
    if (word == WORD_NONE)
        return false;
    if (counting->before != WORD_NONE && !pairs_add(&counts->pairs, counting->before, word, 1))
        return false;
    counting->before = word;
    counting->sentence_words++;
    counting->paragraph_words++;
    counts->words++;
    counts->long_words += token->letters > LONG_WORD_LETTERS;
    return true;
}

static void end_sentence(struct counting *counting)
{
    counting->counts->sentences += counting->sentence_words > 0;
    counting->sentence_words = 0;
    counting->before = WORD_NONE;
}

static void end_paragraph(struct counting *counting)
{
    end_sentence(counting);
    counting->counts->paragraphs += counting->paragraph_words > 0;
    counting->paragraph_words = 0;
}

bool counts_add_text(struct counts *counts, const char *text, size_t len,
                     void (*passed)(void *arg, size_t bytes), void *arg)
{
    struct counting counting = {.counts = counts, .before = WORD_NONE, .told = text};
    struct tokenizer *tokenizer = &counting.tokenizer;
    tokenizer_init(tokenizer, text, len);
    enum token_kind kind;
    do {
        kind = tokenizer_next(tokenizer);
        if (kind == TOKEN_WORD && !count_word(&counting))
            return false;
        if (kind == TOKEN_SENTENCE_END)
            end_sentence(&counting);
        if (kind == TOKEN_PARAGRAPH_END || kind == TOKEN_END)
            end_paragraph(&counting);
        size_t more = (size_t)(tokenizer->at - counting.told);
        if (passed != NULL && (more >= PASSED_STEP || kind == TOKEN_END)) {
            passed(arg, more);
            counting.told = tokenizer->at;
        }
    } while (kind != TOKEN_END);
    counts->characters += tokenizer->characters;
    counts->letters += tokenizer->letters;
    counts->lines += tokenizer->lines;
    return true;
}

/* The numbers that the words of a part have in the total; NULL if no memory. */
static uint32_t *add_words(struct vocabulary *total, const struct vocabulary *part)
{
    uint32_t *numbers = calloc((size_t)part->count + 1, sizeof(*numbers));
    for (uint32_t i = 0; numbers != NULL && i < part->count; i++) {
        const struct word *word = &part->words[i];
        numbers[i] =
            vocabulary_add(total, vocabulary_text(part, i), word->len, word->letters, word->count);
        if (numbers[i] == WORD_NONE) {
            free(numbers);
            numbers = NULL;
        }
    }
    return numbers;
}

bool counts_add(struct counts *total, const struct counts *part)
{
    uint32_t *numbers = add_words(&total->vocabulary, &part->vocabulary);
    bool ok = numbers != NULL;
    for (size_t i = 0; ok && i < part->pairs.place_count; i++) {
        const struct pair *pair = &part->pairs.places[i];
        ok = pair->count == 0 ||
             pairs_add(&total->pairs, numbers[pair->first], numbers[pair->second], pair->count);
    }
    free(numbers);
    total->characters += part->characters;
    total->letters += part->letters;
    total->words += part->words;
    total->sentences += part->sentences;
    total->paragraphs += part->paragraphs;
    total->lines += part->lines;
    total->long_words += part->long_words;
    return ok;
}

void counts_finish(struct counts *counts)
{
    vocabulary_finish(&counts->vocabulary);
    pairs_finish(&counts->pairs);
}
