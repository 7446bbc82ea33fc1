/* The members of a JSON object in a request's body, read by a table. Pure, any thread. */
#ifndef HTTP_BODY_READER_H
#define HTTP_BODY_READER_H

#include "http/http_problem.h"
#include "proctrack/json_scan.h"

/* `read` gets the member's value, as checked JSON, and its JSON pointer; it adds a fault when it
 * does not like it. */
struct body_field {
    const char *name;
    void (*read)(void *into, struct span value, const char *pointer, struct http_faults *faults);
    bool null_is_absent; /* null is as good as leaving it out */
    bool required;
};

enum body_verdict {
    BODY_OK,
    BODY_NOT_JSON, /* *ret_fault says where and why */
    BODY_INVALID,  /* *faults names every fault */
};

/* An empty body is an empty object when `may_be_empty`. faults must be initialised. */
enum body_verdict body_read(struct span body, bool may_be_empty, const struct body_field *fields,
                            size_t count, void *into, struct json_fault *ret_fault,
                            struct http_faults *faults);
/* The same for an object within a body that was checked as a whole: pointers begin with `at`. */
void body_read_object(struct span object, const char *at, const struct body_field *fields,
                      size_t count, void *into, struct http_faults *faults);

/* The pointer of a member with a plain name: at, "/" and the name. Both are names of ours. */
#define BODY_POINTER_SIZE 160
void body_pointer(const char *at, const char *name, char ret_pointer[BODY_POINTER_SIZE]);

/* --- for readers of members: false when a fault was added ------------------------------------- */

bool body_integer(struct span value, const char *pointer, int64_t min, int64_t max,
                  int64_t *ret_number, struct http_faults *faults);
/* The same of whole seconds, given out in ms. */
bool body_seconds(struct span value, const char *pointer, int64_t min, int64_t max, int64_t *ret_ms,
                  struct http_faults *faults);
bool body_boolean(struct span value, const char *pointer, bool *ret_value,
                  struct http_faults *faults);
/* An RFC 3339 time, in ms. */
bool body_time(struct span value, const char *pointer, int64_t *ret_time,
               struct http_faults *faults);
/* A name of restricted characters, unescaped into text. */
bool body_name(struct span value, const char *pointer, char *text, size_t size,
               bool (*is_valid)(struct span name), const char *expected, struct span *ret_name,
               struct http_faults *faults);

#endif
