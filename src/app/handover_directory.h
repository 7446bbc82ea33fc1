/* What a hand-over to Redis does with the files of DATA_DIR. It never deletes one:
 *
 *   handing-over          a file: the hand-over has begun, and the files beside it may not be
 *                         served again from here; its text is the name of the directory below
 *   handing-over-<time>/  where the next start puts them, to be moved as soon as Redis can be used
 *   handed-over-<time>/   where they stay once all is moved
 *
 * All of these block. What fails is logged. */
#ifndef APP_HANDOVER_DIRECTORY_H
#define APP_HANDOVER_DIRECTORY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether a journal or a snapshot lies there. */
bool handover_directory_has_files(const char *data_dir);
/* Whether it is noted that a hand-over has begun. */
bool handover_directory_is_noted(const char *data_dir);
/* Notes that one begins; not while it is noted. */
bool handover_directory_begin(const char *data_dir);
/* Puts the files aside if that had been noted. Not while the repository on them is open. */
bool handover_directory_put_aside(const char *data_dir);
/* The same at the end of a hand-over: all is moved, and it is marked so. */
bool handover_directory_end(const char *data_dir);
/* Marks a directory that had been put aside before as handed over. */
bool handover_directory_done(const char *path);

#define HANDOVER_LEFT_MAX 8
/* The directories with files that were put aside; at most HANDOVER_LEFT_MAX. */
size_t handover_directory_left(const char *data_dir, char ret_paths[][PATH_MAX]);

#endif
