/* The file of CONFIG_FILE: its lines, what wins over it, and that all that is wrong is told with
 * file and line. */
#include "loaded_config.h"

#include "app/config_file.h"
#include "app/config_table.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- lines --------------------------------------------------------------------------------------
 */

static void expect_entry(struct config_file_reader *reader, unsigned line, const char *name,
                         const char *value)
{
    struct config_file_entry entry;
    char text[256];
    assert_true(config_file_next(reader, &entry));
    assert_null(entry.fault);
    assert_int_equal(entry.line, line);
    assert_span(entry.name, span_of(name));
    config_file_value(&entry, text);
    assert_string_equal(text, value);
}

static void lines_are_names_and_values(void **state)
{
    (void)state;
    struct config_file_reader reader = {.rest = SPAN("# a comment\n"
                                                     "\n"
                                                     "A=1\n"
                                                     "  B2_=  two words\t \r\n"
                                                     "   # another\n"
                                                     "C=\n"
                                                     "D=a=b # no comment\n"
                                                     "E=\" kept \"\n"
                                                     "F=\"a \\\"b\\\" \\\\ \\n $X\"\n"
                                                     "G=a\"b\"\n"
                                                     "H=\"\"\n"
                                                     "I=a\\nb\n"
                                                     "J=the last")};
    struct config_file_entry entry;
    expect_entry(&reader, 3, "A", "1");
    expect_entry(&reader, 4, "B2_", "two words");
    expect_entry(&reader, 6, "C", "");
    expect_entry(&reader, 7, "D", "a=b # no comment");
    expect_entry(&reader, 8, "E", " kept ");
    expect_entry(&reader, 9, "F", "a \"b\" \\ \\n $X");
    expect_entry(&reader, 10, "G", "a\"b\"");
    expect_entry(&reader, 11, "H", "");
    expect_entry(&reader, 12, "I", "a\\nb");
    expect_entry(&reader, 13, "J", "the last");
    assert_false(config_file_next(&reader, &entry));
}

static void what_others_read_in_other_ways_is_refused(void **state)
{
    (void)state;
    const struct {
        struct span text;
        const char *why;
    } lines[] = {
        {SPAN("PORT"), "NAME=value"},
        {SPAN("export PORT=1"), "right before the ="},
        {SPAN("PORT =1"), "right before the ="},
        {SPAN("=1"), "right before the ="},
        {SPAN("A='1'"), "single"},
        {SPAN("A=\"1"), "must end with one"},
        {SPAN("A=\""), "must end with one"},
        {SPAN("A=\"1\" 2"), "must end with one"},
        {SPAN("A=\"1\\\""), "must end with one"},
        {SPAN("A=1\\"), "continued"},
        {SPAN("A=1\0002"), "control character"},
        {SPAN("A=\033[2J"), "control character"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct config_file_reader reader = {.rest = lines[i].text};
        struct config_file_entry entry;
        assert_true(config_file_next(&reader, &entry));
        assert_holds(entry.fault, lines[i].why);
        assert_false(config_file_next(&reader, &entry));
    }
}

/* --- the file -----------------------------------------------------------------------------------
 */

static char path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/proctrack-config-XXXXXX");
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_config(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *option(void)
{
    static char text[128];
    snprintf(text, sizeof(text), "--config-file=%s", path);
    return text;
}

static void variables_and_options_win_over_the_file(void **state)
{
    (void)state;
    struct config config;
    write_config("PORT=1\nHOST=file\nBASE_PATH=/file\nLOG_LEVEL=\nANALYZER=a=cat\nANALYZER=b=cat\n"
                 "CORS_ALLOW_ORIGINS=http://a,http://b\n");
    load_good(&config, ARGUMENTS(option(), "--port=3"),
              ENVIRONMENT("PORT=2", "HOST=variable", "CORS_ALLOW_ORIGINS=http://c"));
    assert_int_equal(config.port, 3);
    assert_string_equal(config.host, "variable");
    assert_string_equal(config.base_path, "/file");
    assert_int_equal(config.analyzers.count, 2);
    assert_int_equal(config.cors_allow_origins.count, 1);
    assert_int_equal(config.sources[SETTING_INDEX(port)], SOURCE_OPTION);
    assert_int_equal(config.sources[SETTING_INDEX(host)], SOURCE_ENVIRONMENT);
    assert_int_equal(config.sources[SETTING_INDEX(base_path)], SOURCE_FILE);
    assert_int_equal(config.sources[SETTING_INDEX(log_level)], SOURCE_DEFAULT);
    char *text = printed(&config);
    assert_holds(text, "BASE_PATH=/file  # file\n");
    assert_holds(text, "PORT=3  # option\n");
    free(text);
    config_finish(&config);
}

static void the_variable_names_the_file_as_well(void **state)
{
    (void)state;
    struct config config;
    char variable[128];
    snprintf(variable, sizeof(variable), "CONFIG_FILE=%s", path);
    write_config("PORT=9\nDATA_DIR=\n");
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(variable));
    assert_int_equal(config.port, 9);
    assert_string_equal(config.data_dir, "");
    config_finish(&config);
}

static void expect_fault_at(const struct config *config, const char *rest)
{
    char expected[256];
    snprintf(expected, sizeof(expected), "%s:%s\n", path, rest);
    assert_holds(faults_of(config), expected);
}

static void everything_that_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    struct config config;
    write_config("# first\nPORT=99999\nNOPE=1\nexport A=1\nHOST=a\nHOST=b\nCONFIG_FILE=/other\n"
                 "ANALYZER=broken\nREDIS_PASSWORD_FILE=/nowhere/secret\nTYPES_FILE=/tmp\n");
    load_bad(&config, ARGUMENTS(option()), NOTHING);
    expect_fault_at(&config, "2: PORT=99999: must be a whole number from 0 to 65535");
    expect_fault_at(&config, "3: NOPE: there is no such setting; see --help");
    expect_fault_at(&config, "4: write it as NAME=value, with a name of letters, digits and '_' "
                             "right before the =");
    expect_fault_at(&config, "6: HOST: is on line 5 already");
    expect_fault_at(&config, "7: CONFIG_FILE: this file cannot name another");
    expect_fault_at(&config, "8: ANALYZER=broken: analyzer \"broken\": write it as type=command "
                             "argument …");
    expect_fault_at(&config, "9: REDIS_PASSWORD_FILE=/nowhere/secret: cannot be read: No such file "
                             "or directory");
    assert_holds(faults_of(&config), ":10: TYPES_FILE=/tmp: ");
    size_t lines = 0;
    for (const char *c = faults_of(&config); *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 8);
    config_finish(&config);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    expect_fault(ARGUMENTS("--config-file=/nowhere/at-all"), NOTHING,
                 "--config-file=/nowhere/at-all: cannot be read: No such file or directory");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("CONFIG_FILE=/tmp"),
                 "CONFIG_FILE=/tmp: cannot be read: Is a directory");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    struct config config;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1024 * 1024 + 1; i++)
        putc('\n', file);
    assert_int_equal(fclose(file), 0);
    load_bad(&config, ARGUMENTS(option()), NOTHING);
    assert_holds(faults_of(&config), "cannot be read: File too large");
    config_finish(&config);
}

