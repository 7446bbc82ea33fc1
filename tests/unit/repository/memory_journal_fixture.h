/* A memory repository on a journal, on a disk that the test holds up and breaks. */
#ifndef REPOSITORY_MEMORY_JOURNAL_FIXTURE_H
#define REPOSITORY_MEMORY_JOURNAL_FIXTURE_H

#include "support/test.h"

#include "proctrack/memory_repository.h"
#include "proctrack/repository_item.h"
#include "support/fake_disk.h"
#include "support/sync_calls.h"

#define NOW     INT64_C(1000000000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

struct fixture {
    struct process_policy policy;
    struct fake_disk *fake;
    struct disk *disk;
    struct sync sync;
    struct memory_journal_options options;
    struct journal_report report;
};

static inline enum err open_again(struct fixture *f)
{
    enum err err = ERR_OK;
    f->disk = fake_disk_open(f->fake);
    f->sync.repository =
        memory_repository_open(f->sync.loop, &f->policy, f->disk, &f->options, &f->report, &err);
    return err;
}

static inline void shut(struct fixture *f)
{
    repository_destroy(f->sync.repository);
    f->sync.repository = NULL;
    disk_destroy(f->disk);
    f->disk = NULL;
}

/* As after the power went: what was not synced is lost. */
static inline void restart(struct fixture *f)
{
    fake_disk_stop_at(f->fake, 1, 1);
    shut(f);
    fake_disk_crash(f->fake, KEEP_SYNCED, 1);
    assert_int_equal(open_again(f), ERR_OK);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    process_policy_defaults(&f->policy);
    f->options = (struct memory_journal_options){.fsync = JOURNAL_FSYNC_ALWAYS, .now = NOW};
    f->fake = fake_disk_create();
    f->sync.loop = loop_create();
    assert_int_equal(open_again(f), ERR_OK);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    fake_disk_heal(f->fake);
    shut(f);
    fake_disk_destroy(f->fake);
    loop_destroy(f->sync.loop);
    free(f);
    return 0;
}

static inline struct process draft_of(const char *type, int64_t now)
{
    struct process draft = {.type = span_of(type),
                            .input = SPAN("{}"),
                            .version = 1,
                            .max_attempts = 3,
                            .created_at = now,
                            .updated_at = now,
                            .run_at = now,
                            .retention_ms = -1};
    assert_true(process_id_new(&draft.id));
    return draft;
}

static inline struct process_id add(const struct fixture *f, const char *type, int64_t now)
{
    struct process draft = draft_of(type, now);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    return draft.id;
}

static inline enum err change(const struct fixture *f, const struct kept *running,
                              enum process_event event, int64_t now)
{
    const struct process_change change = {.event = event,
                                          .now = now,
                                          .token = running->process.lease_token,
                                          .retryable = true,
                                          .retry_after_ms = -1};
    return sync_change(&f->sync, &running->process.id, &change, NULL, NULL);
}

/* --- all that is kept, as text ---------------------------------------------------------------- */

struct dumping {
    struct repo_dump call;
    struct text_buffer *out;
    bool done;
};

static inline void on_dumped(struct process_op *op)
{
    struct dumping *dumping = container_of(op, struct dumping, call.op);
    assert_int_equal(op->result, ERR_OK);
    for (size_t i = 0; i < dumping->call.count; i++) {
        repo_item_append(dumping->out, &dumping->call.items[i]);
        text_append_char(dumping->out, '\n');
    }
    dumping->done = true;
}

/* The caller frees it. */
static inline char *all_of(const struct fixture *f)
{
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    struct dumping dumping = {.call = {.now = f->options.now}, .out = &out};
    do {
        dumping.done = false;
        process_op_init(&dumping.call.op, on_dumped);
        repository_dump(f->sync.repository, &dumping.call);
        sync_wait(f->sync.loop, &dumping.done);
    } while (dumping.call.more);
    char *text = text_buffer_take(&out);
    assert_non_null(text);
    return text;
}

static inline void survives(struct fixture *f)
{
    char *before = all_of(f);
    restart(f);
    char *after = all_of(f);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* --- calls that are not waited for ------------------------------------------------------------ */

/* A call of any kind with what its done() saw. */
#define DEFINE_OPEN(kind)                                                                         \
    struct open_##kind {                                                                          \
        struct repo_##kind call;                                                                  \
        bool done;                                                                                \
        void (*seen)(struct open_##kind * open);                                                  \
    };                                                                                            \
    static inline void on_open_##kind(struct process_op *op)                                      \
    {                                                                                             \
        struct open_##kind *open = container_of(op, struct open_##kind, call.op);                 \
        open->done = true;                                                                        \
        if (open->seen != NULL)                                                                   \
            open->seen(open);                                                                     \
    }                                                                                             \
    static inline void submit_##kind(const struct fixture *f, struct open_##kind *open)           \
    {                                                                                             \
        process_op_init(&open->call.op, on_open_##kind);                                          \
        repository_##kind(f->sync.repository, &open->call);                                       \
    }                                                                                             \
    static inline enum err finish_##kind(const struct fixture *f, const struct open_##kind *open) \
    {                                                                                             \
        sync_wait(f->sync.loop, &open->done);                                                     \
        return open->call.op.result;                                                              \
    }

static inline void wait_until_held(const struct fixture *f, enum fake_call call)
{
    while (!fake_disk_holds(f->fake, call))
        loop_turn(f->sync.loop, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
