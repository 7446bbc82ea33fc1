#include "storage/journal_private.h"

#include "proctrack/clock.h"
#include "proctrack/sealed_line.h"

#include <stdio.h>

#define FILE_PREFIX "journal."
#define HEAD_FORMAT ",\"format\":\"proctrackd journal\""

void journal_file_name(uint64_t number, char ret_name[JOURNAL_NAME_SIZE])
{
    snprintf(ret_name, JOURNAL_NAME_SIZE, FILE_PREFIX "%llu", (unsigned long long)number);
}

void journal_kept_name(const char *name, int64_t at, char ret_name[JOURNAL_KEPT_SIZE])
{
    char time[TIME_TEXT_SIZE];
    time_format(at, time);
    snprintf(ret_name, JOURNAL_KEPT_SIZE, "%s.damaged-%s", name, time);
}

bool journal_file_number(const char *name, uint64_t *ret_number)
{
    char same[JOURNAL_NAME_SIZE];
    int64_t number;
    const struct span text = span_of(name);
    if (!span_starts(text, FILE_PREFIX))
        return false;
    const size_t prefix = sizeof(FILE_PREFIX) - 1;
    if (!span_to_int((struct span){name + prefix, text.len - prefix}, 1, INT64_MAX - 1, &number))
        return false;
    journal_file_name((uint64_t)number, same);
    *ret_number = (uint64_t)number;
    return strcmp(name, same) == 0;
}

void journal_head_append(struct text_buffer *out, uint64_t number, uint64_t after)
{
    const size_t begin = sealed_line_begin(out);
    text_append_format(out, HEAD_FORMAT ",\"version\":1,\"journal\":%llu,\"after\":%llu",
                       (unsigned long long)number, (unsigned long long)after);
    sealed_line_end(out, begin);
    text_append_char(out, '\n');
}

bool journal_head_parse(struct span line, struct journal_head *ret_head)
{
    struct span members;
    struct journal_head head;
    const size_t format = sizeof(HEAD_FORMAT) - 1;
    if (!sealed_line_check(line, &members) || !span_starts(members, HEAD_FORMAT))
        return false;
    members = (struct span){members.data + format, members.len - format};
    if (!sealed_line_number(&members, "version", &head.version))
        return false;
    if (head.version == 1 &&
        (!sealed_line_number(&members, "journal", &head.number) ||
         !sealed_line_number(&members, "after", &head.after) || !span_is(members, "}")))
        return false;
    *ret_head = head;
    return true;
}

const char *journal_line_parse(struct span line, uint64_t *ret_seq, struct span *ret_members)
{
    struct span members;
    if (!sealed_line_check(line, &members))
        return "the line is not as it was written (its checksum does not match)";
    if (!sealed_line_number(&members, "seq", ret_seq) || members.data[0] != ',')
        return "the line is none of a journal";
    *ret_members = members;
    return NULL;
}
