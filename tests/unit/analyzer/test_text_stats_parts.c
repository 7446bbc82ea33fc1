/* The parts of proctrack-text-stats: how it cuts text, counts and ranks. */
#include "support/test.h"

#include "text_stats/counts.h"
#include "text_stats/language.h"
#include "text_stats/readability.h"
#include "text_stats/terms.h"
#include "text_stats/tokens.h"

#include <stdio.h>

/* The words with blanks between them, | for a sentence's end and || for a paragraph's. */
static void cut(const char *text, char *ret_tokens, size_t size)
{
    struct tokenizer tokenizer;
    tokenizer_init(&tokenizer, text, strlen(text));
    size_t len = 0;
    ret_tokens[0] = '\0';
    for (enum token_kind kind; (kind = tokenizer_next(&tokenizer)) != TOKEN_END;) {
        const char *token = kind == TOKEN_WORD           ? tokenizer.last.text
                            : kind == TOKEN_SENTENCE_END ? "|"
                                                         : "||";
        len += (size_t)snprintf(ret_tokens + len, size - len, "%s%s", len > 0 ? " " : "", token);
    }
}

static const struct {
    const char *text, *tokens;
} cuts[] = {
    {"", ""},
    {"  \n\t ", ""},
    {"One two. Three!", "one two | three |"},
    {"Don't re-enter, it’s 3.14 or 1,000 now.", "don't re-enter it's 3.14 or 1,000 now |"},
    {"'quoted' - and -dashed-", "quoted and dashed"},
    {"ÄRGER Ωραία Ёлка", "ärger ωραία ёлка"},
    {"e\xCC\x81te\xC2\xADte", "e\xCC\x81tete"}, /* a combining accent, a soft hyphen */
    {"Mr. Smith met J. S. Bach. Then he left.", "mr smith met j s bach | then he left |"},
    {"It is e.g. this. Or that", "it is e g this | or that"},
    {"1. First thing. 2. Second thing.", "1 first thing | 2 second thing |"},
    {"It was 5. Then 6.", "it was 5 | then 6 |"},
    {"\"Really?\" she asked. (Yes.) Well… maybe... Ok?! No",
     "really she asked | yes | well maybe | ok | no"},
    {"Visit example.com today. Version 2.0 works", "visit example com today | version 2.0 works"},
    {"Title\n\nText goes on\nhere.\n \nEnd", "title || text goes on here | || end"},
    {"\n\n\nA\n\n\n\nB\n", "a || b"},
    {"...", ""},
};

static void test_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        char tokens[512];
        cut(cuts[i].text, tokens, sizeof(tokens));
        assert_string_equal(tokens, cuts[i].tokens);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static const char text[] = "Ein Text.\nNoch ein Satz\n\nÄrgerlich: 2 Wörter! Ende";
    struct counts counts;
    memset(&counts, 0, sizeof(counts));
    assert_true(counts_add_text(&counts, text, sizeof(text) - 1, NULL, NULL));
    assert_int_equal(counts.characters, 9 + 1 + 13 + 2 + 25);
    assert_int_equal(counts.letters, 3 + 4 + 4 + 3 + 4 + 9 + 6 + 4);
    assert_int_equal(counts.words, 9);
    assert_int_equal(counts.vocabulary.count, 8);
    assert_int_equal(counts.sentences, 4);
    assert_int_equal(counts.paragraphs, 2);
    assert_int_equal(counts.lines, 4);
    assert_int_equal(counts.long_words, 1);
    assert_int_equal(counts.pairs.count, 1 + 2 + 2);
    counts_finish(&counts);
}

