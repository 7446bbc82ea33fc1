/* The factory where no Redis answers; with one, it is tested from outside. */
#include "loaded_config.h"

#include "app/repository_choice.h"
#include "proctrack/process_repository.h"

#include <arpa/inet.h>
#include <dirent.h>
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

static void assert_opens_memory(struct repository_choice *choice, const char *durability)
{
    enum exit_code code = EXIT_OK;
    struct loop *loop = loop_create();
    struct process_repository *repository = repository_open(choice, loop, &code);
    assert_non_null(repository);
    const struct process_repository *serving = repository_serving(repository);
    assert_string_equal(serving->ops->name, "memory");
    assert_string_equal(serving->durability.mode, durability);
    assert_int_equal(repository_loops(choice), 1);
    repository_destroy(repository);
    repository_choice_finish(choice);
    loop_destroy(loop);
}

/* What opening ends with when it fails. */
static enum exit_code open_in_vain(struct repository_choice *choice, char *ret_log, size_t size)
{
    enum exit_code code = EXIT_OK;
    struct loop *loop = loop_create();
    struct log_capture capture = capture_log();
    assert_null(repository_open(choice, loop, &code));
    end_capture(&capture, ret_log, size);
    repository_choice_finish(choice);
    loop_destroy(loop);
    return code;
}

static void without_a_directory_memory_says_that_it_forgets(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    char log[4096];
    load_good(&config, ARGUMENTS("--io-threads=4", "--data-dir="), NOTHING);
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_false(choice.redis);
    assert_string_equal(choice.fallback_reason, "");
    assert_holds(log, "what is stored is lost when the program ends");
    assert_lacks(log, "falling back");
    assert_opens_memory(&choice, "none");
    config_finish(&config);
}

/* --- DATA_DIR --------------------------------------------------------------------------------- */

struct place {
    char directory[64], setting[96], snapshot[96];
};

static void make_place(struct place *place)
{
    strcpy(place->directory, "/tmp/proctrack-choice-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->setting, sizeof(place->setting), "DATA_DIR=%s", place->directory);
    snprintf(place->snapshot, sizeof(place->snapshot), "%s/snapshot.json", place->directory);
}

static void remove_place(struct place *place)
{
    char path[512];
    DIR *directory = opendir(place->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", place->directory, entry->d_name);
        unlink(path); /* not "." and ".." */
    }
    closedir(directory);
    assert_int_equal(rmdir(place->directory), 0);
}

static void a_directory_makes_memory_durable(void **state)
{
    static const struct {
        const char *fsync, *risk;
    } table[] = {
        {"always", ""},
        {"everysec", "in the last second may be lost"},
        {"no", "often half a minute"},
    };
    (void)state;
    struct place place;
    make_place(&place);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct config config;
        struct repository_choice choice;
        char log[4096], fsync[64];
        snprintf(fsync, sizeof(fsync), "--journal-fsync=%s", table[i].fsync);
        load_good(&config, ARGUMENTS(fsync), ENVIRONMENT(place.setting));
        assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
        assert_lacks(log, "is lost when the program ends");
        assert_holds(log, table[i].risk);
        if (table[i].risk[0] == '\0')
            assert_lacks(log, "may be lost");
        assert_opens_memory(&choice, table[i].fsync);
        config_finish(&config);
    }
    remove_place(&place);
}

static void a_directory_that_is_in_use_is_left_alone(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice holder, second;
    struct place place;
    enum exit_code code;
    char log[4096], pid[32];
    make_place(&place);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(place.setting));
    assert_int_equal(choose(&config, &holder, log, sizeof(log)), EXIT_OK);
    assert_int_equal(choose(&config, &second, log, sizeof(log)), EXIT_OK);
    struct loop *loop = loop_create();
    struct process_repository *repository = repository_open(&holder, loop, &code);
    assert_non_null(repository);
    assert_int_equal(open_in_vain(&second, log, sizeof(log)), EXIT_LOCKED);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    assert_holds(log, pid);
    assert_holds(log, place.directory);
    repository_destroy(repository);
    repository_choice_finish(&holder);
    loop_destroy(loop);
    assert_opens_memory(&second, "always");
    config_finish(&config);
    remove_place(&place);
}

static void a_directory_that_cannot_be_made_ends_the_start(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    char log[4096];
    load_good(&config, ARGUMENTS("--data-dir=/dev/null/data"), NOTHING);
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_int_equal(open_in_vain(&choice, log, sizeof(log)), EXIT_STORAGE);
    assert_holds(log, "data_dir=/dev/null/data error=\"Not a directory\"");
    config_finish(&config);
}

static void damage_ends_the_start_until_it_is_repaired(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    struct place place;
    char log[4096];
    make_place(&place);
    FILE *snapshot = fopen(place.snapshot, "w");
    assert_non_null(snapshot);
    fputs("this is no snapshot\n", snapshot);
    fclose(snapshot);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(place.setting));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_int_equal(open_in_vain(&choice, log, sizeof(log)), EXIT_DAMAGED);
    assert_holds(log, "snapshot.json");
    assert_holds(log, "--repair");
    config_finish(&config);
    load_good(&config, ARGUMENTS("--repair"), ENVIRONMENT(place.setting));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_opens_memory(&choice, "always");
    config_finish(&config);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(place.setting));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_opens_memory(&choice, "always");
    config_finish(&config);
    remove_place(&place);
}

/* --- Redis that is not there ------------------------------------------------------------------ */

static void without_redis_it_falls_back_and_says_why(void **state)
{
    (void)state;
    struct config config;
    struct repository_choice choice;
    int port, fd = closed_port(&port);
    char log[4096], url[128], where[64];
    snprintf(url, sizeof(url), "REDIS_URL=redis://:s3cret@127.0.0.1:%d", port);
    snprintf(where, sizeof(where), "Redis at 127.0.0.1:%d cannot be used: ", port);
    load_good(&config, ARGUMENTS("--data-dir="), ENVIRONMENT(url));
    assert_int_equal(choose(&config, &choice, log, sizeof(log)), EXIT_OK);
    assert_false(choice.redis);
    assert_holds(choice.fallback_reason, where);
    assert_true(strlen(choice.fallback_reason) > strlen(where));
    assert_lacks(choice.fallback_reason, "s3cret");
    snprintf(where, sizeof(where), "address=127.0.0.1:%d error=\"", port);
    assert_holds(log, where);
    assert_holds(log, "falling back to memory");
    assert_lacks(log, "s3cret");
    assert_opens_memory(&choice, "none");
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
    snprintf(where, sizeof(where), "address=127.0.0.1:%d error=\"", port);
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
        cmocka_unit_test(without_a_directory_memory_says_that_it_forgets),
        cmocka_unit_test(a_directory_makes_memory_durable),
        cmocka_unit_test(a_directory_that_is_in_use_is_left_alone),
        cmocka_unit_test(a_directory_that_cannot_be_made_ends_the_start),
        cmocka_unit_test(damage_ends_the_start_until_it_is_repaired),
        cmocka_unit_test(without_redis_it_falls_back_and_says_why),
        cmocka_unit_test(a_redis_that_is_required_ends_the_start),
        cmocka_unit_test(an_explicit_false_does_not_even_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
