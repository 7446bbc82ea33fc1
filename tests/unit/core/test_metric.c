#include "support/test.h"

#include "proctrack/metric.h"

#include <math.h>
#include <stdio.h>

static void each_value_is_in_the_first_bucket_that_takes_it(void **state)
{
    (void)state;
    struct metric_histogram latency = {METRIC_LATENCY, {0}, 0};
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        metric_observe(&latency, metric_latency_buckets[i].upper_us);
        assert_int_equal(latency.counts[i], 1);
    }
    metric_observe(&latency, metric_latency_buckets[0].upper_us + 1);
    assert_int_equal(latency.counts[1], 2);
    metric_observe(&latency, metric_latency_buckets[METRIC_BUCKETS - 1].upper_us + 1);
    metric_observe(&latency, INT64_MAX / 4);
    assert_int_equal(latency.counts[METRIC_BUCKETS], 2);

    const uint64_t sum = latency.sum_us;
    metric_observe(&latency, 0);
    metric_observe(&latency, -5);
    assert_int_equal(latency.counts[0], 3);
    assert_int_equal(latency.sum_us, sum);
    assert_int_equal(metric_observed(&latency), METRIC_BUCKETS + 5);
}

/* Whoever reads the text finds the limits that values were sorted by. */
static void the_limits_rise_and_are_written_as_they_are(void **state)
{
    (void)state;
    static const struct metric_bucket *const tables[] = {metric_latency_buckets,
                                                         metric_period_buckets};
    for (size_t t = 0; t < 2; t++) {
        int64_t before = 0;
        for (size_t i = 0; i < METRIC_BUCKETS; i++) {
            const struct metric_bucket *bucket = &tables[t][i];
            assert_true(bucket->upper_us > before);
            before = bucket->upper_us;
            assert_true((int64_t)(strtod(bucket->le, NULL) * 1e6 + 0.5) == bucket->upper_us);
            assert_non_null(strchr(bucket->le, '.'));
        }
    }
    assert_true(metric_latency_buckets[0].upper_us <= 100);
    assert_true(metric_latency_buckets[METRIC_BUCKETS - 1].upper_us > INT64_C(10) * 1000000);
    assert_true(metric_period_buckets[METRIC_BUCKETS - 1].upper_us >= INT64_C(3600) * 1000000);
}

static void histograms_are_added_up(void **state)
{
    (void)state;
    struct metric_histogram a = {METRIC_PERIOD, {0}, 0}, b = a;
    metric_observe(&a, 10000);
    metric_observe(&b, 10000);
    metric_observe(&b, INT64_C(50000000000));
    metric_histogram_merge(&a, &b);
    assert_int_equal(a.counts[0], 2);
    assert_int_equal(a.counts[METRIC_BUCKETS], 1);
    assert_int_equal(a.sum_us, INT64_C(50000020000));
    assert_int_equal(metric_observed(&a), 3);
}

static const struct metric_family claims = {"x_claims", METRIC_COUNTER,
                                            "Claims \\ \"all\"\nof them.", NULL};
static const struct metric_family written = {"x_written_bytes", METRIC_COUNTER, "Bytes.", "bytes"};
static const struct metric_family age = {"x_age_seconds", METRIC_GAUGE, "Age.", "seconds"};
static const struct metric_family build = {"x_build", METRIC_INFO, "Which.", NULL};

static void write_simple(struct metric_writer *writer)
{
    metric_begin(writer, &claims);
    metric_count(writer, METRIC_LABELS({"type", SPAN("a")}, {"kind", SPAN("b")}), 7);
    metric_count(writer, NULL, UINT64_MAX);
    metric_begin(writer, &written);
    metric_count(writer, NULL, 0);
    metric_begin(writer, &age);
    metric_seconds(writer, METRIC_LABELS({"type", SPAN("a")}), 1500000);
    metric_seconds(writer, NULL, -1);
    metric_seconds(writer, NULL, 2000000);
    metric_begin(writer, &build);
    metric_count(writer, METRIC_LABELS({"version", SPAN("1.2")}), 1);
    metric_end(writer);
}

