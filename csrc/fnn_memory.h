/* Scratch memory for the drivers: aligned to a cache line, outside Python's allocator. */
#ifndef FNN_MEMORY_H
#define FNN_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define FNN_ALIGN 64

/* NULL where the memory (or a number of bytes past PTRDIFF_MAX) is not to be had. */
static inline void *fnn_alloc(size_t bytes)
{
    void *p = NULL;
    if (bytes > (size_t)PTRDIFF_MAX - FNN_ALIGN) return NULL;
    return posix_memalign(&p, FNN_ALIGN, bytes + FNN_ALIGN) == 0 ? p : NULL;
}

static inline void fnn_free(void *p) { free(p); }

#endif
