/* A file is read twice: all of it is checked before anything is stored. What comes through a pipe
 * is stored as it comes. */
#include "app/transfer_lines.h"
#include "app/transfer_private.h"
#include "proctrack/log.h"
#include "proctrack/repository_move.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS    10000 /* with a repository that does not answer */
#define AGAIN_PAUSE_MS 100

struct import {
    struct transfer *transfer;
    const char *name; /* for people */
    int in;
    struct item_page page;
    uint64_t stored, examined, refused;
};

/* --- storing --------------------------------------------------------------------------------- */

static bool may_pass(enum err err)
{
    return err == ERR_UNAVAILABLE || err == ERR_TIMEOUT;
}

static enum err store_page(struct import *import)
{
    struct repo_restore *restore = &import->transfer->restore;
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    enum err err = ERR_OK;
    if (import->page.count == 0)
        return ERR_OK;
    restore->items = import->page.items;
    restore->count = import->page.count;
    restore->now = clock_wall_ms();
    while (may_pass(err = transfer_restore(import->transfer)) && clock_steady_ms() < deadline)
        loop_turn(import->transfer->loop, AGAIN_PAUSE_MS);
    import->refused += err == ERR_CORRUPT;
    if (err == ERR_CORRUPT)
        err = ERR_OK;
    if (err == ERR_OK) {
        import->examined += import->page.count;
        import->stored += restore->stored;
    }
    item_page_clear(&import->page);
    return err;
}

static enum err store_item(struct import *import, const struct repo_item *item)
{
    if (!item_page_add(&import->page, item))
        return ERR_NO_MEMORY;
    return item_page_is_full(&import->page) ? store_page(import) : ERR_OK;
}

static enum exit_code tell_not_stored(const struct import *import, enum err err)
{
    log_error("import: what was stored before stays, and importing it again does no harm",
              log_text("error", err_text(err)));
    log_info("imported", log_int("new", (int64_t)import->stored),
             log_int("of", (int64_t)import->examined));
    if (err == ERR_NO_MEMORY)
        return EXIT_SYSTEM;
    return err == ERR_FULL ? EXIT_STORAGE : EXIT_REDIS_REQUIRED;
}

/* --- reading --------------------------------------------------------------------------------- */

static enum exit_code tell_broken(const struct import *import, const struct transfer_lines *lines,
                                  enum transfer_line kind)
{
    log_error("import: a line cannot be taken", log_text("file", import->name),
              log_int("line", (int64_t)lines->number), log_text("problem", lines->problem));
    return kind == TRANSFER_BROKEN ? EXIT_DAMAGED : EXIT_STORAGE;
}

/* Each item is stored, or only looked at. */
static enum exit_code read_all(struct import *import, bool stores)
{
    struct transfer_lines lines;
    struct repo_item item;
    enum transfer_line kind;
    enum err err = ERR_OK;
    transfer_lines_init(&lines, import->in);
    while ((kind = transfer_lines_next(&lines, &item)) == TRANSFER_ITEM) {
        if (stores && (err = store_item(import, &item)) != ERR_OK)
            break;
    }
    enum exit_code code = EXIT_OK;
    if (kind == TRANSFER_BROKEN || kind == TRANSFER_FAILED)
        code = tell_broken(import, &lines, kind);
    if (stores && err == ERR_OK) /* also what stood before the damage */
        err = store_page(import);
    if (err != ERR_OK)
        code = tell_not_stored(import, err);
    transfer_lines_finish(&lines);
    return code;
}

static bool can_be_read_twice(const struct import *import)
{
    return lseek(import->in, 0, SEEK_CUR) >= 0;
}

static enum exit_code check_first(struct import *import)
{
    enum exit_code code = read_all(import, false);
    if (code != EXIT_OK)
        log_error("import: nothing was stored");
    else if (lseek(import->in, 0, SEEK_SET) < 0)
        code = EXIT_STORAGE;
    return code;
}

static enum exit_code import_all(struct import *import)
{
    enum exit_code code = can_be_read_twice(import) ? check_first(import) : EXIT_OK;
    if (code != EXIT_OK)
        return code;
    code = read_all(import, true);
    log_info("imported", log_int("new", (int64_t)import->stored),
             log_int("of", (int64_t)import->examined));
    if (import->refused > 0) {
        log_error("import: damaged records are in the way of some, which were not stored");
        return EXIT_DAMAGED;
    }
    return code;
}

enum exit_code transfer_import(struct transfer *transfer, const char *file)
{
    struct import import = {
        .transfer = transfer,
        .name = file != NULL ? file : "standard input",
        .in = STDIN_FILENO,
    };
    if (file != NULL)
        import.in = open(file, O_RDONLY | O_CLOEXEC);
    if (import.in < 0) {
        log_error("import: cannot read", log_text("file", file),
                  log_text("error", strerror(errno)));
        return EXIT_STORAGE;
    }
    enum exit_code code = import_all(&import);
    item_page_finish(&import.page);
    if (file != NULL)
        close(import.in);
    return code;
}
