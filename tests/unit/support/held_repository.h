/* A repository that completes on demand: it holds every call open until the test lets one go, in
 * whatever order, and then hands it to the repository behind it. */
#ifndef SUPPORT_HELD_REPOSITORY_H
#define SUPPORT_HELD_REPOSITORY_H

#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

/* Takes `behind`. With a loop it lets all go by itself, last first, at the end of each turn. */
struct process_repository *held_repository_create(struct process_repository *behind,
                                                  struct loop *loop);
size_t held_repository_count(struct process_repository *repository);
/* Lets the i-th of the held calls go (0: the oldest). */
void held_repository_release(struct process_repository *repository, size_t i);
/* Lets it fail, without asking the repository behind. */
void held_repository_fail(struct process_repository *repository, size_t i, enum err err);

#endif
