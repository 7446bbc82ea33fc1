#include "http/metrics.h"
#include "proctrack/log.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROC_FILE_MAX (256 * 1024) /* /proc/stat grows with the number of processors */

static const struct metric_family
    build = {"proctrackd_build", METRIC_INFO, "The program's version.", NULL},
    ready = {"proctrackd_ready", METRIC_GAUGE, "Whether /readyz says that it is ready.", NULL},
    dropped = {"proctrackd_log_lines_dropped", METRIC_COUNTER,
               "Log lines that were not written: too many at a time, or nobody read them.", NULL},
    reloads = {"proctrackd_config_reloads", METRIC_COUNTER,
               "How often the configuration was read again, by what came of it.", NULL},
    cpu = {"process_cpu_seconds", METRIC_COUNTER, "Processor time used, of user and system.",
           "seconds"},
    resident = {"process_resident_memory_bytes", METRIC_GAUGE, "Resident memory.", "bytes"},
    virtual = {"process_virtual_memory_bytes", METRIC_GAUGE, "Virtual memory.", "bytes"},
    open_fds = {"process_open_fds", METRIC_GAUGE, "Open file descriptors.", NULL},
    max_fds = {"process_max_fds", METRIC_GAUGE, "How many file descriptors may be open.", NULL},
    started = {"process_start_time_seconds", METRIC_GAUGE, "When this program was started.",
               "seconds"},
    threads = {"process_threads", METRIC_GAUGE, "Threads.", NULL};

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_text(struct text_buffer *text, const char *path)
{
    text_buffer_init(text, PROC_FILE_MAX);
    if (!text_append_file(text, path))
        return false;
    text_append_char(text, '\0');
    return !text->failed;
}

/* Seconds since 1970 at which the machine was started; 0: not known. */
static int64_t boot_time(void)
{
    static const char name[] = "\nbtime ";
    struct text_buffer text;
    int64_t seconds = 0;
    const char *line = read_text(&text, "/proc/stat") ? strstr(text.data, name) : NULL;
    if (line != NULL) {
        struct span rest = span_of(line + sizeof(name) - 1), number;
        if (!span_split(&rest, '\n', &number) || !span_to_int(number, 0, INT64_MAX, &seconds))
            seconds = 0;
    }
    text_buffer_finish(&text);
    return seconds;
}

/* Fields of proc(5), counted as there; those before AFTER_NAME are a number and a name in
 * parentheses, which may hold some. */
enum { AFTER_NAME = 3, THREADS = 20, STARTED_TICKS = 22, VIRTUAL = 23, RESIDENT = 24 };

static bool take_numbers(struct span rest, int64_t ret_numbers[RESIDENT + 1])
{
    struct span word;
    bool fine = true;
    for (int i = AFTER_NAME; fine && i <= RESIDENT; i++) {
        fine = span_split(&rest, ' ', &word);
        if (fine && i >= THREADS)
            fine = span_to_int(word, INT64_MIN, INT64_MAX, &ret_numbers[i]);
    }
    return fine;
}

static bool read_stat(struct metrics_self *self)
{
    struct text_buffer text;
    int64_t numbers[RESIDENT + 1];
    const char *name_end = read_text(&text, "/proc/self/stat") ? strrchr(text.data, ')') : NULL;
    bool fine =
        name_end != NULL && name_end[1] == ' ' && take_numbers(span_of(name_end + 2), numbers);
    text_buffer_finish(&text);
    long ticks = sysconf(_SC_CLK_TCK);
    if (!fine || ticks <= 0)
        return false;
    self->threads = numbers[THREADS];
    self->virtual_bytes = numbers[VIRTUAL];
    self->resident_bytes = numbers[RESIDENT] * sysconf(_SC_PAGESIZE);
    self->started_at = (double)boot_time() + (double)numbers[STARTED_TICKS] / (double)ticks;
    return true;
}

/* -1: not known. */
static int64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return -1;
    int64_t count = -1; /* that of the directory itself */
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static int64_t micros(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

void metrics_self_read(struct metrics_self *ret_self)
{
    struct rusage usage;
    struct rlimit limit;
    *ret_self = (struct metrics_self){.open_fds = count_descriptors()};
    if (getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        !read_stat(ret_self))
        return;
    ret_self->cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
    ret_self->max_fds = limit.rlim_cur < INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
    ret_self->known = ret_self->open_fds >= 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_process(struct metric_writer *writer, const struct metrics_self *self)
{
    metric_begin(writer, &cpu);
    metric_seconds(writer, NULL, self->cpu_us);
    metrics_write_count(writer, &resident, (uint64_t)self->resident_bytes);
    metrics_write_count(writer, &virtual, (uint64_t)self->virtual_bytes);
    metrics_write_count(writer, &open_fds, (uint64_t)self->open_fds);
    metrics_write_count(writer, &max_fds, (uint64_t)self->max_fds);
    metric_begin(writer, &started);
    metric_real(writer, NULL, self->started_at);
    metrics_write_count(writer, &threads, (uint64_t)self->threads);
}

void metrics_write_self(struct metric_writer *writer, const struct metrics_self *self,
                        const struct metrics_instance *instance)
{
    metric_begin(writer, &build);
    metric_count(writer, METRIC_LABELS({"version", span_of(instance->version)}), 1);
    metrics_write_count(writer, &ready, instance->ready);
    metrics_write_count(writer, &dropped, log_lines_dropped());
    if (instance->reloads != NULL) {
        metric_begin(writer, &reloads);
        metric_count(writer, METRIC_LABELS({"result", SPAN("ok")}), instance->reloads->accepted);
        metric_count(writer, METRIC_LABELS({"result", SPAN("refused")}),
                     instance->reloads->refused);
    }
    if (self->known)
        write_process(writer, self);
}
