#include "support/test.h"

#include "analyzer/analyzer_set.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory with a script that can be executed, a file that cannot, and the file to load. */
static char directory[64];

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/proctrack-set-XXXXXX");
    assert_non_null(mkdtemp(directory));
    write_file("good", "#!/bin/sh\n", 0755);
    write_file("plain", "text\n", 0644);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"good", "plain", "analyzers.json"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static bool load(struct analyzer_set *set, const char *text, char *why, size_t why_size)
{
    char path[128];
    write_file("analyzers.json", text, 0644);
    snprintf(path, sizeof(path), "%s/analyzers.json", directory);
    return analyzer_set_load(set, path, why, why_size);
}

static void test_loads_all_members(void **state)
{
    (void)state;
    char why[512], text[512];
    struct analyzer_set set = {NULL, 0};
    snprintf(
        text, sizeof(text),
        "{\"analyzers\": {\"a.b-c_1\": {\"command\": [\"./good\", \"x y\", \"\\u00e4\\n\", \"\"],"
        "\"concurrency\": 7, \"timeout_seconds\": 0, \"environment\": [\"A\", \"_b\"],"
        "\"directory\": \"%s\", \"max_output_bytes\": 4096}, \"sh\": {\"command\": [\"sh\"]}}}",
        directory);
    if (!load(&set, text, why, sizeof(why)))
        fail_msg("%s", why);
    assert_int_equal(set.count, 2);
    const struct analyzer *first = &set.analyzers[0], *second = &set.analyzers[1];
    assert_true(span_is(first->type, "a.b-c_1"));
    assert_string_equal(first->argv[0], "./good");
    assert_string_equal(first->argv[1], "x y");
    assert_string_equal(first->argv[2], "\xC3\xA4\n");
    assert_string_equal(first->argv[3], "");
    assert_null(first->argv[4]);
    assert_int_equal(first->concurrency, 7);
    assert_int_equal(first->timeout_ms, 0);
    assert_string_equal(first->environment[1], "_b");
    assert_null(first->environment[2]);
    assert_string_equal(first->directory, directory);
    assert_int_equal(first->max_output_bytes, 4096);
    assert_int_equal(second->concurrency, ANALYZER_CONCURRENCY_DEFAULT);
    assert_int_equal(second->timeout_ms, 3600000);
    assert_int_equal(second->max_output_bytes, 1024 * 1024);
    assert_null(second->environment);
    assert_null(second->directory);
    analyzer_set_finish(&set);
    assert_int_equal(set.count, 0);
}

#define ONE(members) "{\"analyzers\":{\"t\":{" members "}}}"
#define SH           "\"command\":[\"sh\"],"

static const struct {
    const char *text, *why; /* what follows "…/analyzers.json: " */
} refused[] = {
    {"", "byte 0: "},
    {"{\"analyzers\":{}", "byte "},
    {"[]", "must be an object with one member, \"analyzers\""},
    {"{}", "must be an object with one member, \"analyzers\""},
    {"{\"analyzer\":{}}", "must be an object with one member, \"analyzers\""},
    {"{\"analyzers\":{},\"more\":1}", "must be an object with one member, \"analyzers\""},
    {"{\"analyzers\":[]}", "/analyzers: must be an object that maps types to analyzers"},
    {"{\"analyzers\":{\"t\":[]}}", "/analyzers/t: must be an object"},
    {"{\"analyzers\":{\"a/b~\":{" SH "\"concurrency\":1}}}",
     "/analyzers/a~1b~0: a type is 1 to 64 characters of A-Z a-z 0-9 _ . -"},
    {"{\"analyzers\":{\"\":{\"command\":[\"sh\"]}}}", "/analyzers/: a type is"},
    {ONE(""), "/analyzers/t/command: is missing"},
    {ONE(SH "\"comand\":1"), "/analyzers/t/comand: is unknown; known are command, concurrency"},
    {ONE("\"command\":\"sh\""), "/analyzers/t/command: must be an array of strings"},
    {ONE("\"command\":[]"), "/analyzers/t/command: must name a program"},
    {ONE("\"command\":[\"sh\",1]"),
     "/analyzers/t/command: must be an array of strings, and item 1 is none"},
    {ONE("\"command\":[\"\"]"), "/analyzers/t/command: cannot start \"\": No such file"},
    {ONE("\"command\":[\"no-such-program\"]"),
     "/analyzers/t/command: cannot start \"no-such-program\": No such file or directory"},
    {ONE("\"command\":[\"/nowhere/x\"]"), "/analyzers/t/command: cannot start \"/nowhere/x\": No"},
    {ONE("\"command\":[\"/tmp\"]"), "/analyzers/t/command: cannot start \"/tmp\": Is a directory"},
    {ONE("\"command\":[\"/dev/null\"]"), "cannot start \"/dev/null\": Permission denied"},
    {ONE(SH "\"concurrency\":0"), "/analyzers/t/concurrency: must be an integer from 1 to 256"},
    {ONE(SH "\"concurrency\":257"), "/analyzers/t/concurrency: must be an integer from 1 to 256"},
    {ONE(SH "\"concurrency\":1.5"), "/analyzers/t/concurrency: must be an integer from 1 to 256"},
    {ONE(SH "\"concurrency\":\"2\""), "/analyzers/t/concurrency: must be an integer from 1 to 256"},
    {ONE(SH "\"timeout_seconds\":-1"),
     "/analyzers/t/timeout_seconds: must be an integer from 0 to 2592000"},
    {ONE(SH "\"max_output_bytes\":0"),
     "/analyzers/t/max_output_bytes: must be an integer from 1 to 67108864"},
    {ONE(SH "\"environment\":\"A\""), "/analyzers/t/environment: must be an array of strings"},
    {ONE(SH "\"environment\":[\"A=1\"]"),
     "/analyzers/t/environment: \"A=1\" is no name of a variable that can be passed on"},
    {ONE(SH "\"environment\":[\"PROCESS_ID\"]"), "/analyzers/t/environment: \"PROCESS_ID\" is no"},
    {ONE(SH "\"directory\":1"), "/analyzers/t/directory: must be a path"},
    {ONE(SH "\"directory\":\"/nowhere\""),
     "/analyzers/t/directory: cannot enter \"/nowhere\": No such file or directory"},
    {ONE(SH "\"directory\":\"/dev/null\""),
     "/analyzers/t/directory: cannot enter \"/dev/null\": Not a directory"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct analyzer_set set = {NULL, 0};
        char why[512] = "", file[128];
        snprintf(file, sizeof(file), "%s/analyzers.json: ", directory);
        if (load(&set, refused[i].text, why, sizeof(why)))
            fail_msg("accepted: %s", refused[i].text);
        if (strncmp(why, file, strlen(file)) != 0 || strstr(why, refused[i].why) == NULL)
            fail_msg("%s for %s", why, refused[i].text);
        analyzer_set_finish(&set);
    }
}

