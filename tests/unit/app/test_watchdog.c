/* What the service manager hears: signs of life as long as all loops beat, and the other words of
 * its protocol. The manager is a socket of ours. */
#include "support/test.h"

#include "app/notify.h"
#include "app/watchdog.h"
#include "proctrack/clock.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SILENCE_MS 20
#define LIMIT_MS   2000

static int manager;
static char message[512];

static int setup(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    (void)state;
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(manager >= 0);
    int len = snprintf(name, sizeof(name), "@proctrackd-test-%d", (int)getpid());
    memcpy(address.sun_path, name, (size_t)len);
    address.sun_path[0] = '\0'; /* in no directory */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    assert_int_equal(bind(manager, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    return close(manager);
}

/* The next message, or NULL. */
static const char *heard(void)
{
    ssize_t len = recv(manager, message, sizeof(message) - 1, 0);
    if (len < 0)
        return NULL;
    message[len] = '\0';
    return message;
}

static int count_heard(const char *expected)
{
    int count = 0;
    while (heard() != NULL) {
        assert_string_equal(message, expected);
        count++;
    }
    return count;
}

static void turn_for(struct loop *loop, int64_t ms)
{
    int64_t end = clock_steady_ms() + ms;
    while (clock_steady_ms() < end)
        loop_turn(loop, 1);
}

static void expect_signs_of_life(struct loop *loop, int count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (count > 0 && clock_steady_ms() < deadline) {
        loop_turn(loop, 1);
        count -= count_heard("WATCHDOG=1");
    }
    assert_true(count <= 0);
}

/* A silence as the listener hears it, in a time of its own. */
static void fall_silent(struct heartbeats *beats, struct heartbeat_listener *listener)
{
    for (int64_t now_ms = 0; now_ms <= LIMIT_MS; now_ms += HEARTBEAT_MS) {
        heartbeats_beat(beats, 0);
        heartbeat_listen(listener, now_ms);
    }
}

static void signs_of_life_end_when_a_loop_is_silent(void **state)
{
    struct loop *loop = loop_create();
    struct heartbeats *beats = heartbeats_create(2);
    struct heartbeat_listener listener;
    (void)state;
    heartbeat_listener_init(&listener, beats);
    struct watchdog *watchdog = watchdog_create(loop, &listener, SILENCE_MS, LIMIT_MS);
    assert_non_null(watchdog);
    expect_signs_of_life(loop, 2);
    fall_silent(beats, &listener);
    turn_for(loop, 4 * SILENCE_MS);
    assert_int_equal(count_heard("WATCHDOG=1"), 0);
    heartbeats_beat(beats, 1);
    heartbeat_listen(&listener, LIMIT_MS + HEARTBEAT_MS);
    expect_signs_of_life(loop, 2);
    watchdog_destroy(watchdog);
    turn_for(loop, 2 * SILENCE_MS);
    assert_int_equal(count_heard("WATCHDOG=1"), 0);
    heartbeats_destroy(beats);
    loop_destroy(loop);
}

static void where_silence_is_not_judged_only_this_loop_counts(void **state)
{
    struct loop *loop = loop_create();
    struct heartbeats *beats = heartbeats_create(2);
    struct heartbeat_listener listener;
    (void)state;
    heartbeat_listener_init(&listener, beats);
    fall_silent(beats, &listener);
    struct watchdog *watchdog = watchdog_create(loop, &listener, 1, 0);
    expect_signs_of_life(loop, 1);
    watchdog_destroy(watchdog);
    heartbeats_destroy(beats);
    loop_destroy(loop);
}

static void each_step_is_told(void **state)
{
    long long us;
    (void)state;
    notify_starting(INT64_C(1) << 30);
    assert_string_equal(heard(), "EXTEND_TIMEOUT_USEC=602000000");
    notify_ready();
    assert_string_equal(heard(), "READY=1");
    notify_status("On port %d", 8080);
    assert_string_equal(heard(), "STATUS=On port 8080");
    notify_reloading();
    assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    assert_in_range(us, clock_steady_us() - 10000000, clock_steady_us());
    notify_stopping(25000);
    assert_string_equal(heard(), "STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=35000000");
    assert_null(heard());
}

static void the_watchdog_is_the_one_of_this_process(void **state)
{
    char pid[16];
    (void)state;
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

static void without_a_manager_nothing_is_told(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    notify_alive();
    assert_null(heard());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signs_of_life_end_when_a_loop_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(where_silence_is_not_judged_only_this_loop_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_step_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_watchdog_is_the_one_of_this_process, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_manager_nothing_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
