/* TLS, where hiredis has it: the certificate must be trusted and name the host. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "support/client_calls.h"
#include "support/redis_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/redis-tls-XXXXXX";
static char certificate[64], key[64], port[8];
static struct redis_fixture redis;
static struct redis_options options;

/* A certificate that signs itself, for localhost and 127.0.0.1. False without openssl(1). */
static bool make_certificate(void)
{
    const char *const argv[] = {
        "openssl",  "req",           "-x509",   "-newkey",
        "rsa:2048", "-nodes",        "-keyout", key,
        "-out",     certificate,     "-days",   "2",
        "-subj",    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        NULL};
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool prepare(void)
{
    if (!redis_client_has_tls() || !redis_fixture_available() || mkdtemp(directory) == NULL)
        return false;
    snprintf(certificate, sizeof(certificate), "%s/cert.pem", directory);
    snprintf(key, sizeof(key), "%s/key.pem", directory);
    return make_certificate();
}

static void clean_up(void)
{
    unlink(certificate);
    unlink(key);
    rmdir(directory);
}

static int start(void **state)
{
    static const char *arguments[] = {"--bind",
                                      "127.0.0.1 127.0.0.2",
                                      "--tls-port",
                                      port,
                                      "--tls-cert-file",
                                      certificate,
                                      "--tls-key-file",
                                      key,
                                      "--tls-ca-cert-file",
                                      certificate,
                                      "--tls-auth-clients",
                                      "no",
                                      NULL};
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_fixture_free_port());
    redis_fixture_start(&redis, arguments);
    redis_options_defaults(&options);
    options.tls = true;
    options.port = atoi(port);
    options.connect_timeout_ms = options.command_timeout_ms = PATIENCE_MS / 2;
    text_copy(options.tls_ca_file, sizeof(options.tls_ca_file), span_of(certificate));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    redis_fixture_stop(&redis);
    return 0;
}

static const struct redis_client_setup setup = {.layout_key = "layout", .layout = "1"};

static void assert_serves(const char *host)
{
    static char big[1024 * 1024 + 1]; /* more than one TLS record, and than a socket holds */
    struct client_call call = {0};
    struct redis_probe probe;
    struct loop *loop = loop_create();
    strcpy(options.host, host);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    struct redis_client *client = redis_client_create(loop, &options, &setup);
    client_wait_ready(loop, client, true);
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(client_call_run(loop, client, &call, WORDS("SET", "big", big)), ERR_OK);
    assert_int_equal(client_call_run(loop, client, &call, WORDS("GET", "big")), ERR_OK);
    assert_int_equal(client_call_run(loop, client, &call, WORDS("ECHO", "hello")), ERR_OK);
    assert_string_equal(call.text, "hello");
    redis_client_destroy(client);
    loop_destroy(loop);
}

static void assert_refused(const char *host, const char *reason)
{
    struct redis_probe probe;
    struct loop *loop = loop_create();
    strcpy(options.host, host);
    assert_int_not_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    if (strstr(probe.problem, reason) == NULL)
        fail_msg("%s", probe.problem);
    struct redis_client *client = redis_client_create(loop, &options, &setup);
    int64_t until = clock_steady_ms() + 300;
    while (clock_steady_ms() < until) {
        loop_turn(loop, 20);
        assert_false(redis_client_is_ready(client));
    }
    redis_client_destroy(client);
    loop_destroy(loop);
}

static void serves_by_name_and_by_address(void **state)
{
    (void)state;
    assert_serves("localhost");
    assert_serves("127.0.0.1");
}

static void on_alarm(int number)
{
    (void)number;
}

/* As a process is that is stopped and goes on, or hears signals while it begins. */
static void an_interrupted_handshake_goes_on(void **state)
{
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    struct redis_probe probe;
    (void)state;
    strcpy(options.host, "127.0.0.1");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    enum err err = ERR_OK;
    for (int round = 0; round < 20 && err == ERR_OK; round++)
        err = redis_probe(&options, "changes", &probe);
    setitimer(ITIMER_REAL, &never, NULL);
    if (err != ERR_OK)
        fail_msg("%s", probe.problem);
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    (void)state;
    options.tls_ca_file[0] = '\0'; /* the system's */
    assert_refused("localhost", "self");
}

static void a_certificate_of_another_host_is_refused(void **state)
{
    (void)state;
    assert_refused("127.0.0.2", "mismatch");
}

static void a_server_without_tls_is_refused(void **state)
{
    (void)state;
    redis_fixture_ask(&redis, "CONFIG SET port %d", redis_fixture_free_port());
    options.port = atoi(strchr(redis_fixture_ask(&redis, "CONFIG GET port"), '\n') + 1);
    options.connect_timeout_ms = 200;
    assert_refused("127.0.0.1", "no answer within 200 ms");
}

static void certificates_that_cannot_be_read_are_told(void **state)
{
    struct redis_probe probe;
    (void)state;
    strcpy(options.tls_ca_file, "/nonexistent.pem");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_INVALID);
    assert_non_null(strstr(probe.problem, "certificates"));
    struct loop *loop = loop_create();
    assert_null(redis_client_create(loop, &options, &setup));
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_by_name_and_by_address, start, stop),
        cmocka_unit_test_setup_teardown(an_interrupted_handshake_goes_on, start, stop),
        cmocka_unit_test_setup_teardown(a_certificate_that_nobody_vouches_for_is_refused, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_certificate_of_another_host_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_server_without_tls_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(certificates_that_cannot_be_read_are_told, start, stop),
    };
    if (!prepare())
        return REDIS_FIXTURE_SKIP;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clean_up();
    return failed;
}
