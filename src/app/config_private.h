/* Between the files that make up the reading of the configuration. */
#ifndef APP_CONFIG_PRIVATE_H
#define APP_CONFIG_PRIVATE_H

#include "app/config_table.h"

/* One more line in config->faults or config->warnings. */
void config_fault(struct config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void config_warning(struct config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How the user names the setting where its value came from: "REDIS_DB", "--redis-db", or
 * "/etc/proctrackd.conf:7: REDIS_DB" (of a path that is too long its end). */
#define SETTING_NAME_SIZE 512
void setting_given_name(const struct config *config, const struct setting *setting,
                        enum config_source source, char ret_name[SETTING_NAME_SIZE]);

/* Puts the text, which came from the source, into the setting's field (a list gains items), or
 * says in a fault what is allowed instead. */
void setting_set(struct config *config, const struct setting *setting, const char *text,
                 enum config_source source);
/* Likewise with what the file holds, less the newline at its end. */
void setting_set_from_file(struct config *config, const struct setting *setting, const char *path,
                           enum config_source source);

/* Takes the value, or the file's, from one source; false when it has neither (NULL). */
bool setting_take(struct config *config, const struct setting *setting, const char *value,
                  enum config_source value_source, const char *file,
                  enum config_source file_source);

/* config_load(), with this text in place of the file that CONFIG_FILE names (NULL: with that). */
bool config_load_with(struct config *ret_config, const char *const argv[],
                      const char *const environment[], const struct span *file_text);

/* What was asked for on the command line; the texts are argv's. */
struct command_line {
    const char *values[CONFIG_SETTINGS_MAX]; /* by place in config_settings; lists go straight in */
    const char *files[CONFIG_SETTINGS_MAX];
};
/* Sets config->action too; faults for what it does not know. */
void command_line_read(struct command_line *ret_line, struct config *config,
                       const char *const argv[]);

/* Fills what follows from the settings and checks them against each other. */
void config_derive(struct config *config);
/* The part of it that concerns Redis. */
void config_derive_redis(struct config *config);

#endif
