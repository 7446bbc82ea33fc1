/* What the files of the JSON scanner share. Nobody else includes it. */
#ifndef CORE_JSON_PRIVATE_H
#define CORE_JSON_PRIVATE_H

#include "proctrack/json_scan.h"

/* --- the bytes that a string means ------------------------------------------------------------ */

/* Reads a checked string, escapes resolved, byte by byte. */
struct json_bytes {
    const unsigned char *at, *end;
    unsigned char pending[4]; /* the rest of a character that an escape stands for */
    unsigned char pending_at, pending_len;
};

/* `string` begins with its opening quote; what lies after the closing one is not looked at. */
struct json_bytes json_bytes_of(struct span string);
int json_bytes_next(struct json_bytes *bytes); /* -1 at the closing quote */

/* --- keys of the objects that are open -------------------------------------------------------- */

struct json_key {
    uint64_t hash; /* of what the key means */
    size_t offset; /* of its opening quote */
};

enum { JSON_KEYS_AT_HAND = 64 };

/* A stack: an object's keys lie above those of the object around it. */
struct json_keys {
    struct span text;
    struct json_key *all; /* `at_hand`, or the heap once that is full */
    size_t count, capacity;
    struct json_key at_hand[JSON_KEYS_AT_HAND];
};

void json_keys_init(struct json_keys *keys, struct span text);
void json_keys_finish(struct json_keys *keys);

/* Adds the key at [offset, offset + len), quotes included, to the object whose keys begin at index
 * `first`. NULL, or what is wrong with it. `escaped`: there is a backslash in it. */
const char *json_keys_add(struct json_keys *keys, size_t first, size_t offset, size_t len,
                          bool escaped);

/* Drops the keys from `first` on, at the object's end. False when one stood twice: *ret_offset is
 * the first key that repeats another. */
bool json_keys_close(struct json_keys *keys, size_t first, size_t *ret_offset);

#endif
