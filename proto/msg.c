/* msg.c: names of message types. */
#include "msg.h"

/* A static string. */
const char *msg_type_name(enum msg_type type)
{
    static const char *const names[MSG_TYPE_MAX] = {
#define MESSAGE(symbol, type, name) [MSG_##symbol] = #symbol,
#include "messages.def"
    };
    return (unsigned)type < MSG_TYPE_MAX && names[type] ? names[type] : "?";
}
