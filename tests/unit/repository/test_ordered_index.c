#include "support/test.h"

#include "proctrack/list.h"
#include "repository/ordered_index.h"

enum { COUNT = 3000 };

struct entry {
    struct process_id id;
    struct index_node node;
    int64_t score;
    int name;
};

static int by_place(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return process_id_compare(&x->id, &y->id);
}

static int depth(const struct index_node *node)
{
    if (node == NULL)
        return 0;
    int left = depth(node->left), right = depth(node->right);
    return 1 + (left > right ? left : right);
}

static void walks_both_ways(const struct ordered_index *index, struct entry **sorted, size_t count)
{
    struct index_node *node = index_first(index);
    for (size_t i = 0; i < count; i++, node = index_next(node))
        assert_ptr_equal(node, &sorted[i]->node);
    assert_null(node);
    node = index_last(index);
    for (size_t i = count; i-- > 0; node = index_prev(node))
        assert_ptr_equal(node, &sorted[i]->node);
    assert_null(node);
    assert_int_equal(index->count, count);
}

static void finds_neighbours(const struct ordered_index *index, struct entry **sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = sorted[i];
        struct index_node *next = i + 1 < count ? &sorted[i + 1]->node : NULL;
        struct index_node *prev = i > 0 ? &sorted[i - 1]->node : NULL;
        assert_ptr_equal(index_after(index, e->score, &e->id), next);
        assert_ptr_equal(index_before(index, e->score, &e->id), prev);
    }
    assert_ptr_equal(index_after(index, INT64_MIN, NULL), index_first(index));
    assert_ptr_equal(index_before(index, INT64_MAX, NULL), index_last(index));
}

/* Places of entries, and places between them. */
static void ranks_as_a_count_does(const struct ordered_index *index, struct entry **sorted,
                                  size_t count)
{
    size_t lower = 0; /* with a lower score */
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = sorted[i];
        if (i > 0 && sorted[i - 1]->score != e->score)
            lower = i;
        assert_int_equal(index_rank(index, e->score, &e->id), i);
        assert_int_equal(index_rank(index, e->score, NULL), lower);
        assert_ptr_equal(index_at(index, i), &e->node);
    }
    assert_null(index_at(index, count));
    assert_null(index_at(index, SIZE_MAX));
    assert_int_equal(index_rank(index, INT64_MIN, NULL), 0);
    assert_int_equal(index_rank(index, INT64_MAX, NULL), count);
}

static void keeps_order_under_random_changes(void **state)
{
    (void)state;
    static struct entry entries[COUNT];
    static struct entry *sorted[COUNT];
    struct ordered_index index = {.root = NULL};
    srand(7);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(process_id_new(&entries[i].id));
        entries[i].score = rand() % 50; /* many equal ones */
        index_insert(&index, &entries[i].node, entries[i].score, &entries[i].id);
        sorted[i] = &entries[i];
    }
    size_t left = COUNT;
    while (left > 0) {
        qsort(sorted, left, sizeof(sorted[0]), by_place);
        walks_both_ways(&index, sorted, left);
        finds_neighbours(&index, sorted, left);
        ranks_as_a_count_does(&index, sorted, left);
        for (size_t i = 0; i < 400 && left > 0; i++) {
            size_t which = (size_t)rand() % left;
            index_remove(&index, &sorted[which]->node);
            index_remove(&index, &sorted[which]->node); /* twice is fine */
            sorted[which] = sorted[--left];
        }
    }
    assert_null(index.root);
}

static void stays_shallow_whatever_the_order(void **state)
{
    (void)state;
    static struct entry entries[COUNT];
    struct ordered_index index = {.root = NULL};
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(process_id_new(&entries[i].id));
        index_insert(&index, &entries[i].node, (int64_t)i, &entries[i].id);
    }
    assert_true(depth(index.root) < 60); /* 12 at best, 3,000 if it were a list */
}

static int by_whole_entry(const struct process_id *a, const struct process_id *b)
{
    const struct entry *x = container_of(a, struct entry, id),
                       *y = container_of(b, struct entry, id);
    return x->name < y->name ? -1 : x->name > y->name;
}

/* The ids of a batch begin in order. */
static void stays_shallow_with_batches(void **state)
{
    (void)state;
    static struct entry entries[COUNT];
    struct ordered_index index = {.root = NULL};
    struct process_id base;
    memset(entries, 0, sizeof(entries));
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 1000 == 0)
            assert_true(process_id_new(&base));
        process_id_nth(&base, i % 1000, &entries[i].id);
        index_insert(&index, &entries[i].node, i / 1000, &entries[i].id);
    }
    assert_in_range(depth(index.root), 12, 60);
}

static void orders_equal_scores_as_it_is_told(void **state)
{
    (void)state;
    static struct entry entries[COUNT];
    struct ordered_index index = {.compare = by_whole_entry};
    for (int i = 0; i < COUNT; i++) {
        assert_true(process_id_new(&entries[i].id));
        entries[i].name = i * 7 % COUNT; /* each once */
        index_insert(&index, &entries[i].node, 0, &entries[i].id);
    }
    const struct index_node *node = index_first(&index);
    for (int i = 0; i < COUNT; i++, node = index_next(node)) {
        assert_int_equal(container_of(node, struct entry, node)->name, i);
        assert_int_equal(index_rank(&index, 0, index_id(node)), i);
    }
    assert_null(node);
}

static void knows_its_own(void **state)
{
    (void)state;
    enum { FEW = 20 };
    struct entry entries[FEW];
    struct ordered_index first = {.root = NULL}, second = {.root = NULL};
    memset(entries, 0, sizeof(entries));
    for (size_t i = 0; i < FEW; i++) {
        assert_true(process_id_new(&entries[i].id));
        assert_false(index_holds(&first, &entries[i].node));
        index_insert(i % 2 == 0 ? &first : &second, &entries[i].node, 1, &entries[i].id);
    }
    for (size_t i = 0; i < FEW; i++) {
        assert_int_equal(index_holds(&first, &entries[i].node), i % 2 == 0);
        assert_int_equal(index_holds(&second, &entries[i].node), i % 2 == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_under_random_changes),
        cmocka_unit_test(stays_shallow_whatever_the_order),
        cmocka_unit_test(stays_shallow_with_batches),
        cmocka_unit_test(orders_equal_scores_as_it_is_told),
        cmocka_unit_test(knows_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
