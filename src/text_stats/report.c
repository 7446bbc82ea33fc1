#include "text_stats/report.h"

#include "text_stats/language.h"
#include "text_stats/readability.h"
#include "text_stats/terms.h"

#define WORDS_PER_MINUTE 238 /* silent reading of adults (Brysbaert 2019) */

/* To hundredths: more digits would claim more than the estimates behind them know. */
static json_t *number(double value)
{
    double hundredths = value * 100;
    return json_real((double)(int64_t)(hundredths + (hundredths < 0 ? -0.5 : 0.5)) / 100);
}

static json_t *ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? number((double)part / (double)whole) : json_null();
}

static json_t *report_counts(const struct counts *counts)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "characters", (json_int_t)counts->characters,
        "letters", (json_int_t)counts->letters, "words", (json_int_t)counts->words, "unique_words",
        (json_int_t)counts->vocabulary.count, "sentences", (json_int_t)counts->sentences,
        "paragraphs", (json_int_t)counts->paragraphs, "lines", (json_int_t)counts->lines);
}

static json_t *report_readability(const struct counts *counts, enum language language)
{
    struct readability values = readability_of(counts, language == LANGUAGE_EN);
    return json_pack("{s:o, s:o, s:o, s:o}", "flesch_reading_ease",
                     values.english ? number(values.flesch_reading_ease) : json_null(),
                     "flesch_kincaid_grade",
                     values.english ? number(values.flesch_kincaid_grade) : json_null(), "lix",
                     values.known ? number(values.lix) : json_null(), "rix",
                     values.known ? number(values.rix) : json_null());
}

static json_t *report_words(const struct terms *terms)
{
    json_t *list = json_array();
    for (size_t i = 0; i < terms->word_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:I}", "term", terms->words[i].first, "count",
                                              (json_int_t)terms->words[i].count));
    return list;
}

static json_t *report_bigrams(const struct terms *terms)
{
    json_t *list = json_array();
    for (size_t i = 0; i < terms->bigram_count; i++) {
        const struct term *term = &terms->bigrams[i];
        json_array_append_new(list, json_pack("{s:s++, s:I}", "term", term->first, " ",
                                              term->second, "count", (json_int_t)term->count));
    }
    return list;
}

json_t *report_make(const struct counts *counts)
{
    struct language_guess guess = language_guess(&counts->vocabulary);
    struct terms terms;
    json_t *report = NULL;
    if (terms_init(&terms, counts, guess.language))
        report =
            json_pack("{s:{s:s, s:o}, s:o, s:{s:o, s:o}, s:o, s:I, s:o, s:o}", "language", "code",
                      language_code(guess.language), "confidence", number(guess.confidence),
                      "counts", report_counts(counts), "averages", "letters_per_word",
                      ratio(counts->letters, counts->words), "words_per_sentence",
                      ratio(counts->words, counts->sentences), "readability",
                      report_readability(counts, guess.language), "reading_time_seconds",
                      (json_int_t)((counts->words * 60 + WORDS_PER_MINUTE / 2) / WORDS_PER_MINUTE),
                      "terms", report_words(&terms), "bigrams", report_bigrams(&terms));
    terms_finish(&terms);
    return report;
}