static void test_refuses_files_that_cannot_be_read(void **state)
{
    (void)state;
    struct analyzer_set set = {NULL, 0};
    char why[512];
    assert_false(analyzer_set_load(&set, "/nowhere/a.json", why, sizeof(why)));
    assert_string_equal(why, "/nowhere/a.json: No such file or directory");
    assert_false(analyzer_set_load(&set, "/dev/zero", why, sizeof(why)));
    assert_string_equal(why, "/dev/zero: File too large");
    assert_false(analyzer_set_load(&set, "/tmp", why, sizeof(why)));
    assert_string_equal(why, "/tmp: Is a directory");
}

static void test_adds_definitions(void **state)
{
    (void)state;
    struct analyzer_set set = {NULL, 0};
    char why[512];
    assert_true(analyzer_set_add(&set, "a=sh -c 'echo \"a=b\"'", why, sizeof(why)));
    assert_true(analyzer_set_add(&set, "b=  /bin/sh ", why, sizeof(why)));
    assert_int_equal(set.count, 2);
    assert_true(span_is(set.analyzers[0].type, "a"));
    assert_string_equal(set.analyzers[0].argv[2], "echo \"a=b\"");
    assert_null(set.analyzers[0].argv[3]);
    assert_string_equal(set.analyzers[1].argv[0], "/bin/sh");
    assert_null(set.analyzers[1].argv[1]);
    analyzer_set_finish(&set);
}

static void test_refuses_definitions(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"sh", "analyzer \"sh\": write it as type=command argument …"},
        {"=sh", "analyzer \"=sh\": a type is 1 to 64 characters"},
        {"a b=sh", "analyzer \"a b=sh\": a type is 1 to 64 characters"},
        {"a=", "analyzer \"a=\": command is missing"},
        {"a='sh", "analyzer \"a='sh\": a ' is not closed"},
        {"a=no-such-program x", "command cannot start \"no-such-program\": No such file"},
        {"there=sh", "analyzer \"there=sh\": the type is configured twice"},
    };
    struct analyzer_set set = {NULL, 0};
    char why[512];
    assert_true(analyzer_set_add(&set, "there=sh", why, sizeof(why)));
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_false(analyzer_set_add(&set, pairs[i][0], why, sizeof(why)));
        if (strstr(why, pairs[i][1]) == NULL)
            fail_msg("%s for %s", why, pairs[i][0]);
    }
    assert_false(
        load(&set, "{\"analyzers\":{\"there\":{\"command\":[\"sh\"]}}}", why, sizeof(why)));
    assert_non_null(strstr(why, "/analyzers/there: the type is configured twice"));
    assert_int_equal(set.count, 1);
    analyzer_set_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_all_members),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_files_that_cannot_be_read),
        cmocka_unit_test(test_adds_definitions),
        cmocka_unit_test(test_refuses_definitions),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
