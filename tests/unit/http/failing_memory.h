/* Memory that gives out when a test says so: for the program and all its libraries. */
#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H

#include <stdbool.h>

/* From now on `nth` allocations (0: none) succeed, on whatever thread; the next fails, or, with
 * `all`, every one that comes. */
void memory_fail_after(int nth, bool all);
/* No more; how many have failed. */
int memory_calm(void);

#endif
