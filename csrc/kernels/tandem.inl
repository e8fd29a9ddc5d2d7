/* A row times a panel, which waits for memory, and a tile of another product, which computes, tap by tap side by side:
 * either alone would leave half of the core idle. FNN_TANDEM vectors of the row, and as many rows of the tile. */
#if FNN_TANDEM > 0
#define EACH _Pragma("GCC unroll 8") for (int i = 0; i < FNN_TANDEM; i++)
/* Where the row has fewer vectors, the first once more in place of each that is not there. */
#define VECTOR(i) ((i) < FNN_TANDEM / 2 ? (i) * LANES : last[(i) - FNN_TANDEM / 2])
#define ADD_ROW EACH row[i] += *a * NAME(load)(b + VECTOR(i))
#define ADD_TILE                                                                                                       \
    do {                                                                                                               \
        NAME(v) w_t = NAME(load)(w);                                                                                   \
        const REAL *x_t = x; /* one address for all rows, see gemm_tile.inl */                                         \
        EACH {                                                                                                         \
            tile[i] += *x_t * w_t;                                                                                     \
            x_t += x_rs;                                                                                               \
            NOT_FOLDED_ADDRESS(x_t);                                                                                   \
        }                                                                                                              \
    } while (0)

static void NAME(tandem)(ptrdiff_t nv, ptrdiff_t k, const REAL *a, const REAL *b, REAL *c, ptrdiff_t n, const REAL *x,
                         ptrdiff_t x_rs, const REAL *w, const REAL *init, REAL *y, ptrdiff_t y_rs)
{
    ptrdiff_t last[FNN_TANDEM / 2], both = k < n ? k : n, t = 0;
    NAME(v) row[FNN_TANDEM], tile[FNN_TANDEM];
    for (int i = 0; i < FNN_TANDEM / 2; i++) last[i] = i + FNN_TANDEM / 2 < nv ? (i + FNN_TANDEM / 2) * LANES : 0;
    EACH row[i] = NAME(load)(c + VECTOR(i));
    EACH tile[i] = NAME(load)(init);
    for (; t < both; t++, a++, b += nv * LANES, x++, w += LANES) {
        ADD_ROW;
        ADD_TILE;
    }
    for (; t < k; t++, a++, b += nv * LANES) ADD_ROW;
    for (t = both; t < n; t++, x++, w += LANES) ADD_TILE;
    EACH NAME(store)(c + VECTOR(i), row[i]);
    if (n > 0) EACH NAME(store)(y + i * y_rs, tile[i]);
}
#undef EACH
#undef VECTOR
#undef ADD_ROW
#undef ADD_TILE
#endif
