/* THE table of settings: everything that reads, checks, explains or prints the configuration walks
 * it. */
#ifndef APP_CONFIG_TABLE_H
#define APP_CONFIG_TABLE_H

#include "app/config.h"

enum setting_kind {
    SETTING_INTEGER, /* int64_t */
    SETTING_BOOLEAN, /* bool */
    SETTING_TEXT,    /* char * */
    SETTING_SECRET,  /* char *, never shown, also from a file */
    SETTING_CHOICE,  /* int: place in choices */
    SETTING_LIST,    /* struct config_list */
};

struct setting {
    const char *name;  /* of the environment variable */
    const char *group; /* heading in --help */
    const char *help;  /* one sentence */
    enum setting_kind kind;
    size_t offset;              /* into struct config */
    const char *initial;        /* the default as text; NULL: computed at start */
    const char *computed;       /* what --help says then */
    int64_t min, max;           /* INTEGER: range; texts and items: max is their length in bytes */
    const char *unit;           /* INTEGER, or NULL */
    const char *const *choices; /* CHOICE: NULL-ended */
    char separator;             /* LIST: between items of one value */
    bool empty_is_given;        /* an empty variable is a value, and not as if it were not set */
    bool reloads;               /* a reload puts another value in force; else a restart does */
    bool (*check)(const char *text); /* of a text or item beyond its length, or NULL */
    const char *allowed;             /* what check accepts, after "must be" */
};

extern const struct setting config_settings[];
extern const size_t config_setting_count;

/* The place of a setting in the table by its field; asserts that there is one. */
size_t setting_index(size_t offset);
#define SETTING_INDEX(field) setting_index(offsetof(struct config, field))

#define OPTION_TEXT_SIZE 64
/* "REDIS_URL" as "--redis-url", and one letter of it. */
static inline char setting_option_letter(char c)
{
    return c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}
void setting_option(const struct setting *setting, char ret_option[OPTION_TEXT_SIZE]);

#endif
