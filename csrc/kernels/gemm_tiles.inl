/* All tiles of an ISA, and the function that walks over rows with them. Included for strided and indexed taps. */
typedef void NAME(TILE_TYPE)(ptrdiff_t tiles, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS, const REAL *b,
                             B_TAPS, const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c, ptrdiff_t c_rs);
typedef void NAME(WALK_TYPE)(ptrdiff_t rows, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS, const REAL *b,
                             B_TAPS, const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c, ptrdiff_t c_rs);
#define NV 1
#include "gemm_rows.inl"
#undef NV
#define NV 2
#include "gemm_rows.inl"
#undef NV
#define NV 3
#include "gemm_rows.inl"
#undef NV
#if FNN_NV >= 4
#define NV 4
#include "gemm_rows.inl"
#undef NV
#endif
