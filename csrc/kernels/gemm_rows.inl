/* The tiles of NV vectors and 1..MR_MAX rows, and the walk over any number of rows with them. */
#if NV == 1
#define MR_MAX FNN_MR1
#elif NV == 2
#define MR_MAX FNN_MR2
#elif NV == 3
#define MR_MAX FNN_MR3
#else
#define MR_MAX FNN_MR4
#endif

#define MR 1
#include "gemm_tile.inl"
#undef MR
#define MR 2
#include "gemm_tile.inl"
#undef MR
#define MR 3
#include "gemm_tile.inl"
#undef MR
#if MR_MAX >= 4
#define MR 4
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 5
#define MR 5
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 6
#define MR 6
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 7
#define MR 7
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 8
#define MR 8
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 9
#define MR 9
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 10
#define MR 10
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 11
#define MR 11
#include "gemm_tile.inl"
#undef MR
#endif
#if MR_MAX >= 12
#define MR 12
#include "gemm_tile.inl"
#undef MR
#endif

/* Blocks of rows of nearly equal height (16 rows by 6: 6, 5, 5), so that no block is left thin. */
static void ROWS(NV)(ptrdiff_t rows, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS, const REAL *b, B_TAPS,
                     const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c, ptrdiff_t c_rs)
{
    static NAME(TILE_TYPE) *const tiles[MR_MAX + 1] = {
        NULL, TILE(1, NV), TILE(2, NV), TILE(3, NV),
#if MR_MAX >= 4
        TILE(4, NV),
#endif
#if MR_MAX >= 5
        TILE(5, NV),
#endif
#if MR_MAX >= 6
        TILE(6, NV),
#endif
#if MR_MAX >= 7
        TILE(7, NV),
#endif
#if MR_MAX >= 8
        TILE(8, NV),
#endif
#if MR_MAX >= 9
        TILE(9, NV),
#endif
#if MR_MAX >= 10
        TILE(10, NV),
#endif
#if MR_MAX >= 11
        TILE(11, NV),
#endif
#if MR_MAX >= 12
        TILE(12, NV),
#endif
    };
    ptrdiff_t blocks = (rows + MR_MAX - 1) / MR_MAX;
    while (blocks > 0) {
        ptrdiff_t mr = (rows + blocks - 1) / blocks, alike = rows - (mr - 1) * blocks;
        tiles[mr](alike, k, a, a_rs, A_ARGS, b, B_ARGS, init, init_rs, init_cs, c, c_rs);
        blocks -= alike;
        rows -= alike * mr;
        a += alike * mr * a_rs;
        c += alike * mr * c_rs;
        init += alike * mr * init_rs;
    }
}
#undef MR_MAX
