/* SIGHUP: the configuration is read again, off the loop, and put in force if nothing is wrong with
 * it; else the one that is in force stays. Signals that come meanwhile give one more reading. On
 * the main thread, on its loop. */
#ifndef APP_RELOAD_H
#define APP_RELOAD_H

#include "app/service_settings.h"

/* Keeps the signal back in this thread and those that it makes from now on: it does no harm, and
 * one that comes before there is a reload is not lost. */
void reload_hold_signal(void);
/* As it was when the program began: it ends the program. */
void reload_release_signal(void);

struct reload;

/* `adopt` is given each generation of settings that is to be in force, to share; all loops have it
 * when reload_adopted() is called, and only then is another one read. `first` is the one that is.
 * NULL if no memory or no descriptors. The signal must be held back. */
struct reload *reload_create(struct loop *loop, struct service_base *base,
                             struct service_settings *first,
                             void (*adopt)(void *arg, struct service_settings *settings),
                             void *arg);
void reload_adopted(struct reload *reload);
/* Reads nothing more, and puts nothing more in force. Before the loop is destroyed. NULL is fine.
 */
void reload_stop(struct reload *reload);
/* After stop. While it reads, it is freed when the loop gives that back. NULL is fine. */
void reload_destroy(struct reload *reload);

#endif
