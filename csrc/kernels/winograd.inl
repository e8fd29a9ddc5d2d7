/* Winograd's F(4x4, 3x3) and F(2x2, 5x5): six points 0, a, -a, b, -b, infinity along each axis (Lavin and Gray,
 * arXiv:1509.09308). Points near 1 whose squares are exact keep the error low: a = 5/8, b = 3/2. A tile has `side`
 * outputs along each axis, a filter 7 - side taps. Every lane is a channel.
 *
 *     y = A'[(G g G') . (B' d B)]A    dg = G'[(A dy A') . (B' d B)]G    ' is the transpose, . goes by element
 *
 * A and G take the coefficients of a polynomial to its values at the points; G scales these besides.
 */
#define A_1 ((REAL)0.625)
#define B_1 ((REAL)1.5)
#define A_2 (A_1 * A_1)
#define B_2 (B_1 * B_1)
#define G_0 ((REAL)(256. / 225.))                /* 1 / (a^2 b^2) */
#define G_A ((REAL)(1. / (0.78125 * -1.859375))) /* 1 / (2 a^2 (a^2 - b^2)) */
#define G_B ((REAL)(1. / (4.5 * 1.859375)))      /* 1 / (2 b^2 (b^2 - a^2)) */
#define UNROLL _Pragma("GCC unroll 6") for
#define ROLL _Pragma("GCC unroll 1") for /* where 72 addresses at once do not fit the registers */
#define UNROLLED(n) ((n) > 2 && (n) < 5 && FNN_VEC_BYTES > 16) /* where the code's size is worth it: 3x3 */

/* One axis of each transform: `in` and `out` are the values along it. */
INLINE void NAME(wino_b)(const NAME(v) in[6], NAME(v) out[6])
{
    NAME(v) even_a = in[4] - B_2 * in[2], odd_a = in[3] - B_2 * in[1];
    NAME(v) even_b = in[4] - A_2 * in[2], odd_b = in[3] - A_2 * in[1];
    out[0] = in[4] - (A_2 + B_2) * in[2] + A_2 * B_2 * in[0];
    out[1] = even_a + A_1 * odd_a;
    out[2] = even_a - A_1 * odd_a;
    out[3] = even_b + B_1 * odd_b;
    out[4] = even_b - B_1 * odd_b;
    out[5] = in[5] - (A_2 + B_2) * in[3] + A_2 * B_2 * in[1];
}

/* n coefficients to the values at the points, those at 0, +-a, +-b times s_0, s_a, s_b. */
INLINE void NAME(wino_values)(int n, REAL s_0, REAL s_a, REAL s_b, const NAME(v) in[5], NAME(v) out[6])
{
    NAME(v) even_a = s_a * in[0], odd_a = in[1], even_b = s_b * in[0], odd_b = in[1];
    if (n > 2) even_a += s_a * A_2 * in[2], even_b += s_b * B_2 * in[2];
    if (n > 3) odd_a += A_2 * in[3], odd_b += B_2 * in[3];
    if (n > 4) even_a += s_a * (A_2 * A_2) * in[4], even_b += s_b * (B_2 * B_2) * in[4];
    out[0] = s_0 * in[0];
    out[1] = even_a + s_a * A_1 * odd_a;
    out[2] = even_a - s_a * A_1 * odd_a;
    out[3] = even_b + s_b * B_1 * odd_b;
    out[4] = even_b - s_b * B_1 * odd_b;
    out[5] = in[n - 1];
}

/* The transpose of wino_values. */
#define LAST(k, x) (n == k + 1 ? in[5] + (x) : (x))
INLINE void NAME(wino_sums)(int n, REAL s_0, REAL s_a, REAL s_b, const NAME(v) in[6], NAME(v) out[5])
{
    NAME(v) sum_a = in[1] + in[2], sum_b = in[3] + in[4], dif_a = in[1] - in[2], dif_b = in[3] - in[4];
    out[0] = s_0 * in[0] + s_a * sum_a + s_b * sum_b;
    out[1] = LAST(1, s_a * A_1 * dif_a) + s_b * B_1 * dif_b;
    if (n > 2) out[2] = LAST(2, s_a * A_2 * sum_a) + s_b * B_2 * sum_b;
    if (n > 3) out[3] = LAST(3, s_a * (A_2 * A_1) * dif_a) + s_b * (B_2 * B_1) * dif_b;
    if (n > 4) out[4] = LAST(4, s_a * (A_2 * A_2) * sum_a) + s_b * (B_2 * B_2) * sum_b;
}

