#include "http/http_request_id.h"

#include "proctrack/process.h"

bool http_request_id_is_valid(struct span text)
{
    static const bool marks[128] = {
        ['.'] = true, ['_'] = true, [':'] = true, ['/'] = true,
        ['+'] = true, ['='] = true, ['@'] = true, ['-'] = true,
    };
    if (text.data == NULL || text.len == 0 || text.len > HTTP_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool alnum = (unsigned)(c | 0x20) - 'a' < 26 || (unsigned)c - '0' < 10;
        if (!alnum && (c >= sizeof(marks) || !marks[c]))
            return false;
    }
    return true;
}

bool http_request_ids_init(struct http_request_ids *ids)
{
    char random[LEASE_TOKEN_TEXT_SIZE];
    *ids = (struct http_request_ids){.count = 0};
    if (!lease_token_new(random)) /* the same digits, from the same pool */
        return false;
    memcpy(ids->random, random, sizeof(ids->random));
    return true;
}

void http_request_ids_next(struct http_request_ids *ids, char ret_id[HTTP_REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *to = ret_id + sizeof(ids->random);
    int shift = 60;
    memcpy(ret_id, ids->random, sizeof(ids->random));
    *to++ = '-';
    ids->count++;
    while (ids->count >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *to++ = digits[ids->count >> shift & 15];
    *to = '\0';
}
