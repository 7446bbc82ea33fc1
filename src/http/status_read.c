/* How an entry learns the state. A read is numbered when it is sent; who asks before that, or may
 * join, notes its number, and gets what it brings. One may join as long as nothing has become known
 * since it was sent: what was stored before one asked is then in what comes.
 *
 *   send --stored record--> settle --pending and due--> explain --> finish: keep, give, pump
 *     ^______ another loop _____|
 *              knew better
 *
 * The state is always good for those who wait for this read. It is kept only when the store will
 * tell of the next change and has not done so yet, and no other loop has shown another one. */
#include "http/http_call.h"
#include "http/status_cache_private.h"

#include <stdlib.h>

#define TRIES_MAX     3    /* reads, until what they bring is given though others knew better */
#define LOOK_AGAIN_MS 1000 /* for those who wait, while nothing can be learnt or watched */

struct status_read {
    struct status_entry *entry;
    struct repo_get get;
    struct process_explain explain;
    struct repo_standing_item item;
    struct status_record *record;
    struct change_stamp stamp, type_stamp;
    int64_t explained_at;
    int tries;
    bool told;    /* of a change since it was sent */
    bool settled; /* no other loop knows better */
    struct status_read *next_spare;
};

static void submit(struct status_read *read);

static struct status_read *take_read(struct status_cache *cache)
{
    struct status_read *read = cache->spare;
    if (read == NULL)
        return malloc(sizeof(*read));
    cache->spare = read->next_spare;
    return read;
}

static void give_back(struct status_cache *cache, struct status_read *read)
{
    read->next_spare = cache->spare;
    cache->spare = read;
}

void status_read_free_spare(struct status_cache *cache)
{
    struct status_read *next;
    for (struct status_read *read = cache->spare; read != NULL; read = next) {
        next = read->next_spare;
        free(read);
    }
    cache->spare = NULL;
}

/* --- giving -----------------------------------------------------------------------------------
 */

static bool awaits(const struct status_follower *follower)
{
    return follower->version != STATUS_ANY;
}

/* Whether this is what it waits for. Who awaits a change sits a failure out that may pass. */
static bool takes(const struct status_follower *follower, enum err result,
                  const struct status_view *view)
{
    if (!awaits(follower))
        return true;
    if (result == ERR_OK)
        return status_view_version(view) != follower->version;
    return result == ERR_NOT_FOUND || result == ERR_GONE || result == ERR_CORRUPT ||
           result == ERR_CANCELED;
}

/* Those who get it may ask again, leave others, or change the process, while this runs. */
static void deliver(struct status_entry *entry, enum err result, struct status_view *view)
{
    struct list_link ready, *link;
    list_init(&ready);
    list_for_each_safe (each, &entry->followers) {
        const struct status_follower *follower = container_of(each, struct status_follower, link);
        if (follower->read > entry->sent || !takes(follower, result, view))
            continue;
        list_remove(each);
        list_append(&ready, each);
    }
    while ((link = list_pop(&ready)) != NULL) {
        struct status_follower *follower = container_of(link, struct status_follower, link);
        follower->entry = NULL;
        follower->on_state(follower, result, view);
    }
}

/* Who still waits will look when the timer fires, or when the store tells. */
static void look_later(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    if (list_is_empty(&cache->failed))
        loop_timer_start(cache->timer, LOOK_AGAIN_MS);
    list_remove(&entry->link);
    list_append(&cache->failed, &entry->link);
    entry->failed = true;
    entry->wanted = entry->sent + 1;
}

/* Takes the view. */
static void finish(struct status_read *read, enum err result, struct status_view *take_view)
{
    struct status_entry *entry = read->entry;
    bool keep = result == ERR_OK && read->get.watched && read->settled && !read->told;
    bool told = read->told;
    entry->read = NULL;
    entry->missing = result == ERR_NOT_FOUND || result == ERR_GONE;
    if (keep) {
        entry->stamp = read->stamp;
        entry->doubts = entry->cache->doubts;
        entry->type_stamp = read->type_stamp;
        entry->explained_at = read->explained_at;
        status_entry_set_view(entry, status_view_share(take_view));
        status_entry_limit(entry, read->get.forgets_in_ms);
    }
    give_back(entry->cache, read);
    if (told)
        entry->wanted = entry->sent + 1;
    else if (!keep)
        look_later(entry);
    entry->busy++;
    deliver(entry, result, take_view);
    entry->busy--;
    status_view_release(take_view);
    status_entry_pump(entry);
}

