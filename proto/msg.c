/* msg.c: names of message types. */
#include "msg.h"

/* A static string. */
const char *msg_type_name(enum msg_type type)
{
    static const char *const names[MSG_TYPE_MAX] = {
#define MESSAGE(symbol, type, name) [MSG_##symbol] = #symbol,
#define NESTED(symbol, name)
#define FIELD(name, key, kind, field, need, max, about)
#define MESSAGE_END(name)
#include "messages.def"
#undef MESSAGE
#undef NESTED
#undef FIELD
#undef MESSAGE_END
    };
    return (unsigned)type < MSG_TYPE_MAX && names[type] ? names[type] : "?";
}
