/* Between the runs and who starts them. */
#ifndef SIMULATION_SIMULATE_H
#define SIMULATION_SIMULATE_H

#include <stdint.h>

#define SIMULATE_FAILED 3

struct sim_result {
    uint64_t digest; /* of all that happened: the same for the same seed */
    uint64_t starts, lines, calls, answered, refused, snapshots, torn;
};

/* One run; it ends the program with SIMULATE_FAILED, and a sentence on standard output, when
 * something was lost or made up. Once in a program. */
void sim_run(uint64_t seed, struct sim_result *ret_result);

#endif
