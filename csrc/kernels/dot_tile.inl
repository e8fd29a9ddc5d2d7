/* ROWS rows of x with COLS rows of w, each sum a vector of partial sums over the taps; the partial sums are added
 * up in an order that no tile changes: lane j with lane j + LANES/2, then with j + LANES/4, ... The rows of w that lie
 * `ahead` are fetched in passing, if not 0; one row of x leaves no time for that. */
#define SUMS (ROWS * COLS)
#define GROUPS ((SUMS + LANES - 1) / LANES)          /* vectors that the sums fill in the end, LANES a vector */
#define LAST (SUMS - (GROUPS - 1) * LANES)           /* sums of the last of them, each in REPEAT lanes */
#define REPEAT (LANES / (LAST > 8 ? 16 : LAST > 4 ? 8 : LAST > 2 ? 4 : LAST))
#define GROUP_OF(sum) ((sum) / LANES)
#define LANE_OF(sum) ((sum) % LANES * (GROUP_OF(sum) == GROUPS - 1 ? REPEAT : 1))
#define ADD_PRODUCTS(load_w)                                                                                           \
    do {                                                                                                               \
        NAME(v) x_vec[ROWS];                                                                                           \
        _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) x_vec[r] = NAME(load)(x + r * LANES);                   \
        _Pragma("GCC unroll 4") for (int q = 0; q < COLS; q++) {                                                       \
            NAME(v) w_vec = load_w;                                                                                    \
            _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) sum[r * COLS + q] += w_vec * x_vec[r];              \
        }                                                                                                              \
    } while (0)

static void DOT_TILE(ROWS)(ptrdiff_t k, const REAL *x, const REAL *w, ptrdiff_t w_rs, ptrdiff_t ahead,
                           const REAL *init, REAL *y, ptrdiff_t y_rs)
{
    NAME(v) sum[SUMS];
    _Pragma("GCC unroll 32") for (int i = 0; i < SUMS; i++) sum[i] = (NAME(v)){init[i % COLS]};
    ptrdiff_t t = 0;
    for (; t + LANES <= k; t += LANES, x += ROWS * LANES) {
        if (ROWS > 1 && ahead != 0 && (FNN_VEC_BYTES == 64 || t % (64 / REAL_BYTES) == 0))
            _Pragma("GCC unroll 4") for (int q = 0; q < COLS; q++) __builtin_prefetch(w + ahead + q * w_rs + t, 0, 2);
        ADD_PRODUCTS(NAME(load)(w + q * w_rs + t));
    }
    if (t < k) {
        NAME(mask) taps = NAME(lanes_between)(0, k - t);
        ADD_PRODUCTS(NAME(load_lanes)(w + q * w_rs + t, taps, (NAME(v)){0}));
    }
    REAL sums[GROUPS * LANES];
    _Pragma("GCC unroll 12") for (int g = 0; g < GROUPS; g++) {
        NAME(v) rows[LANES];
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) {
            int from = g * LANES + (g == GROUPS - 1 ? i / REPEAT : i);
            rows[i] = sum[from < SUMS ? from : SUMS - 1];
        }
        NAME(store)(sums + g * LANES, NAME(add_up)(rows));
    }
    _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++)
        _Pragma("GCC unroll 4") for (int q = 0; q < COLS; q++)
            y[r * y_rs + q] = sums[GROUP_OF(r * COLS + q) * LANES + LANE_OF(r * COLS + q)];
}
#undef SUMS
#undef GROUPS
#undef LAST
#undef REPEAT
#undef GROUP_OF
#undef LANE_OF
#undef ADD_PRODUCTS