static void expect(enum metric_format format, void (*write)(struct metric_writer *writer),
                   const char *text)
{
    struct text_buffer out;
    struct metric_writer writer;
    text_buffer_init(&out, 100000);
    metric_writer_init(&writer, &out, format);
    write(&writer);
    assert_false(out.failed);
    char *got = text_buffer_take(&out);
    assert_string_equal(got, text);
    free(got);
}

static void both_formats_are_written_to_the_letter(void **state)
{
    (void)state;
    expect(METRIC_PROMETHEUS, write_simple,
           "# HELP x_claims_total Claims \\\\ \"all\"\\nof them.\n"
           "# TYPE x_claims_total counter\n"
           "x_claims_total{type=\"a\",kind=\"b\"} 7\n"
           "x_claims_total 18446744073709551615\n"
           "# HELP x_written_bytes_total Bytes.\n"
           "# TYPE x_written_bytes_total counter\n"
           "x_written_bytes_total 0\n"
           "# HELP x_age_seconds Age.\n"
           "# TYPE x_age_seconds gauge\n"
           "x_age_seconds{type=\"a\"} 1.5\n"
           "x_age_seconds -0.000001\n"
           "x_age_seconds 2.0\n"
           "# HELP x_build_info Which.\n"
           "# TYPE x_build_info gauge\n"
           "x_build_info{version=\"1.2\"} 1\n");
    expect(METRIC_OPENMETRICS, write_simple,
           "# HELP x_claims Claims \\\\ \\\"all\\\"\\nof them.\n"
           "# TYPE x_claims counter\n"
           "x_claims_total{type=\"a\",kind=\"b\"} 7\n"
           "x_claims_total 18446744073709551615\n"
           "# HELP x_written_bytes Bytes.\n"
           "# TYPE x_written_bytes counter\n"
           "# UNIT x_written_bytes bytes\n"
           "x_written_bytes_total 0\n"
           "# HELP x_age_seconds Age.\n"
           "# TYPE x_age_seconds gauge\n"
           "# UNIT x_age_seconds seconds\n"
           "x_age_seconds{type=\"a\"} 1.5\n"
           "x_age_seconds -0.000001\n"
           "x_age_seconds 2.0\n"
           "# HELP x_build Which.\n"
           "# TYPE x_build info\n"
           "x_build_info{version=\"1.2\"} 1\n"
           "# EOF\n");
    assert_string_equal(metric_content_type(METRIC_PROMETHEUS),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(metric_content_type(METRIC_OPENMETRICS),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static const struct metric_family fsync_duration = {"x_fsync_seconds", METRIC_HISTOGRAM, "Fsync.",
                                                    "seconds"};

static void write_histogram(struct metric_writer *writer)
{
    struct metric_histogram histogram = {METRIC_LATENCY, {0}, 0};
    metric_observe(&histogram, 80);
    metric_observe(&histogram, 1000);
    metric_observe(&histogram, 900);
    metric_observe(&histogram, 40000000);
    metric_begin(writer, &fsync_duration);
    metric_histogram(writer, METRIC_LABELS({"disk", SPAN("a")}), &histogram);
    metric_end(writer);
}

#define BUCKET(le, count) "x_fsync_seconds_bucket{disk=\"a\",le=\"" le "\"} " count "\n"

static void a_histogram_is_written_cumulatively(void **state)
{
    (void)state;
    static const char samples[] = BUCKET("0.0001", "1") BUCKET("0.00025", "1") BUCKET("0.0005", "1")
        BUCKET("0.001", "3") BUCKET("0.0025", "3") BUCKET("0.005", "3") BUCKET("0.01", "3")
            BUCKET("0.025", "3") BUCKET("0.05", "3") BUCKET("0.1", "3") BUCKET("0.25", "3")
                BUCKET("0.5", "3") BUCKET("1.0", "3") BUCKET("2.5", "3") BUCKET("5.0", "3")
                    BUCKET("10.0", "3") BUCKET("20.0", "3") BUCKET("30.0", "3")
                        BUCKET("+Inf", "4") "x_fsync_seconds_sum{disk=\"a\"} 40.00198\n"
                                            "x_fsync_seconds_count{disk=\"a\"} 4\n";
    char text[2000];
    snprintf(text, sizeof(text),
             "# HELP x_fsync_seconds Fsync.\n# TYPE x_fsync_seconds histogram\n%s", samples);
    expect(METRIC_PROMETHEUS, write_histogram, text);
    snprintf(text, sizeof(text),
             "# HELP x_fsync_seconds Fsync.\n# TYPE x_fsync_seconds histogram\n"
             "# UNIT x_fsync_seconds seconds\n%s# EOF\n",
             samples);
    expect(METRIC_OPENMETRICS, write_histogram, text);
}

static const struct metric_family plain = {"x", METRIC_GAUGE, "X.", NULL};

static void write_reals(struct metric_writer *writer)
{
    static const double values[] = {0, 0.1, 1.0 / 3, 1e300, -2.5, 1e-7, 9007199254740993.0};
    metric_begin(writer, &plain);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        metric_real(writer, NULL, values[i]);
    metric_real(writer, NULL, (double)NAN);
    metric_real(writer, NULL, (double)INFINITY);
    metric_real(writer, NULL, -(double)INFINITY);
}

static void reals_are_the_shortest_that_read_back_the_same(void **state)
{
    (void)state;
    expect(METRIC_PROMETHEUS, write_reals,
           "# HELP x X.\n# TYPE x gauge\n"
           "x 0\nx 0.1\nx 0.3333333333333333\n"
           "x 1e+300\nx -2.5\nx 1e-07\nx 9007199254740992\n"
           "x NaN\nx +Inf\nx -Inf\n");
}

static void write_hostile(struct metric_writer *writer)
{
    metric_begin(writer, &plain);
    metric_count(writer, METRIC_LABELS({"v", SPAN("\"} 1\nx{v=\"\\")}), 1);
    metric_count(writer, METRIC_LABELS({"v", SPAN("a\0b\r\t\x1b[0m\x7f")}), 2);
    metric_count(writer, METRIC_LABELS({"v", SPAN("\xff\xc3(\xed\xa0\x80\xf4\x90\x80\x80")}), 3);
    metric_count(writer, METRIC_LABELS({"v", SPAN("gr\xc3\xbc\xc3")}), 4); /* cut short */
    metric_count(writer, METRIC_LABELS({"v", SPAN_NONE}, {"w", SPAN("")}), 5);
}

#define U "\xef\xbf\xbd"

static void hostile_labels_stay_one_sample_each(void **state)
{
    (void)state;
    expect(METRIC_PROMETHEUS, write_hostile,
           "# HELP x X.\n# TYPE x gauge\n"
           "x{v=\"\\\"} 1\\nx{v=\\\"\\\\\"} 1\n"
           "x{v=\"a" U "b" U U U "[0m" U "\"} 2\n"
           "x{v=\"" U U "(" U U U U U U U "\"} 3\n"
           "x{v=\"gr\xc3\xbc" U "\"} 4\n"
           "x{v=\"\",w=\"\"} 5\n");
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct text_buffer out;
    struct metric_writer writer;
    text_buffer_init(&out, 100);
    metric_writer_init(&writer, &out, METRIC_OPENMETRICS);
    write_histogram(&writer);
    assert_true(out.failed);
    text_buffer_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_in_the_first_bucket_that_takes_it),
        cmocka_unit_test(the_limits_rise_and_are_written_as_they_are),
        cmocka_unit_test(histograms_are_added_up),
        cmocka_unit_test(both_formats_are_written_to_the_letter),
        cmocka_unit_test(a_histogram_is_written_cumulatively),
        cmocka_unit_test(reals_are_the_shortest_that_read_back_the_same),
        cmocka_unit_test(hostile_labels_stay_one_sample_each),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
