#include "http/http_cursor.h"

#include <string.h>

/* Layout 1: the layout's number, status + 1, score (big-endian, 8 bytes), id (16 bytes): 26 bytes,
 * which are 35 characters of base64url without padding. */
#define LAYOUT     1
#define BYTES      26
#define CHARACTERS 35

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void http_cursor_format(const struct http_cursor *cursor, char ret_text[HTTP_CURSOR_TEXT_SIZE])
{
    unsigned char bytes[BYTES + 1] = {LAYOUT, (unsigned char)(cursor->status + 1)};
    uint64_t score = (uint64_t)cursor->position.score;
    for (int i = 0; i < 8; i++)
        bytes[2 + i] = (unsigned char)(score >> (56 - 8 * i));
    memcpy(bytes + 10, cursor->position.id.bytes, 16);
    for (int i = 0, at = 0; at < CHARACTERS; i += 3) {
        unsigned bits = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8;
        bits |= i + 2 < BYTES ? bytes[i + 2] : 0u;
        for (int shift = 18; shift >= 0 && at < CHARACTERS; shift -= 6)
            ret_text[at++] = alphabet[bits >> shift & 63];
    }
    ret_text[CHARACTERS] = '\0';
}

static bool decode(struct span text, unsigned char ret_bytes[BYTES])
{
    unsigned bits = 0, have = 0;
    size_t out = 0;
    if (text.len != CHARACTERS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *found = text.data[i] != '\0' ? strchr(alphabet, text.data[i]) : NULL;
        if (found == NULL)
            return false;
        bits = bits << 6 | (unsigned)(found - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            ret_bytes[out++] = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0; /* the two bits that are left over */
}

bool http_cursor_parse(struct span text, struct http_cursor *ret_cursor)
{
    unsigned char bytes[BYTES];
    uint64_t score = 0;
    if (!decode(text, bytes) || bytes[0] != LAYOUT || bytes[1] > PROCESS_STATUS_COUNT)
        return false;
    for (int i = 0; i < 8; i++)
        score = score << 8 | bytes[2 + i];
    ret_cursor->status = bytes[1] - 1;
    ret_cursor->position.score = (int64_t)score;
    memcpy(ret_cursor->position.id.bytes, bytes + 10, 16);
    return true;
}
