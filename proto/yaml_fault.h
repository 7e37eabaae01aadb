/* yaml_fault.h: what is wrong in a file of YAML, and where: so many faults as a person reads, the
 * rest counted. */
#ifndef PROTO_YAML_FAULT_H
#define PROTO_YAML_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct yaml_fault {
    uint32_t line, column; /* from 1, in characters; 0: the file as a whole */
    char *text;            /* own memory */
};

struct yaml_faults {
    struct yaml_fault *list;
    uint32_t count, max;
    uint32_t more; /* faults that found no place in the list */
};

/* Keeps the first `max`, which is 1 or more. */
void yaml_faults_init(struct yaml_faults *f, uint32_t max);
void yaml_faults_fini(struct yaml_faults *f);
void yaml_faults_add(struct yaml_faults *f, uint32_t line, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool yaml_faults_any(const struct yaml_faults *f);
/* In the order of their places. */
void yaml_faults_sort(struct yaml_faults *f);
/* "path:line:column: what", or "path: what" for one that has no place. */
void yaml_fault_print(const struct yaml_fault *fault, const char *path, char *out, size_t out_size);

/* The same of the first one, for who wants no more; "out of memory" if there was none to note it.
 */
void yaml_faults_print(const struct yaml_faults *f, const char *path, char *out, size_t out_size);

#endif
