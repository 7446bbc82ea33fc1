#include "proctrack/metric.h"

#include "core/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

const char *metric_content_type(enum metric_format format)
{
    return format == METRIC_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

void metric_writer_init(struct metric_writer *writer, struct text_buffer *out,
                        enum metric_format format)
{
    *writer = (struct metric_writer){.out = out, .format = format};
}

static const char *type_name(enum metric_format format, enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_HISTOGRAM:
        return "histogram";
    case METRIC_INFO:
        break;
    }
    return format == METRIC_OPENMETRICS ? "info" : "gauge"; /* the older format knows no info */
}

static const char *sample_suffix(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "_total";
    case METRIC_INFO:
        return "_info";
    case METRIC_GAUGE:
    case METRIC_HISTOGRAM:
        break;
    }
    return "";
}

static bool ends_with_unit(const struct metric_family *family)
{
    const size_t name = strlen(family->name), unit = strlen(family->unit);
    return name > unit + 1 && family->name[name - unit - 1] == '_' &&
           strcmp(family->name + name - unit, family->unit) == 0;
}

/* The older format describes the samples by their own name, suffix and all. */
static void append_descriptor(struct metric_writer *writer, const char *what)
{
    const struct metric_family *family = writer->family;
    text_append_str(writer->out, what);
    text_append_str(writer->out, family->name);
    if (writer->format == METRIC_PROMETHEUS)
        text_append_str(writer->out, sample_suffix(family->type));
    text_append_char(writer->out, ' ');
}

static void append_escape(struct text_buffer *out, char c)
{
    text_append(out, (const char[]){'\\', c == '\n' ? 'n' : c}, 2);
}

/* Control characters are replaced too: a zero ends the input for some readers, and none of them
 * serves anybody in a label. */
static void append_escaped(struct text_buffer *out, struct span text, bool quotes)
{
    const unsigned char *at = (const unsigned char *)text.data;
    for (size_t left = text.len; left > 0;) {
        const size_t len = utf8_sequence(at, left);
        if (*at == '\\' || *at == '\n' || (quotes && *at == '"'))
            append_escape(out, (char)*at);
        else if (len == 0 || *at < 0x20 || *at == 0x7f)
            text_append_literal(out, REPLACEMENT);
        else
            text_append(out, at, len);
        at += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
}

void metric_begin(struct metric_writer *writer, const struct metric_family *family)
{
    assert(family->unit == NULL || ends_with_unit(family));
    writer->family = family;
    append_descriptor(writer, "# HELP ");
    append_escaped(writer->out, span_of(family->help), writer->format == METRIC_OPENMETRICS);
    text_append_char(writer->out, '\n');
    append_descriptor(writer, "# TYPE ");
    text_append_str(writer->out, type_name(writer->format, family->type));
    text_append_char(writer->out, '\n');
    if (writer->format == METRIC_PROMETHEUS || family->unit == NULL)
        return;
    append_descriptor(writer, "# UNIT ");
    text_append_str(writer->out, family->unit);
    text_append_char(writer->out, '\n');
}

static void append_label(struct text_buffer *out, bool first, const char *name, struct span value)
{
    text_append_char(out, first ? '{' : ',');
    text_append_str(out, name);
    text_append_literal(out, "=\"");
    append_escaped(out, value, true);
    text_append_char(out, '"');
}

/* All of a sample that stands before its value. `le` is NULL but for buckets. */
static void append_series(struct metric_writer *writer, const char *suffix,
                          const struct metric_label *labels, const char *le)
{
    struct text_buffer *out = writer->out;
    assert(writer->family != NULL);
    text_append_str(out, writer->family->name);
    text_append_str(out, suffix);
    size_t count = 0;
    for (; labels != NULL && labels[count].name != NULL; count++)
        append_label(out, count == 0, labels[count].name, labels[count].value);
    if (le != NULL)
        append_label(out, count++ == 0, "le", span_of(le));
    if (count > 0)
        text_append_char(out, '}');
    text_append_char(out, ' ');
}

static void append_count(struct text_buffer *out, uint64_t value)
{
    if (value <= INT64_MAX)
        text_append_int(out, (int64_t)value);
    else
        text_append_format(out, "%llu", (unsigned long long)value);
    text_append_char(out, '\n');
}

void metric_count(struct metric_writer *writer, const struct metric_label *labels, uint64_t value)
{
    append_series(writer, sample_suffix(writer->family->type), labels, NULL);
    append_count(writer->out, value);
}

/* The shortest digits that are read back as the same number. */
static void append_real(struct text_buffer *out, double value)
{
    char text[32];
    if (isnan(value)) {
        text_append_literal(out, "NaN\n");
        return;
    }
    if (isinf(value)) {
        text_append_str(out, value > 0 ? "+Inf\n" : "-Inf\n");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    text_append_str(out, text);
    text_append_char(out, '\n');
}

void metric_real(struct metric_writer *writer, const struct metric_label *labels, double value)
{
    append_series(writer, sample_suffix(writer->family->type), labels, NULL);
    append_real(writer->out, value);
}

static void append_seconds(struct text_buffer *out, uint64_t us)
{
    char fraction[8];
    int len = snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)(us % 1000000));
    while (len > 2 && fraction[len - 1] == '0')
        len--;
    text_append_int(out, (int64_t)(us / 1000000));
    text_append(out, fraction, (size_t)len);
    text_append_char(out, '\n');
}

void metric_seconds(struct metric_writer *writer, const struct metric_label *labels, int64_t us)
{
    append_series(writer, sample_suffix(writer->family->type), labels, NULL);
    if (us < 0)
        text_append_char(writer->out, '-');
    append_seconds(writer->out, us < 0 ? UINT64_C(0) - (uint64_t)us : (uint64_t)us);
}

void metric_histogram(struct metric_writer *writer, const struct metric_label *labels,
                      const struct metric_histogram *histogram)
{
    const struct metric_bucket *bucket = metric_buckets_of(histogram->scale);
    uint64_t count = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        count += histogram->counts[i];
        append_series(writer, "_bucket", labels, i < METRIC_BUCKETS ? bucket[i].le : "+Inf");
        append_count(writer->out, count);
    }
    append_series(writer, "_sum", labels, NULL);
    append_seconds(writer->out, histogram->sum_us);
    append_series(writer, "_count", labels, NULL);
    append_count(writer->out, count);
}

void metric_end(struct metric_writer *writer)
{
    if (writer->format == METRIC_OPENMETRICS)
        text_append_literal(writer->out, "# EOF\n");
}
