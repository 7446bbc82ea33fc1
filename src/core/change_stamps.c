/* A table of words, one for all keys of one hash: in the upper half a number that grows with every
 * renewal, in the lower a hash of key and state, if one was shown since. Two loops that show the
 * same state leave the word as it is, so both may keep what they have. */
#include "proctrack/change_stamps.h"

#include "proctrack/keyed_hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WORDS ((size_t)1 << 17)

struct change_stamps {
    atomic_uint_fast64_t common;
    atomic_uint_fast64_t words[WORDS];
};

struct change_stamps *change_stamps_create(void)
{
    return calloc(1, sizeof(struct change_stamps));
}

void change_stamps_destroy(struct change_stamps *stamps)
{
    free(stamps);
}

static uint64_t renewed(uint64_t word, uint32_t mark)
{
    return ((word >> 32) + 1) << 32 | mark;
}

/* Never 0, which stands for no state. */
static uint32_t mark_of(uint64_t hash, uint64_t state)
{
    uint64_t both[2] = {hash, state};
    return (uint32_t)keyed_hash((struct span){(const char *)both, sizeof(both)}) | 1;
}

static uint64_t load(const atomic_uint_fast64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

struct change_stamp change_stamps_get_hashed(const struct change_stamps *stamps, uint64_t hash)
{
    return (struct change_stamp){
        .own = load(&stamps->words[hash % WORDS]),
        .common = load(&stamps->common),
    };
}

struct change_stamp change_stamps_get(const struct change_stamps *stamps, struct span key)
{
    return change_stamps_get_hashed(stamps, keyed_hash(key));
}

void change_stamps_renew(struct change_stamps *stamps, struct span key)
{
    atomic_uint_fast64_t *word = &stamps->words[keyed_hash(key) % WORDS];
    uint_fast64_t old = load(word);
    while (!atomic_compare_exchange_weak_explicit(word, &old, renewed(old, 0), memory_order_acq_rel,
                                                  memory_order_acquire)) {
    }
}

void change_stamps_renew_all(struct change_stamps *stamps)
{
    atomic_fetch_add_explicit(&stamps->common, 1, memory_order_acq_rel);
}

bool change_stamps_settle(struct change_stamps *stamps, struct span key, uint64_t state,
                          struct change_stamp *stamp)
{
    uint64_t hash = keyed_hash(key);
    uint32_t mark = mark_of(hash, state);
    atomic_uint_fast64_t *word = &stamps->words[hash % WORDS];
    uint_fast64_t now = load(word);
    if (load(&stamps->common) != stamp->common)
        return false;
    if ((uint32_t)now == mark) { /* perhaps another loop has just shown this very state */
        stamp->own = now;
        return true;
    }
    if (now != stamp->own)
        return false;
    stamp->own = renewed(now, mark);
    return atomic_compare_exchange_strong_explicit(word, &now, stamp->own, memory_order_acq_rel,
                                                   memory_order_acquire);
}

void change_stamps_show(struct change_stamps *stamps, struct span key, uint64_t state)
{
    uint64_t hash = keyed_hash(key);
    if ((uint32_t)load(&stamps->words[hash % WORDS]) != mark_of(hash, state))
        change_stamps_renew(stamps, key);
}
