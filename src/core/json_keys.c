/* No key may stand twice in an object. A few keys are compared as they come. Of many, only hashes
 * are kept, and sorted when the object ends: a million keys cost n log n and two words each. Where
 * hashes are equal the keys themselves decide. */
#include "core/json_private.h"

#include "proctrack/keyed_hash.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_KEYS = 16 };

const char json_no_memory[] = "out of memory";

/* What the key means, escapes resolved. */
static uint64_t hash_escaped(struct span key)
{
    struct keyed_hash hash;
    struct json_bytes bytes = json_bytes_of(key);
    int byte;
    keyed_hash_start(&hash);
    while ((byte = json_bytes_next(&bytes)) >= 0)
        keyed_hash_add(&hash, (unsigned char)byte);
    return keyed_hash_end(&hash);
}

/* --- the stack of keys ------------------------------------------------------------------------ */

void json_keys_init(struct json_keys *keys, struct span text)
{
    keys->text = text;
    keys->all = keys->at_hand;
    keys->count = 0;
    keys->capacity = JSON_KEYS_AT_HAND;
}

void json_keys_finish(struct json_keys *keys)
{
    if (keys->all != keys->at_hand)
        free(keys->all);
}

static bool grow(struct json_keys *keys)
{
    const size_t capacity = keys->capacity * 2;
    struct json_key *old = keys->all != keys->at_hand ? keys->all : NULL;
    struct json_key *all = reallocarray(old, capacity, sizeof(*all));
    if (all == NULL)
        return false;
    if (old == NULL)
        memcpy(all, keys->at_hand, sizeof(keys->at_hand));
    keys->all = all;
    keys->capacity = capacity;
    return true;
}

static bool same_key(const struct json_keys *keys, const struct json_key *a,
                     const struct json_key *b)
{
    if (a->hash != b->hash)
        return false;
    const struct span text = keys->text;
    struct json_bytes left =
        json_bytes_of((struct span){text.data + a->offset, text.len - a->offset});
    struct json_bytes right =
        json_bytes_of((struct span){text.data + b->offset, text.len - b->offset});
    for (;;) {
        const int byte = json_bytes_next(&left);
        if (byte != json_bytes_next(&right))
            return false;
        if (byte < 0)
            return true;
    }
}

const char *json_keys_add(struct json_keys *keys, size_t first, size_t offset, size_t len,
                          bool escaped)
{
    if (keys->count == keys->capacity && !grow(keys))
        return json_no_memory;
    const char *start = keys->text.data + offset;
    struct json_key *key = &keys->all[keys->count];
    key->offset = offset;
    key->hash = escaped ? hash_escaped((struct span){start, len})
                        : keyed_hash((struct span){start + 1, len - 2});
    if (keys->count - first < FEW_KEYS) {
        for (const struct json_key *other = &keys->all[first]; other < key; other++) {
            if (same_key(keys, other, key))
                return "the key stands twice in its object";
        }
    }
    keys->count++;
    return NULL;
}

static int compare_keys(const void *left, const void *right)
{
    const struct json_key *a = left;
    const struct json_key *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* True when an earlier one of the keys in front of `key` with its hash is the same. */
static bool repeats(const struct json_keys *keys, const struct json_key *from,
                    const struct json_key *key)
{
    for (const struct json_key *other = key; other > from && other[-1].hash == key->hash; other--) {
        if (same_key(keys, &other[-1], key))
            return true;
    }
    return false;
}

bool json_keys_close(struct json_keys *keys, size_t first, size_t *ret_offset)
{
    struct json_key *from = &keys->all[first];
    const size_t count = keys->count - first;
    keys->count = first;
    if (count <= FEW_KEYS)
        return true;
    qsort(from, count, sizeof(*from), compare_keys);
    size_t least = SIZE_MAX;
    for (const struct json_key *key = from; key < from + count; key++) {
        if (key->offset < least && repeats(keys, from, key))
            least = key->offset;
    }
    if (least == SIZE_MAX)
        return true;
    *ret_offset = least;
    return false;
}
