/* What the file of CONFIG_FILE says of the settings. */
#ifndef APP_CONFIG_LAYER_H
#define APP_CONFIG_LAYER_H

#include "app/config_private.h"

struct config_layer_item {
    size_t setting; /* its place in config_settings */
    unsigned line;
    bool is_file;      /* the value names a file that holds it */
    const char *value; /* in `values` */
};

struct config_layer {
    struct config_layer_item *items;
    size_t count;
    char *values;
    size_t values_size;
    bool readable_by_all; /* the file is */
};

/* Reads the file that config->config_file names; none when that is empty. */
void config_layer_load(struct config_layer *ret_layer, struct config *config);
/* The same of a file that holds this text. */
void config_layer_parse(struct config_layer *ret_layer, struct config *config, struct span text);
/* Sets the setting if the file says something of it. */
void config_layer_apply(const struct config_layer *layer, struct config *config, size_t setting);
/* Warns of secrets that are in a file which everybody can read. */
void config_layer_warn(const struct config_layer *layer, struct config *config);
void config_layer_finish(struct config_layer *layer); /* leaves no secret behind */

#endif
