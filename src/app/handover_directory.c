#include "app/handover_directory.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"
#include "proctrack/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE       "handing-over"
#define UNDER_WAY  "handing-over-"
#define DONE       "handed-over-"
#define NAME_SIZE  64
#define FILES_MODE (S_IRUSR | S_IWUSR)

static bool failed(const char *data_dir, const char *what)
{
    log_error("the hand-over fails at a file", log_text("data_dir", data_dir),
              log_text("cannot", what), log_text("error", strerror(errno)));
    return false;
}

static bool is_ours(const char *name)
{
    const struct span text = span_of(name);
    return span_starts(text, "journal.") || span_starts(text, "snapshot.json");
}

static bool is_directory_name(const char *name)
{
    return span_starts(span_of(name), UNDER_WAY) && strlen(name) < NAME_SIZE;
}

static bool sync_directory(int directory)
{
    return fsync(directory) == 0;
}

static int open_directory(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Calls `found` with each name until it says false; false when the directory cannot be read. */
static bool each_name(int directory, bool (*found)(void *arg, const char *name), void *arg)
{
    const struct dirent *entry;
    int copy = open_directory(directory, ".");
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (stream == NULL) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    while ((entry = readdir(stream)) != NULL && found(arg, entry->d_name)) {
    }
    closedir(stream);
    return true;
}

/* --- looking --------------------------------------------------------------------------------- */

static bool find_file(void *arg, const char *name)
{
    *(bool *)arg = is_ours(name);
    return !is_ours(name);
}

bool handover_directory_has_files(const char *data_dir)
{
    bool found = false;
    int directory = open_directory(AT_FDCWD, data_dir);
    if (directory < 0)
        return false;
    each_name(directory, find_file, &found);
    close(directory);
    return found;
}

bool handover_directory_is_noted(const char *data_dir)
{
    int directory = open_directory(AT_FDCWD, data_dir);
    bool noted = directory >= 0 && faccessat(directory, NOTE, F_OK, 0) == 0;
    if (directory >= 0)
        close(directory);
    return noted;
}

struct left {
    const char *data_dir;
    char (*paths)[PATH_MAX];
    size_t count;
};

static bool find_left(void *arg, const char *name)
{
    struct left *left = arg;
    if (!is_directory_name(name))
        return true;
    int len = snprintf(left->paths[left->count], PATH_MAX, "%s/%s", left->data_dir, name);
    if (len > 0 && len < PATH_MAX)
        left->count++;
    return left->count < HANDOVER_LEFT_MAX;
}

size_t handover_directory_left(const char *data_dir, char ret_paths[][PATH_MAX])
{
    struct left left = {data_dir, ret_paths, 0};
    int directory = open_directory(AT_FDCWD, data_dir);
    if (directory < 0)
        return 0;
    each_name(directory, find_left, &left);
    close(directory);
    return left.count;
}

/* --- beginning ------------------------------------------------------------------------------- */

static void name_now(char ret_name[NAME_SIZE])
{
    char time[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(), time);
    snprintf(ret_name, NAME_SIZE, UNDER_WAY "%s", time);
}

static bool write_note(int directory, const char *text)
{
    int file = openat(directory, NOTE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILES_MODE);
    if (file < 0)
        return false;
    bool written = write(file, text, strlen(text)) == (ssize_t)strlen(text) && fsync(file) == 0;
    return close(file) == 0 && written;
}

bool handover_directory_begin(const char *data_dir)
{
    char name[NAME_SIZE];
    int directory = open_directory(AT_FDCWD, data_dir);
    if (directory < 0)
        return failed(data_dir, "open it");
    name_now(name);
    bool noted = write_note(directory, name) && sync_directory(directory);
    if (!noted) {
        failed(data_dir, "note that it begins");
        unlinkat(directory, NOTE, 0);
    }
    close(directory);
    return noted;
}

/* --- putting aside --------------------------------------------------------------------------- */

/* A note that was cut off had not been answered: nothing was moved by it. */
static bool read_note(int directory, char ret_name[NAME_SIZE])
{
    int file = openat(directory, NOTE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    ssize_t len = read(file, ret_name, NAME_SIZE - 1);
    close(file);
    ret_name[len > 0 ? len : 0] = '\0';
    return is_directory_name(ret_name) && strchr(ret_name, '/') == NULL &&
           len == (ssize_t)(sizeof(UNDER_WAY) - 1 + TIME_TEXT_SIZE - 1);
}

struct putting {
    int from, to;
    bool failed;
};

static bool put_file(void *arg, const char *name)
{
    struct putting *putting = arg;
    if (is_ours(name) && renameat(putting->from, name, putting->to, name) != 0)
        putting->failed = true;
    return !putting->failed;
}

static bool put_files(int directory, const char *name)
{
    if (mkdirat(directory, name, S_IRWXU) != 0 && errno != EEXIST)
        return false;
    struct putting putting = {.from = directory, .to = open_directory(directory, name)};
    if (putting.to < 0)
        return false;
    bool put = each_name(directory, put_file, &putting) && !putting.failed &&
               sync_directory(putting.to) && sync_directory(directory);
    close(putting.to);
    return put;
}

/* *ret_name is empty when nothing had been noted. */
static bool put_aside(int directory, char ret_name[NAME_SIZE])
{
    bool noted = read_note(directory, ret_name);
    if (!noted)
        ret_name[0] = '\0';
    return (!noted || put_files(directory, ret_name)) &&
           (unlinkat(directory, NOTE, 0) == 0 || errno == ENOENT);
}

bool handover_directory_put_aside(const char *data_dir)
{
    char name[NAME_SIZE];
    int directory = open_directory(AT_FDCWD, data_dir);
    if (directory < 0)
        return errno == ENOENT || failed(data_dir, "open it");
    bool put = put_aside(directory, name) || failed(data_dir, "put its files aside");
    close(directory);
    return put;
}

/* --- the end --------------------------------------------------------------------------------- */

static bool mark_done(int directory, const char *name)
{
    char done[NAME_SIZE];
    snprintf(done, sizeof(done), DONE "%s", name + sizeof(UNDER_WAY) - 1);
    return renameat(directory, name, directory, done) == 0 && sync_directory(directory);
}

bool handover_directory_end(const char *data_dir)
{
    char name[NAME_SIZE];
    int directory = open_directory(AT_FDCWD, data_dir);
    if (directory < 0)
        return failed(data_dir, "open it");
    bool ended = put_aside(directory, name) && (name[0] == '\0' || mark_done(directory, name));
    if (!ended)
        failed(data_dir, "put aside what it has moved");
    close(directory);
    return ended;
}

bool handover_directory_done(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char parent[PATH_MAX];
    text_copy(parent, sizeof(parent), (struct span){path, (size_t)(name - path)});
    int directory = open_directory(AT_FDCWD, parent);
    bool done = directory >= 0 && mark_done(directory, name);
    if (!done)
        failed(parent, "mark what it has moved");
    if (directory >= 0)
        close(directory);
    return done;
}