/* The n x n vectors at `src`, `row` and `pixel` apart, to the 36 at `dst`. */
INLINE void NAME(wino_spread)(int n, REAL s_0, REAL s_a, REAL s_b, const REAL *src, ptrdiff_t row, ptrdiff_t pixel,
                              REAL *dst, ptrdiff_t plane)
{
    NAME(v) half[6][5];
#define COLUMN(s)                                                                                                      \
    {                                                                                                                  \
        NAME(v) in[5], out[6];                                                                                         \
        UNROLL (int r = 0; r < n; r++) in[r] = NAME(load)(src + r * row + s * pixel);                                  \
        NAME(wino_values)(n, s_0, s_a, s_b, in, out);                                                                  \
        UNROLL (int r = 0; r < 6; r++) half[r][s] = out[r];                                                            \
    }
#define ROW(r)                                                                                                         \
    {                                                                                                                  \
        NAME(v) out[6];                                                                                                \
        NAME(wino_values)(n, s_0, s_a, s_b, half[r], out);                                                             \
        UNROLL (int s = 0; s < 6; s++, dst += plane) NAME(store)(dst, out[s]);                                         \
    }
    if (UNROLLED(n)) {
        UNROLL (int s = 0; s < n; s++) COLUMN(s)
        UNROLL (int r = 0; r < 6; r++) ROW(r)
    } else {
        ROLL (int s = 0; s < n; s++) COLUMN(s)
        ROLL (int r = 0; r < 6; r++) ROW(r)
    }
#undef COLUMN
#undef ROW
}

/* The 36 vectors at `src` to n x n, plus `add`; the first rows x cols go to `dst`. Returns the sum of all, times 0. */
INLINE NAME(v) NAME(wino_collect)(int n, REAL s_0, REAL s_a, REAL s_b, const REAL *src, ptrdiff_t plane, NAME(v) add,
                                  ptrdiff_t rows, ptrdiff_t cols, REAL *dst, ptrdiff_t row, ptrdiff_t pixel)
{
    NAME(v) half[5][6], in[6], out[5], poison = {0};
#define COLUMN(s)                                                                                                      \
    {                                                                                                                  \
        UNROLL (int r = 0; r < 6; r++) in[r] = NAME(load)(src + (6 * r + s) * plane);                                  \
        NAME(wino_sums)(n, s_0, s_a, s_b, in, out);                                                                    \
        UNROLL (int r = 0; r < n; r++) half[r][s] = out[r];                                                            \
    }
#define ROW(r)                                                                                                         \
    {                                                                                                                  \
        NAME(wino_sums)(n, s_0, s_a, s_b, half[r], out);                                                               \
        UNROLL (int s = 0; s < n; s++) {                                                                               \
            out[s] += add;                                                                                             \
            poison += out[s] * 0;                                                                                      \
            if (r < rows && s < cols) NAME(store)(dst + r * row + s * pixel, out[s]);                                  \
        }                                                                                                              \
    }
    if (UNROLLED(n)) {
        UNROLL (int s = 0; s < 6; s++) COLUMN(s)
        UNROLL (int r = 0; r < n; r++) ROW(r)
    } else {
        ROLL (int s = 0; s < 6; s++) COLUMN(s)
        ROLL (int r = 0; r < n; r++) ROW(r)
    }
#undef COLUMN
#undef ROW
    return poison;
}

/* 0 * NaN and 0 * inf are NaN, and stay so in a sum. */
INLINE int NAME(poisoned)(NAME(v) poison)
{
    REAL finite = 0;
    for (int j = 0; j < LANES; j++) finite += poison[j];
    return finite != 0;
}

