/* The factory where no Redis answers; with one, it is tested from outside. */
#include "loaded_config.h"

#include "app/repository_choice.h"
#include "proctrack/process_repository.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct log_capture {
    int saved;
    FILE *file;
};

static struct log_capture capture_log(void)
{
    struct log_capture capture = {.saved = dup(STDERR_FILENO), .file = tmpfile()};
    assert_non_null(capture.file);
    assert_true(dup2(fileno(capture.file), STDERR_FILENO) >= 0);
    return capture;
}

static void end_capture(struct log_capture *capture, char *ret_text, size_t size)
{
    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    close(capture->saved);
    rewind(capture->file);
    ret_text[fread(ret_text, 1, size - 1, capture->file)] = '\0';
    fclose(capture->file);
}

/* A port that refuses connections for as long as the socket is open: bound, but not listening. */
static int closed_port(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static enum exit_code choose(const struct config *config, struct repository_choice *ret_choice,
                             char *ret_log, size_t size)
{
    struct log_capture capture = capture_log();
    enum exit_code code = repository_choose(config, ret_choice);
    end_capture(&capture, ret_log, size);
    return code;
}

static void assert_opens_memory(const struct repository_choice *choice)
{
    struct loop *loop = loop_create();
    struct process_repository *repository = repository_open(choice, loop);
    assert_non_null(repository);
    assert_string_equal(repository->ops->name, "memory");
    assert_int_equal(repository_loops(choice), 1);
    repository_destroy(repository);
    loop_destroy(loop);
}

static void memory_is_the_default_and_says_that_it_forgets(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    char log[4096];
    load_good(&config, ARGUMENTS("--io-threads=4"), NOTHING);
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_false(choice.redis);
    assert_false(choice.durable);
    assert_string_equal(choice.fallback_reason, "");
    assert_holds(log, "what is stored is lost when the program ends");
    assert_lacks(log, "falling back");
    assert_opens_memory(&choice);
    config_finish(&config);
}

static void without_redis_it_falls_back_and_says_why(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    int port, fd = closed_port(&port);
    char log[4096], url[128], where[64];
    snprintf(url, sizeof(url), "REDIS_URL=redis://:s3cret@127.0.0.1:%d", port);
    snprintf(where, sizeof(where), "Redis at 127.0.0.1:%d cannot be used: ", port);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(url));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_false(choice.redis);
    assert_false(choice.durable);
    assert_holds(choice.fallback_reason, where);
    assert_true(strlen(choice.fallback_reason) > strlen(where));
    assert_lacks(choice.fallback_reason, "s3cret");
    assert_holds(log, choice.fallback_reason);
    assert_holds(log, "falling back to memory");
    assert_lacks(log, "s3cret");
    assert_opens_memory(&choice);
    config_finish(&config);
    close(fd);
}

static void a_redis_that_is_required_ends_the_start(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    int port, fd = closed_port(&port);
    char log[4096], url[128], where[64];
    snprintf(url, sizeof(url), "REDIS_URL=redis://127.0.0.1:%d", port);
    snprintf(where, sizeof(where), "Redis at 127.0.0.1:%d cannot be used: ", port);
    load_good(&config, ARGUMENTS("--redis-required"), ENVIRONMENT(url));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_REDIS_REQUIRED);
    assert_holds(log, where);
    assert_lacks(log, "falling back");
    config_finish(&config);
    close(fd);
}

static void an_explicit_false_does_not_even_ask(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    char log[4096];
    load_good(&config, ARGUMENTS("--enable-redis-persistence=false", "--redis-required"),
              ENVIRONMENT("REDIS_URL=unix:///nonexistent/redis.sock"));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_string_equal(choice.fallback_reason, "");
    config_finish(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_default_and_says_that_it_forgets),
        cmocka_unit_test(without_redis_it_falls_back_and_says_why),
        cmocka_unit_test(a_redis_that_is_required_ends_the_start),
        cmocka_unit_test(an_explicit_false_does_not_even_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
