#include "proctrack/trace_context.h"

/* version '-' trace id '-' parent id '-' flags; each part ends where the next one's dash stands. */
enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, LENGTH = TRACEPARENT_SIZE - 1 };

#define FLAG_SAMPLED   1
#define FLAG_RANDOM_ID 2 /* level 2 of the recommendation */

/* Lower case only. -1: it is none. */
static int digit(char c)
{
    return c >= 'A' && c <= 'F' ? -1 : hex_digit(c);
}

/* Two digits; -1 when they are none. */
static int read_byte(const char *at)
{
    int high = digit(at[0]), low = digit(at[1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Without a way out in the middle: each request may have one. */
static bool is_id(const char *at, size_t digits)
{
    unsigned wrong = 0, any = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned char c = (unsigned char)at[i];
        wrong |= (unsigned)((unsigned)c - '0' >= 10) & (unsigned)((unsigned)c - 'a' >= 6);
        any |= c ^ (unsigned)'0';
    }
    return wrong == 0 && any != 0;
}

/* Later versions may have more behind the flags. */
static bool ends_well(struct span value, int version)
{
    return value.len == LENGTH || (version > 0 && value.data[LENGTH] == '-');
}

bool traceparent_read(struct span value, char ret_text[TRACEPARENT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    if (value.data == NULL || value.len < LENGTH)
        return false;
    const char *text = value.data;
    int version = read_byte(text), flags = read_byte(text + FLAGS_AT);
    if (version < 0 || version == 0xff || flags < 0 || !ends_well(value, version) ||
        text[TRACE_AT - 1] != '-' || text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-' ||
        !is_id(text + TRACE_AT, PARENT_AT - 1 - TRACE_AT) ||
        !is_id(text + PARENT_AT, FLAGS_AT - 1 - PARENT_AT))
        return false;
    flags &= version == 0 ? FLAG_SAMPLED | FLAG_RANDOM_ID : FLAG_SAMPLED;
    memcpy(ret_text, text, LENGTH);
    ret_text[0] = ret_text[1] = ret_text[FLAGS_AT] = '0';
    ret_text[FLAGS_AT + 1] = digits[flags];
    ret_text[LENGTH] = '\0';
    return true;
}

bool traceparent_is_valid(struct span text)
{
    char read[TRACEPARENT_SIZE];
    return traceparent_read(text, read) && span_is(text, read);
}

struct span traceparent_trace_id(struct span traceparent)
{
    if (traceparent.data == NULL)
        return SPAN_NONE;
    return (struct span){traceparent.data + TRACE_AT, PARENT_AT - 1 - TRACE_AT};
}
