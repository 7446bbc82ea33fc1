#include "text_stats/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Random, so that nobody can write a text of words that all fall into one place. */
static uint64_t seed(void)
{
    static uint64_t value;
    while (value == 0) {
        if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
            value = 0x9E3779B97F4A7C15u;
    }
    return value;
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 32) * 0xD6E8FEB86659FD93u;
    return value ^ value >> 32;
}

static uint64_t hash_text(const char *text, size_t len)
{
    uint64_t hash = seed() ^ len;
    for (; len >= 8; text += 8, len -= 8) {
        uint64_t part;
        memcpy(&part, text, 8);
        hash = mix(hash ^ part);
    }
    uint64_t rest = 0;
    memcpy(&rest, text, len);
    return mix(hash ^ rest);
}

/* --- words --------------------------------------------------------------------------------------
 */

const char *vocabulary_text(const struct vocabulary *vocabulary, uint32_t word)
{
    return vocabulary->texts + vocabulary->words[word].offset;
}

void vocabulary_finish(struct vocabulary *vocabulary)
{
    free(vocabulary->words);
    free(vocabulary->slots);
    free(vocabulary->texts);
    memset(vocabulary, 0, sizeof(*vocabulary));
}

/* The slot that holds the word, or the empty one where it belongs. */
static uint32_t *find_slot(const struct vocabulary *vocabulary, uint64_t hash, const char *text,
                           size_t len)
{
    for (size_t i = hash;; i++) {
        uint32_t *slot = &vocabulary->slots[i & (vocabulary->slot_count - 1)];
        if (*slot == 0)
            return slot;
        const struct word *word = &vocabulary->words[*slot - 1];
        if (word->hash == hash && word->len == len &&
            memcmp(vocabulary->texts + word->offset, text, len) == 0)
            return slot;
    }
}

static bool grow_slots(struct vocabulary *vocabulary)
{
    uint32_t slot_count = vocabulary->slot_count > 0 ? vocabulary->slot_count * 2 : 1024;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(vocabulary->slots);
    vocabulary->slots = slots;
    vocabulary->slot_count = slot_count;
    for (uint32_t i = 0; i < vocabulary->count; i++) {
        size_t at = vocabulary->words[i].hash;
        while (slots[at & (slot_count - 1)] != 0)
            at++;
        slots[at & (slot_count - 1)] = i + 1;
    }
    return true;
}

static bool grow_words(struct vocabulary *vocabulary)
{
    uint32_t capacity = vocabulary->capacity > 0 ? vocabulary->capacity * 2 : 512;
    struct word *words = realloc(vocabulary->words, capacity * sizeof(*words));
    if (words == NULL)
        return false;
    vocabulary->words = words;
    vocabulary->capacity = capacity;
    return true;
}

static bool grow_texts(struct vocabulary *vocabulary, size_t more)
{
    size_t capacity = vocabulary->texts_capacity > 0 ? vocabulary->texts_capacity : 4096;
    while (capacity < vocabulary->texts_len + more)
        capacity *= 2;
    char *texts = realloc(vocabulary->texts, capacity);
    if (texts == NULL)
        return false;
    vocabulary->texts = texts;
    vocabulary->texts_capacity = capacity;
    return true;
}

static bool make_room(struct vocabulary *vocabulary, size_t len)
{
    if (vocabulary->count * 2 >= vocabulary->slot_count && !grow_slots(vocabulary))
        return false;
    if (vocabulary->count == vocabulary->capacity && !grow_words(vocabulary))
        return false;
    return vocabulary->texts_len + len + 1 <= vocabulary->texts_capacity ||
           grow_texts(vocabulary, len + 1);
}

uint32_t vocabulary_add(struct vocabulary *vocabulary, const char *text, size_t len,
                        uint32_t letters, int64_t more)
{
    if (!make_room(vocabulary, len))
        return WORD_NONE;
    uint64_t hash = hash_text(text, len);
    uint32_t *slot = find_slot(vocabulary, hash, text, len);
    if (*slot == 0) {
        vocabulary->words[vocabulary->count] = (struct word){.offset = vocabulary->texts_len,
                                                             .len = (uint32_t)len,
                                                             .letters = letters,
                                                             .hash = hash};
        memcpy(vocabulary->texts + vocabulary->texts_len, text, len);
        vocabulary->texts[vocabulary->texts_len + len] = '\0';
        vocabulary->texts_len += len + 1;
        *slot = ++vocabulary->count;
    }
    vocabulary->words[*slot - 1].count += more;
    return *slot - 1;
}

uint32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t len)
{
    if (vocabulary->slot_count == 0)
        return WORD_NONE;
    uint32_t slot = *find_slot(vocabulary, hash_text(text, len), text, len);
    return slot != 0 ? slot - 1 : WORD_NONE;
}

/* --- pairs --------------------------------------------------------------------------------------
 */

static struct pair *find_place(const struct pairs *pairs, uint32_t first, uint32_t second)
{
    for (size_t i = mix(seed() ^ ((uint64_t)first << 32 | second));; i++) {
        struct pair *place = &pairs->places[i & (pairs->place_count - 1)];
        if (place->count == 0 || (place->first == first && place->second == second))
            return place;
    }
}

static bool grow_places(struct pairs *pairs)
{
    struct pairs larger = {.place_count = pairs->place_count > 0 ? pairs->place_count * 2 : 1024,
                           .count = pairs->count};
    larger.places = calloc(larger.place_count, sizeof(*larger.places));
    if (larger.places == NULL)
        return false;
    for (size_t i = 0; i < pairs->place_count; i++) {
        const struct pair *pair = &pairs->places[i];
        if (pair->count > 0)
            *find_place(&larger, pair->first, pair->second) = *pair;
    }
    free(pairs->places);
    *pairs = larger;
    return true;
}

bool pairs_add(struct pairs *pairs, uint32_t first, uint32_t second, int64_t more)
{
    if (pairs->count * 2 >= pairs->place_count && !grow_places(pairs))
        return false;
    struct pair *place = find_place(pairs, first, second);
    if (place->count == 0) {
        place->first = first;
        place->second = second;
        pairs->count++;
    }
    place->count += more;
    return true;
}

void pairs_finish(struct pairs *pairs)
{
    free(pairs->places);
    memset(pairs, 0, sizeof(*pairs));
}
