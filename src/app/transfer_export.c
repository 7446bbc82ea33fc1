#include "app/build_info.h"
#include "app/transfer_private.h"
#include "proctrack/log.h"
#include "proctrack/repository_item.h"
#include "proctrack/sealed_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART_SUFFIX ".part"
#define NAMED_MAX   100 /* damaged ones that are named */

struct export
{
    const char *file; /* NULL: standard output */
    char part[PATH_MAX];
    int out;
    int wrong; /* errno of the first thing that failed */
    bool no_memory;
    struct text_buffer text;
    struct repo_item_storage storage;
    uint64_t counts[REPO_ITEM_KINDS], damaged;
};

/* --- the file: under its name only once it is whole ------------------------------------------ */

static bool open_out(struct export *export)
{
    export->out = STDOUT_FILENO;
    if (export->file == NULL)
        return true;
    int len = snprintf(export->part, sizeof(export->part), "%s" PART_SUFFIX, export->file);
    if (len < 0 || (size_t)len >= sizeof(export->part)) {
        export->wrong = ENAMETOOLONG;
        return false;
    }
    export->out = open(export->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    export->wrong = export->out < 0 ? errno : 0;
    return export->out >= 0;
}

static void write_out(struct export *export)
{
    const char *at = export->text.data;
    size_t left = export->text.len;
    while (left > 0 && export->wrong == 0) {
        ssize_t count = write(export->out, at, left);
        if (count >= 0) {
            at += count;
            left -= (size_t)count;
        } else if (errno != EINTR) {
            export->wrong = errno;
        }
    }
    export->text.len = 0;
}

static bool sync_out(const struct export *export)
{
    return fsync(export->out) == 0 || errno == EINVAL || errno == ENOTSUP;
}

static void close_out(struct export *export, bool whole)
{
    if (export->out < 0 || export->file == NULL)
        return;
    if (whole && !sync_out(export))
        export->wrong = errno;
    if (close(export->out) != 0 && export->wrong == 0)
        export->wrong = errno;
    if (whole && export->wrong == 0 && rename(export->part, export->file) != 0)
        export->wrong = errno;
    if (!whole || export->wrong != 0)
        unlink(export->part);
}

/* --- lines ----------------------------------------------------------------------------------- */

static bool end_line(struct export *export, size_t begin)
{
    if (!sealed_line_end(&export->text, begin))
        return false;
    text_append_char(&export->text, '\n');
    return true;
}

static void put_header(struct export *export, const char *repository)
{
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(), now);
    size_t begin = sealed_line_begin(&export->text);
    text_append_format(&export->text,
                       ",\"format\":\"" TRANSFER_FORMAT "\",\"version\":%d,\"created_at\":\"%s\","
                       "\"program\":\"" PROCTRACK_VERSION "\",\"repository\":\"%s\"",
                       TRANSFER_VERSION, now, repository);
    export->no_memory = !end_line(export, begin) || export->no_memory;
}

static void put_counts(struct export *export)
{
    size_t begin = sealed_line_begin(&export->text);
    for (int i = 0; i < REPO_ITEM_KINDS; i++)
        text_append_format(&export->text, ",\"%s\":%" PRIu64, transfer_kind_names[i],
                           export->counts[i]);
    export->no_memory = !end_line(export, begin) || export->no_memory;
}

/* Only what an import would take: a record that somebody has made or changed by hand may hold what
 * is no JSON. */
static void put_item(struct export *export, const struct repo_item *item)
{
    struct repo_item read;
    const char *why = NULL;
    size_t begin = sealed_line_begin(&export->text);
    text_append_char(&export->text, ',');
    repo_item_append(&export->text, item);
    if (!end_line(export, begin)) {
        export->no_memory = true;
        return;
    }
    const struct span line = {export->text.data + begin, export->text.len - begin - 1};
    if (repo_item_parse(line, &export->storage, &read, &why)) {
        export->counts[item->kind]++;
        return;
    }
    sealed_line_abandon(&export->text, begin);
    export->no_memory = export->no_memory || why == NULL;
    export->damaged++;
    if (why != NULL && item->kind == ITEM_PROCESS && export->damaged <= NAMED_MAX) {
        char id[PROCESS_ID_TEXT_SIZE];
        process_id_format(&item->process.id, id);
        log_error("left out", log_text("process_id", id), log_text("reason", why));
    }
}

static void put_page(void *arg, const struct repo_dump *page)
{
    struct export *export = arg;
    export->damaged += page->damaged;
    for (size_t i = 0; i < page->count; i++)
        put_item(export, &page->items[i]);
    write_out(export);
}

/* --------------------------------------------------------------------------------------------- */

static enum err put_all(struct transfer *transfer, struct export *export)
{
    enum err err = ERR_OK;
    put_header(export, transfer->repository->ops->name);
    transfer->dump.position = (struct repo_dump_position){.kind = ITEM_PROCESS};
    transfer->dump.now = clock_wall_ms();
    do
        err = transfer_dump(transfer, put_page, export);
    while (err == ERR_OK && transfer->dump.more && export->wrong == 0 && !export->no_memory);
    put_counts(export);
    if (err == ERR_OK)
        write_out(export);
    return err == ERR_OK && export->no_memory ? ERR_NO_MEMORY : err;
}

static enum exit_code tell(const struct export *export, enum err err)
{
    if (err != ERR_OK) {
        log_error("export failed", log_text("error", err_text(err)));
        return err == ERR_NO_MEMORY ? EXIT_SYSTEM : EXIT_REDIS_REQUIRED;
    }
    if (export->wrong != 0) {
        log_error("export: cannot write", log_text("file", export->file),
                  log_text("error", strerror(export->wrong)));
        return EXIT_STORAGE;
    }
    log_info("exported", log_int("processes", (int64_t) export->counts[ITEM_PROCESS]),
             log_int("removed", (int64_t) export->counts[ITEM_TOMBSTONE]),
             log_int("keys", (int64_t) export->counts[ITEM_KEY]),
             log_int("paused", (int64_t) export->counts[ITEM_PAUSED_TYPE]),
             log_int("damaged", (int64_t) export->damaged));
    if (export->damaged == 0)
        return EXIT_OK;
    log_error("what is damaged was left out: the export is whole but for that");
    return EXIT_DAMAGED;
}

enum exit_code transfer_export(struct transfer *transfer, const char *file)
{
    struct export export = {.file = file};
    enum err err = ERR_OK;
    text_buffer_init(&export.text, TRANSFER_LINE_BYTES);
    if (open_out(&export)) {
        err = put_all(transfer, &export);
        close_out(&export, err == ERR_OK && export.wrong == 0);
    }
    text_buffer_finish(&export.text);
    repo_item_storage_finish(&export.storage);
    return tell(&export, err);
}
