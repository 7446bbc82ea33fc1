#include "http/durable_fixture.h"

#include "http/failing_memory.h"

#include "proctrack/memory_repository.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* --- the server --------------------------------------------------------------------------------
 */

static char directory[64];
static struct disk *disk;

struct process_repository *durable_open(struct fixture *f)
{
    const struct memory_journal_options options = {.fsync = JOURNAL_FSYNC_ALWAYS,
                                                   .now = clock_wall_ms()};
    struct journal_report report;
    enum err err;
    int error;
    struct process_repository *repository = NULL;
    disk = disk_open_directory(directory, &error);
    if (disk != NULL)
        repository = memory_repository_open(f->loop, &f->policy, disk, &options, &report, &err);
    if (repository == NULL)
        durable_close(NULL);
    return repository;
}

void durable_close(struct process_repository *repository)
{
    repository_destroy(repository);
    disk_destroy(disk);
    disk = NULL;
}

void durable_start(void)
{
    fixture_init_on(&fixture, durable_open);
    fixture.manager_options.default_max_attempts = 3;
    fixture_start(&fixture);
}

void durable_stop(void)
{
    fixture_stop(&fixture);
    disk_destroy(disk);
}

int durable_setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/proctrack-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    durable_start();
    return 0;
}

int durable_teardown(void **state)
{
    char path[400];
    const struct dirent *entry;
    (void)state;
    memory_calm();
    if (fixture.loop != NULL)
        durable_stop();
    DIR *stream = opendir(directory);
    while ((entry = readdir(stream)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    closedir(stream);
    return rmdir(directory);
}

/* --- what a request is about --------------------------------------------------------------------
 */

static char id[64], lease[64], type[32];

static void remember(char *out, size_t size, const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    assert_non_null(text);
    snprintf(out, size, "%s", text);
}

static void fill(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        const char *value = text[0] != '$'   ? NULL
                            : text[1] == 'I' ? id
                            : text[1] == 'L' ? lease
                                             : type;
        assert_true(len + 64 < size);
        if (value == NULL)
            out[len++] = *text;
        else
            len += (size_t)snprintf(out + len, size - len, "%s", value), text++;
    }
    out[len] = '\0';
}

const char *request_compose(const struct request *request)
{
    static char target[4096], fields[4096], body[8192];
    fill(target, sizeof(target), request->target);
    fill(fields, sizeof(fields), request->fields != NULL ? request->fields : "");
    fill(body, sizeof(body), request->body != NULL ? request->body : "");
    return request_text(request->method, target, fields, request->body != NULL ? body : NULL);
}

const struct answer *request_must(const struct request *request, unsigned status)
{
    static struct answer answer;
    struct client *client = client_connect(&fixture);
    client_send(client, request_compose(request));
    client_read(&fixture, client, false, &answer);
    client_close(client);
    if (answer.status != status)
        fail_msg("%s: %u, not %u: %s", request->target, answer.status, status, answer.body);
    return &answer;
}

static void take_lease(void)
{
    const struct answer *answer = request_must(
        &(struct request){.method = "POST",
                          .target = "/claim",
                          .body = "{\"types\":[\"$T\"],\"worker\":\"w-1\",\"lease_seconds\":3600}"},
        200);
    json_t *root = json_loads(answer->body, 0, NULL);
    remember(lease, sizeof(lease), json_array_get(json_object_get(root, "processes"), 0),
             "lease_token");
    json_decref(root);
}

static void report(const char *target, const char *body)
{
    request_must(&(struct request){.method = "POST", .target = target, .body = body}, 200);
}

void request_prepare(enum state state)
{
    static int number;
    snprintf(type, sizeof(type), "type-%d", number++);
    if (state == NOTHING)
        return;
    const struct answer *answer = request_must(
        &(struct request){.method = "POST",
                          .target = "/analyze",
                          .body = "{\"type\":\"$T\",\"input\":{\"n\":[1,2.5]},\"group\":\"g-1\","
                                  "\"metadata\":{\"of\":\"$T\"},\"max_attempts\":3}"},
        202);
    json_t *root = json_loads(answer->body, 0, NULL);
    remember(id, sizeof(id), root, "process_id");
    json_decref(root);
    if (state != PENDING)
        take_lease();
    if (state == COMPLETED)
        report("/processes/$I/complete", "{\"lease_token\":\"$L\",\"result\":{\"words\":7}}");
    if (state == FAILED)
        report("/processes/$I/fail",
               "{\"lease_token\":\"$L\",\"code\":\"c\",\"message\":\"m\",\"retryable\":false}");
}

/* --- what is there ------------------------------------------------------------------------------
 */

struct seen see(enum state state)
{
    struct seen seen = {.status = ""};
    char target[128];
    fill(target, sizeof(target), "/status/$I");
    const struct answer *answer = ask(&fixture, "GET", "/stats", NULL, NULL);
    assert_int_equal(answer->status, 200);
    json_t *root = json_loads(answer->body, 0, NULL);
    seen.total = json_integer_value(json_object_get(root, "total"));
    json_decref(root);
    if (state == NOTHING)
        return seen;
    answer = ask(&fixture, "GET", target, NULL, NULL);
    root = json_loads(answer->body, 0, NULL);
    if (answer->status == 200)
        remember(seen.status, sizeof(seen.status), root, "status");
    else
        assert_int_equal(answer->status, 410);
    json_decref(root);
    return seen;
}

bool seen_is_same(const struct seen *a, const struct seen *b)
{
    return a->total == b->total && strcmp(a->status, b->status) == 0;
}

/* All processes, without what the time and those who look for work change; to be freed. */
static char *picture(void)
{
    static const char *const passing[] = {"retry_after_ms", "eta", "reason", "queue_position"};
    const struct answer *answer = ask(&fixture, "GET", "/processes?limit=200", NULL, NULL);
    size_t i;
    json_t *one, *root = json_loads(answer->body, 0, NULL);
    assert_int_equal(answer->status, 200);
    json_array_foreach(json_object_get(root, "processes"), i, one)
    {
        for (size_t k = 0; k < sizeof(passing) / sizeof(*passing); k++)
            json_object_del(one, passing[k]);
    }
    char *text = json_dumps(json_object_get(root, "processes"), JSON_SORT_KEYS);
    json_decref(root);
    return text;
}

void durable_check_restart(void)
{
    char *before = picture();
    durable_stop();
    durable_start();
    char *after = picture();
    assert_string_equal(after, before);
    free(before);
    free(after);
}
