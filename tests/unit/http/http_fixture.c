#include "http/http_fixture.h"

#include "proctrack/memory_repository.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- server ----------------------------------------------------------------------------------- */

void fixture_init_on(struct fixture *f, struct process_repository *(*open)(struct fixture *f))
{
    *f = (struct fixture){0};
    f->loop = loop_create();
    assert_non_null(f->loop);
    process_policy_defaults(&f->policy);
    f->repository = open(f);
    assert_non_null(f->repository);
    f->manager_options.policy = &f->policy;
    f->manager_options.stamps = change_stamps_create();
    assert_non_null(f->manager_options.stamps);
    f->manager_options.default_max_attempts = 1;
    f->manager = process_manager_create(f->loop, f->repository, &f->manager_options, NULL, NULL);
    assert_non_null(f->manager);
    f->options = (struct http_options){
        .base_path = "",
        .max_body_bytes = 100000,
        .max_connections = 100,
        .max_waiters = 100,
        .status_cache_bytes = 1 << 20,
        .header_timeout_s = 60,
        .body_timeout_s = 60,
        .write_timeout_s = 60,
        .log_access = HTTP_LOG_NONE,
        .metrics = true,
        .idle_timeout_s = 60,
        .version = "1.2.3",
        .instance = "test-1",
    };
}

static struct process_repository *open_memory(struct fixture *f)
{
    return memory_repository_create(&f->policy);
}

static struct process_repository *open_held(struct fixture *f)
{
    return held_repository_create(open_memory(f), NULL);
}

void fixture_init(struct fixture *f, bool held)
{
    fixture_init_on(f, held ? open_held : open_memory);
}

struct fixture fixture;

int fixture_setup(void **state)
{
    (void)state;
    fixture_init(&fixture, false);
    return 0;
}

int fixture_setup_held(void **state)
{
    (void)state;
    fixture_init(&fixture, true);
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    if (fixture.loop != NULL)
        fixture_stop(&fixture);
    return 0;
}

void fixture_start(struct fixture *f)
{
    const char *why = NULL;
    int fd = http_listen("127.0.0.1", 0, true, &f->port, &why);
    assert_true(fd >= 0);
    f->server = http_server_create(f->loop, f->manager, &f->options, fd);
    assert_non_null(f->server);
}

void fixture_stop(struct fixture *f)
{
    http_server_quiesce(f->server);
    process_manager_stop(f->manager);
    repository_close(f->repository);
    while (http_server_open_calls(f->server) > 0)
        loop_turn(f->loop, 100);
    fixture_finish(f);
}

void fixture_finish(struct fixture *f)
{
    http_server_destroy(f->server);
    process_manager_destroy(f->manager);
    repository_destroy(f->repository);
    change_stamps_destroy(f->manager_options.stamps);
    loop_destroy(f->loop);
    *f = (struct fixture){0};
}

void fixture_wait_held(struct fixture *f, size_t count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (held_repository_count(f->repository) != count) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 10);
    }
}

/* --- client ----------------------------------------------------------------------------------- */

struct client *client_connect(struct fixture *f)
{
    struct client *client = calloc(1, sizeof(*client));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)f->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_non_null(client);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return client;
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client);
}

void client_send(struct client *client, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(client->fd, text, len, MSG_NOSIGNAL), len);
}

bool client_send_all(struct fixture *f, struct client *client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        }
        loop_turn(f->loop, sent > 0 ? 0 : 10);
    }
    return true;
}

static void receive(struct client *client, int flags)
{
    ssize_t got =
        recv(client->fd, client->in + client->len, sizeof(client->in) - client->len - 1, flags);
    if (got > 0)
        client->len += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN))
        client->closed = true;
    client->in[client->len] = '\0';
}

void client_turn(struct fixture *f, struct client *client, int64_t deadline)
{
    assert_true(clock_steady_ms() < deadline);
    loop_turn(f->loop, 5);
    receive(client, MSG_DONTWAIT);
}

