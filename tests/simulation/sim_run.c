#include "sim.h"

#include "proctrack/journal.h"
#include "repository/memory_calls.h"
#include "simulate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 5, STEPS = 150 };

struct sim sim;

void sim_note(uint64_t value)
{
    sim.digest = (sim.digest ^ value) * UINT64_C(0x100000001b3);
}

void sim_fail(const char *format, ...)
{
    va_list args;
    printf("seed %llu, epoch %d, step %d (JOURNAL_FSYNC=%s): ", (unsigned long long)sim.seed,
           sim.epoch, sim.step, journal_fsync_name(sim.fsync));
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _Exit(SIMULATE_FAILED);
}

/* Every line of the journal comes by here. */
uint64_t __real_journal_commit(struct journal *journal);
uint64_t __wrap_journal_commit(struct journal *journal);
uint64_t __wrap_journal_commit(struct journal *journal)
{
    const uint64_t place = __real_journal_commit(journal);
    sim.written = place;
    sim.numbers.lines++;
    sim_world_note(sim.world, place);
    sim_observer_wrote(place);
    return place;
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void break_disk(void)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, EDQUOT};
    static const enum fake_call calls[] = {
        FAKE_WRITE,  FAKE_SYNC,     FAKE_WRITE, FAKE_SYNC,           FAKE_OPEN,
        FAKE_RENAME, FAKE_TRUNCATE, FAKE_READ,  FAKE_SYNC_DIRECTORY, FAKE_REMOVE};
    switch (sim_below(4)) {
    case 0:
        fake_disk_room(sim.fake, (int64_t)sim_below(20000));
        break;
    case 1:
        fake_disk_short(sim.fake, sim_below(200) + 1);
        break;
    default:
        fake_disk_fail(sim.fake, calls[sim_below(10)], (int64_t)sim_below(5) + 1,
                       (int64_t)sim_below(4) - 1, errors[sim_below(4)]);
        break;
    }
}

static void pass_time(void)
{
    if (sim_chance(90))
        sim_pass((int64_t)sim_below(40));
    else
        sim_pass((int64_t)sim_below(3000));
    if (sim_chance(1))
        sim_jump_wall((int64_t)sim_below(2000) - 1000);
}

static void step(unsigned faults)
{
    for (uint64_t calls = sim_below(4); calls > 0; calls--)
        sim_call();
    if (sim_chance(faults))
        break_disk();
    if (sim_chance(10))
        fake_disk_heal(sim.fake);
    if (sim_chance(85))
        sim_turn();
    pass_time();
}

/* --- starts and ends -------------------------------------------------------------------------- */

static struct process_repository *try_open(enum err *ret_err)
{
    const struct memory_journal_options options = {.fsync = sim.fsync, .now = clock_wall_ms()};
    struct journal_report report;
    sim.disk = fake_disk_open(sim.fake);
    sim.loop = loop_create();
    struct process_repository *repository =
        memory_repository_open(sim.loop, &sim.policy, sim.disk, &options, &report, ret_err);
    if (repository == NULL && *ret_err != ERR_UNAVAILABLE)
        sim_fail("it does not start: %s", report.problem);
    if (repository == NULL && !fake_disk_stopped(sim.fake))
        sim_fail("it does not start on a disk that works: %s", report.problem);
    sim.numbers.torn += repository != NULL && report.torn_bytes > 0;
    return repository;
}

static void leave_disk(void)
{
    loop_destroy(sim.loop);
    disk_destroy(sim.disk);
    sim.loop = NULL;
    sim.disk = NULL;
}

static void start(void)
{
    enum err err;
    if (sim_chance(25))
        fake_disk_stop_at(sim.fake, (int64_t)sim_below(20) + 1, sim_random());
    sim.numbers.starts++;
    while ((sim.memory = try_open(&err)) == NULL) {
        leave_disk();
        fake_disk_crash(sim.fake, KEEP_PART, sim_random());
    }
    sim.observer = sim_observer_create(sim.memory);
    sim.manager = process_manager_create(sim.loop, sim.observer, &sim.options, NULL, NULL);
    if (sim.manager == NULL)
        sim_fail("no memory");
}

static void stop(void)
{
    process_manager_stop(sim.manager);
    if (sim_chance(50)) /* or it is closed while calls are open */
        sim_turn_until(sim_calls_are_done);
    repository_close(sim.observer);
    sim_turn_until(sim_calls_are_done);
    process_manager_destroy(sim.manager);
    repository_destroy(sim.observer);
    repository_destroy(sim.memory);
    leave_disk();
}

