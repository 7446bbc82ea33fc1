#include "app/config_file.h"

#include <ctype.h>

/* Also what would end a text early, or move the cursor of who reads a message. */
static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (iscntrl((unsigned char)text.data[i]) && text.data[i] != '\t')
            return true;
    return false;
}

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.data[i]) && text.data[i] != '_')
            return false;
    return text.len > 0;
}

/* Takes the quotes off; false when the value does not end where they do. */
static bool unquote(struct span *value)
{
    size_t i = 1;
    while (i < value->len && value->data[i] != '"')
        i += value->data[i] == '\\' ? 2 : 1;
    if (i != value->len - 1)
        return false;
    *value = (struct span){value->data + 1, value->len - 2};
    return true;
}

static const char *read_value(struct config_file_entry *entry)
{
    struct span *value = &entry->value;
    entry->quoted = value->len > 0 && value->data[0] == '"';
    if (entry->quoted)
        return unquote(value)
                   ? NULL
                   : "a value that begins with a double quote must end with one (inside, "
                     "write \\\" and \\\\)";
    if (value->len > 0 && value->data[0] == '\'')
        return "put the value into double quotes instead of single ones";
    if (value->len > 0 && value->data[value->len - 1] == '\\')
        return "a line cannot be continued on the next one";
    return NULL;
}

static const char *read_line(struct config_file_entry *entry, struct span line)
{
    if (has_control(line))
        return "holds a control character";
    const char *equals = memchr(line.data, '=', line.len);
    if (equals == NULL)
        return "write it as NAME=value";
    struct span name = {line.data, (size_t)(equals - line.data)};
    if (!is_name(name))
        return "write it as NAME=value, with a name of letters, digits and '_' right before the =";
    entry->name = name;
    entry->value = span_trim((struct span){equals + 1, line.len - name.len - 1});
    return read_value(entry);
}

bool config_file_next(struct config_file_reader *reader, struct config_file_entry *ret_entry)
{
    struct span line;
    while (span_split(&reader->rest, '\n', &line)) {
        reader->line++;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        line = span_trim(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        *ret_entry = (struct config_file_entry){.line = reader->line};
        ret_entry->fault = read_line(ret_entry, line);
        return true;
    }
    return false;
}

void config_file_value(const struct config_file_entry *entry, char *ret_text)
{
    const struct span value = entry->value;
    for (size_t i = 0; i < value.len; i++) {
        bool escape = entry->quoted && value.data[i] == '\\' && i + 1 < value.len &&
                      (value.data[i + 1] == '"' || value.data[i + 1] == '\\');
        *ret_text++ = value.data[escape ? ++i : i];
    }
    *ret_text = '\0';
}
