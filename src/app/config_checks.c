#include "app/config_checks.h"

#include "proctrack/process.h"
#include "proctrack/text.h"

#include <string.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool only_of(const char *text, const char *characters)
{
    return text[strspn(text, characters)] == '\0';
}

bool check_not_empty(const char *text)
{
    return *text != '\0';
}

bool check_base_path(const char *text)
{
    if (*text == '\0')
        return true;
    if (*text != '/' || !only_of(text, LETTERS_AND_DIGITS "-._~/"))
        return false;
    struct span rest = span_of(text + 1), segment;
    while (span_split(&rest, '/', &segment))
        if (segment.len == 0 || span_is(segment, ".") || span_is(segment, ".."))
            return false;
    return true;
}

/* As browsers send it (RFC 6454): lower case, no path, no blank. */
bool check_origin(const char *text)
{
    if (strcmp(text, "*") == 0)
        return true;
    const char *host = strstr(text, "://");
    if (host == NULL || host == text || text[0] < 'a' || text[0] > 'z')
        return false;
    host += strlen("://");
    return *host != '\0' && only_of(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]");
}

bool check_instance(const char *text)
{
    return *text != '\0' && only_of(text, LETTERS_AND_DIGITS "-._:");
}

bool check_type(const char *text)
{
    return *text == '\0' || process_type_is_valid(span_of(text));
}

/* A brace would become a hash tag and draw every key into one slot of a cluster. */
bool check_key_prefix(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '{' || *c == '}')
            return false;
    return true;
}
