/* What the service manager is told (systemd with Type=notify: the protocol of sd_notify(3)). Where
 * there is none, nothing happens. Never waits. On the main thread. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

/* The start may take as long as reading that many bytes from a slow disk does. */
void notify_starting(int64_t bytes_to_read);
/* It serves; also after a reload. */
void notify_ready(void);
/* A sentence for people, in `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Its configuration is read again; notify_ready() ends that. */
void notify_reloading(void);
/* It stops, and may take that long. */
void notify_stopping(int64_t within_ms);

/* How long the manager waits for a sign of life before it ends us; 0: it does not. */
int64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