/* Many words, so that the tables grow, and a total that has none of them twice. */
static void test_total_is_the_sum(void **state)
{
    (void)state;
    struct counts part, total;
    memset(&part, 0, sizeof(part));
    memset(&total, 0, sizeof(total));
    for (int i = 0; i < 5000; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "a%d b%d common", i, i);
        assert_true(counts_add_text(&part, text, (size_t)len, NULL, NULL));
    }
    assert_true(counts_add(&total, &part));
    assert_true(counts_add(&total, &part));
    assert_int_equal(total.words, 30000);
    assert_int_equal(total.vocabulary.count, 10001);
    assert_int_equal(total.pairs.count, 10000);
    uint32_t common = vocabulary_find(&total.vocabulary, "common", 6);
    assert_int_equal(total.vocabulary.words[common].count, 10000);
    assert_int_equal(vocabulary_find(&total.vocabulary, "commo", 5), WORD_NONE);
    counts_finish(&part);
    counts_finish(&total);
}

static void test_syllables(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int count;
    } words[] = {{"the", 1},     {"cake", 1},  {"cakes", 1},  {"baked", 1},       {"wanted", 2},
                 {"table", 2},   {"whale", 1}, {"called", 1}, {"settled", 2},     {"faces", 2},
                 {"watches", 2}, {"rules", 1}, {"people", 2}, {"readability", 5}, {"rhythm", 1},
                 {"free", 1},    {"b", 1},     {"42", 1},     {"another", 3}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (syllables_of(words[i].word) != words[i].count)
            fail_msg("%s: %d", words[i].word, syllables_of(words[i].word));
    }
}

static void rank(struct counts *counts, struct terms *terms, const char *text,
                 enum language language)
{
    memset(counts, 0, sizeof(*counts));
    assert_true(counts_add_text(counts, text, strlen(text), NULL, NULL));
    assert_true(terms_init(terms, counts, language));
}

static void test_terms(void **state)
{
    (void)state;
    struct counts counts;
    struct terms terms;
    rank(&counts, &terms,
         "L'homme et l'homme libre: l’homme. Homme libre, 1789 x 1789. D'un homme libre.",
         LANGUAGE_FR);
    assert_int_equal(terms.word_count, 2);
    assert_string_equal(terms.words[0].first, "homme");
    assert_int_equal(terms.words[0].count, 5);
    assert_string_equal(terms.words[1].first, "libre");
    assert_int_equal(terms.words[1].count, 3);
    assert_int_equal(terms.bigram_count, 1);
    assert_string_equal(terms.bigrams[0].first, "homme");
    assert_string_equal(terms.bigrams[0].second, "libre");
    assert_int_equal(terms.bigrams[0].count, 3);
    terms_finish(&terms);
    counts_finish(&counts);
}

static void test_terms_are_the_best_twenty(void **state)
{
    (void)state;
    struct counts counts;
    struct terms terms;
    char text[4096] = "";
    for (int word = 0; word < 26; word++) {
        for (int times = 0; times < (word * 7) % 26 + 1; times++) {
            char one[8];
            snprintf(one, sizeof(one), "%c%c ", 'a' + word, 'a' + word);
            strcat(text, one);
        }
    }
    strcat(text, "zzz yyy");
    rank(&counts, &terms, text, LANGUAGE_UNKNOWN);
    assert_int_equal(terms.word_count, TERMS_MAX);
    for (int i = 0; i < TERMS_MAX; i++)
        assert_int_equal(terms.words[i].count, 26 - i);
    terms_finish(&terms);
    counts_finish(&counts);
}

static void test_equally_frequent_terms_go_by_name(void **state)
{
    (void)state;
    struct counts counts;
    struct terms terms;
    rank(&counts, &terms, "pear apple pear fig apple plum", LANGUAGE_UNKNOWN);
    static const char *const expected[] = {"apple", "pear", "fig", "plum"};
    assert_int_equal(terms.word_count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(terms.words[i].first, expected[i]);
    terms_finish(&terms);
    counts_finish(&counts);
}

static int init(void **state)
{
    (void)state;
    return tokens_init() && languages_init() ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    languages_finish();
    tokens_finish();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_total_is_the_sum),
        cmocka_unit_test(test_syllables),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_terms_are_the_best_twenty),
        cmocka_unit_test(test_equally_frequent_terms_go_by_name),
    };
    return cmocka_run_group_tests(tests, init, finish);
}
