#include "proctrack/sealed_line.h"

#include <zlib.h>

#define PREFIX     "{\"crc\":\""
#define PREFIX_LEN (sizeof(PREFIX) - 1)

/* The prefix, the digits and the quote behind them. */
enum { SEAL_LEN = PREFIX_LEN + SEAL_HEX + 1 };

uint32_t seal_crc(uint32_t crc, struct span data)
{
    return (uint32_t)crc32_z(crc, (const unsigned char *)data.data, data.len);
}

void seal_hex(uint32_t crc, char ret_hex[SEAL_HEX])
{
    for (int i = 0; i < SEAL_HEX; i++)
        ret_hex[i] = "0123456789abcdef"[crc >> (4 * (SEAL_HEX - 1 - i)) & 15];
}

size_t sealed_line_begin(struct text_buffer *out)
{
    const size_t begin = out->len;
    text_append_literal(out, PREFIX "00000000\"");
    return begin;
}

/* The buffer's capacity never says more than there is, not even after a failure: it goes on from
 * the shorter contents. */
void sealed_line_abandon(struct text_buffer *out, size_t begin)
{
    if (out->len > begin)
        out->len = begin;
    out->failed = out->full = false;
}

bool sealed_line_end(struct text_buffer *out, size_t begin)
{
    text_append_char(out, '}');
    if (out->failed) {
        sealed_line_abandon(out, begin);
        return false;
    }
    const size_t from = begin + SEAL_LEN;
    const uint32_t crc = seal_crc(0, (struct span){out->data + from, out->len - from});
    seal_hex(crc, out->data + begin + PREFIX_LEN);
    return true;
}

static bool has_seal(struct span line)
{
    return line.len > SEAL_LEN && memcmp(line.data, PREFIX, PREFIX_LEN) == 0 &&
           line.data[SEAL_LEN - 1] == '"';
}

static bool is_sealed_with(struct span line, uint32_t crc)
{
    char hex[SEAL_HEX];
    seal_hex(crc, hex);
    return memcmp(line.data + PREFIX_LEN, hex, SEAL_HEX) == 0;
}

bool sealed_line_check(struct span line, struct span *ret_members)
{
    if (!has_seal(line) || line.data[line.len - 1] != '}')
        return false;
    const struct span members = {line.data + SEAL_LEN, line.len - SEAL_LEN};
    if (!is_sealed_with(line, seal_crc(0, members)))
        return false;
    *ret_members = members;
    return true;
}

bool sealed_line_leads(struct span text)
{
    uint32_t crc = 0;
    const char *brace;
    if (!has_seal(text))
        return false;
    for (size_t at = SEAL_LEN, end; at < text.len; at = end) {
        brace = memchr(text.data + at, '}', text.len - at);
        if (brace == NULL)
            return false;
        end = (size_t)(brace - text.data) + 1;
        crc = seal_crc(crc, (struct span){text.data + at, end - at});
        if (end < text.len && is_sealed_with(text, crc))
            return true;
    }
    return false;
}

bool sealed_line_begins(struct span part)
{
    const size_t len = part.len < PREFIX_LEN ? part.len : PREFIX_LEN;
    return memcmp(part.data, PREFIX, len) == 0;
}

bool sealed_line_number(struct span *members, const char *name, uint64_t *ret_number)
{
    const size_t name_len = strlen(name);
    const size_t before = name_len + 4; /* the comma, two quotes, the colon */
    if (members->len <= before || memcmp(members->data, ",\"", 2) != 0 ||
        memcmp(members->data + 2, name, name_len) != 0 ||
        memcmp(members->data + 2 + name_len, "\":", 2) != 0)
        return false;
    size_t end = before;
    while (end < members->len && members->data[end] >= '0' && members->data[end] <= '9')
        end++;
    int64_t number;
    const struct span digits = {members->data + before, end - before};
    if (!span_to_int(digits, 0, INT64_MAX, &number) || (digits.len > 1 && digits.data[0] == '0'))
        return false;
    *ret_number = (uint64_t)number;
    *members = (struct span){members->data + end, members->len - end};
    return true;
}
