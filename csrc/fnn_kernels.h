/* The table of micro-kernels that an ISA provides, for float and for double.
 *
 * A micro-kernel computes one tile: no Python, no OpenMP, no malloc. Pointers need the alignment of their element
 * only. Strides count elements. `lanes` is the number of elements in a vector.
 */
#ifndef FNN_KERNELS_H
#define FNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "fnn_optim.h"

#define FNN_NV_MAX 4 /* the widest tile of any ISA, in vectors */

/* A window that walks over one plane; the bottom and right padding is what the output extent implies. */
typedef struct {
    ptrdiff_t in_h, in_w, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
} fnn_pool2d;

#define FNN_CONCAT2(a, b) a##b
#define FNN_CONCAT(a, b) FNN_CONCAT2(a, b)

#define REAL float
#define TABLE fnn_f32_kernels
#include "kernel_table.inl"
#undef REAL
#undef TABLE

#define REAL double
#define TABLE fnn_f64_kernels
#include "kernel_table.inl"
#undef REAL
#undef TABLE

typedef struct {
    const char *name; /* as in isa.def */
    const fnn_f32_kernels *f32;
    const fnn_f64_kernels *f64;
} fnn_isa;

/* The i-th ISA that was built, or NULL past the last. */
const fnn_isa *fnn_isa_built(int i);
/* 1 where this machine can run it. */
int fnn_isa_usable(int i);

#endif
