/* err.c: names and texts of the error numbers, from err.def. */
#include "base/err.h"

/* Code as it stands on the wire and in JSON; a static string. */
const char *err_code(int error)
{
    switch (error) {
    case MUSTER_OK:
        return "ok";
#define ERR(symbol, number, code, text)                                                            \
    case MUSTER_##symbol:                                                                          \
        return code;
#include "base/err.def"
    default:
        return "unknown";
    }
}

/* A sentence for people; a static string. */
const char *err_text(int error)
{
    switch (error) {
    case MUSTER_OK:
        return "done";
#define ERR(symbol, number, code, text)                                                            \
    case MUSTER_##symbol:                                                                          \
        return text;
#include "base/err.def"
    default:
        return "unknown error";
    }
}
