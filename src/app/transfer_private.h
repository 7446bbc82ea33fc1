#ifndef APP_TRANSFER_PRIVATE_H
#define APP_TRANSFER_PRIVATE_H

#include "app/transfer.h"
#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

#define TRANSFER_FORMAT     "proctrackd export"
#define TRANSFER_VERSION    1
#define TRANSFER_LINE_BYTES ((size_t)1 << 28) /* at most in one line */

extern const char *const transfer_kind_names[REPO_ITEM_KINDS];

/* A repository, one call at a time, each waited for. */
struct transfer {
    struct loop *loop;
    struct process_repository *repository;
    bool open; /* a call is under way */
    enum err err;
    struct repo_ping ping;
    struct repo_dump dump;       /* `position` is the caller's to begin, `now` to set */
    struct repo_restore restore; /* likewise `items`, `count`, `now` */
    void (*take)(void *arg, const struct repo_dump *page);
    void *arg;
};
enum err transfer_ping(struct transfer *transfer);
/* `take` gets the page. */
enum err transfer_dump(struct transfer *transfer,
                       void (*take)(void *arg, const struct repo_dump *page), void *arg);
enum err transfer_restore(struct transfer *transfer);

enum exit_code transfer_export(struct transfer *transfer, const char *file);
enum exit_code transfer_import(struct transfer *transfer, const char *file);

#endif
