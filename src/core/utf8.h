/* For the scanners of this floor: UTF-8 (RFC 3629) one sequence at a time, and questions that are
 * asked of eight bytes at once. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length (1 to 4) of the valid sequence at `at`, with `left` >= 1 bytes to read; 0 when it is
 * none: overlong, a surrogate, above U+10FFFF, a stray continuation, or cut short. */
static inline size_t utf8_sequence(const unsigned char *at, size_t left)
{
    const unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4 || left < 2)
        return 0;
    if (first < 0xe0)
        return (at[1] & 0xc0) == 0x80 ? 2 : 0;

    /* The second byte's range is what excludes overlongs, surrogates and too large values. */
    const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    const size_t len = first < 0xf0 ? 3 : 4;
    if (left < len || at[1] < low || at[1] > high || (at[2] & 0xc0) != 0x80)
        return 0;
    return len == 3 || (at[3] & 0xc0) == 0x80 ? len : 0;
}

/* Eight bytes from any address; the first is the lowest of the word on every machine. */
static inline uint64_t load_eight(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* The masks below have the high bit of a byte set where it is what is looked for. A borrow can set
 * bits above the first such byte too, so only the first (the lowest) may be relied on. */
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t eight_beyond_ascii(uint64_t word)
{
    return word & EIGHT(0x80);
}

static inline uint64_t eight_zeros(uint64_t word)
{
    return (word - EIGHT(1)) & ~word & EIGHT(0x80);
}

/* Quotes, backslashes and control characters: what stands for itself in no JSON string. */
static inline uint64_t eight_json_specials(uint64_t word)
{
    const uint64_t controls = (word - EIGHT(0x20)) & ~word & EIGHT(0x80);
    return controls | eight_zeros(word ^ EIGHT('"')) | eight_zeros(word ^ EIGHT('\\'));
}

static inline size_t eight_first(uint64_t mask) /* the first byte that a mask marks; not of 0 */
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

#endif
