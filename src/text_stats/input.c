#include "text_stats/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMS \
    "a string, {\"text\": \"…\"} or {\"documents\": [{\"name\": \"…\", \"text\": \"…\"}, …]}"

static bool say(char *ret_why, size_t why_size, const char *why)
{
    snprintf(ret_why, why_size, "%s", why);
    return false;
}

static bool read_all(int fd, char **ret_bytes, size_t *ret_len, char *ret_why, size_t why_size)
{
    char *bytes = NULL;
    size_t len = 0, capacity = 0;
    for (;;) {
        if (len == capacity) {
            capacity = capacity > 0 ? capacity * 2 : (size_t)64 * 1024;
            char *larger = realloc(bytes, capacity);
            if (larger == NULL)
                break;
            bytes = larger;
        }
        ssize_t n = read(fd, bytes + len, capacity - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        len += (size_t)n;
        if (n > 0 && len <= INPUT_MAX)
            continue;
        *ret_bytes = bytes;
        *ret_len = len;
        return len <= INPUT_MAX || say(ret_why, why_size, "it is larger than 64 MiB");
    }
    free(bytes);
    return say(ret_why, why_size, strerror(errno));
}

static bool set_text(struct document *document, const json_t *text)
{
    if (!json_is_string(text))
        return false;
    document->text = json_string_value(text);
    document->len = json_string_length(text);
    return true;
}

static bool set_document(struct document *document, const json_t *item)
{
    const json_t *name = json_object_get(item, "name");
    if (json_object_size(item) != 2 || !json_is_string(name) ||
        json_string_length(name) > INPUT_NAME_MAX)
        return false;
    document->name = json_string_value(name);
    return set_text(document, json_object_get(item, "text"));
}

static bool set_documents(struct input *input, const json_t *list, char *ret_why, size_t why_size)
{
    input->has_names = true;
    for (size_t i = 0; i < input->count; i++) {
        if (set_document(&input->documents[i], json_array_get(list, i)))
            continue;
        snprintf(ret_why, why_size,
                 "/documents/%zu must be {\"name\": \"…\" (at most %d bytes), \"text\": \"…\"}", i,
                 INPUT_NAME_MAX);
        return false;
    }
    return true;
}

static bool interpret(struct input *input, char *ret_why, size_t why_size)
{
    const json_t *root = input->root, *list = json_object_get(root, "documents");
    size_t count = json_is_array(list) ? json_array_size(list) : 1;
    if (count == 0 || count > INPUT_DOCUMENTS_MAX) {
        snprintf(ret_why, why_size, "/documents must have 1 to %d items", INPUT_DOCUMENTS_MAX);
        return false;
    }
    input->documents = calloc(count, sizeof(*input->documents));
    if (input->documents == NULL)
        return say(ret_why, why_size, "out of memory");
    input->count = count;
    if (json_object_size(root) == 1 && json_is_array(list))
        return set_documents(input, list, ret_why, why_size);
    const json_t *text = json_is_string(root)          ? root
                         : json_object_size(root) == 1 ? json_object_get(root, "text")
                                                       : NULL;
    return set_text(&input->documents[0], text) ||
           say(ret_why, why_size, "it must be " FORMS ", without other members");
}

bool input_read(struct input *ret_input, int fd, char *ret_why, size_t why_size)
{
    memset(ret_input, 0, sizeof(*ret_input));
    char *bytes = NULL;
    size_t len = 0;
    bool ok = read_all(fd, &bytes, &len, ret_why, why_size);
    if (ok) {
        json_error_t error;
        ret_input->root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        ok = ret_input->root != NULL;
        if (!ok)
            snprintf(ret_why, why_size, "it is not JSON: line %d, column %d: %s", error.line,
                     error.column, error.text);
    }
    free(bytes);
    ok = ok && interpret(ret_input, ret_why, why_size);
    for (size_t i = 0; ok && i < ret_input->count; i++)
        ret_input->bytes += ret_input->documents[i].len;
    if (!ok)
        input_finish(ret_input);
    return ok;
}

void input_finish(struct input *input)
{
    free(input->documents);
    json_decref(input->root);
    memset(input, 0, sizeof(*input));
}
