/* A process as the fields of a Redis hash, by the table of process_record.h, for the scripts too.
 */
#ifndef REPOSITORY_REDIS_RECORD_H
#define REPOSITORY_REDIS_RECORD_H

#include "proctrack/process_record.h"
#include "proctrack/redis_client.h"

#include <hiredis/hiredis.h>

/* Adds the names of so many fields, in their order. */
void redis_record_names(struct redis_commands *commands, enum process_field_count count);
/* Adds the fields that the process has and their values, input included. */
void redis_record_fields(struct redis_commands *commands, const struct process *process);
/* Adds the table as Lua. */
void redis_record_describe(struct text_buffer *out);

/* Reads values in the order of the names. OK, NOT_FOUND (all are absent), CORRUPT. The process
 * borrows from the values. */
enum err redis_record_parse(struct redisReply *const *values, size_t count,
                            const struct process_id *id, struct process *ret_process);

/* Reads names and values as HGETALL gives them, and what `changes` (may be NULL) says instead;
 * names that are not known are passed by. OK, CORRUPT. */
enum err redis_record_parse_pairs(const struct redisReply *pairs, const struct redisReply *changes,
                                  const struct process_id *id, struct process *ret_process);

/* Whether it is one JSON value (or one object), as strictly as a client's. */
bool redis_record_is_json(struct span text, bool is_object);

#endif
