/* The validator walks the text once, without recursion. It has two steps: where a value must
 * begin, and what may follow one. Open containers lie on a stack of a fixed size; inside an
 * object the key is read together with what comes before it ('{' or ','), so that a value is
 * always what is expected next. */
#include "core/json_private.h"

#include "core/utf8.h"

#include <assert.h>

enum step { STEP_VALUE, STEP_AFTER, STEP_END, STEP_FAULT };

struct level {
    bool is_object;
    size_t first_key; /* index in check.keys */
};

struct check {
    const unsigned char *start, *at, *end;
    const char *reason; /* of the fault, which is at `at` */
    size_t depth, max_depth;
    struct level levels[JSON_MAX_DEPTH + JSON_AROUND_MAX];
    struct json_keys keys;
};

static bool fail(struct check *check, const unsigned char *at, const char *reason)
{
    check->at = at;
    check->reason = reason;
    return false;
}

static enum step step_fault(struct check *check, const char *reason)
{
    fail(check, check->at, check->at < check->end ? reason : "the text ends too early");
    return STEP_FAULT;
}

static void skip_blanks(struct check *check)
{
    const unsigned char *at = check->at;
    while (at < check->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    check->at = at;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The code unit of a \uXXXX at `at`; -1 when there is none. */
static int unicode_escape(const struct check *check, const unsigned char *at)
{
    if (check->end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        const int digit = hex_digit((char)at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool scan_unicode_escape(struct check *check)
{
    const unsigned char *at = check->at;
    const int unit = unicode_escape(check, at);
    if (unit < 0)
        return fail(check, at, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return fail(check, at, "\\u0000 is not accepted");
    check->at = at + 6;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    const int low = unicode_escape(check, at + 6);
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return fail(check, at, "the surrogate escape has no partner");
    check->at = at + 12;
    return true;
}

static bool scan_escape(struct check *check)
{
    const unsigned char *at = check->at;
    if (check->end - at < 2)
        return fail(check, check->end, "the text ends within a string");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        check->at = at + 2;
        return true;
    case 'u':
        return scan_unicode_escape(check);
    default:
        return fail(check, at, "no such escape");
    }
}

/* To the first byte that needs a closer look: no printable ASCII, a quote or a backslash. */
static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    while (end - at >= 8) {
        const uint64_t word = load_eight(at);
        const uint64_t found = eight_json_specials(word) | eight_beyond_ascii(word);
        if (found != 0)
            return at + eight_first(found);
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool scan_beyond_ascii(struct check *check)
{
    const unsigned char *at = check->at;
    while (at < check->end && *at >= 0x80) {
        const size_t len = utf8_sequence(at, (size_t)(check->end - at));
        if (len == 0)
            return fail(check, at, "invalid UTF-8");
        at += len;
    }
    check->at = at;
    return true;
}

/* From the opening quote to behind the closing one. */
static bool scan_string(struct check *check, bool *ret_escaped)
{
    bool escaped = false;
    check->at++;
    for (;;) {
        const unsigned char *at = check->at = skip_plain(check->at, check->end);
        if (at == check->end)
            return fail(check, at, "the text ends within a string");
        if (*at == '"')
            break;
        if (*at < 0x20)
            return fail(check, at, "a control character must be escaped");
        if (*at == '\\')
            escaped = true;
        if (!(*at == '\\' ? scan_escape(check) : scan_beyond_ascii(check)))
            return false;
    }
    check->at++;
    *ret_escaped = escaped;
    return true;
}

/* --- numbers and words ------------------------------------------------------------------------ */

static bool at_digit(const struct check *check)
{
    return check->at < check->end && *check->at >= '0' && *check->at <= '9';
}

static bool scan_digits(struct check *check)
{
    if (!at_digit(check))
        return fail(check, check->at, "a digit is missing");
    while (at_digit(check))
        check->at++;
    return true;
}

static bool take(struct check *check, unsigned char one, unsigned char other)
{
    if (check->at == check->end || (*check->at != one && *check->at != other))
        return false;
    check->at++;
    return true;
}

static bool scan_number(struct check *check)
{
    take(check, '-', '-');
    if (take(check, '0', '0')) {
        if (at_digit(check))
            return fail(check, check->at, "a number may not begin with 0");
    } else if (!scan_digits(check)) {
        return false;
    }
    if (take(check, '.', '.') && !scan_digits(check))
        return false;
    if (take(check, 'e', 'E')) {
        take(check, '+', '-');
        return scan_digits(check);
    }
    return true;
}

static bool scan_word(struct check *check, const char *word, size_t len)
{
    if ((size_t)(check->end - check->at) < len || memcmp(check->at, word, len) != 0)
        return fail(check, check->at, "a JSON value is expected");
    check->at += len;
    return true;
}

static bool scan_scalar(struct check *check)
{
    bool escaped;
    switch (*check->at) {
    case '"':
        return scan_string(check, &escaped);
    case 't':
        return scan_word(check, "true", 4);
    case 'f':
        return scan_word(check, "false", 5);
    case 'n':
        return scan_word(check, "null", 4);
    case '-':
        return scan_number(check);
    default:
        if (at_digit(check))
            return scan_number(check);
        return fail(check, check->at, "a JSON value is expected");
    }
}

/* --- objects and arrays ----------------------------------------------------------------------- */

/* A key and its colon; then a value must follow. */
static enum step step_key(struct check *check)
{
    skip_blanks(check);
    if (check->at == check->end || *check->at != '"')
        return step_fault(check, "a key in quotes is expected");
    const unsigned char *key = check->at;
    bool escaped;
    if (!scan_string(check, &escaped))
        return STEP_FAULT;
    const char *reason =
        json_keys_add(&check->keys, check->levels[check->depth - 1].first_key,
                      (size_t)(key - check->start), (size_t)(check->at - key), escaped);
    if (reason != NULL) {
        fail(check, key, reason);
        return STEP_FAULT;
    }
    skip_blanks(check);
    if (!take(check, ':', ':'))
        return step_fault(check, "a colon is expected");
    return STEP_VALUE;
}

static enum step step_close(struct check *check)
{
    const struct level *level = &check->levels[--check->depth];
    size_t repeated;
    if (level->is_object && !json_keys_close(&check->keys, level->first_key, &repeated)) {
        fail(check, check->start + repeated, "the key stands twice in its object");
        return STEP_FAULT;
    }
    check->at++;
    return STEP_AFTER;
}

static enum step step_open(struct check *check, bool is_object)
{
    if (check->depth == check->max_depth)
        return step_fault(check, "nested too deep");
    check->levels[check->depth++] = (struct level){is_object, check->keys.count};
    check->at++;
    skip_blanks(check);
    if (check->at < check->end && *check->at == (is_object ? '}' : ']'))
        return step_close(check);
    return is_object ? step_key(check) : STEP_VALUE;
}

static enum step step_value(struct check *check)
{
    skip_blanks(check);
    if (check->at == check->end)
        return step_fault(check, "a JSON value is expected");
    if (*check->at == '{' || *check->at == '[')
        return step_open(check, *check->at == '{');
    return scan_scalar(check) ? STEP_AFTER : STEP_FAULT;
}

static enum step step_after(struct check *check)
{
    if (check->depth == 0)
        return STEP_END;
    const bool is_object = check->levels[check->depth - 1].is_object;
    skip_blanks(check);
    if (take(check, ',', ','))
        return is_object ? step_key(check) : STEP_VALUE;
    if (check->at < check->end && *check->at == (is_object ? '}' : ']'))
        return step_close(check);
    return step_fault(check, is_object ? "a comma or } is expected" : "a comma or ] is expected");
}

static bool scan_text(struct check *check, struct span *ret_value)
{
    skip_blanks(check);
    const unsigned char *first = check->at;
    enum step step = STEP_VALUE;
    while (step == STEP_VALUE || step == STEP_AFTER)
        step = step == STEP_VALUE ? step_value(check) : step_after(check);
    if (step == STEP_FAULT)
        return false;
    const struct span value = {(const char *)first, (size_t)(check->at - first)};
    skip_blanks(check);
    if (check->at != check->end)
        return fail(check, check->at, "something follows the JSON value");
    *ret_value = value;
    return true;
}

bool json_check_around(struct span text, size_t around, struct span *ret_value,
                       struct json_fault *ret_fault)
{
    assert(around <= JSON_AROUND_MAX);
    if (text.len == 0) {
        *ret_fault = (struct json_fault){0, "the text is empty"};
        return false;
    }
    struct check check; /* large: only what is read is initialised */
    check.start = check.at = (const unsigned char *)text.data;
    check.end = check.start + text.len;
    check.depth = 0;
    check.max_depth = JSON_MAX_DEPTH + around;
    json_keys_init(&check.keys, text);
    const bool ok = scan_text(&check, ret_value);
    if (!ok)
        *ret_fault = (struct json_fault){(size_t)(check.at - check.start), check.reason};
    json_keys_finish(&check.keys);
    return ok;
}

bool json_check(struct span text, struct span *ret_value, struct json_fault *ret_fault)
{
    return json_check_around(text, 0, ret_value, ret_fault);
}
