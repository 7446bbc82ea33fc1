#include "proctrack/keyed_hash.h"

#include "core/utf8.h"
#include "proctrack/clock.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static uint64_t seed[2]; /* written once, under `seed_once` */
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    /* Where the kernel gives no randomness, the time at least differs from start to start. */
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed[0] ^= (uint64_t)clock_steady_us() ^ ((uint64_t)clock_wall_ms() << 32);
}

static uint64_t rotate(uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static inline void turn(struct keyed_hash *hash)
{
    hash->a += hash->b;
    hash->c += hash->d;
    hash->b = rotate(hash->b, 13) ^ hash->a;
    hash->d = rotate(hash->d, 16) ^ hash->c;
    hash->a = rotate(hash->a, 32);
    hash->c += hash->b;
    hash->a += hash->d;
    hash->b = rotate(hash->b, 17) ^ hash->c;
    hash->d = rotate(hash->d, 21) ^ hash->a;
    hash->c = rotate(hash->c, 32);
}

static inline void add_word(struct keyed_hash *hash, uint64_t word)
{
    hash->d ^= word;
    turn(hash);
    hash->a ^= word;
}

void keyed_hash_start(struct keyed_hash *hash)
{
    pthread_once(&seed_once, make_seed);
    hash->a = seed[0] ^ UINT64_C(0x736f6d6570736575);
    hash->b = seed[1] ^ UINT64_C(0x646f72616e646f6d);
    hash->c = seed[0] ^ UINT64_C(0x6c7967656e657261);
    hash->d = seed[1] ^ UINT64_C(0x7465646279746573);
    memset(hash->word, 0, sizeof(hash->word));
    hash->len = 0;
}

void keyed_hash_add(struct keyed_hash *hash, unsigned char byte)
{
    hash->word[hash->len++ % 8] = byte;
    if (hash->len % 8 != 0)
        return;
    add_word(hash, load_eight(hash->word));
    memset(hash->word, 0, sizeof(hash->word));
}

uint64_t keyed_hash_end(struct keyed_hash *hash)
{
    add_word(hash, load_eight(hash->word) | (uint64_t)hash->len << 56);
    hash->c ^= 0xff;
    for (int i = 0; i < 3; i++)
        turn(hash);
    return hash->a ^ hash->b ^ hash->c ^ hash->d;
}

uint64_t keyed_hash(struct span bytes)
{
    struct keyed_hash hash;
    const unsigned char *at = (const unsigned char *)bytes.data;
    keyed_hash_start(&hash);
    for (; bytes.len - hash.len >= 8; hash.len += 8, at += 8)
        add_word(&hash, load_eight(at));
    if (bytes.len > hash.len)
        memcpy(hash.word, at, bytes.len - hash.len);
    hash.len = bytes.len;
    return keyed_hash_end(&hash);
}
