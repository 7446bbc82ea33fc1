#include "analyzer/analyzer_set.h"

#include "analyzer/analyzer_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void analyzer_init(struct analyzer *analyzer)
{
    *analyzer = (struct analyzer){
        .concurrency = ANALYZER_CONCURRENCY_DEFAULT,
        .timeout_ms = ANALYZER_TIMEOUT_DEFAULT_S * INT64_C(1000),
        .max_output_bytes = ANALYZER_OUTPUT_DEFAULT,
    };
}

void analyzer_finish(struct analyzer *analyzer)
{
    free((char *)(uintptr_t)analyzer->type.data);
    words_free(analyzer->argv);
    words_free(analyzer->environment);
    free(analyzer->directory);
    memset(analyzer, 0, sizeof(*analyzer));
}

/* True when the file can be executed; false with errno set. */
static bool is_executable(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    if (!S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EACCES;
        return false;
    }
    return access(path, X_OK) == 0;
}

static bool is_executable_in(struct span directory, const char *name)
{
    struct text_buffer path;
    text_buffer_init(&path, 4096);
    text_append_span(&path, directory);
    if (directory.len > 0)
        text_append_char(&path, '/');
    text_append(&path, name, strlen(name) + 1);
    if (path.failed)
        errno = ENAMETOOLONG;
    bool found = !path.failed && is_executable(path.data);
    text_buffer_finish(&path);
    return found;
}

/* As execvp() will look for it; a path is seen from the working directory of the command. */
static bool command_is_startable(const struct analyzer *analyzer)
{
    const char *name = analyzer->argv[0];
    if (name[0] == '/')
        return is_executable(name);
    if (strchr(name, '/') != NULL)
        return is_executable_in(span_of(analyzer->directory), name);
    const char *path = getenv("PATH");
    struct span rest = span_of(path != NULL ? path : "/bin:/usr/bin"), directory;
    int why = ENOENT;
    while (name[0] != '\0' && span_split(&rest, ':', &directory)) {
        if (is_executable_in(directory, name))
            return true;
        if (errno != ENOENT && errno != ENOTDIR)
            why = errno;
    }
    errno = why;
    return false;
}

static bool directory_is_enterable(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    if (!S_ISDIR(info.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return access(path, X_OK) == 0;
}

bool analyzer_check(const struct analyzer_set *set, const struct analyzer *analyzer,
                    const char **ret_member, char *ret_why, size_t why_size)
{
    *ret_member = "";
    if (!process_type_is_valid(analyzer->type)) {
        snprintf(ret_why, why_size, "a type is 1 to %d characters of A-Z a-z 0-9 _ . -",
                 PROCESS_TYPE_MAX);
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (!span_equal(set->analyzers[i].type, analyzer->type))
            continue;
        snprintf(ret_why, why_size, "the type is configured twice");
        return false;
    }
    *ret_member = "directory";
    if (analyzer->directory != NULL && !directory_is_enterable(analyzer->directory)) {
        snprintf(ret_why, why_size, "cannot enter \"%s\": %s", analyzer->directory,
                 strerror(errno));
        return false;
    }
    *ret_member = "command";
    if (analyzer->argv == NULL) {
        snprintf(ret_why, why_size, "is missing");
        return false;
    }
    if (!command_is_startable(analyzer)) {
        snprintf(ret_why, why_size, "cannot start \"%s\": %s", analyzer->argv[0], strerror(errno));
        return false;
    }
    return true;
}

bool analyzer_set_append(struct analyzer_set *set, struct analyzer *analyzer)
{
    struct analyzer *analyzers =
        realloc(set->analyzers, (set->count + 1) * sizeof(*set->analyzers));
    if (analyzers == NULL)
        return false;
    set->analyzers = analyzers;
    analyzers[set->count++] = *analyzer;
    return true;
}

static bool parse_definition(struct analyzer *analyzer, const char *definition,
                             const char **ret_why)
{
    const char *equals = strchr(definition, '=');
    if (equals == NULL) {
        *ret_why = "write it as type=command argument …";
        return false;
    }
    char *type = strndup(definition, (size_t)(equals - definition));
    *ret_why = "out of memory";
    if (type == NULL)
        return false;
    analyzer->type = (struct span){type, strlen(type)};
    struct words words = {NULL, 0};
    bool ok = words_split(&words, equals + 1, ret_why);
    analyzer->argv = words.items;
    return ok;
}

bool analyzer_set_add(struct analyzer_set *set, const char *definition, char *ret_why,
                      size_t why_size)
{
    struct analyzer analyzer;
    analyzer_init(&analyzer);
    const char *why, *member = "";
    char detail[512];
    if (!parse_definition(&analyzer, definition, &why)) {
        snprintf(ret_why, why_size, "analyzer \"%s\": %s", definition, why);
    } else if (!analyzer_check(set, &analyzer, &member, detail, sizeof(detail))) {
        snprintf(ret_why, why_size, "analyzer \"%s\": %s%s%s", definition, member,
                 member[0] != '\0' ? " " : "", detail);
    } else if (!analyzer_set_append(set, &analyzer)) {
        snprintf(ret_why, why_size, "analyzer \"%s\": out of memory", definition);
    } else {
        return true;
    }
    analyzer_finish(&analyzer);
    return false;
}

void analyzer_set_finish(struct analyzer_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        analyzer_finish(&set->analyzers[i]);
    free(set->analyzers);
    set->analyzers = NULL;
    set->count = 0;
}
