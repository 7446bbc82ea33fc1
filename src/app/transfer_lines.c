#include "app/transfer_lines.h"

#include "app/transfer_private.h"
#include "proctrack/sealed_line.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 * 1024)
#define HEADER     ",\"format\":\"" TRANSFER_FORMAT "\",\"version\":"

void transfer_lines_init(struct transfer_lines *lines, int in)
{
    *lines = (struct transfer_lines){.in = in};
    text_buffer_init(&lines->text, TRANSFER_LINE_BYTES + READ_BYTES);
}

void transfer_lines_finish(struct transfer_lines *lines)
{
    text_buffer_finish(&lines->text);
    repo_item_storage_finish(&lines->storage);
}

static enum transfer_line broken(struct transfer_lines *lines, const char *why)
{
    snprintf(lines->problem, sizeof(lines->problem), "%s", why);
    return TRANSFER_BROKEN;
}

static bool fail(struct transfer_lines *lines, const char *why)
{
    snprintf(lines->problem, sizeof(lines->problem), "%s", why);
    return false;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_more(struct transfer_lines *lines)
{
    struct text_buffer *text = &lines->text;
    if (lines->at > 0 && text->data != NULL) {
        memmove(text->data, text->data + lines->at, text->len - lines->at);
        text->len -= lines->at;
        lines->at = 0;
    }
    if (!text_buffer_reserve(text, READ_BYTES))
        return fail(lines, text->len > TRANSFER_LINE_BYTES ? "the line is too long" : "no memory");
    ssize_t count;
    do
        count = read(lines->in, text->data + text->len, READ_BYTES);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail(lines, strerror(errno));
    text->len += (size_t)count;
    lines->at_end = count == 0;
    return true;
}

/* *ret_line is absent at the end; a last line without a break is as good as none. */
static bool read_line(struct transfer_lines *lines, struct span *ret_line)
{
    size_t looked = 0;
    *ret_line = SPAN_NONE;
    while (true) {
        const size_t have = lines->text.len - lines->at;
        char *line = have > 0 ? lines->text.data + lines->at : NULL;
        const char *end =
            line != NULL && have > looked ? memchr(line + looked, '\n', have - looked) : NULL;
        if (end != NULL) {
            *ret_line = (struct span){line, (size_t)(end - line)};
            lines->at += ret_line->len + 1;
            lines->number++;
            return true;
        }
        if (lines->at_end)
            return true;
        looked = have;
        if (!read_more(lines))
            return false;
    }
}

/* --- what they say --------------------------------------------------------------------------- */

static bool take_counts(struct span members, uint64_t ret_counts[REPO_ITEM_KINDS])
{
    for (int i = 0; i < REPO_ITEM_KINDS; i++) {
        if (!sealed_line_number(&members, transfer_kind_names[i], &ret_counts[i]))
            return false;
    }
    return span_is(members, "}");
}

static enum transfer_line end_lines(struct transfer_lines *lines,
                                    const uint64_t counts[REPO_ITEM_KINDS])
{
    struct span more;
    for (int i = 0; i < REPO_ITEM_KINDS; i++) {
        if (counts[i] == lines->counts[i])
            continue;
        snprintf(lines->problem, sizeof(lines->problem),
                 "the end counts %llu %s, but there are %llu: lines are missing",
                 (unsigned long long)counts[i], transfer_kind_names[i],
                 (unsigned long long)lines->counts[i]);
        return TRANSFER_BROKEN;
    }
    if (!read_line(lines, &more))
        return TRANSFER_FAILED;
    return more.data == NULL && lines->at == lines->text.len
               ? TRANSFER_LAST
               : broken(lines, "something stands behind the end");
}

static enum transfer_line take_line(struct transfer_lines *lines, struct span line,
                                    struct span members, struct repo_item *ret_item)
{
    uint64_t counts[REPO_ITEM_KINDS];
    const char *why = NULL;
    if (take_counts(members, counts))
        return end_lines(lines, counts);
    if (repo_item_parse(line, &lines->storage, ret_item, &why)) {
        lines->counts[ret_item->kind]++;
        return TRANSFER_ITEM;
    }
    if (why != NULL)
        return broken(lines, why);
    fail(lines, "no memory");
    return TRANSFER_FAILED;
}

static enum transfer_line take_header(struct transfer_lines *lines, struct span members)
{
    static const char version[] = HEADER "1,";
    if (span_starts(members, version))
        return TRANSFER_ITEM;
    return broken(lines, span_starts(members, HEADER)
                             ? "it is of a version that this program does not know"
                             : "it is no export of proctrackd");
}

static enum transfer_line next_sealed(struct transfer_lines *lines, struct span *ret_line,
                                      struct span *ret_members)
{
    if (!read_line(lines, ret_line))
        return TRANSFER_FAILED;
    if (ret_line->data == NULL) {
        lines->number++;
        return broken(lines, "it ends here, without the line that ends an export: it was cut off");
    }
    if (!sealed_line_check(*ret_line, ret_members))
        return broken(lines, lines->number == 1 ? "it is no export of proctrackd, or damaged"
                                                : "it is not as it was written");
    return TRANSFER_ITEM;
}

enum transfer_line transfer_lines_next(struct transfer_lines *lines, struct repo_item *ret_item)
{
    struct span line, members;
    enum transfer_line kind = next_sealed(lines, &line, &members);
    if (kind == TRANSFER_ITEM && lines->number == 1) {
        kind = take_header(lines, members);
        if (kind == TRANSFER_ITEM)
            kind = next_sealed(lines, &line, &members);
    }
    return kind == TRANSFER_ITEM ? take_line(lines, line, members, ret_item) : kind;
}
