#include "proctrack/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool text_append_file(struct text_buffer *buffer, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = 0;
    char part[4096];
    while (!buffer->failed && (n = read(fd, part, sizeof(part))) > 0)
        text_append(buffer, part, (size_t)n);
    int why = n < 0 ? errno : EFBIG;
    close(fd);
    errno = why;
    return n == 0 && !buffer->failed;
}
