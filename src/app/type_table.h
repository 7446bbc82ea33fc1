/* What processes of a type get where the client says nothing: the file of TYPES_FILE. */
#ifndef APP_TYPE_TABLE_H
#define APP_TYPE_TABLE_H

#include "proctrack/process_manager.h"

struct type_table {
    struct process_type_defaults *items; /* types are owned */
    size_t count;
};

/* Adds what the file says. False with a sentence in *ret_why. Blocks; before the loops start. */
bool type_table_load(struct type_table *table, const char *path, char *ret_why, size_t why_size);
void type_table_finish(struct type_table *table); /* twice is fine */

#endif
