/* One register tile of MR rows x NV vectors: MR, NV are literals, so the accumulators live in registers.
 * INDEXED chooses where tap t lies: at multiples of a stride, or at offsets from a list. */
static void TILE(MR, NV)(ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS, const REAL *b, B_TAPS, const REAL *init,
                         ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c, ptrdiff_t c_rs)
{
    NAME(v) acc[MR][NV];
    if (init == NULL || init_cs == 2) {
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] = (NAME(v)){0};
    } else if (init_cs) {
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++)
                acc[i][j] = NAME(load)(init + i * init_rs + j * LANES);
    } else {
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] = NAME(broadcast)(init[i * init_rs]);
    }
    /* The lines of c arrive while the sums are formed. */
    _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
        _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) __builtin_prefetch(c + i * c_rs + j * LANES, 1);
    for (ptrdiff_t t = 0; t < k; t++) {
        const REAL *a_t = a + A_AT(t);
        const REAL *b_t = b + B_AT(t);
        NAME(v) b_vec[NV];
        _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) b_vec[j] = NAME(load)(b_t + j * LANES);
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] += a_t[i * a_rs] * b_vec[j];
    }
    if (init != NULL && init_cs == 2) {
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++)
                acc[i][j] += NAME(load)(init + i * init_rs + j * LANES);
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
        _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) NAME(store)(c + i * c_rs + j * LANES, acc[i][j]);
}
