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

static void set_version(struct process_id *id)
{
    id->bytes[6] = (unsigned char)((id->bytes[6] & 0x0f) | 0x40); /* version 4 */
    id->bytes[8] = (unsigned char)((id->bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
}

bool process_id_new(struct process_id *ret_id)
{
    struct process_id id;
    if (!random_bytes(id.bytes, sizeof(id.bytes)))
        return false;
    set_version(&id);
    *ret_id = id;
    return true;
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t spread(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Stored batches are found again by it, so it must stay the same for ever. The bits in front make
 * the order, the others are the base's, spread. */
void process_id_nth(const struct process_id *base, unsigned n, struct process_id *ret_id)
{
    uint64_t halves[2] = {spread(2 * (uint64_t)n), spread(2 * (uint64_t)n + 1)};
    *ret_id = *base;
    for (size_t i = 4; n > 0 && i < sizeof(ret_id->bytes); i++)
        ret_id->bytes[i] ^= (unsigned char)(halves[i / 8] >> (56 - 8 * (i % 8)));
    ret_id->bytes[2] = (unsigned char)((base->bytes[2] & 0xfc) | (n >> 8 & 0x03));
    ret_id->bytes[3] = (unsigned char)n;
    set_version(ret_id);
}

/* uuid_parse() does the same through strtoul(), at a twentieth of the cost of a whole poll; digit
 * by digit, each with a test of its own, it is still a fiftieth. */
bool process_id_parse(struct span text, struct process_id *ret_id)
{
    enum { VALID = 0x10 };
    static const unsigned char digits[256] = {
        ['0'] = VALID, 0x11, 0x12, 0x13, 0x14, 0x15,         0x16, 0x17, 0x18, 0x19, ['A'] = 0x1a,
        0x1b,          0x1c, 0x1d, 0x1e, 0x1f, ['a'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
    };
    static const unsigned char places[] = {0,  2,  4,  6,  9,  11, 14, 16,
                                           19, 21, 24, 26, 28, 30, 32, 34};
    struct process_id id;
    unsigned valid = VALID;
    if (text.len != PROCESS_ID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        unsigned high = digits[(unsigned char)text.data[places[i]]];
        unsigned low = digits[(unsigned char)text.data[places[i] + 1]];
        valid &= high & low;
        id.bytes[i] = (unsigned char)(high << 4 | (low & 0xf));
    }
    if (valid == 0 || text.data[8] != '-' || text.data[13] != '-' || text.data[18] != '-' ||
        text.data[23] != '-')
        return false;
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

bool lease_token_is_valid(struct span text)
{
    if (text.len != LEASE_TOKEN_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (hex_digit(text.data[i]) < 0 || (text.data[i] >= 'A' && text.data[i] <= 'F'))
            return false;
    }
    return true;
}
