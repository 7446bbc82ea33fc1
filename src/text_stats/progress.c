#include "text_stats/progress.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_FD 3

/* Reading the input comes before the bytes are counted, the ranking and the report after them. */
#define PERCENT_BEFORE 5
#define PERCENT_BYTES  85
#define PERCENT_LAST   98

void progress_init(struct progress *progress)
{
    int flags = fcntl(PROGRESS_FD, F_GETFL);
    memset(progress, 0, sizeof(*progress));
    progress->wanted = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static int percent_of(const struct progress *progress)
{
    double share = progress->total > 0 ? (double)progress->done / (double)progress->total : 0;
    if (progress->step == 1)
        return 0;
    if (progress->step == progress->steps)
        return PERCENT_LAST;
    return PERCENT_BEFORE + (int)(share * PERCENT_BYTES);
}

/* Who listens may stop listening: then there is no progress any more, and the work goes on. */
static void tell(struct progress *progress)
{
    if (!progress->wanted)
        return;
    progress->percent_told = percent_of(progress);
    json_t *object = json_pack("{s:i, s:s, s:i, s:i}", "percent", progress->percent_told, "message",
                               progress->message, "step", progress->step, "steps", progress->steps);
    char *line = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    if (line != NULL && dprintf(PROGRESS_FD, "%s\n", line) < 0)
        progress->wanted = false;
    free(line);
    json_decref(object);
}

void progress_step(struct progress *progress, int step, int steps, const char *message)
{
    progress->step = step;
    progress->steps = steps;
    snprintf(progress->message, sizeof(progress->message), "%s", message);
    tell(progress);
}

void progress_bytes(struct progress *progress, size_t bytes)
{
    progress->done += bytes;
    if (percent_of(progress) > progress->percent_told)
        tell(progress);
}
