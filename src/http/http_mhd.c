#include "http/http_mhd.h"

#include <microhttpd.h>
#include <string.h>

#define LOSES_PARTS (MHD_VERSION < 0x01000000)

void http_mhd_layout_begin(struct http_mhd_layout *layout, struct span target, const char *version)
{
    *layout = (struct http_mhd_layout){.end = version + strlen(version)};
    /* Where the blank stood between them there is now one NUL. */
    layout->broken = target.data + target.len + 1 != version;
}

/* As line ends are, once the library has been there. */
static bool are_zeros(const char *from, const char *to)
{
    while (from < to && *from == '\0')
        from++;
    return from == to;
}

void http_mhd_layout_field(struct http_mhd_layout *layout, struct span name, struct span value)
{
    int line_end = name.data == layout->end + 2 ? 2 : name.data == layout->end + 1 ? 1 : 0;
    if (line_end == 0 || (layout->line_end != 0 && line_end != layout->line_end) ||
        !are_zeros(layout->end, name.data))
        layout->broken = true;
    layout->line_end = line_end;
    const char *at = name.data + name.len + 1; /* behind the colon */
    while (!layout->broken && at < value.data && (*at == ' ' || *at == '\t'))
        at++;
    if (at != value.data)
        layout->broken = true;
    layout->end = value.data + value.len;
}

bool http_mhd_layout_judge(struct http_mhd_layout *layout, const char *method, size_t header_size)
{
    const char *header_end = method + header_size;
    int line_end = layout->line_end;
    if (line_end == 0)
        line_end = header_end - layout->end == 4 ? 2 : 1;
    return !LOSES_PARTS || (!layout->broken && header_end == layout->end + 2 * line_end &&
                            are_zeros(layout->end, header_end));
}

const char *http_mhd_version(void)
{
    return MHD_get_version();
}
