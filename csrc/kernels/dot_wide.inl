/* The same for ROWS vectors of x that hold PIECE taps of BESIDE rows each, with pieces of DOT_COLS rows of w repeated
 * in a vector: what is left to add up of a sum are PIECE lanes. */
static void WIDE_TILE(ROWS)(ptrdiff_t k, const REAL *x, const REAL *w, ptrdiff_t w_rs, ptrdiff_t ahead,
                            const REAL *init, REAL *y, ptrdiff_t y_rs)
{
#define ADD_PRODUCTS(pieces, stride)                                                                                   \
    do {                                                                                                               \
        NAME(v) x_vec[ROWS];                                                                                           \
        _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) x_vec[r] = NAME(load)(x + r * LANES);                   \
        _Pragma("GCC unroll 4") for (int q = 0; q < DOT_COLS; q++) {                                                   \
            NAME(v) w_vec = NAME(load_piece)((pieces) + q * (stride));                                                 \
            _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) sum[r * DOT_COLS + q] += w_vec * x_vec[r];          \
        }                                                                                                              \
    } while (0)
#define FIRST(j) (j) % PIECE == 0 ? -1 : 0
    NAME(v) sum[ROWS * DOT_COLS];
    _Pragma("GCC unroll 32") for (int i = 0; i < ROWS * DOT_COLS; i++)
        sum[i] = NAME(select)((NAME(vi)){EVERY_LANE(FIRST)}, NAME(broadcast)(init[i % DOT_COLS]), (NAME(v)){0});
#undef FIRST
    ptrdiff_t t = 0;
    for (; t + PIECE <= k; t += PIECE, x += ROWS * LANES) {
        if (ahead != 0 && t % (64 / REAL_BYTES) == 0)
            _Pragma("GCC unroll 4") for (int q = 0; q < DOT_COLS; q++)
                __builtin_prefetch(w + ahead + q * w_rs + t, 0, 2);
        ADD_PRODUCTS(w + t, w_rs);
    }
    if (t < k) {
        REAL last[DOT_COLS * PIECE] = {0};
        for (int q = 0; q < DOT_COLS; q++) memcpy(last + q * PIECE, w + q * w_rs + t, (k - t) * sizeof(REAL));
        ADD_PRODUCTS(last, PIECE);
    }
#undef ADD_PRODUCTS
    _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++)
        _Pragma("GCC unroll 2") for (int q = 0; q < DOT_COLS; q += PIECE) {
            NAME(v) *cols = sum + r * DOT_COLS + q, added;
            added = PIECE == 2 ? NAME(fold_1)(cols[0], cols[1])
                               : NAME(fold_1)(NAME(fold_2)(cols[0], cols[PIECE / 2]),
                                              NAME(fold_2)(cols[1], cols[PIECE / 2 + 1]));
            REAL sums[LANES];
            NAME(store)(sums, added);
            _Pragma("GCC unroll 4") for (int i = 0; i < BESIDE; i++)
                _Pragma("GCC unroll 4") for (int j = 0; j < PIECE; j++)
                    y[(r * BESIDE + i) * y_rs + q + j] = sums[i * PIECE + j];
        }
}