/* --- what must hold --------------------------------------------------------------------------- */

/* Whether what was answered must have outlived what has happened. */
static bool is_owed(enum fake_keep keep)
{
    return sim.fsync == JOURNAL_FSYNC_ALWAYS || keep == KEEP_ALL;
}

static void check_start(bool owed, uint64_t owed_until, uint64_t written)
{
    const uint64_t found = journal_last(memory_repository(sim.memory)->journal);
    if (found > written)
        sim_fail("line %llu was found, but only %llu were written", (unsigned long long)found,
                 (unsigned long long)written);
    if (owed && found < owed_until)
        sim_fail("line %llu was answered, but only %llu were found", (unsigned long long)owed_until,
                 (unsigned long long)found);
    sim_world_check(sim.world, found, "after a start");
    sim_world_cut(sim.world, found);
    sim.written = sim.owed = found;
    sim_note(found);
    if (owed)
        sim_clients_check("after a start");
    else
        sim_clients_forget();
}

static bool all_is_stored(void)
{
    const struct journal *journal = memory_repository(sim.memory)->journal;
    return sim_calls_are_done() && journal_stored(journal) == journal_last(journal) &&
           journal_state(journal) == ERR_OK;
}

/* The disk works again: everything comes to an end, and is stored. */
static void finish_calmly(void)
{
    fake_disk_heal(sim.fake);
    sim_turn_until(all_is_stored);
    sim_world_check(sim.world, UINT64_MAX, "while it runs");
}

static void crash(void)
{
    static const enum fake_keep keeps[] = {KEEP_SYNCED, KEEP_ALL, KEEP_PART, KEEP_PART};
    const enum fake_keep keep = keeps[sim_below(4)];
    const bool calmly = sim_chance(15);
    if (calmly)
        finish_calmly();
    else
        fake_disk_stop_at(sim.fake, 1, sim_random());
    sim_world_check(sim.world, UINT64_MAX, "before the end");
    stop();
    const uint64_t owed = calmly ? sim.written : sim.owed;
    fake_disk_crash(sim.fake, calmly ? KEEP_SYNCED : keep, sim_random());
    if (sim_chance(30))
        sim_jump_wall((int64_t)sim_below(120000) - 60000);
    sim_pass((int64_t)sim_below(5000));
    start();
    check_start(calmly || is_owed(keep), owed, sim.written);
}

static void run_epoch(void)
{
    const unsigned faults = sim_chance(50) ? 0 : 4;
    const int stop_at = sim_chance(50) ? (int)sim_below(STEPS) : STEPS;
    if (sim_chance(30))
        fake_disk_stop_at(sim.fake, (int64_t)sim_below(300) + 1, sim_random());
    for (sim.step = 0; sim.step < stop_at && !fake_disk_stopped(sim.fake); sim.step++)
        step(faults);
}

void sim_run(uint64_t seed, struct sim_result *ret_result)
{
    sim.seed = seed;
    sim.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    sim.fsync =
        sim_chance(70) ? JOURNAL_FSYNC_ALWAYS : (enum journal_fsync)sim_below(JOURNAL_FSYNC_NO + 1);
    process_policy_defaults(&sim.policy);
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        sim.policy.retention_ms[i] = 15000;
    sim.policy.tombstone_ms = 20000;
    sim.policy.idempotency_ms = 20000;
    sim.policy.events_max = 5;
    sim.options = (struct process_manager_options){.policy = &sim.policy,
                                                   .default_max_attempts = 2,
                                                   .sweeps = true,
                                                   .audit_interval_ms = 1000,
                                                   .stamps = change_stamps_create()};
    sim.fake = fake_disk_create();
    sim.world = sim_world_create();
    sim.clients = sim_clients_create();
    start();
    for (sim.epoch = 0; sim.epoch < EPOCHS; sim.epoch++) {
        run_epoch();
        crash();
    }
    finish_calmly();
    stop();
    sim_world_destroy(sim.world);
    sim_clients_destroy(sim.clients);
    fake_disk_destroy(sim.fake);
    change_stamps_destroy(sim.options.stamps);
    *ret_result = (struct sim_result){.digest = sim.digest,
                                      .starts = sim.numbers.starts,
                                      .lines = sim.numbers.lines,
                                      .calls = sim.numbers.calls,
                                      .answered = sim.numbers.answered,
                                      .refused = sim.numbers.refused,
                                      .snapshots = sim.numbers.snapshots,
                                      .torn = sim.numbers.torn};
}
