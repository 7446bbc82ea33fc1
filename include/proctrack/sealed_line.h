/* Lines that show whether they are as they were written: one JSON object on one line, whose first
 * member is the CRC-32 of what follows it, up to the line's end:
 *
 *   {"crc":"89abcdef","seq":7,…}
 */
#ifndef PROCTRACK_SEALED_LINE_H
#define PROCTRACK_SEALED_LINE_H

#include "proctrack/text.h"

/* Begins a line in the buffer; the caller appends members, each with a comma before it. */
size_t sealed_line_begin(struct text_buffer *out); /* where it begins */
/* Ends the object that begins there, without a line break. False, with the buffer as it was before
 * the line, when that could not take it. */
bool sealed_line_end(struct text_buffer *out, size_t begin);
void sealed_line_abandon(struct text_buffer *out, size_t begin);

/* What stands behind the crc, with its comma and the closing brace; the line comes without its
 * break. False when it is not as it was written. */
bool sealed_line_check(struct span line, struct span *ret_members);
/* Whether a line that is not at its end may begin so. */
bool sealed_line_begins(struct span part);
/* Whether a whole line stands at the beginning of the text, and more behind it. */
bool sealed_line_leads(struct span text);

/* Cuts `,"name":` and a decimal number off the front of the members; false when they do not begin
 * so. */
bool sealed_line_number(struct span *members, const char *name, uint64_t *ret_number);

#define SEAL_HEX 8
uint32_t seal_crc(uint32_t crc, struct span data); /* of more; 0 to begin with */
void seal_hex(uint32_t crc, char ret_hex[SEAL_HEX]);

#endif
