/* Where proctrack-run is, the small program that stands between us and an analyzer's command. */
#ifndef APP_RUNNER_H
#define APP_RUNNER_H

#include <limits.h>
#include <stdbool.h>

/* Beside the running program, else on PATH (as given; NULL: not searched). Its absolute path. */
bool runner_find(const char *search_path, char ret_path[PATH_MAX]);

#endif
