/* The limit on open files, and how many connections fit under it. */
#ifndef APP_DESCRIPTORS_H
#define APP_DESCRIPTORS_H

/* Raises the soft limit as far as `connections` and `others` need, and returns how many of the
 * connections it allows: at least 1, at most what was asked for. */
long descriptors_allow(long connections, long others);

#endif
