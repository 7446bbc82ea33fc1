/* A configuration loaded from given arguments and variables, for the tests of it. */
#ifndef UNIT_APP_LOADED_CONFIG_H
#define UNIT_APP_LOADED_CONFIG_H

#include "app/config.h"
#include "support/test.h"

#include <stdio.h>

#define ARGUMENTS(...)   ((const char *const[]){"proctrackd", __VA_ARGS__, NULL})
#define NO_ARGUMENTS     ((const char *const[]){"proctrackd", NULL})
#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING          ((const char *const[]){NULL})

static inline const char *faults_of(const struct config *config)
{
    return config->faults.data != NULL ? config->faults.data : "";
}

static inline const char *warnings_of(const struct config *config)
{
    return config->warnings.data != NULL ? config->warnings.data : "";
}

/* Buffers are not ended by a zero: done here, once, for the string functions. */
static inline void end_remarks(struct config *config)
{
    text_append_char(&config->faults, '\0');
    text_append_char(&config->warnings, '\0');
}

static inline void load_good(struct config *config, const char *const argv[],
                             const char *const environment[])
{
    bool fine = config_load(config, argv, environment);
    end_remarks(config);
    assert_string_equal(faults_of(config), "");
    assert_true(fine);
}

static inline void load_bad(struct config *config, const char *const argv[],
                            const char *const environment[])
{
    bool fine = config_load(config, argv, environment);
    end_remarks(config);
    assert_false(fine);
}

static inline void assert_holds(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        print_error("no \"%s\" in:\n%s\n", part, text != NULL ? text : "");
        fail();
    }
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) != NULL) {
        print_error("\"%s\" in:\n%s\n", part, text != NULL ? text : "");
        fail();
    }
}

/* True when the only fault is exactly this line. */
static inline void expect_fault(const char *const argv[], const char *const environment[],
                                const char *line)
{
    struct config config;
    char expected[1100];
    load_bad(&config, argv, environment);
    snprintf(expected, sizeof(expected), "%s\n", line);
    assert_string_equal(faults_of(&config), expected);
    config_finish(&config);
}

/* What --print-config shows; the caller frees. */
static inline char *printed(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print(out, config);
    fclose(out);
    return text;
}

#endif
