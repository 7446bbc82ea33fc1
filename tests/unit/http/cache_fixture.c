#include "http/cache_fixture.h"

struct manager_fixture *f;
struct status_cache *cache;

static void on_changed(void *arg, const struct process_id *id)
{
    (void)arg;
    status_cache_changed(cache, id);
}

void cache_start(size_t max_bytes)
{
    cache = status_cache_create(f->loop, f->manager, max_bytes);
    assert_non_null(cache);
    process_manager_on_changed(f->manager, on_changed, NULL);
}

int cache_fixture_setup(void **state)
{
    manager_fixture_setup(state);
    f = *state;
    cache_start(1 << 20);
    return 0;
}

int cache_fixture_teardown(void **state)
{
    process_manager_stop(f->manager);
    repository_close(&f->watched->base);
    process_manager_on_changed(f->manager, NULL, NULL);
    status_cache_destroy(cache);
    return manager_fixture_teardown(state);
}

/* --- who asks ----------------------------------------------------------------------------------
 */

static void on_state(struct status_follower *follower, enum err result, struct status_view *view)
{
    struct reader *reader = container_of(follower, struct reader, follower);
    reader->states++;
    reader->result = result;
    reader->version = 0;
    if (view != NULL) {
        reader->version = status_view_version(view);
        assert_true(text_copy(reader->body, sizeof(reader->body), status_view_body(view)));
    }
    if (reader->leaves != NULL)
        status_cache_leave(&reader->leaves->follower);
    if (reader->asks_again) {
        reader->asks_again = false;
        status_cache_ask(cache, follower);
    } else if (reader->awaits != 0) {
        status_cache_await(cache, follower, reader->version);
    }
}

void reader_init(struct reader *reader, const struct process_id *id)
{
    *reader = (struct reader){.follower = {.id = *id, .base = "", .on_state = on_state}};
    status_follower_init(&reader->follower);
}

void ask(struct reader *reader, const struct process_id *id)
{
    reader_init(reader, id);
    status_cache_ask(cache, &reader->follower);
}

void await(struct reader *reader, const struct process_id *id, int64_t version)
{
    reader_init(reader, id);
    status_cache_await(cache, &reader->follower, version);
}

struct status_view *find(const struct process_id *id)
{
    bool worth = false;
    return status_cache_find(cache, id, "", &worth);
}

/* Asks, and is answered at once. */
int64_t version_of(const struct process_id *id)
{
    struct reader reader;
    ask(&reader, id);
    assert_int_equal(reader.states, 1);
    assert_int_equal(reader.result, ERR_OK);
    return reader.version;
}

size_t reads(void)
{
    return f->watched->seen[WATCHED_get];
}

void hold_reads(bool hold)
{
    f->watched->hold[WATCHED_get] = hold;
}

void release(void)
{
    watched_release(f, WATCHED_get);
}

void wait_for_states(const struct reader *reader, int count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (reader->states < count) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 20);
    }
    assert_int_equal(reader->states, count);
}

/* --- who changes -------------------------------------------------------------------------------
 */

/* Running: its reason is not open. Version 2. */
struct process_id start(void)
{
    struct claimer claimer = {.next_order = NULL};
    struct process_id id = submit_type(f, "t");
    claim_start(f, &claimer, "t", 1, 0);
    assert_memory_equal(&claimer.id, &id, sizeof(id));
    return id;
}

/* Asks its worker to stop: another version. */
void change(const struct process_id *id)
{
    const struct process_change cancel = {.event = EVENT_CANCEL};
    assert_int_equal(change_now(f, id, &cancel), ERR_OK);
}

struct span key_of(const struct process_id *id)
{
    return (struct span){(const char *)id->bytes, sizeof(id->bytes)};
}

void others_renew(const struct process_id *id)
{
    change_stamps_renew(f->options.stamps, key_of(id));
}

void tell(const struct process_id *id)
{
    f->watched->base.on_changed(f->watched->base.on_changed_arg, id);
}

void ignore(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}
