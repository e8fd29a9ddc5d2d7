/* Memory for outputs and scratch: aligned to a cache line, outside Python's allocator. */
#ifndef FNN_MEMORY_H
#define FNN_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define FNN_ALIGN 64
#define FNN_PAGE 4096
#define FNN_HUGE_PAGE ((size_t)1 << 21)

/* The room for what one thread writes and no other reads: whole pages, and one that nobody uses. A line that two cores
 * write takes 50 to 550 ns to go from one to the other; a core fetches lines ahead of those that it uses one after the
 * other, also past the end of a page, and so takes them from their owner. */
static inline ptrdiff_t fnn_apart(ptrdiff_t bytes) { return (bytes + 2 * FNN_PAGE - 1) / FNN_PAGE * FNN_PAGE; }

/* NULL where the memory (or a number of bytes past PTRDIFF_MAX) is not to be had. */
static inline void *fnn_alloc(size_t bytes)
{
    void *p = NULL;
    if (bytes > (size_t)PTRDIFF_MAX - FNN_HUGE_PAGE) return NULL;
    size_t align = bytes >= 2 * FNN_HUGE_PAGE ? FNN_HUGE_PAGE : FNN_ALIGN;
    if (posix_memalign(&p, align, bytes + FNN_ALIGN) != 0) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    /* One fault for 2 MB in place of 512; only advice, so a refusal does not matter. */
    if (align == FNN_HUGE_PAGE) (void)madvise(p, bytes / FNN_HUGE_PAGE * FNN_HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return p;
}

static inline void fnn_free(void *p) { free(p); }

#endif
