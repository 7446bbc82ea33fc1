/* Ids and lease tokens. libuuid asks the kernel for every id that it makes, which costs more than
 * all the rest of creating a process in memory; so the randomness comes from a pool. */
#include "proctrack/process.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

/* Above 256 bytes a signal may cut it short. */
static bool fill(unsigned char *ret_bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(ret_bytes, len, 0);
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0) {
            ret_bytes += got;
            len -= (size_t)got;
        }
    }
    return true;
}

static bool random_bytes(void *ret_bytes, size_t len)
{
    static _Thread_local unsigned char pool[4096];
    static _Thread_local size_t left;
    if (left < len) {
        if (!fill(pool, sizeof(pool)))
            return false;
        left = sizeof(pool);
    }
    left -= len;
    memcpy(ret_bytes, pool + left, len);
    memset(pool + left, 0, len); /* what was given out must not be found here later */
    return true;
}

bool process_id_new(struct process_id *ret_id)
{
    struct process_id id;
    if (!random_bytes(id.bytes, sizeof(id.bytes)))
        return false;
    id.bytes[6] = (unsigned char)((id.bytes[6] & 0x0f) | 0x40); /* version 4 */
    id.bytes[8] = (unsigned char)((id.bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    *ret_id = id;
    return true;
}

/* uuid_parse() does the same through strtoul(), at a twentieth of the cost of a whole poll. */
bool process_id_parse(struct span text, struct process_id *ret_id)
{
    struct process_id id;
    size_t at = 0;
    if (text.len != PROCESS_ID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        if ((at == 8 || at == 13 || at == 18 || at == 23) && text.data[at++] != '-')
            return false;
        int high = hex_digit(text.data[at]), low = hex_digit(text.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    *ret_id = id;
    return true;
}

void process_id_format(const struct process_id *id, char ret_text[PROCESS_ID_TEXT_SIZE])
{
    uuid_unparse_lower(id->bytes, ret_text);
}

int process_id_compare(const struct process_id *a, const struct process_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool lease_token_new(char ret_text[LEASE_TOKEN_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[(LEASE_TOKEN_TEXT_SIZE - 1) / 2];
    if (!random_bytes(bytes, sizeof(bytes)))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[LEASE_TOKEN_TEXT_SIZE - 1] = '\0';
    return true;
}