/* The taps of LANES filters on up to LANES channels, `cs` apart, one vector a tap; of fewer filters, `few` are copied
 * with zeros around them. Channels that lie next to each other fill whole blocks: 9 for 16 channels in place of 16. */
static void NAME(wino_load_taps)(ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld, ptrdiff_t cs,
                                 const REAL *end, int count, NAME(v) *taps)
{
    ptrdiff_t reach = (channels * count + LANES - 1) / LANES * LANES;
    if (n >= LANES && cs == count && end - w >= (LANES - 1) * ld + reach) {
        for (ptrdiff_t first = 0; first < reach; first += LANES) NAME(load_transposed)(w + first, ld, taps + first);
        return;
    }
    reach = (count + LANES - 1) / LANES * LANES;
    for (ptrdiff_t c = 0; c < channels; c++, w += cs, taps += count) {
        REAL few[LANES * 32];
        const REAL *from = w;
        ptrdiff_t apart = ld;
        if (n < LANES || end - w < (LANES - 1) * ld + reach) {
            memset(few, 0, LANES * reach * sizeof(REAL));
            for (ptrdiff_t j = 0; j < LANES && j < n; j++) memcpy(few + j * reach, w + j * ld, count * sizeof(REAL));
            from = few;
            apart = reach;
        }
        for (ptrdiff_t first = 0; first < reach; first += LANES)
            NAME(load_transposed)(from + first, apart, taps + first);
    }
}

static void NAME(wino_input)(int side, ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *v,
                             ptrdiff_t v_ts, ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += side * pixel, v += v_ts) {
        NAME(v) half[6][6], line[6];
        ROLL (int s = 0; s < 6; s++) {
            UNROLL (int r = 0; r < 6; r++) line[r] = NAME(load)(band + r * row + s * pixel);
            NAME(v) out[6];
            NAME(wino_b)(line, out);
            UNROLL (int r = 0; r < 6; r++) half[r][s] = out[r];
        }
        ROLL (int r = 0; r < 6; r++) {
            NAME(wino_b)(half[r], line);
            UNROLL (int s = 0; s < 6; s++) NAME(store)(v + (6 * r + s) * plane, line[s]);
        }
    }
}

INLINE void NAME(wino_dy_of)(int side, ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *m,
                             ptrdiff_t m_ts, ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += side * pixel, m += m_ts)
        NAME(wino_spread)(side, 1, 1, 1, band, row, pixel, m, plane);
}

INLINE int NAME(wino_output_of)(int side, ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts,
                                ptrdiff_t plane, const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel)
{
    NAME(v) poison = {0}, add = bias == NULL ? (NAME(v)){0} : NAME(load)(bias);
    for (; cols > 0; cols -= side, m += m_ts, band += side * pixel)
        poison += NAME(wino_collect)(side, 1, 1, 1, m, plane, add, rows, cols, band, row, pixel);
    return NAME(poisoned)(poison);
}

INLINE void NAME(wino_filter_of)(int length, ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld,
                                 ptrdiff_t cs, const REAL *end, int flip, REAL *u, ptrdiff_t u_cs, ptrdiff_t plane)
{
    NAME(v) taps[LANES * 26];
    int count = length * length;
    ptrdiff_t pixel = flip ? -LANES : LANES;
    for (ptrdiff_t c = 0; c < channels; c += LANES)
        for (ptrdiff_t i = 0; i < n; i += LANES) {
            ptrdiff_t some = channels - c < LANES ? channels - c : LANES;
            const NAME(v) *first = flip ? taps + count - 1 : taps;
            NAME(wino_load_taps)(n - i, some, w + i * ld + c * cs, ld, cs, end, count, taps);
            for (ptrdiff_t j = 0; j < some; j++, first += count)
                NAME(wino_spread)(length, G_0, G_A, G_B, (const REAL *)first, length * pixel, pixel,
                                  u + (c + j) * u_cs + i, plane);
        }
}

