#include "repository/ordered_index.h"

#include <assert.h>
#include <string.h>

static int compare(const struct ordered_index *index, const struct index_node *node, int64_t score,
                   const struct process_id *id)
{
    if (node->score != score)
        return node->score < score ? -1 : 1;
    if (id == NULL)
        return 1;
    if (index->compare != NULL)
        return index->compare(index_id(node), id);
    return process_id_compare(index_id(node), id);
}

/* The heap order of the treap: ids are random, and the server makes them. Not their beginning, as
 * it is what those of a batch are in order by. */
static uint32_t weight(const struct index_node *node)
{
    uint32_t value;
    const struct process_id *id = index_id(node);
    memcpy(&value, id->bytes + sizeof(id->bytes) - sizeof(value), sizeof(value));
    return value;
}

static uint32_t size_of(const struct index_node *node)
{
    return node != NULL ? node->size : 0;
}

static struct index_node **place_of(struct ordered_index *index, struct index_node *node)
{
    if (node->parent == NULL)
        return &index->root;
    return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* Lifts `node` over its parent; the order from left to right stays. */
static void lift(struct ordered_index *index, struct index_node *node)
{
    struct index_node *parent = node->parent, *moved;
    *place_of(index, parent) = node;
    node->parent = parent->parent;
    if (parent->left == node) {
        moved = node->right;
        parent->left = moved;
        node->right = parent;
    } else {
        moved = node->left;
        parent->right = moved;
        node->left = parent;
    }
    if (moved != NULL)
        moved->parent = parent;
    parent->parent = node;
    node->size = parent->size;
    parent->size = 1 + size_of(parent->left) + size_of(parent->right);
}

void index_insert(struct ordered_index *index, struct index_node *node, int64_t score,
                  const struct process_id *id)
{
    struct index_node **place = &index->root, *parent = NULL;
    ptrdiff_t id_at = (const char *)id - (const char *)node;
    assert(id_at != 0 && id_at == (int32_t)id_at);
    while (*place != NULL) {
        parent = *place;
        parent->size++;
        place = compare(index, parent, score, id) > 0 ? &parent->left : &parent->right;
    }
    *node =
        (struct index_node){.parent = parent, .score = score, .id_at = (int32_t)id_at, .size = 1};
    *place = node;
    while (node->parent != NULL && weight(node) < weight(node->parent))
        lift(index, node);
    index->count++;
}

void index_remove(struct ordered_index *index, struct index_node *node)
{
    if (!index_has(node))
        return;
    while (node->left != NULL && node->right != NULL)
        lift(index, weight(node->left) < weight(node->right) ? node->left : node->right);
    struct index_node *child = node->left != NULL ? node->left : node->right;
    *place_of(index, node) = child;
    if (child != NULL)
        child->parent = node->parent;
    for (struct index_node *above = node->parent; above != NULL; above = above->parent)
        above->size--;
    *node = (struct index_node){.parent = NULL};
    index->count--;
}

static struct index_node *leftmost(struct index_node *node)
{
    while (node != NULL && node->left != NULL)
        node = node->left;
    return node;
}

static struct index_node *rightmost(struct index_node *node)
{
    while (node != NULL && node->right != NULL)
        node = node->right;
    return node;
}

struct index_node *index_first(const struct ordered_index *index)
{
    return leftmost(index->root);
}

struct index_node *index_last(const struct ordered_index *index)
{
    return rightmost(index->root);
}

struct index_node *index_next(const struct index_node *node)
{
    if (node->right != NULL)
        return leftmost(node->right);
    while (node->parent != NULL && node->parent->right == node)
        node = node->parent;
    return node->parent;
}

struct index_node *index_prev(const struct index_node *node)
{
    if (node->left != NULL)
        return rightmost(node->left);
    while (node->parent != NULL && node->parent->left == node)
        node = node->parent;
    return node->parent;
}

struct index_node *index_after(const struct ordered_index *index, int64_t score,
                               const struct process_id *id)
{
    struct index_node *node = index->root, *found = NULL;
    while (node != NULL) {
        bool later = compare(index, node, score, id) > 0;
        if (later)
            found = node;
        node = later ? node->left : node->right;
    }
    return found;
}

struct index_node *index_before(const struct ordered_index *index, int64_t score,
                                const struct process_id *id)
{
    struct index_node *node = index->root, *found = NULL;
    while (node != NULL) {
        bool earlier = compare(index, node, score, id) < 0;
        if (earlier)
            found = node;
        node = earlier ? node->right : node->left;
    }
    return found;
}

size_t index_rank(const struct ordered_index *index, int64_t score, const struct process_id *id)
{
    size_t rank = 0;
    const struct index_node *node = index->root;
    while (node != NULL) {
        bool earlier = compare(index, node, score, id) < 0;
        if (earlier)
            rank += 1 + size_of(node->left);
        node = earlier ? node->right : node->left;
    }
    return rank;
}

struct index_node *index_at(const struct ordered_index *index, size_t rank)
{
    struct index_node *node = index->root;
    while (node != NULL) {
        size_t before = size_of(node->left);
        if (rank == before)
            return node;
        node = rank < before ? node->left : node->right;
        if (rank > before)
            rank -= before + 1;
    }
    return NULL;
}

bool index_holds(const struct ordered_index *index, const struct index_node *node)
{
    if (!index_has(node))
        return false;
    while (node->parent != NULL)
        node = node->parent;
    return node == index->root;
}
