/* No key may stand twice in an object. A few keys are compared as they come. Of many, only hashes
 * are kept, and sorted when the object ends: a million keys cost n log n and two words each. The
 * hash is SipHash-1-3 under a seed that nobody outside can know, so that nobody can choose keys
 * that collide; where hashes are equal the keys themselves decide. */
#include "core/json_private.h"

#include "core/utf8.h"
#include "proctrack/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FEW_KEYS = 16 };

/* --- SipHash-1-3 ------------------------------------------------------------------------------ */

static uint64_t seed[2]; /* written once, under `seed_once` */
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    /* Where the kernel gives no randomness, the time at least differs from start to start. */
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed[0] ^= (uint64_t)clock_steady_us() ^ ((uint64_t)clock_wall_ms() << 32);
}

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static inline void sip_round(struct sip *sip)
{
    sip->a += sip->b;
    sip->c += sip->d;
    sip->b = rotate(sip->b, 13) ^ sip->a;
    sip->d = rotate(sip->d, 16) ^ sip->c;
    sip->a = rotate(sip->a, 32);
    sip->c += sip->b;
    sip->a += sip->d;
    sip->b = rotate(sip->b, 17) ^ sip->c;
    sip->d = rotate(sip->d, 21) ^ sip->a;
    sip->c = rotate(sip->c, 32);
}

static struct sip sip_start(void)
{
    return (struct sip){
        .a = seed[0] ^ UINT64_C(0x736f6d6570736575),
        .b = seed[1] ^ UINT64_C(0x646f72616e646f6d),
        .c = seed[0] ^ UINT64_C(0x6c7967656e657261),
        .d = seed[1] ^ UINT64_C(0x7465646279746573),
    };
}

static inline void sip_add(struct sip *sip, uint64_t word)
{
    sip->d ^= word;
    sip_round(sip);
    sip->a ^= word;
}

/* `rest` holds the bytes that filled no word, with zeros after them. */
static uint64_t sip_end(struct sip *sip, const unsigned char rest[8], size_t total_len)
{
    sip_add(sip, load_eight(rest) | (uint64_t)total_len << 56);
    sip->c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(sip);
    return sip->a ^ sip->b ^ sip->c ^ sip->d;
}

static uint64_t hash_plain(const unsigned char *at, size_t len)
{
    struct sip sip = sip_start();
    size_t left = len;
    for (; left >= 8; left -= 8, at += 8)
        sip_add(&sip, load_eight(at));
    unsigned char rest[8] = {0};
    memcpy(rest, at, left);
    return sip_end(&sip, rest, len);
}

static uint64_t hash_escaped(struct span key)
{
    struct sip sip = sip_start();
    struct json_bytes bytes = json_bytes_of(key);
    unsigned char word[8] = {0};
    size_t len = 0;
    int byte;
    while ((byte = json_bytes_next(&bytes)) >= 0) {
        word[len++ % 8] = (unsigned char)byte;
        if (len % 8 == 0) {
            sip_add(&sip, load_eight(word));
            memset(word, 0, sizeof(word));
        }
    }
    return sip_end(&sip, word, len);
}

/* --- the stack of keys ------------------------------------------------------------------------ */

void json_keys_init(struct json_keys *keys, struct span text)
{
    pthread_once(&seed_once, make_seed);
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
        return "out of memory";
    const char *start = keys->text.data + offset;
    struct json_key *key = &keys->all[keys->count];
    key->offset = offset;
    key->hash = escaped ? hash_escaped((struct span){start, len})
                        : hash_plain((const unsigned char *)start + 1, len - 2);
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
