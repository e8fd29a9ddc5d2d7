/* Matrix products: tiles of the outputs in registers, every output one sequential chain over the taps. */

#define TILE(mr, nv) TILE2(mr, nv)
#define ROWS(nv) ROWS2(nv)

/* Taps at multiples of a stride. */
#define A_TAPS ptrdiff_t a_cs
#define B_TAPS ptrdiff_t b_ks
#define A_ARGS a_cs
#define B_ARGS b_ks
#define A_AT(t) ((t) * a_cs)
#define B_AT(t) ((t) * b_ks)
#define TILE2(mr, nv) NAME(gemm_##mr##x##nv)
#define ROWS2(nv) NAME(gemm_rows_##nv)
#define TILE_TYPE gemm_tile
#define WALK_TYPE gemm_walk
#include "gemm_tiles.inl"
#define GEMM gemm
#include "gemm_edge.inl"
#undef GEMM
#undef A_TAPS
#undef B_TAPS
#undef A_ARGS
#undef B_ARGS
#undef A_AT
#undef B_AT
#undef TILE2
#undef ROWS2
#undef TILE_TYPE
#undef WALK_TYPE

/* Taps at offsets from lists. */
#define A_TAPS const ptrdiff_t *a_off
#define B_TAPS const ptrdiff_t *b_off
#define A_ARGS a_off
#define B_ARGS b_off
#define A_AT(t) (a_off[t])
#define B_AT(t) (b_off[t])
#define TILE2(mr, nv) NAME(igemm_##mr##x##nv)
#define ROWS2(nv) NAME(igemm_rows_##nv)
#define TILE_TYPE igemm_tile
#define WALK_TYPE igemm_walk
#include "gemm_tiles.inl"
#define GEMM igemm
#include "gemm_edge.inl"
#undef GEMM
#undef A_TAPS
#undef B_TAPS
#undef A_ARGS
#undef B_ARGS
#undef A_AT
#undef B_AT
#undef TILE2
#undef ROWS2
#undef TILE_TYPE
#undef WALK_TYPE

#undef TILE
#undef ROWS

/* Four rows at once share the loads of x; two vectors of partial sums a row hide the latency of the adds. */
INLINE void NAME(gemv_rows)(int rows, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x, const REAL *init,
                            REAL *y)
{
    NAME(v) sum[4][2] = {{{0}}};
    ptrdiff_t t = 0;
    for (; t + 2 * LANES <= k; t += 2 * LANES) {
        NAME(v) x0 = NAME(load)(x + t), x1 = NAME(load)(x + t + LANES);
        for (int i = 0; i < rows; i++) {
            sum[i][0] += NAME(load)(w + i * w_rs + t) * x0;
            sum[i][1] += NAME(load)(w + i * w_rs + t + LANES) * x1;
        }
    }
    for (; t + LANES <= k; t += LANES) {
        NAME(v) x0 = NAME(load)(x + t);
        for (int i = 0; i < rows; i++) sum[i][0] += NAME(load)(w + i * w_rs + t) * x0;
    }
    for (int i = 0; i < rows; i++) {
        NAME(v) both = sum[i][0] + sum[i][1];
        REAL total = init == NULL ? 0 : init[i];
        for (ptrdiff_t j = 0; j < LANES; j++) total += both[j];
        for (ptrdiff_t j = t; j < k; j++) total += w[i * w_rs + j] * x[j];
        y[i] = total;
    }
}

static void NAME(gemv)(ptrdiff_t rows, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x, const REAL *init,
                       REAL *y)
{
    ptrdiff_t i = 0;
    for (; i + 4 <= rows; i += 4)
        NAME(gemv_rows)(4, k, w + i * w_rs, w_rs, x, init == NULL ? NULL : init + i, y + i);
    for (; i < rows; i++) NAME(gemv_rows)(1, k, w + i * w_rs, w_rs, x, init == NULL ? NULL : init + i, y + i);
}
