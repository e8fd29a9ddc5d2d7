/* Everything that one ISA's translation unit holds. The including file sets FNN_ISA_NAME, FNN_VEC_BYTES and the tile
 * heights FNN_MR1..FNN_MR4 (rows of the tallest tile of 1..4 vectors; 0: no such tile) and FNN_DOT_ROWS (2, 3 or 6 rows
 * of x in a tile of dot products) that its registers allow, FNN_DOT_COST as measured, and FNN_TANDEM as tandem.inl has
 * it (0: without). */
#include <float.h>
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "fnn_activation.h"
#include "fnn_kernels.h"
#include "fnn_pool.h"
#ifdef FNN_NARROWER
extern const fnn_isa FNN_NARROWER;
#endif

#define REAL float
#define REAL_BYTES 4
#define DTYPE f32
#define INT int32_t
#include "kernels/all.inl"
#undef REAL
#undef REAL_BYTES
#undef DTYPE
#undef INT

#define REAL double
#define REAL_BYTES 8
#define DTYPE f64
#define INT int64_t
#include "kernels/all.inl"
#undef REAL
#undef REAL_BYTES
#undef DTYPE
#undef INT

#define FNN_STR2(x) #x
#define FNN_STR(x) FNN_STR2(x)
const fnn_isa FNN_CONCAT(fnn_isa__, FNN_ISA_NAME) = {
    FNN_STR(FNN_ISA_NAME),
    &FNN_CONCAT(fnn_f32_table__, FNN_ISA_NAME),
    &FNN_CONCAT(fnn_f64_table__, FNN_ISA_NAME),
};
