/* Register tiles of MR rows x NV vectors, `tiles` of them one below the other: MR, NV are literals, so the accumulators
 * live in registers. A_AT and B_AT choose where tap t lies: at multiples of a stride, or at offsets from a list.
 * init_cs as in the contract, but init is never NULL. Rows are walked over by one pointer: the addresses of all of
 * them, worked out first, would go through the stack, which short chains are too short to hide. */
static void TILE(MR, NV)(ptrdiff_t tiles, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, A_TAPS, const REAL *b, B_TAPS,
                         const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c, ptrdiff_t c_rs)
{
    for (; tiles > 0; tiles--, a += MR * a_rs, init += MR * init_rs) {
        NAME(v) acc[MR][NV];
        const REAL *from = init;
        REAL *to = c;
        if (init_cs == 2) {
            _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
                _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] = (NAME(v)){0};
        } else if (init_cs) {
            _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++, from += init_rs) {
                NOT_FOLDED_ADDRESS(from);
                _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] = NAME(load)(from + j * LANES);
            }
        } else {
            _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++, from += init_rs) {
                NOT_FOLDED_ADDRESS(from);
                _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] = NAME(broadcast)(*from);
            }
        }
        /* The lines of c arrive while the sums are formed. */
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++, to += c_rs) {
            NOT_FOLDED_ADDRESS(to);
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++)
                if (j * FNN_VEC_BYTES % 64 == 0) __builtin_prefetch(to + j * LANES, 1);
        }
        for (ptrdiff_t t = 0; t < k; t++) {
            const REAL *a_t = a + A_AT(t);
            const REAL *b_t = b + B_AT(t);
            NAME(v) b_vec[NV];
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) b_vec[j] = NAME(load)(b_t + j * LANES);
            _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++)
                _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] += a_t[i * a_rs] * b_vec[j];
        }
        if (init_cs == 2) {
            _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++, from += init_rs) {
                NOT_FOLDED_ADDRESS(from);
                _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) acc[i][j] += NAME(load)(from + j * LANES);
            }
        }
        _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++, c += c_rs) {
            NOT_FOLDED_ADDRESS(c);
            _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++) NAME(store)(c + j * LANES, acc[i][j]);
        }
    }
}
