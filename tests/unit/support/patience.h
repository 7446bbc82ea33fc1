/* How long a test waits for what must happen, and its end where it does not. */
#ifndef SUPPORT_PATIENCE_H
#define SUPPORT_PATIENCE_H

#include <stdio.h>
#include <stdlib.h>

/* Only ends what would never: far beyond what a loaded machine takes, or one that stands still for
 * a while. */
#define PATIENCE_MS 60000

#define GIVE_UP(what)                                             \
    do {                                                          \
        fprintf(stderr, "%s:%d: " what "\n", __FILE__, __LINE__); \
        abort();                                                  \
    } while (0)

#endif
