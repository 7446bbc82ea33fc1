/* A status cache over a manager whose repository holds, spoils and counts what passes. */
#ifndef HTTP_CACHE_FIXTURE_H
#define HTTP_CACHE_FIXTURE_H

#include "process/manager_fixture.h"

#include "http/status_cache.h"

extern struct manager_fixture *f;
extern struct status_cache *cache;

/* With 1 MiB. */
int cache_fixture_setup(void **state);
int cache_fixture_teardown(void **state);
#define CACHE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, cache_fixture_setup, cache_fixture_teardown)
void cache_start(size_t max_bytes); /* another one, when that was destroyed */

/* Who asks, and what it was given. */
struct reader {
    struct status_follower follower;
    int states; /* that it was given */
    enum err result;
    int64_t version;
    char body[8192];
    struct reader *leaves; /* ... whom it has leave then */
    bool asks_again;       /* once */
    int64_t awaits;        /* the next one, if not 0 */
};

void reader_init(struct reader *reader, const struct process_id *id);
void ask(struct reader *reader, const struct process_id *id);
void await(struct reader *reader, const struct process_id *id, int64_t version);
struct status_view *find(const struct process_id *id);
int64_t version_of(const struct process_id *id); /* asks, and is answered at once */
/* Turns the loop until it was given so many; exactly so many. */
void wait_for_states(const struct reader *reader, int count);

size_t reads(void); /* sent so far */
void hold_reads(bool hold);
void release(void); /* the oldest read that is held */

struct process_id start(void);            /* running, version 2: its reason is not open */
void change(const struct process_id *id); /* asks its worker to stop: another version */
void tell(const struct process_id *id);   /* as the repository does */
struct span key_of(const struct process_id *id);
void others_renew(const struct process_id *id); /* another loop changes it */
void ignore(struct process_op *op);             /* which must be OK */

#endif
