/* yaml_fault.c: the list of faults. */
#include "yaml_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void yaml_faults_init(struct yaml_faults *f, uint32_t max)
{
    *f = (struct yaml_faults){.max = max};
}

void yaml_faults_fini(struct yaml_faults *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        free(f->list[i].text);
    free(f->list);
    yaml_faults_init(f, f->max);
}

void yaml_faults_add(struct yaml_faults *f, uint32_t line, uint32_t column, const char *format, ...)
{
    char *text = NULL;
    if (!f->list)
        f->list = calloc(f->max, sizeof *f->list);
    if (f->list && f->count < f->max) {
        va_list args;
        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
            text = NULL;
        va_end(args);
    }
    if (text)
        f->list[f->count++] = (struct yaml_fault){line, column, text};
    else
        f->more++;
}

bool yaml_faults_any(const struct yaml_faults *f)
{
    return f->count > 0 || f->more > 0;
}

static int compare(const void *a, const void *b)
{
    const struct yaml_fault *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

void yaml_faults_sort(struct yaml_faults *f)
{
    if (f->count > 1)
        qsort(f->list, f->count, sizeof *f->list, compare);
}

void yaml_fault_print(const struct yaml_fault *fault, const char *path, char *out, size_t out_size)
{
    if (fault->line)
        (void)snprintf(out, out_size, "%s:%u:%u: %s", path, fault->line, fault->column,
                       fault->text);
    else
        (void)snprintf(out, out_size, "%s: %s", path, fault->text);
}

void yaml_faults_print(const struct yaml_faults *f, const char *path, char *out, size_t out_size)
{
    static char nothing[] = "out of memory";
    struct yaml_fault unknown = {0, 0, nothing};
    yaml_fault_print(f->count ? &f->list[0] : &unknown, path, out, out_size);
}
