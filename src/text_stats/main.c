/* proctrack-text-stats: a report on a text, and the example of how an analyzer talks to proctrackd.
 *
 * The protocol is small: the input comes as JSON on standard input, the result goes as JSON to
 * standard output, progress goes as JSON lines to descriptor 3, what goes wrong to standard error.
 * Exit status 0 completes the process; 65 says that the input is bad and will be next time, so
 * that it is not tried again; any other fails it for now. */
#include "text_stats/input.h"
#include "text_stats/language.h"
#include "text_stats/progress.h"
#include "text_stats/report.h"
#include "text_stats/tokens.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NAME "proctrack-text-stats"

enum step { STEP_READ = 1, STEP_COUNT, STEP_RANK, STEP_WRITE };
#define STEPS STEP_WRITE

static const char usage[] =
    "usage: " NAME " < input\n"
    "Reads JSON: a string, {\"text\": \"…\"} or {\"documents\": [{\"name\": \"…\", \"text\": "
    "\"…\"}, …]}.\n"
    "Writes a report on the text as JSON: counts, readability, frequent terms, language.\n";

static void on_passed(void *arg, size_t bytes)
{
    progress_bytes(arg, bytes);
}

/* The report on one document; NULL if no memory. Adds its counts to the total. */
static json_t *report_document(const struct document *document, struct counts *total,
                               struct progress *progress)
{
    struct counts counts;
    memset(&counts, 0, sizeof(counts));
    json_t *report = NULL;
    if (counts_add_text(&counts, document->text, document->len, on_passed, progress) &&
        counts_add(total, &counts))
        report = report_make(&counts);
    counts_finish(&counts);
    if (report != NULL && json_object_set_new(report, "name", json_string(document->name)) != 0) {
        json_decref(report);
        report = NULL;
    }
    return report;
}

static json_t *report_documents(const struct input *input, struct progress *progress)
{
    struct counts total;
    memset(&total, 0, sizeof(total));
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < input->count; i++) {
        char message[INPUT_NAME_MAX + 32];
        snprintf(message, sizeof(message), "counting words of %s", input->documents[i].name);
        progress_step(progress, STEP_COUNT, STEPS, message);
        json_t *report = report_document(&input->documents[i], &total, progress);
        ok = report != NULL && json_array_append_new(list, report) == 0;
    }
    progress_step(progress, STEP_RANK, STEPS, "ranking the terms of all documents");
    json_t *report =
        ok ? json_pack("{s:O, s:o}", "documents", list, "total", report_make(&total)) : NULL;
    json_decref(list);
    counts_finish(&total);
    return report;
}

static json_t *report_text(const struct input *input, struct progress *progress)
{
    struct counts counts;
    memset(&counts, 0, sizeof(counts));
    json_t *report = NULL;
    progress_step(progress, STEP_COUNT, STEPS, "counting words");
    if (counts_add_text(&counts, input->documents[0].text, input->documents[0].len, on_passed,
                        progress)) {
        progress_step(progress, STEP_RANK, STEPS, "ranking terms");
        report = report_make(&counts);
    }
    counts_finish(&counts);
    return report;
}

static int write_report(const json_t *report)
{
    if (json_dumpf(report, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12)) == 0 &&
        fputc('\n', stdout) != EOF && fflush(stdout) == 0)
        return EX_OK;
    perror(NAME ": cannot write the report");
    return EX_IOERR;
}

static int run(struct progress *progress)
{
    struct input input;
    char why[512];
    progress_step(progress, STEP_READ, STEPS, "reading the input");
    if (!input_read(&input, 0, why, sizeof(why))) {
        fprintf(stderr, NAME ": bad input: %s\n", why);
        return EX_DATAERR;
    }
    progress->total = input.bytes;
    json_t *report =
        input.has_names ? report_documents(&input, progress) : report_text(&input, progress);
    int status = EX_OSERR;
    if (report != NULL) {
        progress_step(progress, STEP_WRITE, STEPS, "writing the report");
        status = write_report(report);
    } else {
        fputs(NAME ": out of memory\n", stderr);
    }
    json_decref(report);
    input_finish(&input);
    return status;
}

int main(int argc, char **argv)
{
    struct progress progress;
    progress_init(&progress);
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1) {
        bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(usage, help ? stdout : stderr);
        return help ? EX_OK : EX_USAGE;
    }
    if (!tokens_init() || !languages_init()) {
        fputs(NAME ": the C.UTF-8 locale is missing, or memory is\n", stderr);
        return EX_OSERR;
    }
    int status = run(&progress);
    languages_finish();
    tokens_finish();
    return status;
}