/* Takes the answer at the front, if it is whole. */
static bool take(struct client *client, bool head, struct answer *ret_answer)
{
    char *end = strstr(client->in, "\r\n\r\n");
    if (end == NULL)
        return false;
    size_t header_len = (size_t)(end - client->in) + 4;
    assert_true(header_len < sizeof(ret_answer->header));
    memcpy(ret_answer->header, client->in, header_len);
    ret_answer->header[header_len] = '\0';
    assert_int_equal(sscanf(client->in, "HTTP/1.1 %u ", &ret_answer->status), 1);
    const char *length = answer_field(ret_answer, "Content-Length");
    bool bare = head || ret_answer->status == 304 || ret_answer->status < 200 || length == NULL;
    size_t body_len = bare ? 0 : strtoul(length, NULL, 10);
    assert_true(body_len < sizeof(ret_answer->body));
    if (client->len < header_len + body_len)
        return false;
    memcpy(ret_answer->body, client->in + header_len, body_len);
    ret_answer->body[body_len] = '\0';
    client->len -= header_len + body_len;
    memmove(client->in, client->in + header_len + body_len, client->len + 1);
    return true;
}

bool client_receive(struct fixture *f, struct client *client, struct answer *ret_answer)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!take(client, false, ret_answer)) {
        if (client->closed)
            return false;
        client_turn(f, client, deadline);
    }
    return true;
}

void client_read(struct fixture *f, struct client *client, bool head, struct answer *ret_answer)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!take(client, head, ret_answer)) {
        if (client->closed)
            fail_msg("closed without an answer; got: %s", client->in);
        client_turn(f, client, deadline);
    }
}

void client_read_rest(struct client *client, struct answer *ret_answer)
{
    while (!client->closed)
        receive(client, 0);
    assert_true(take(client, false, ret_answer));
    assert_int_equal(client->len, 0);
}

void client_expect_close(struct fixture *f, struct client *client)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!client->closed)
        client_turn(f, client, deadline);
    assert_int_equal(client->len, 0);
}

const char *request_text(const char *method, const char *target, const char *fields,
                         const char *body)
{
    static char message[120000];
    int len = snprintf(message, sizeof(message), "%s %s HTTP/1.1\r\nHost: h\r\n%s", method, target,
                       fields != NULL ? fields : "");
    if (body != NULL)
        snprintf(message + len, sizeof(message) - (size_t)len,
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
                 body);
    else
        snprintf(message + len, sizeof(message) - (size_t)len, "\r\n");
    return message;
}

const struct answer *ask(struct fixture *f, const char *method, const char *target,
                         const char *fields, const char *body)
{
    static struct answer answer;
    struct client *client = client_connect(f);
    client_send(client, request_text(method, target, fields, body));
    client_read(f, client, strcmp(method, "HEAD") == 0, &answer);
    client_close(client);
    return &answer;
}

/* --- answers ---------------------------------------------------------------------------------- */

const char *answer_field(const struct answer *answer, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);
    const char *line = strstr(answer->header, "\r\n") + 2;
    for (; *line != '\r'; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *from = line + len + 1 + strspn(line + len + 1, " ");
        size_t value_len = strcspn(from, "\r");
        assert_true(value_len < sizeof(value));
        memcpy(value, from, value_len);
        value[value_len] = '\0';
        return value;
    }
    return NULL;
}

void assert_field(const struct answer *answer, const char *name, const char *expected)
{
    const char *value = answer_field(answer, name);
    if (expected == NULL && value != NULL)
        fail_msg("%s: %s", name, value);
    if (expected != NULL && (value == NULL || strcmp(value, expected) != 0))
        fail_msg("%s: %s, not %s", name, value != NULL ? value : "(none)", expected);
}

const char *answer_member(const struct answer *answer, const char *name)
{
    static char text[60000];
    json_t *root = json_loads(answer->body, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL)
        fail_msg("no JSON: %s", answer->body);
    const json_t *member = json_object_get(root, name);
    char *dumped = member != NULL ? json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (dumped != NULL)
        snprintf(text, sizeof(text), "%s", dumped);
    free(dumped);
    json_decref(root);
    return member != NULL ? text : NULL;
}

void assert_member(const struct answer *answer, const char *name, const char *expected)
{
    const char *member = answer_member(answer, name);
    if (member == NULL || strcmp(member, expected) != 0)
        fail_msg("%s is %s, not %s, in %s", name, member != NULL ? member : "missing", expected,
                 answer->body);
}

void assert_problem(const struct answer *answer, unsigned status, const char *slug)
{
    char type[128];
    if (answer->status != status)
        fail_msg("%u, not %u: %s", answer->status, status, answer->body);
    snprintf(type, sizeof(type), "\"/problems/%s\"", slug);
    assert_field(answer, "Content-Type", "application/problem+json");
    assert_field(answer, "X-Content-Type-Options", "nosniff");
    assert_member(answer, "type", type);
    assert_non_null(answer_member(answer, "title"));
    assert_non_null(answer_member(answer, "detail"));
}
