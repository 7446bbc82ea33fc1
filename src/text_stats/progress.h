/* Progress as proctrackd wants it: JSON lines on descriptor 3, if that is open. */
#ifndef TEXT_STATS_PROGRESS_H
#define TEXT_STATS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    bool wanted;
    size_t done, total; /* bytes of text */
    int step, steps, percent_told;
    char message[300];
};

/* Before anything is opened: a descriptor 3 of our own must not be mistaken for it. */
void progress_init(struct progress *progress);
/* A new phase begins: always told. */
void progress_step(struct progress *progress, int step, int steps, const char *message);
/* So many bytes more are done: told at each full percent. */
void progress_bytes(struct progress *progress, size_t bytes);

#endif
