/* A sentence ends at . ! ? or … before blank space, unless a lower-case letter follows, or the
 * point belongs to an abbreviation, an initial or the number in front of a list item. That errs
 * on ordinals with a point inside a sentence ("am 3. Oktober"). */
#include "text_stats/tokens.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

static locale_t classes;

bool tokens_init(void)
{
    classes = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return classes != (locale_t)0;
}

void tokens_finish(void)
{
    freelocale(classes);
}

/* --- characters ---------------------------------------------------------------------------------
 */

/* The character at `at` (valid UTF-8, not at the end); its bytes go into *ret_len. */
static uint32_t decode(const char *at, size_t *ret_len)
{
    const unsigned char *bytes = (const unsigned char *)at;
    if (bytes[0] < 0x80) {
        *ret_len = 1;
        return bytes[0];
    }
    size_t len = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    uint32_t c = bytes[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (bytes[i] & 0x3Fu);
    *ret_len = len;
    return c;
}

static size_t encode(uint32_t c, char ret_bytes[4])
{
    if (c < 0x80) {
        ret_bytes[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        ret_bytes[i] = (char)(0x80 | (c & 0x3F));
    ret_bytes[0] = (char)((0xF00u >> len & 0xFFu) | c);
    return len;
}

static bool is_mark(uint32_t c)
{
    return c >= 0x300 && c <= 0x36F;
}

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !is_mark(c) && iswalpha_l((wint_t)c, classes) != 0;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(uint32_t c)
{
    return c < 0x80 ? c >= 'a' && c <= 'z' : iswlower_l((wint_t)c, classes) != 0;
}

static uint32_t to_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return (uint32_t)towlower_l((wint_t)c, classes);
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x202F || c == 0x3000 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029;
}

static bool is_apostrophe(uint32_t c)
{
    return c == '\'' || c == 0x2019 || c == 0x02BC;
}

static bool is_hyphen(uint32_t c)
{
    return c == '-' || c == 0x2010 || c == 0x2011;
}

/* Inside words but not seen: soft hyphen and joiners. */
static bool is_invisible(uint32_t c)
{
    return c == 0xAD || c == 0x200C || c == 0x200D;
}

static bool ends_sentences(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == 0x2026;
}

static bool closes_quotation(uint32_t c)
{
    return c == '"' || c == ')' || c == ']' || is_apostrophe(c) || c == 0x201C || c == 0x201D ||
           c == 0xBB || c == 0xAB;
}

/* --- words --------------------------------------------------------------------------------------
 */

static uint32_t peek(const struct tokenizer *tokenizer, size_t ahead)
{
    size_t len;
    if ((size_t)(tokenizer->end - tokenizer->at) <= ahead)
        return 0;
    return decode(tokenizer->at + ahead, &len);
}

static void append(struct token *token, uint32_t c)
{
    char bytes[4];
    size_t len = encode(c, bytes);
    if (token->len + len >= sizeof(token->text))
        return;
    memcpy(token->text + token->len, bytes, len);
    token->len += len;
}

/* What joins the parts of a word around it, in its plain form; else 0. */
static uint32_t joint(uint32_t before, uint32_t c, uint32_t after)
{
    if ((c == '.' || c == ',') && is_digit(before) && is_digit(after))
        return c;
    if (!is_letter(after) && !is_digit(after))
        return 0;
    return is_apostrophe(c) ? '\'' : is_hyphen(c) ? '-' : 0;
}

static void read_word(struct tokenizer *tokenizer)
{
    struct token *token = &tokenizer->last;
    uint32_t before = 0;
    token->len = 0;
    token->letters = 0;
    while (tokenizer->at < tokenizer->end) {
        size_t len;
        uint32_t c = decode(tokenizer->at, &len), join;
        if (is_letter(c)) {
            token->letters++;
            append(token, to_lower(c));
        } else if (is_digit(c) || is_mark(c)) {
            append(token, c);
        } else if ((join = joint(before, c, peek(tokenizer, len))) != 0) {
            append(token, join);
        } else if (!is_invisible(c)) {
            break;
        }
        before = c;
        tokenizer->at += len;
        tokenizer->characters++;
    }
    token->text[token->len] = '\0';
    tokenizer->letters += token->letters;
    tokenizer->sentence_words++;
    tokenizer->line_open = tokenizer->line_has_text = tokenizer->paragraph_open = true;
}

/* --- sentences and paragraphs -------------------------------------------------------------------
 */

static bool is_abbreviation(const struct token *token)
{
    static const char *const list[] = {
        "mr",   "mrs",    "ms",   "dr",   "prof", "sr",  "jr",   "st",  "vs",   "fig",
        "vol",  "approx", "dept", "univ", "gen",  "col", "capt", "lt",  "sgt",  "rev",
        "hon",  "jan",    "feb",  "aug",  "sept", "oct", "nov",  "dec", "bzw",  "ca",
        "evtl", "ggf",    "inkl", "sog",  "vgl",  "nr",  "str",  "mme", "mlle", "sra",
        "srta", "sig",    "av",   "eds",  "cf",   "pp",  "bijv", "t.ex"};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (strcmp(token->text, list[i]) == 0)
            return true;
    }
    return false;
}

static bool point_is_no_end(const struct tokenizer *tokenizer)
{
    const struct token *last = &tokenizer->last;
    if (last->letters == 0)
        return tokenizer->sentence_words == 1; /* the number of a list item */
    return last->len == 1 || is_abbreviation(last);
}

/* Looks at what follows the sign that has just been read. */
static bool is_sentence_end(const struct tokenizer *tokenizer, uint32_t sign)
{
    if (tokenizer->sentence_words == 0)
        return false;
    const char *at = tokenizer->at;
    uint32_t c = ' ';
    size_t len = 0;
    for (; at < tokenizer->end; at += len) {
        c = decode(at, &len);
        if (ends_sentences(c))
            return false; /* the last of several signs decides */
        if (!closes_quotation(c))
            break;
    }
    if (at == tokenizer->end)
        return true;
    if (!is_space(c))
        return false;
    for (; at < tokenizer->end && is_space(c); at += len)
        c = decode(at, &len);
    if (is_lower(c))
        return false;
    return sign != '.' || !point_is_no_end(tokenizer);
}

/* True when the line's end ends a paragraph: the line was blank. */
static bool end_line(struct tokenizer *tokenizer)
{
    bool ends = !tokenizer->line_has_text && tokenizer->paragraph_open;
    tokenizer->lines++;
    tokenizer->line_open = tokenizer->line_has_text = false;
    if (ends)
        tokenizer->paragraph_open = false;
    return ends;
}

/* What is no word: the token that it makes, or TOKEN_WORD for none. */
static enum token_kind read_other(struct tokenizer *tokenizer)
{
    size_t len;
    uint32_t c = decode(tokenizer->at, &len);
    tokenizer->at += len;
    tokenizer->characters++;
    if (c == '\n') {
        if (!end_line(tokenizer))
            return TOKEN_WORD;
        tokenizer->sentence_words = 0;
        return TOKEN_PARAGRAPH_END;
    }
    tokenizer->line_open = true;
    if (!is_space(c))
        tokenizer->line_has_text = tokenizer->paragraph_open = true;
    if (!ends_sentences(c) || !is_sentence_end(tokenizer, c))
        return TOKEN_WORD;
    tokenizer->sentence_words = 0;
    return TOKEN_SENTENCE_END;
}

void tokenizer_init(struct tokenizer *tokenizer, const char *text, size_t len)
{
    memset(tokenizer, 0, sizeof(*tokenizer));
    tokenizer->at = text;
    tokenizer->end = text + len;
}

enum token_kind tokenizer_next(struct tokenizer *tokenizer)
{
    while (tokenizer->at < tokenizer->end) {
        uint32_t c = peek(tokenizer, 0);
        if (is_letter(c) || is_digit(c)) {
            read_word(tokenizer);
            return TOKEN_WORD;
        }
        enum token_kind kind = read_other(tokenizer);
        if (kind != TOKEN_WORD)
            return kind;
    }
    if (tokenizer->line_open)
        end_line(tokenizer);
    return TOKEN_END;
}
