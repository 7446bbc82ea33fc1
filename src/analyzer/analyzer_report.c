#include "analyzer/analyzer_report.h"

/* The next word must be `name`, the one after it a number. */
static bool take_number(struct span *rest, const char *name, int64_t min, int64_t max,
                        int64_t *ret_value)
{
    struct span word;
    return span_split(rest, ' ', &word) && span_is(word, name) && span_split(rest, ' ', &word) &&
           span_to_int(word, min, max, ret_value);
}

bool report_parse(struct span line, struct process_usage *ret_usage, int *ret_errno)
{
    if (line.len == 0 || line.data[line.len - 1] != '\n')
        return false; /* cut short */
    line.len--;
    int64_t code, signal, wall_ms, cpu_ms, peak;
    struct span rest = line;
    if (take_number(&rest, "failed", 1, 4095, &code) && rest.data == NULL) {
        *ret_errno = (int)code;
        return true;
    }
    rest = line;
    if (!take_number(&rest, "exited", -1, 255, &code) ||
        !take_number(&rest, "signal", 0, 127, &signal) ||
        !take_number(&rest, "wall_ms", 0, INT64_MAX, &wall_ms) ||
        !take_number(&rest, "cpu_ms", 0, INT64_MAX, &cpu_ms) ||
        !take_number(&rest, "peak_memory_kib", 0, INT64_MAX, &peak) || rest.data != NULL)
        return false;
    *ret_errno = 0;
    *ret_usage = (struct process_usage){.exit_code = (int)code,
                                        .signal = (int)signal,
                                        .wall_ms = wall_ms,
                                        .cpu_ms = cpu_ms,
                                        .peak_memory_kib = peak};
    return true;
}
