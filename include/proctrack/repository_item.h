/* How what a repository keeps is written down, one JSON object on one line for each item: in the
 * journal, in the snapshot, in exports. This is the one place that writes it and the one that reads
 * it. Members are named as in the process resource, and hold what the record holds:
 *
 *   {"process":{"process_id":…,"type":…,"status":…,"version":…,…},"events":[…]}
 *   {"removed":{"process_id":…,"until":…}}
 *   {"key":{"key":…,"process_id":…,"fingerprint":"…","until":…}}
 *   {"paused":{"type":…}}
 *
 * What is absent is left out, as are numbers that have their usual value. Times are RFC 3339. The
 * JSON that came from outside (input, metadata, progress, result, error, usage, events) stands
 * there byte for byte; but where it holds a line break, or blanks around it, it stands as a string,
 * in a member whose name ends in "_text", so that an item never takes more than a line. Unknown
 * members are refused: a newer version wrote them.
 *
 * A client's JSON may be as deep as json_check() lets it: who checks a text that items stand in
 * does so by json_check_around(), the item's own levels included. */
#ifndef PROCTRACK_REPOSITORY_ITEM_H
#define PROCTRACK_REPOSITORY_ITEM_H

#include "proctrack/process_repository.h"

/* Appends the members, without the braces around them. */
void repo_item_append(struct text_buffer *out, const struct repo_item *item);

/* The object of a process with what can change while it runs, and of its other members only the id:
 * for a journal of changes. */
void process_change_append(struct text_buffer *out, const struct process *process);

#define REPO_ITEM_LEVELS 2 /* of an item's own around the client's JSON */

/* What a parsed item borrows from, beside the line itself. Zeroed at first; used again and again.
 */
struct repo_item_storage {
    struct text_buffer text; /* what had to be unescaped */
    struct span *events;
    size_t event_room;
};
void repo_item_storage_finish(struct repo_item_storage *storage);

/* `object` is one JSON object, perhaps damaged or made by hand: every byte is checked, as strictly
 * as a client's. Other members than those above, at its top, are the caller's and passed by. False
 * with a constant *ret_why; NULL there means that there was no memory. */
bool repo_item_parse(struct span object, struct repo_item_storage *storage,
                     struct repo_item *ret_item, const char **ret_why);

/* The same of one object that process_change_append() has written, over what *process holds: what
 * it does not name is absent from then on. After false *process makes no sense. */
bool process_change_parse(struct span object, struct repo_item_storage *storage,
                          struct process *process, const char **ret_why);
/* Whose change it is, of an object that json_check_around() has accepted; false: it does not say.
 */
bool process_change_id(struct span object, struct process_id *ret_id);

#endif