static void secrets_are_read_but_never_shown(void **state)
{
    (void)state;
    struct config config;
    write_config("REDIS_URL=redis://user:s3cr3t@h:1/2\nREDIS_PASSWORD=0ther-s3cr3t\n");
    assert_int_equal(chmod(path, 0600), 0);
    load_good(&config, ARGUMENTS(option()), NOTHING);
    assert_true(config.use_redis);
    assert_string_equal(config.redis.password, "0ther-s3cr3t");
    assert_string_equal(warnings_of(&config), "");
    char *text = printed(&config);
    assert_lacks(text, "s3cr3t");
    assert_holds(text, "REDIS_PASSWORD=***  # file\n");
    free(text);
    config_finish(&config);

    write_config("REDIS_URL=redis://user:s3cr3t@h:x/2\nREDIS_PASSWORD=a\nREDIS_PASSWORD_FILE=/b\n");
    load_bad(&config, ARGUMENTS(option()), NOTHING);
    assert_lacks(faults_of(&config), "s3cr3t");
    assert_holds(faults_of(&config), ": give only one of them");
    config_finish(&config);
}

static void a_secret_that_everybody_can_read_is_warned_of(void **state)
{
    (void)state;
    struct config config;
    write_config("REDIS_PASSWORD=a\nREDIS_URL=redis://h\n");
    assert_int_equal(chmod(path, 0644), 0);
    load_good(&config, ARGUMENTS(option()), NOTHING);
    assert_holds(warnings_of(&config), "REDIS_URL and can be read by every user of the machine");
    config_finish(&config);
    write_config("PORT=1\n");
    load_good(&config, ARGUMENTS(option()), NOTHING);
    assert_string_equal(warnings_of(&config), "");
    config_finish(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_names_and_values),
        cmocka_unit_test(what_others_read_in_other_ways_is_refused),
        cmocka_unit_test(variables_and_options_win_over_the_file),
        cmocka_unit_test(the_variable_names_the_file_as_well),
        cmocka_unit_test(everything_that_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(secrets_are_read_but_never_shown),
        cmocka_unit_test(a_secret_that_everybody_can_read_is_warned_of),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
