/* name.c: which names queues, kinds, workers and schedules may have. */
#include "base/text.h"

static bool is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_valid(struct slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || !is_alnum(name.data[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        uint8_t c = name.data[i];
        /* A NUL would be found by strchr at the end of the set. */
        if (!is_alnum(c) && (c == '\0' || !strchr("._:/-", c)))
            return false;
    }
    return true;
}
