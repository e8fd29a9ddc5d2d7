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
/* A single row has chains enough to wait for nothing only where its tile is wider. */
#if FNN_NV_ONE_ROW > FNN_NV
#define MR 1
#define NV 4
#include "gemm_tile.inl"
#undef NV
#define NV 5
#include "gemm_tile.inl"
#undef NV
#define NV 6
#include "gemm_tile.inl"
#undef NV
#define NV 7
#include "gemm_tile.inl"
#undef NV
#define NV 8
#include "gemm_tile.inl"
#undef NV
#undef MR
#endif
#define ONE_ROW_NV FNN_NV_ONE_ROW
#define GEMM gemm
#include "gemm_edge.inl"
#undef ONE_ROW_NV
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
#define ONE_ROW_NV FNN_NV
#define GEMM igemm
#include "gemm_edge.inl"
#undef ONE_ROW_NV
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
