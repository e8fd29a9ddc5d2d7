/* Any number of columns up to the widest tile, which is wider for a single row: whole vectors go straight to memory,
 * others by way of a local tile. */
static void NAME(GEMM)(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS,
                       const REAL *b, B_TAPS, const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c,
                       ptrdiff_t c_rs)
{
    static NAME(WALK_TYPE) *const walk[] = {
        NULL, ROWS(1), ROWS(2), ROWS(3),
#if FNN_NV >= 4
        ROWS(4),
#endif
    };
    static NAME(TILE_TYPE) *const one_row[] = {
        NULL, TILE(1, 1), TILE(1, 2), TILE(1, 3),
#if ONE_ROW_NV >= 4
        TILE(1, 4),
#endif
#if ONE_ROW_NV >= 8
        TILE(1, 5), TILE(1, 6), TILE(1, 7), TILE(1, 8),
#endif
    };
    static const REAL zero = 0;
    static const int mr_max[] = {0, FNN_MR1, FNN_MR2, FNN_MR3, FNN_MR4};
    ptrdiff_t nv = (cols + LANES - 1) / LANES, width = nv * LANES;
    if (rows <= 0 || cols <= 0) return;
    if (init == NULL) {
        init = &zero;
        init_rs = init_cs = 0;
    }
    if (cols == width && rows == 1) {
        one_row[nv](1, k, a, a_rs, A_ARGS, b, B_ARGS, init, init_rs, init_cs, c, c_rs);
        return;
    }
    if (cols == width) {
        walk[nv](rows, k, a, a_rs, A_ARGS, b, B_ARGS, init, init_rs, init_cs, c, c_rs);
        return;
    }
    REAL edge[12 * FNN_NV * LANES];
    ptrdiff_t most = rows == 1 ? 1 : mr_max[nv];
    for (ptrdiff_t i = 0; i < rows; i += most) {
        ptrdiff_t mr = rows - i < most ? rows - i : most;
        const REAL *from = init + i * init_rs;
        ptrdiff_t from_rs = init_rs;
        if (init_cs) {
            for (ptrdiff_t r = 0; r < mr; r++) {
                memcpy(edge + r * width, from + r * init_rs, cols * sizeof(REAL));
                for (ptrdiff_t j = cols; j < width; j++) edge[r * width + j] = 0;
            }
            from = edge;
            from_rs = width;
        }
        if (rows == 1) one_row[nv](1, k, a, a_rs, A_ARGS, b, B_ARGS, from, from_rs, init_cs, edge, width);
        else walk[nv](mr, k, a + i * a_rs, a_rs, A_ARGS, b, B_ARGS, from, from_rs, init_cs, edge, width);
        for (ptrdiff_t r = 0; r < mr; r++) memcpy(c + (i + r) * c_rs, edge + r * width, cols * sizeof(REAL));
    }
}
