/* The audit of the memory repository sees each way in which its indexes could come to disagree. */
#include "repository/memory_fixture.h"

struct spoilt {
    struct memory_store *store;
    struct memory_record *waiting, *scheduled, *running, *finished;
};

static struct memory_record *add_one(const struct fixture *f, struct memory_store *store,
                                     const char *type, int64_t run_at)
{
    struct process draft = draft_of(type, NOW);
    draft.group = SPAN("g");
    draft.run_at = run_at;
    draft.deadline = NOW + DAY_MS;
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    return memory_store_find(store, &draft.id);
}

static struct spoilt set_up(struct fixture *f)
{
    static struct kept kept;
    struct spoilt s = {.store = &memory_repository(f->sync.repository)->store};
    s.finished = add_one(f, s.store, "f", NOW);
    cancel(f, &s.finished->process.id, NOW);
    s.running = add_one(f, s.store, "r", NOW);
    assert_int_equal(look(f, "r", "w", NOW, &kept), 1);
    s.waiting = add_one(f, s.store, "t", NOW);
    s.scheduled = add_one(f, s.store, "t", NOW + HOUR_MS);
    return s;
}

static void assert_found(const struct fixture *f, int64_t missing, int64_t stray, int64_t moved)
{
    struct repo_audit audit = sync_audit(&f->sync, NOW, 3);
    assert_int_equal(audit.found[AUDIT_MISSING], missing);
    assert_int_equal(audit.found[AUDIT_STRAY], stray);
    assert_int_equal(audit.found[AUDIT_MOVED], moved);
    assert_int_equal(audit.found[AUDIT_DAMAGED], 0);
    assert_int_equal(audit.mended, 0); /* it would hide the bug */
}

/* Out of the index; then back, with another score; then as it was. */
static void check_node(const struct fixture *f, struct ordered_index *index,
                       struct index_node *node, int64_t missing)
{
    const struct process_id *id = index_id(node);
    int64_t score = node->score;
    assert_found(f, 0, 0, 0);
    index_remove(index, node);
    assert_found(f, missing, 0, 0);
    index_insert(index, node, score + 1, id);
    assert_found(f, 0, 0, 1);
    index_remove(index, node);
    index_insert(index, node, score, id);
    assert_found(f, 0, 0, 0);
}

static struct memory_type *type_of(const struct spoilt *s, const char *name)
{
    return memory_type_find(&s->store->people, span_of(name));
}

/* What its own counts show as well is found twice. */
static void an_entry_that_is_missing_or_moved(void **state)
{
    struct fixture *f = *state;
    struct spoilt s = set_up(f);
    struct memory_links *links = s.waiting->links;
    check_node(f, &type_of(&s, "t")->waiting, &s.waiting->by_stage, 2);
    check_node(f, &s.store->schedule, &s.scheduled->by_stage, 2);
    check_node(f, &s.store->leases, &s.running->by_stage, 2);
    check_node(f, &s.store->retention, &s.finished->by_stage, 2);
    check_node(f, &s.store->deadlines, &links->by_deadline, 1);
    check_node(f, &links->group->members, &links->by_group, 1);
    check_node(f, &links->group->statuses[PROCESS_PENDING], &links->by_group_status, 1);
    check_node(f, &s.running->links->worker->held, &s.running->links->by_start, 1);
}

static void an_entry_in_another_index(void **state)
{
    struct fixture *f = *state;
    struct spoilt s = set_up(f);
    const struct process_id *id = &s.finished->process.id;
    struct index_node *by_deadline = &s.finished->links->by_deadline;
    index_insert(&s.store->deadlines, by_deadline, NOW, &s.finished->links->id);
    assert_found(f, 0, 1, 0);
    index_remove(&s.store->deadlines, by_deadline);
    index_insert(&s.running->links->worker->held, &s.finished->links->by_start, NOW,
                 &s.finished->links->id);
    assert_found(f, 0, 1, 0);
    index_remove(&s.running->links->worker->held, &s.finished->links->by_start);
    index_remove(&s.store->retention, &s.finished->by_stage);
    index_insert(&s.store->leases, &s.finished->by_stage, s.finished->process.expires_at, id);
    assert_found(f, 2, 1, 0); /* the counts of both, and the record */
}

static void a_status_that_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct spoilt s = set_up(f);
    index_remove(&s.store->statuses[PROCESS_PENDING], &s.waiting->by_status);
    assert_found(f, 2, 1, 0); /* of all, and one more waits than is pending */
}

static void counts_that_do_not_agree(void **state)
{
    struct fixture *f = *state;
    struct spoilt s = set_up(f);
    type_of(&s, "r")->running++;
    assert_found(f, 0, 1, 0);
    type_of(&s, "r")->running -= 2;
    assert_found(f, 1, 0, 0);
    type_of(&s, "r")->running++;
    text_map_remove(&s.store->records, &s.waiting->by_id);
    assert_found(f, 1, 2, 0); /* one that no id leads to */
    text_map_insert(&s.store->records, &s.waiting->by_id, process_id_key(&s.waiting->process.id));
    assert_found(f, 0, 0, 0);
    s.waiting->process.created_at++;
    assert_found(f, 0, 0, 3); /* by time, in the queue, in the group */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_that_is_missing_or_moved),
        TEST(an_entry_in_another_index),
        TEST(a_status_that_does_not_count),
        TEST(counts_that_do_not_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