static void finish_with(struct status_read *read, const struct process *process,
                        struct status_record *take_record, const struct status_reason *reason)
{
    struct status_cache *cache = read->entry->cache;
    struct status_view *view = status_view_create(
        cache->manager, process, take_record, read->entry->base, reason, loop_now_ms(cache->loop));
    finish(read, view != NULL ? ERR_OK : ERR_NO_MEMORY, view);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static void on_explained(struct process_op *op)
{
    struct status_read *read = container_of(op, struct status_read, explain.op);
    struct status_reason reason = {.text = NULL};
    if (op->result == ERR_OK) {
        reason.text = process_explain_reason(&read->explain, 0);
        if (reason.text != NULL && strcmp(reason.text, "behind") == 0)
            reason.position = read->item.position;
    }
    finish_with(read, &read->record->process, read->record, &reason);
}

/* Why it waits is not in its record. */
static void explain(struct status_read *read)
{
    const struct process *process = &read->record->process;
    struct status_cache *cache = read->entry->cache;
    read->type_stamp = change_stamps_get(cache->stamps, process->type);
    read->explained_at = loop_now_ms(cache->loop);
    read->item.id = process->id;
    if (!text_copy(read->item.type, sizeof(read->item.type), process->type)) {
        finish_with(read, process, read->record, NULL);
        return;
    }
    process_op_init(&read->explain.op, on_explained);
    read->explain.standing.items = &read->item;
    read->explain.standing.count = 1;
    read->explain.with_positions = true;
    process_manager_explain(cache->manager, &read->explain);
}

static void render(struct status_read *read)
{
    const struct process *process = &read->get.process;
    struct process_manager *manager = read->entry->cache->manager;
    if (process_status_is_final(process->status)) {
        finish_with(read, process, NULL, NULL);
        return;
    }
    read->record = status_record_copy(process);
    if (read->record == NULL)
        finish(read, ERR_NO_MEMORY, NULL);
    else if (process_manager_reason_is_open(manager, process))
        explain(read);
    else
        finish_with(read, &read->record->process, read->record, NULL);
}

static void on_got(struct process_op *op)
{
    struct status_read *read = container_of(op, struct status_read, get.op);
    struct change_stamps *stamps = read->entry->cache->stamps;
    struct span key = process_id_key(&read->entry->id);
    if (op->result != ERR_OK) {
        change_stamps_renew(stamps, key); /* it may be gone: nobody shows it after this */
        finish(read, op->result, NULL);
        return;
    }
    read->settled =
        change_stamps_settle(stamps, key, (uint64_t)read->get.process.version, &read->stamp);
    if (!read->settled && read->tries < TRIES_MAX) {
        submit(read);
        return;
    }
    if (!read->settled) /* nobody keeps another state than the one that is shown now */
        change_stamps_renew(stamps, key);
    render(read);
}

static void submit(struct status_read *read)
{
    struct status_cache *cache = read->entry->cache;
    read->tries++;
    read->told = false;
    read->stamp = change_stamps_get(cache->stamps, process_id_key(&read->entry->id));
    process_op_init(&read->get.op, on_got);
    read->get.id = read->entry->id;
    read->get.with_input = false;
    read->get.brief = true;
    read->get.watch = true;
    process_manager_get(cache->manager, &read->get);
}

static void send_read(struct status_entry *entry)
{
    struct status_read *read = take_read(entry->cache);
    entry->sent++;
    list_remove(&entry->link); /* no longer due */
    if (read == NULL) {
        look_later(entry);
        deliver(entry, ERR_NO_MEMORY, NULL);
        return;
    }
    read->entry = entry;
    read->tries = 0;
    read->type_stamp = (struct change_stamp){0};
    read->explained_at = INT64_MIN / 2; /* never */
    entry->read = read;
    submit(read);
}

void status_entry_pump(struct status_entry *entry)
{
    if (entry->busy > 0)
        return;
    entry->busy++;
    while (entry->read == NULL && !entry->failed && entry->wanted > entry->sent &&
           !list_is_empty(&entry->followers))
        send_read(entry);
    entry->busy--;
    status_entry_rest(entry);
}

uint64_t status_entry_next_read(const struct status_entry *entry)
{
    const struct status_read *read = entry->read;
    bool join = read != NULL && !read->told &&
                change_stamp_equal(read->stamp, change_stamps_get(entry->cache->stamps,
                                                                  process_id_key(&entry->id)));
    return join ? entry->sent : entry->sent + 1;
}

void status_entry_void(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    if (entry->read != NULL)
        entry->read->told = true;
    if (entry->view != NULL) {
        status_entry_set_view(entry, NULL);
        cache->numbers.invalidations++;
    }
    if (entry->read != NULL || list_is_empty(&entry->followers))
        return;
    entry->failed = false;
    entry->wanted = entry->sent + 1;
    list_remove(&entry->link);
    list_append(&cache->due, &entry->link);
    loop_defer(cache->loop, &cache->look);
}
