#include "app/notify.h"

#include "proctrack/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STATUS_SIZE      256
#define START_US         INT64_C(90000000) /* whatever there is to read */
#define US_PER_MIB       INT64_C(500000)   /* 2 MiB a second, parsed and indexed */
#define STOP_PATIENCE_MS 10000

#define MESSAGE_SIZE 512

/* False where there is no manager, or one of another kind. */
static bool find_manager(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(ret_address->sun_path) || (path[0] != '/' && path[0] != '@'))
        return false;
    memcpy(ret_address->sun_path, path, len);
    if (path[0] == '@') /* in no directory */
        ret_address->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

/* Not by sd_notify(3), which waits while the manager does not read, and with it the loop. What is
 * lost then shows in the manager's timeouts. */
static void __attribute__((format(printf, 1, 0))) tell_list(const char *format, va_list arguments)
{
    struct sockaddr_un address;
    socklen_t address_len;
    char message[MESSAGE_SIZE];
    if (!find_manager(&address, &address_len))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    vsnprintf(message, sizeof(message), format, arguments);
    (void)!sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address,
                  address_len);
    close(fd);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell_list(format, arguments);
    va_end(arguments);
}

void notify_starting(int64_t bytes_to_read)
{
    int64_t us = START_US + bytes_to_read / (1 << 20) * US_PER_MIB;
    tell("EXTEND_TIMEOUT_USEC=%" PRId64, us);
}

void notify_ready(void)
{
    tell("READY=1");
}

void notify_status(const char *format, ...)
{
    char status[STATUS_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status, sizeof(status), format, arguments);
    va_end(arguments);
    tell("STATUS=%s", status);
}

void notify_reloading(void)
{
    tell("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_steady_us());
}

void notify_stopping(int64_t within_ms)
{
    tell("STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=%" PRId64,
         (within_ms + STOP_PATIENCE_MS) * 1000);
}

int64_t notify_watchdog_ms(void)
{
    uint64_t us = 0;
    return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 1000) : 0;
}

void notify_alive(void)
{
    tell("WATCHDOG=1");
}
