/* err.h: the error numbers of err.def. Functions return 0 or one of these. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* The public header muster/error.h has the same names: a file that includes both gets them once. */
#ifndef MUSTER_ERRORS_DEFINED
#define MUSTER_ERRORS_DEFINED
enum {
    MUSTER_OK = 0,
#define ERR(symbol, number, code, text) MUSTER_##symbol = -(number),
#include "base/err.def"
};
#endif

#define MUSTER_MUSTCHECK __attribute__((warn_unused_result))

const char *err_code(int error); /* "not_found"; "ok" for 0, "unknown" for no known error */
const char *err_text(int error);

#endif
