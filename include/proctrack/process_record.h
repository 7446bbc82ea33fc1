/* The record of a process, member by member: the one table by which records are written down and
 * read, in Redis hashes, journals, snapshots and exports. */
#ifndef PROCTRACK_PROCESS_RECORD_H
#define PROCTRACK_PROCESS_RECORD_H

#include "proctrack/process.h"

enum process_field_kind {
    FIELD_NAME,   /* struct span: a short text, see is_valid */
    FIELD_JSON,   /* struct span: any JSON value, byte for byte */
    FIELD_OBJECT, /* the same, an object */
    FIELD_STATUS,
    FIELD_INT,  /* int */
    FIELD_LONG, /* int64_t */
    FIELD_TIME, /* int64_t: wall ms */
};

struct process_field {
    const char *name;
    enum process_field_kind kind;
    size_t offset;    /* in struct process */
    bool changes;     /* while the process lives; all others are given with it */
    int absent;       /* FIELD_INT, FIELD_LONG: what a number without a field means, */
    bool omit;        /*     and whether Redis goes without the field then */
    int64_t min, max; /* likewise: what it can be */
    bool (*is_valid)(struct span text); /* FIELD_NAME */
    const char *why;                    /* for a person: that it cannot be this */
};

/* How many there are, by what is asked for: first what the resource shows; input is the last, since
 * it is seldom read. */
enum process_field_count {
    PROCESS_FIELDS_SHOWN = 22,
    PROCESS_FIELDS_BUT_INPUT = 36,
    PROCESS_FIELDS = 37,
};
extern const struct process_field process_fields[PROCESS_FIELDS];

static inline bool process_field_is_json(const struct process_field *field)
{
    return field->kind == FIELD_JSON || field->kind == FIELD_OBJECT;
}

static inline bool process_field_is_text(const struct process_field *field)
{
    return field->kind == FIELD_NAME || process_field_is_json(field);
}

static inline bool process_field_is_number(const struct process_field *field)
{
    return field->kind == FIELD_INT || field->kind == FIELD_LONG;
}

/* The value of such a field. */
struct span process_field_text(const struct process_field *field, const struct process *process);
int64_t process_field_number(const struct process_field *field, const struct process *process);
int64_t process_field_time(const struct process_field *field, const struct process *process);

/* Takes a value over as text: digits, RFC 3339, the status by its name; texts as they are,
 * unchecked and borrowed. False when it is none. */
bool process_field_set(const struct process_field *field, struct span value,
                       struct process *process);
/* To what a record without the field means (the status is left alone). */
void process_field_clear(const struct process_field *field, struct process *process);

/* A record without any field. */
void process_record_clear(struct process *ret_process);
/* Whether all is there that no record can do without; the status aside, which cannot be absent. */
bool process_record_is_whole(const struct process *process);

#endif
