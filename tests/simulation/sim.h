/* The simulation: the journalled memory repository, its manager and their clients on a disk, a
 * clock, a loop and randomness that all follow from one seed. The same seed makes the same run.
 *
 *   simulate.c      the seeds, each in a program of its own
 *   sim_run.c       one run: calls, faults, crashes, starts
 *   sim_calls.c     what clients and workers call
 *   sim_clients.c   what they were told
 *   sim_observer.c  a repository in between, which notes what was answered
 *   sim_world.c     what was written, line by line: what a start must find
 *   sim_loop.c      the loop, clock and randomness */
#ifndef SIMULATION_SIM_H
#define SIMULATION_SIM_H

#include "proctrack/memory_repository.h"
#include "proctrack/process_manager.h"
#include "support/fake_disk.h"

struct sim_world;
struct sim_clients;

struct sim {
    uint64_t seed; /* as it was given */
    uint64_t random;
    enum journal_fsync fsync;
    struct process_policy policy;
    struct process_manager_options options;

    struct fake_disk *fake;
    struct disk *disk;
    struct loop *loop;
    struct process_repository *memory, *observer;
    struct process_manager *manager;

    struct sim_world *world;
    struct sim_clients *clients;
    uint64_t written; /* the place of the last line */
    uint64_t owed;    /* up to here something was answered that a start must find */
    int epoch, step;
    uint64_t digest; /* of all that happened */
    struct {
        uint64_t starts, lines, calls, answered, refused, snapshots, torn;
    } numbers;
};

/* One for each program, as what stands in for the clock can be handed nothing. */
extern struct sim sim;

uint64_t sim_random(void);
/* A number below n. */
uint64_t sim_below(uint64_t n);
bool sim_chance(unsigned percent);
void sim_note(uint64_t value); /* into the digest */
/* Ends the program, and says the seed. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* --- sim_loop.c ---------------------------------------------------------------------------------
 */

void sim_pass(int64_t ms);               /* time, on all clocks */
void sim_jump_wall(int64_t ms);          /* only the wall clock's */
int64_t sim_wall_latest(void);           /* it has never been later */
void sim_turn(void);                     /* work off the loop may go on, or not */
void sim_turn_until(bool (*done)(void)); /* as fast as it can, while time passes */

/* --- sim_world.c --------------------------------------------------------------------------------
 */

struct sim_world *sim_world_create(void);
void sim_world_destroy(struct sim_world *world);
/* What the line at this place has just changed. */
void sim_world_note(struct sim_world *world, uint64_t place);
/* What the repository holds must be what the lines up to this place make, and nothing else. */
void sim_world_check(const struct sim_world *world, uint64_t place, const char *when);
/* Later lines are lost. */
void sim_world_cut(struct sim_world *world, uint64_t place);

/* --- sim_observer.c -----------------------------------------------------------------------------
 */

/* Does not take the repository. */
struct process_repository *sim_observer_create(struct process_repository *behind);
/* A line was written by the call that is just being submitted. */
void sim_observer_wrote(uint64_t place);

/* --- sim_calls.c, sim_clients.c
 * --------------------------------------------------------------------------------
 */

struct sim_clients *sim_clients_create(void);
void sim_clients_destroy(struct sim_clients *clients);
void sim_call(void);          /* one at random */
void sim_call_snapshot(void); /* one of all */
bool sim_calls_are_done(void);
/* What clients were told of, and what is there. */
void sim_clients_check(const char *when);
/* They may have been told of what is lost. */
void sim_clients_forget(void);

#endif
