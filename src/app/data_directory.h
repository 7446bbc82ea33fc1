/* The memory repository on DATA_DIR: what a start tells about it. */
#ifndef APP_DATA_DIRECTORY_H
#define APP_DATA_DIRECTORY_H

#include "app/config.h"
#include "app/exit_code.h"
#include "proctrack/disk.h"
#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

/* Opens it, which replays all that is stored (blocking, before the loop runs), and logs what a
 * person should know: what was found, what was cut off or left out, what could be lost. NULL,
 * having said why, with *ret_code; *ret_disk is set in any case, to be destroyed after the
 * repository. The configuration must outlive both. */
struct process_repository *data_directory_open(struct loop *loop, const struct config *config,
                                               struct disk **ret_disk, enum exit_code *ret_code);

/* Bytes of the files in it: what a start reads at most. 0 for none ("" or not there). */
int64_t data_directory_size(const char *data_dir);

/* Says what is at risk with these settings, where it is not nothing. */
void data_directory_warn(const struct config *config);

#endif