INLINE int NAME(wino_dfilter_of)(int length, ptrdiff_t n, const REAL *du, ptrdiff_t plane, REAL *dw)
{
    NAME(v) poison = {0}, zero = {0};
    for (ptrdiff_t i = 0; i < n; i += LANES, du += LANES, dw += length * length * LANES) {
        REAL taps[25][LANES];
        poison += NAME(wino_collect)(length, G_0, G_A, G_B, du, plane, zero, length, length, taps[0], length * LANES,
                                     LANES);
        for (ptrdiff_t j = 0; j < LANES && j < n - i; j++)
            for (int t = 0; t < length * length; t++) dw[length * length * j + t] = taps[t][j];
    }
    return NAME(poisoned)(poison);
}

/* The compiler makes each of them for a constant size. */
static void NAME(wino_dy)(int side, ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *m,
                          ptrdiff_t m_ts, ptrdiff_t plane)
{
    if (side == 4)
        NAME(wino_dy_of)(4, tiles, band, row, pixel, m, m_ts, plane);
    else
        NAME(wino_dy_of)(2, tiles, band, row, pixel, m, m_ts, plane);
}

static int NAME(wino_output)(int side, ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts, ptrdiff_t plane,
                             const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel)
{
    if (side == 4) return NAME(wino_output_of)(4, rows, cols, m, m_ts, plane, bias, band, row, pixel);
    return NAME(wino_output_of)(2, rows, cols, m, m_ts, plane, bias, band, row, pixel);
}

static void NAME(wino_filter)(int side, ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld, ptrdiff_t cs,
                              const REAL *end, int flip, REAL *u, ptrdiff_t u_cs, ptrdiff_t plane)
{
    if (side == 4)
        NAME(wino_filter_of)(3, n, channels, w, ld, cs, end, flip, u, u_cs, plane);
    else
        NAME(wino_filter_of)(5, n, channels, w, ld, cs, end, flip, u, u_cs, plane);
}

static int NAME(wino_dfilter)(int side, ptrdiff_t n, const REAL *du, ptrdiff_t plane, REAL *dw)
{
    return side == 4 ? NAME(wino_dfilter_of)(3, n, du, plane, dw) : NAME(wino_dfilter_of)(5, n, du, plane, dw);
}

static void NAME(to_lanes)(ptrdiff_t pixels, ptrdiff_t channels, const REAL *src, ptrdiff_t ld, const REAL *end,
                           REAL *dst)
{
    for (ptrdiff_t t = 0; t < pixels; t += LANES) {
        if (channels >= LANES && end - (src + t) >= (LANES - 1) * ld + LANES) {
            NAME(transpose_block)(src + t, ld, dst + t * LANES, LANES);
        } else {
            REAL few[LANES * LANES];
            ptrdiff_t n = pixels - t < LANES ? pixels - t : LANES;
            memset(few, 0, sizeof few);
            for (ptrdiff_t j = 0; j < LANES && j < channels; j++)
                memcpy(few + j * LANES, src + j * ld + t, n * sizeof(REAL));
            NAME(transpose_block)(few, LANES, dst + t * LANES, LANES);
        }
    }
}

static void NAME(from_lanes)(ptrdiff_t pixels, ptrdiff_t channels, const REAL *src, REAL *dst, ptrdiff_t ld)
{
    ptrdiff_t t = 0;
    if (channels >= LANES && pixels >= LANES) {
        for (; t + LANES <= pixels; t += LANES) NAME(transpose_block)(src + t * LANES, LANES, dst + t, ld);
        if (t < pixels) /* the last block once more over some pixels of the one before */
            NAME(transpose_block)(src + (pixels - LANES) * LANES, LANES, dst + pixels - LANES, ld);
        return;
    }
    for (; t < pixels; t += LANES) {
        REAL few[LANES * LANES];
        NAME(transpose_block)(src + t * LANES, LANES, few, LANES);
        for (ptrdiff_t j = 0; j < LANES && j < channels; j++) {
            if (pixels - t >= LANES)
                NAME(store)(dst + j * ld + t, NAME(load)(few + j * LANES));
            else
                NAME(copy_few)(dst + j * ld + t, few + j * LANES, pixels - t);
        }
    }
}

#undef A_1
#undef B_1
#undef A_2
#undef B_2
#undef G_0
#undef G_A
#undef G_B
#undef LAST
#undef UNROLL
#undef UNROLLED
#undef ROLL
