/* Any values of the fields of a log line: as JSON it is one valid object on one line, as text one
 * line that steers no terminal, and either goes into a pipe whole. */
#include "core/log_private.h"
#include "proctrack/clock.h"
#include "requirements.h"

#include <limits.h>
#include <string.h>

#define FIELDS_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t number_of(struct span bytes)
{
    int64_t number = 0;
    memcpy(&number, bytes.data, bytes.len < sizeof(number) ? bytes.len : sizeof(number));
    return number;
}

static double real_of(struct span bytes)
{
    double real = 0;
    memcpy(&real, bytes.data, bytes.len < sizeof(real) ? bytes.len : sizeof(real));
    return real;
}

static struct log_field field_of(unsigned kind, const char *name, struct span value)
{
    switch (kind % 5) {
    case 0:
        return log_int(name, number_of(value));
    case 1:
        return log_float(name, real_of(value));
    case 2:
        return log_bool(name, value.len % 2 == 0);
    case 3:
        return log_time(name, number_of(value));
    default:
        return log_span(name, value);
    }
}

/* Each field takes a byte that says what it is and how long, up to all that is left, many times
 * over: so that lines have to be cut. */
static void read_fields(struct span input, struct log_field ret_fields[FIELDS_MAX + 1])
{
    static char names[FIELDS_MAX][2];
    int count = 0;
    while (input.len > 0 && count < FIELDS_MAX) {
        const unsigned how = (unsigned char)input.data[0];
        input = (struct span){input.data + 1, input.len - 1};
        const size_t len = how % 7 == 6 || how > input.len ? input.len : how;
        names[count][0] = (char)('a' + count);
        ret_fields[count] = field_of(how, names[count], (struct span){input.data, len});
        count++;
        const size_t step = how % 7 == 6 ? len / 4 : len;
        input = (struct span){input.data + step, input.len - step};
    }
    ret_fields[count] = LOG_END;
}

static void require_one_line(struct span line)
{
    require(line.len < PIPE_BUF && line.data[line.len - 1] == '\n');
    for (size_t i = 0; i + 1 < line.len; i++)
        require((unsigned char)line.data[i] >= ' ' && line.data[i] != 0x7f);
    require(utf8_valid(line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_field fields[FIELDS_MAX + 1];
    char line[LOG_LINE_SIZE];
    read_fields((struct span){(const char *)data, size}, fields);
    const struct log_event event = {.wall_ms = size > 0 ? data[0] * INT64_C(86400000) : 0,
                                    .level = (enum log_level)(size % 4),
                                    .lost = (unsigned)(size % 3),
                                    .message = "something happened",
                                    .fields = fields};
    size_t len = log_format_line(LOG_FORMAT_JSON, &event, line);
    require_one_line((struct span){line, len});
    require_json((struct span){line, len - 1});
    len = log_format_line(LOG_FORMAT_TEXT, &event, line);
    require_one_line((struct span){line, len});
    return 0;
}
