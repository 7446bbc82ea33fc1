#include "proctrack/redis_client.h"

#include <hiredis/hiredis.h>
#include <string.h>

#define SHOWN_MAX 120

static const struct {
    const char *code;
    enum err err;
} codes[] = {
    {"WRONGTYPE", ERR_CORRUPT},       {"OOM", ERR_FULL},
    {"READONLY", ERR_UNAVAILABLE},    {"LOADING", ERR_UNAVAILABLE},
    {"CLUSTERDOWN", ERR_UNAVAILABLE}, {"MASTERDOWN", ERR_UNAVAILABLE},
    {"TRYAGAIN", ERR_UNAVAILABLE},    {"MOVED", ERR_UNAVAILABLE},
    {"ASK", ERR_UNAVAILABLE},         {"CROSSSLOT", ERR_UNAVAILABLE},
    {"NOPERM", ERR_UNAVAILABLE},      {"NOAUTH", ERR_UNAVAILABLE},
    {"WRONGPASS", ERR_UNAVAILABLE},   {"NOREPLICAS", ERR_UNAVAILABLE},
    {"BUSY", ERR_UNAVAILABLE},        {"MISCONF", ERR_UNAVAILABLE},
    {"UNKILLABLE", ERR_UNAVAILABLE},  {"UNBLOCKED", ERR_UNAVAILABLE},
    {"EXECABORT", ERR_UNAVAILABLE},   {"NOSCRIPT", ERR_UNAVAILABLE},
};

/* An error from within a script begins with its code since Redis 7; before, the code stands behind
 * a dash somewhere in the text. */
static bool has_code(struct span text, const char *code)
{
    size_t len = strlen(code);
    if (text.len > len && memcmp(text.data, code, len) == 0 && text.data[len] == ' ')
        return true;
    for (const char *at = text.data; (at = strstr(at, code)) != NULL; at++) {
        if (at > text.data && at[-1] == '-' && at[len] == ' ')
            return true;
    }
    return false;
}

enum err redis_reply_error(const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return ERR_OK;
    const struct span text = {reply->str, reply->len};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (has_code(text, codes[i].code))
            return codes[i].err;
    }
    return ERR_INTERNAL;
}

int redis_error_shown(const char *text)
{
    const char *arguments = strstr(text, ", with args");
    const size_t len = arguments != NULL ? (size_t)(arguments - text) : strlen(text);
    return len < SHOWN_MAX ? (int)len : SHOWN_MAX;
}
