/* simulate [--seeds N] [--first SEED] [--jobs N] | --seed SEED
 *
 * Runs each seed in a program of its own, and the first one twice: the same must come of it. */
#include "simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX     64
#define FAILURES_MAX 5

struct job {
    pid_t pid; /* 0: none */
    int output;
    uint64_t seed;
};

struct campaign {
    uint64_t next, end;
    struct job jobs[JOBS_MAX];
    size_t job_count;
    uint64_t done, failed, first_digest;
    bool again; /* the first seed is still to be run a second time */
    struct sim_result sums;
};

static void usage(void)
{
    fprintf(stderr, "usage: simulate [--seeds N] [--first SEED] [--jobs N] | --seed SEED\n");
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;
    if (text == NULL || *text == '\0' || *end != '\0' || errno != 0)
        usage();
    return value;
}

static void start(struct job *job, uint64_t seed)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0 || (job->pid = fork()) < 0) {
        perror("simulate");
        exit(1);
    }
    if (job->pid == 0) {
        struct sim_result result;
        sim_run(seed, &result);
        exit(write(ends[1], &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1);
    }
    close(ends[1]);
    job->output = ends[0];
    job->seed = seed;
}

static void add(struct campaign *campaign, const struct sim_result *result)
{
    struct sim_result *sums = &campaign->sums;
    sums->starts += result->starts;
    sums->lines += result->lines;
    sums->calls += result->calls;
    sums->answered += result->answered;
    sums->refused += result->refused;
    sums->snapshots += result->snapshots;
    sums->torn += result->torn;
}

static void check_digest(struct campaign *campaign, const struct job *job, uint64_t first,
                         uint64_t digest)
{
    if (job->seed != first)
        return;
    if (campaign->first_digest != 0 && campaign->first_digest != digest) {
        printf("seed %" PRIu64 ": a second run was another one\n", job->seed);
        campaign->failed++;
    }
    campaign->first_digest = digest;
}

static void finish(struct campaign *campaign, struct job *job, uint64_t first)
{
    struct sim_result result;
    int status;
    const bool told = read(job->output, &result, sizeof(result)) == (ssize_t)sizeof(result);
    close(job->output);
    if (waitpid(job->pid, &status, 0) != job->pid)
        status = -1;
    job->pid = 0;
    campaign->done++;
    if (status == 0 && told) {
        add(campaign, &result);
        check_digest(campaign, job, first, result.digest);
        return;
    }
    campaign->failed++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != SIMULATE_FAILED)
        printf("seed %" PRIu64 ": it broke off (status %d)\n", job->seed, status);
    printf("again: simulate --seed %" PRIu64 "\n", job->seed);
}

/* The oldest is waited for: they all take about as long. */
static void run(struct campaign *campaign)
{
    const uint64_t first = campaign->next;
    size_t at = 0;
    bool running = true;
    while (running) {
        struct job *job = &campaign->jobs[at];
        at = (at + 1) % campaign->job_count;
        if (job->pid != 0)
            finish(campaign, job, first);
        if (campaign->failed >= FAILURES_MAX)
            campaign->next = campaign->end;
        if (campaign->again) {
            campaign->again = false;
            start(job, first);
        } else if (campaign->next < campaign->end) {
            start(job, campaign->next++);
        }
        running = false;
        for (size_t i = 0; i < campaign->job_count; i++)
            running = running || campaign->jobs[i].pid != 0;
    }
}

static int replay(uint64_t seed)
{
    struct sim_result result;
    sim_run(seed, &result);
    printf("seed %" PRIu64 ": nothing was lost or made up in %" PRIu64 " starts (digest %016" PRIx64
           ")\n",
           seed, result.starts, result.digest);
    return 0;
}

int main(int argc, char **argv)
{
    struct campaign campaign = {.next = 1, .job_count = 1, .again = true};
    uint64_t seeds = 200;
    for (int i = 1; i < argc; i += 2) {
        const uint64_t value = number(argv[i + 1]);
        if (strcmp(argv[i], "--seed") == 0)
            return replay(value);
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = value;
        else if (strcmp(argv[i], "--first") == 0)
            campaign.next = value;
        else if (strcmp(argv[i], "--jobs") == 0 && value >= 1 && value <= JOBS_MAX)
            campaign.job_count = value;
        else
            usage();
    }
    campaign.end = campaign.next + seeds;
    run(&campaign);
    const struct sim_result *sums = &campaign.sums;
    printf("simulation: %" PRIu64 " runs, %" PRIu64 " failed; %" PRIu64 " starts (%" PRIu64
           " with a torn end), %" PRIu64 " calls (%" PRIu64 " answered, %" PRIu64
           " refused), %" PRIu64 " lines, %" PRIu64 " snapshots\n",
           campaign.done, campaign.failed, sums->starts, sums->torn, sums->calls, sums->answered,
           sums->refused, sums->lines, sums->snapshots);
    return campaign.failed == 0 ? 0 : 1;
}
