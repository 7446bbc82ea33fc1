/* SipHash-1-3 (Aumasson, Bernstein) under a seed of kernel randomness, drawn once per start: for
 * tables whose keys others choose, so that nobody outside can make them collide. Any thread. */
#ifndef PROCTRACK_KEYED_HASH_H
#define PROCTRACK_KEYED_HASH_H

#include "proctrack/text.h"

uint64_t keyed_hash(struct span bytes);

/* The same hash of bytes that come one by one. */
struct keyed_hash {
    uint64_t a, b, c, d;
    unsigned char word[8]; /* bytes that have not filled it yet, then zeros */
    size_t len;
};
void keyed_hash_start(struct keyed_hash *hash);
void keyed_hash_add(struct keyed_hash *hash, unsigned char byte);
uint64_t keyed_hash_end(struct keyed_hash *hash);

#endif
