/* What the loops of an instance tell each other of their changes, without a lock and without
 * waiting: so that no loop answers from memory what another has already acknowledged to be changed,
 * or has already shown in a newer state.
 *
 * A key (a process's id, a type's name) has a stamp. Whoever acknowledges a change of it renews the
 * stamp first; whoever keeps what it has read keeps the stamp with it, taken before the read was
 * sent, and uses it only as long as the stamp is the same. Different keys may share one: then both
 * are renewed, which costs a read. All functions: any thread. */
#ifndef PROCTRACK_CHANGE_STAMPS_H
#define PROCTRACK_CHANGE_STAMPS_H

#include "proctrack/text.h"

struct change_stamps;

struct change_stamp {
    uint64_t own, common;
};

struct change_stamps *change_stamps_create(void);         /* NULL if no memory */
void change_stamps_destroy(struct change_stamps *stamps); /* NULL is fine */

struct change_stamp change_stamps_get(const struct change_stamps *stamps, struct span key);
/* The same; hash: keyed_hash(key). */
struct change_stamp change_stamps_get_hashed(const struct change_stamps *stamps, uint64_t hash);
static inline bool change_stamp_equal(struct change_stamp a, struct change_stamp b)
{
    return a.own == b.own && a.common == b.common;
}

/* The key has changed, or may have; before that is acknowledged. */
void change_stamps_renew(struct change_stamps *stamps, struct span key);
/* Any key may have. */
void change_stamps_renew_all(struct change_stamps *stamps);

/* A read has shown the key in the state `state` (its version); *stamp was taken before the read
 * was sent. True: the state may be shown and kept, with *stamp, which this updates; what other
 * loops keep of another state is void from now on. False: somebody has acknowledged or shown
 * another state meanwhile: read again. */
bool change_stamps_settle(struct change_stamps *stamps, struct span key, uint64_t state,
                          struct change_stamp *stamp);

/* The key is about to be shown in this state by one who keeps nothing, out of a read that was sent
 * when it was asked for: what is kept of another state is void from now on. */
void change_stamps_show(struct change_stamps *stamps, struct span key, uint64_t state);

#endif
