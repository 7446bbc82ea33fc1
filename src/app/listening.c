#include "app/listening.h"

#include "app/config_table.h"
#include "proctrack/http_server.h"
#include "proctrack/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

void listening_init(struct listening *ret_listening)
{
    *ret_listening = (struct listening){.admin_fd = -1};
    for (int i = 0; i < LOOPS_MAX; i++)
        ret_listening->fds[i] = -1;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void listening_close(struct listening *listening)
{
    for (int i = 0; i < LOOPS_MAX; i++)
        close_one(&listening->fds[i]);
    close_one(&listening->admin_fd);
}

bool listening_has_admin(const struct listening *listening, const struct config *config)
{
    return listening->admin_passed || config->admin_port != NO_ADMIN_PORT;
}

int listening_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static void look_up(int fd, struct listening_address *ret_address)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char port[8] = "";
    int64_t number = 0;
    *ret_address = (struct listening_address){.port = 0};
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        getnameinfo((struct sockaddr *)&address, len, ret_address->host, sizeof(ret_address->host),
                    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    span_to_int(span_of(port), 0, UINT16_MAX, &number);
    ret_address->port = (int)number;
}

/* --- passed ------------------------------------------------------------------------------------
 */

/* Where the socket belongs; NULL when there is one already. */
static int *place_of(struct listening *listening, const char *name)
{
    bool for_admin = strcmp(name, "admin") == 0 || (strcmp(name, "http") != 0 && listening->passed);
    bool *passed = for_admin ? &listening->admin_passed : &listening->passed;
    if (*passed)
        return NULL;
    *passed = true;
    return for_admin ? &listening->admin_fd : &listening->fds[0];
}

static bool inherit_one(struct listening *listening, int fd, const char *name)
{
    if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0) {
        log_error(
            "a socket that was passed is no listening TCP socket: give its unit ListenStream= "
            "with a port",
            log_int("descriptor", fd), log_text("name", name));
        return false;
    }
    int *place = place_of(listening, name);
    if (place == NULL) {
        log_error("a socket that was passed is one too many: there is one for requests "
                  "(FileDescriptorName=http) and one for operators (admin)",
                  log_int("descriptor", fd), log_text("name", name));
        return false;
    }
    *place = fd;
    return true;
}

enum exit_code listening_inherit(struct listening *listening)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    bool fine = count >= 0;
    if (!fine)
        log_error("the sockets passed cannot be taken: LISTEN_FDS or LISTEN_FDNAMES is wrong",
                  log_text("why", strerror(-count)));
    for (int i = 0; i < count && fine; i++)
        fine = inherit_one(listening, SD_LISTEN_FDS_START + i, names[i]);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return fine ? EXIT_OK : EXIT_ADDRESS;
}

/* A setting that was given and says something else deserves a word. */
static void warn_of_port(const struct config *config, size_t setting, int64_t asked,
                         const struct listening_address *address)
{
    if (config->sources[setting] != SOURCE_DEFAULT && asked != address->port)
        log_warn("a setting is not used: the socket that was passed has another port",
                 log_text("setting", config_settings[setting].name), log_int("value", asked),
                 log_text("host", address->host), log_int("port", address->port));
}

/* All loops accept from the one queue. */
static bool share_with(struct listening *listening, int loops)
{
    for (int i = 1; i < loops; i++) {
        listening->fds[i] = fcntl(listening->fds[0], F_DUPFD_CLOEXEC, 0);
        if (listening->fds[i] < 0) {
            log_error("cannot start: no descriptors left", log_text("why", strerror(errno)));
            return false;
        }
    }
    return true;
}

/* --- our own -----------------------------------------------------------------------------------
 */

/* -1, having said why, when it cannot. */
static int listen_once(const struct config *config, bool shared, int *port)
{
    const char *why = "unknown";
    int fd = http_listen(config->host, *port, shared, port, &why);
    if (fd < 0)
        log_error("cannot listen", log_text("host", config->host), log_int("port", *port),
                  log_text("why", why));
    return fd;
}

/* A shared port can be joined by any program of the same user, unnoticed: a second service started
 * by mistake would take half of the connections. So it must be had alone once before. */
static bool port_is_ours(const struct config *config, int port)
{
    int fd = listen_once(config, false, &port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A socket for each loop, all on one port: the kernel spreads connections over them. */
static bool open_own(struct listening *listening, const struct config *config, int loops)
{
    bool shared = loops > 1;
    int port = (int)config->port;
    if (shared && port != 0 && !port_is_ours(config, port))
        return false;
    for (int i = 0; i < loops; i++) {
        listening->fds[i] = listen_once(config, shared, &port);
        if (listening->fds[i] < 0)
            return false;
    }
    return true;
}

static bool open_admin(struct listening *listening, const struct config *config)
{
    if (config->admin_port == NO_ADMIN_PORT)
        return true;
    int port = (int)config->admin_port;
    listening->admin_fd = listen_once(config, false, &port);
    return listening->admin_fd >= 0;
}

enum exit_code listening_open(struct listening *listening, const struct config *config, int loops)
{
    if (listening->passed && !share_with(listening, loops))
        return EXIT_SYSTEM;
    if (!listening->passed && !open_own(listening, config, loops))
        return EXIT_ADDRESS;
    if (!listening->admin_passed && !open_admin(listening, config))
        return EXIT_ADDRESS;
    look_up(listening->fds[0], &listening->http);
    if (listening->passed)
        warn_of_port(config, SETTING_INDEX(port), config->port, &listening->http);
    if (listening->admin_fd >= 0)
        look_up(listening->admin_fd, &listening->admin);
    if (listening->admin_passed)
        warn_of_port(config, SETTING_INDEX(admin_port), config->admin_port, &listening->admin);
    return EXIT_OK;
}

/* A port that was picked must be seen, whatever the log level. */
static enum log_level level_of_port(const struct config *config, int64_t asked)
{
    return (enum log_level)config->log_level > LOG_INFO && asked == 0 ? LOG_ERROR : LOG_INFO;
}

void listening_tell(const struct listening *listening, const struct config *config, int loops)
{
    if (listening_has_admin(listening, config))
        log_at(level_of_port(config, config->admin_port), "for operators",
               log_text("host", listening->admin.host), log_int("port", listening->admin.port),
               log_bool("passed", listening->admin_passed));
    log_at(level_of_port(config, config->port), "listening", log_text("host", listening->http.host),
           log_int("port", listening->http.port), log_int("threads", loops),
           log_bool("passed", listening->passed));
}
