/* count_malloc.c: counts the allocations of a program that it is preloaded into (LD_PRELOAD), for
 * tests of what a job may cost. The counts lie in the file that $COUNT_MALLOC_FILE names, mapped,
 * so that they can be read at any time: two native 64-bit numbers, of all allocations, and of those
 * that the program's own code asked for (and not a library). glibc only: it has the names below. */
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

struct counts {
    _Atomic uint64_t all, own;
};

static struct counts early; /* before there is a file */
static struct counts *counts = &early;
static uintptr_t own_begin, own_end; /* the program's code */

static int find_own_code(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            own_begin = info->dlpi_addr + part->p_vaddr;
            own_end = own_begin + part->p_memsz;
        }
    }
    return 1; /* the first is the program; no more of them */
}

__attribute__((constructor)) static void map_counts(void)
{
    const char *name = getenv("COUNT_MALLOC_FILE");
    int fd = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    void *mapped = ftruncate(fd, sizeof *counts)
                       ? MAP_FAILED
                       : mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    (void)dl_iterate_phdr(find_own_code, NULL);
    if (mapped != MAP_FAILED)
        counts = mapped;
}

static void count(const void *caller)
{
    atomic_fetch_add_explicit(&counts->all, 1, memory_order_relaxed);
    if ((uintptr_t)caller >= own_begin && (uintptr_t)caller < own_end)
        atomic_fetch_add_explicit(&counts->own, 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_calloc(number, bytes);
}

void *realloc(void *old, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t bytes)
{
    count(__builtin_return_address(0));
    *ret_memory = __libc_memalign(alignment, bytes);
    return *ret_memory ? 0 : 12; /* ENOMEM */
}
