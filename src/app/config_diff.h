/* What one configuration says otherwise than another. */
#ifndef APP_CONFIG_DIFF_H
#define APP_CONFIG_DIFF_H

#include "app/config_table.h"

/* Whether the setting at this place has another value; not when both are the default, which may be
 * computed. */
bool config_differs(const struct config *a, const struct config *b, size_t setting);

/* Appends the names of the settings that differ, with ", " between: those that a reload puts in
 * force, or those that take a restart. */
void config_append_changes(struct text_buffer *out, const struct config *a, const struct config *b,
                           bool that_reload);

#endif
