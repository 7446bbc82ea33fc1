/* An ordered index over entries that embed their place in it: by score, then by id. A treap whose
 * balance comes from the ids' own randomness; every call but the walks is O(log n). One thread. */
#ifndef REPOSITORY_ORDERED_INDEX_H
#define REPOSITORY_ORDERED_INDEX_H

#include "proctrack/process.h"

struct index_node {
    struct index_node *parent, *left, *right;
    int64_t score;
    const struct process_id *id; /* the owner's; NULL while in no index */
};

struct ordered_index {
    struct index_node *root;
    size_t count;
};

/* The id must stay where it is as long as the node is in the index. */
void index_insert(struct ordered_index *index, struct index_node *node, int64_t score,
                  const struct process_id *id);
/* A node that is in no index (zeroed) is left alone. */
void index_remove(struct ordered_index *index, struct index_node *node);

struct index_node *index_first(const struct ordered_index *index);
struct index_node *index_last(const struct ordered_index *index);
struct index_node *index_next(const struct index_node *node); /* NULL at the end */
struct index_node *index_prev(const struct index_node *node);

/* The nearest neighbour of a place that need not be taken; id NULL stands before every id. */
struct index_node *index_after(const struct ordered_index *index, int64_t score,
                               const struct process_id *id);
struct index_node *index_before(const struct ordered_index *index, int64_t score,
                                const struct process_id *id);

#endif
