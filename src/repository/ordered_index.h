/* An ordered index over entries that embed their place in it: by score, then by id. A treap whose
 * balance comes from the ids' own randomness; every call but the walks is O(log n). One thread. */
#ifndef REPOSITORY_ORDERED_INDEX_H
#define REPOSITORY_ORDERED_INDEX_H

#include "proctrack/process.h"

/* Small on purpose: each stored process has three. */
struct index_node {
    struct index_node *parent, *left, *right;
    int64_t score;
    int32_t id_at; /* bytes from here to the id; 0 while in no index */
    uint32_t size; /* nodes in the tree below, this one included */
};

struct ordered_index {
    struct index_node *root;
    size_t count;
    /* Order of equal scores; NULL: process_id_compare(). It may look at the whole entry around the
     * id. */
    int (*compare)(const struct process_id *a, const struct process_id *b);
};

/* The id is part of the same entry as the node. */
void index_insert(struct ordered_index *index, struct index_node *node, int64_t score,
                  const struct process_id *id);
/* A node that is in no index (zeroed) is left alone. */
void index_remove(struct ordered_index *index, struct index_node *node);

static inline bool index_has(const struct index_node *node)
{
    return node->id_at != 0;
}

static inline const struct process_id *index_id(const struct index_node *node)
{
    return (const struct process_id *)((const char *)node + node->id_at);
}

struct index_node *index_first(const struct ordered_index *index);
struct index_node *index_last(const struct ordered_index *index);
struct index_node *index_next(const struct index_node *node); /* NULL at the end */
struct index_node *index_prev(const struct index_node *node);
/* The node of this rank, from 0 on; NULL behind the last. */
struct index_node *index_at(const struct ordered_index *index, size_t rank);
/* Whether the node is in this very index. */
bool index_holds(const struct ordered_index *index, const struct index_node *node);

/* The nearest neighbour of a place that need not be taken; id NULL stands before every id. */
struct index_node *index_after(const struct ordered_index *index, int64_t score,
                               const struct process_id *id);
struct index_node *index_before(const struct ordered_index *index, int64_t score,
                                const struct process_id *id);
/* How many stand before that place. */
size_t index_rank(const struct ordered_index *index, int64_t score, const struct process_id *id);

#endif
