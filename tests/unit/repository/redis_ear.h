/* What a repository tells of, and what is done to its keys behind its back. */
#ifndef REPOSITORY_REDIS_EAR_H
#define REPOSITORY_REDIS_EAR_H

#include "repository/redis_bench.h"

#include <string.h>

/* What has been told. */
struct ear {
    struct process_id last;
    int told, all, missed;
    int work; /* of the type "t" */
};
static struct ear ear;

static inline void on_changed(void *arg, const struct process_id *id)
{
    (void)arg;
    if (id == NULL) {
        ear.all++;
        return;
    }
    ear.told++;
    ear.last = *id;
}

static inline void on_missed(void *arg)
{
    (void)arg;
    ear.missed++;
}

static inline void on_work(void *arg, struct span type)
{
    (void)arg;
    ear.work += type.data != NULL && span_is(type, "t");
}

static inline void listen_to(struct process_repository *repository)
{
    ear = (struct ear){.told = 0};
    repository->on_changed = on_changed;
    repository->on_missed = on_missed;
    repository->on_work = on_work;
}

#define WAIT_UNTIL(bench, condition)                     \
    do {                                                 \
        int64_t limit = clock_steady_ms() + PATIENCE_MS; \
        while (!(condition)) {                           \
            assert_true(clock_steady_ms() < limit);      \
            loop_turn((bench)->sync.loop, 20);           \
        }                                                \
    } while (0)

static inline bool is_watching(const struct bench *bench, const char *how)
{
    return strcmp(bench->sync.repository->watching, how) == 0;
}

/* With the bench set up: opens it, and waits until it hears. */
static inline void begin_to_hear(struct bench *bench, const char *how)
{
    open_repository(bench);
    listen_to(bench->sync.repository);
    WAIT_UNTIL(bench, is_watching(bench, how));
    ear = (struct ear){.told = 0};
}

/* From now on the bench's options are of a user whom this is not allowed, but all else. */
static inline void enter_as_limited(struct bench *bench, const char *rule)
{
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited on >pw ~* &* +@all %s", rule);
    snprintf(bench->options.username, sizeof(bench->options.username), "limited");
    snprintf(bench->options.password, sizeof(bench->options.password), "pw");
}

/* --- one get --------------------------------------------------------------------------------- */

struct open_get {
    struct repo_get call;
    bool done;
    int told_before; /* what had been told when it was done */
};
static struct open_get open_get;

static inline void on_got(struct process_op *op)
{
    (void)op;
    open_get.told_before = ear.told;
    open_get.done = true;
}

static inline void start_get(const struct bench *bench, const struct process_id *id, bool watch)
{
    open_get = (struct open_get){.call = {.id = *id, .watch = watch, .watched = true}};
    process_op_init(&open_get.call.op, on_got);
    repository_get(bench->sync.repository, &open_get.call);
}

/* Whether what was read is watched. */
static inline bool get(const struct bench *bench, const struct process_id *id, bool watch)
{
    start_get(bench, id, watch);
    sync_wait(bench->sync.loop, &open_get.done);
    assert_int_equal(open_get.call.op.result, ERR_OK);
    return open_get.call.watched;
}

static inline struct process_id watched(const struct bench *bench)
{
    struct draft one = add(bench);
    assert_true(get(bench, &one.process.id, true));
    return one.process.id;
}

/* --- others ---------------------------------------------------------------------------------- */

/* A command with the process's key, where "%s" stands. */
static inline void ask_of(const struct bench *bench, const char *format,
                          const struct process_id *id)
{
    char text[PROCESS_ID_TEXT_SIZE], key[200], command[400];
    const char *place = strstr(format, "%s");
    assert_non_null(place);
    process_id_format(id, text);
    snprintf(key, sizeof(key), "%sprocess:%s", bench->prefix, text);
    snprintf(command, sizeof(command), "%.*s%s%s", (int)(place - format), format, key, place + 2);
    redis_fixture_ask(&bench->redis, "%s", command);
}

/* What came before this one was told before it, too. */
static inline void assert_told_next(const struct bench *bench, int told,
                                    const struct process_id *id)
{
    WAIT_UNTIL(bench, ear.told >= told);
    assert_int_equal(ear.told, told);
    assert_int_equal(process_id_compare(&ear.last, id), 0);
}

#endif
