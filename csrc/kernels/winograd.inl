/* Winograd's F(4x4, 3x3): six points 0, a, -a, b, -b, infinity along each axis (Lavin and Gray, arXiv:1509.09308).
 * Points near 1 whose squares are exact keep the error low: a = 5/8, b = 3/2. Every lane is a channel.
 *
 *     y = A'[(G g G') . (B' d B)]A    dg = G'[(A dy A') . (B' d B)]G    ' is the transpose, . goes by element
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

INLINE void NAME(wino_g)(const NAME(v) in[3], NAME(v) out[6])
{
    NAME(v) even_a = G_A * in[0] + G_A * A_2 * in[2], even_b = G_B * in[0] + G_B * B_2 * in[2];
    out[0] = G_0 * in[0];
    out[1] = even_a + G_A * A_1 * in[1];
    out[2] = even_a - G_A * A_1 * in[1];
    out[3] = even_b + G_B * B_1 * in[1];
    out[4] = even_b - G_B * B_1 * in[1];
    out[5] = in[2];
}

INLINE void NAME(wino_g_t)(const NAME(v) in[6], NAME(v) out[3])
{
    NAME(v) sum_a = in[1] + in[2], sum_b = in[3] + in[4];
    out[0] = G_0 * in[0] + G_A * sum_a + G_B * sum_b;
    out[1] = G_A * A_1 * (in[1] - in[2]) + G_B * B_1 * (in[3] - in[4]);
    out[2] = in[5] + G_A * A_2 * sum_a + G_B * B_2 * sum_b;
}

INLINE void NAME(wino_a)(const NAME(v) in[4], NAME(v) out[6])
{
    NAME(v) even_a = in[0] + A_2 * in[2], odd_a = in[1] + A_2 * in[3];
    NAME(v) even_b = in[0] + B_2 * in[2], odd_b = in[1] + B_2 * in[3];
    out[0] = in[0];
    out[1] = even_a + A_1 * odd_a;
    out[2] = even_a - A_1 * odd_a;
    out[3] = even_b + B_1 * odd_b;
    out[4] = even_b - B_1 * odd_b;
    out[5] = in[3];
}

INLINE void NAME(wino_a_t)(const NAME(v) in[6], NAME(v) out[4])
{
    NAME(v) sum_a = in[1] + in[2], sum_b = in[3] + in[4], dif_a = in[1] - in[2], dif_b = in[3] - in[4];
    out[0] = in[0] + sum_a + sum_b;
    out[1] = A_1 * dif_a + B_1 * dif_b;
    out[2] = A_2 * sum_a + B_2 * sum_b;
    out[3] = in[5] + A_2 * A_1 * dif_a + B_2 * B_1 * dif_b;
}

static void NAME(wino_input)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *v,
                             ptrdiff_t v_ts, ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += 4 * pixel, v += v_ts) {
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

static void NAME(wino_dy)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *m, ptrdiff_t m_ts,
                          ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += 4 * pixel, m += m_ts) {
        NAME(v) half[6][4], line[6];
        UNROLL (int s = 0; s < 4; s++) {
            UNROLL (int r = 0; r < 4; r++) line[r] = NAME(load)(band + r * row + s * pixel);
            NAME(v) out[6];
            NAME(wino_a)(line, out);
            UNROLL (int r = 0; r < 6; r++) half[r][s] = out[r];
        }
        UNROLL (int r = 0; r < 6; r++) {
            NAME(wino_a)(half[r], line);
            UNROLL (int s = 0; s < 6; s++) NAME(store)(m + (6 * r + s) * plane, line[s]);
        }
    }
}

static int NAME(wino_output)(ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts, ptrdiff_t plane,
                             const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel)
{
    NAME(v) poison = {0}, add = bias == NULL ? (NAME(v)){0} : NAME(load)(bias);
    for (ptrdiff_t col = 0; col < cols; col += 4, m += m_ts) {
        NAME(v) half[4][6], line[6];
        UNROLL (int s = 0; s < 6; s++) {
            UNROLL (int r = 0; r < 6; r++) line[r] = NAME(load)(m + (6 * r + s) * plane);
            NAME(v) out[4];
            NAME(wino_a_t)(line, out);
            UNROLL (int r = 0; r < 4; r++) half[r][s] = out[r];
        }
        UNROLL (int r = 0; r < 4; r++) {
            NAME(wino_a_t)(half[r], line);
            UNROLL (int s = 0; s < 4; s++) {
                line[s] += add;
                poison += line[s] * 0;
                if (r < rows && col + s < cols) NAME(store)(band + r * row + (col + s) * pixel, line[s]);
            }
        }
    }
    REAL finite = 0; /* 0 * NaN and 0 * inf are NaN, and stay so in a sum */
    for (int j = 0; j < LANES; j++) finite += poison[j];
    return finite != 0;
}

/* The 3x3 taps of LANES filters, one vector a tap, from rows of `ld` elements that may be read LANES long. */
INLINE void NAME(wino_load_taps)(const REAL *w, ptrdiff_t ld, NAME(v) taps[9])
{
    UNROLL (int block = 0; block < (9 + LANES - 1) / LANES; block++) {
        int first = (block + 1) * LANES <= 9 || LANES > 9 ? block * LANES : 9 - LANES;
        NAME(v) rows[LANES];
        NAME(load_transposed)(w + first, ld, rows);
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
            if (first + i < 9) taps[first + i] = rows[i];
    }
}

static void NAME(wino_filter)(ptrdiff_t n, const REAL *w, ptrdiff_t ld, const REAL *end, int flip, REAL *u,
                              ptrdiff_t plane)
{
    enum { REACH = LANES > 9 ? LANES : 9 };
    for (ptrdiff_t i = 0; i < n; i += LANES, w += LANES * ld, u += LANES) {
        NAME(v) taps[9], half[6][3], line[6];
        if (n - i >= LANES && end - w >= (LANES - 1) * ld + REACH) {
            NAME(wino_load_taps)(w, ld, taps);
        } else {
            REAL few[LANES * REACH];
            memset(few, 0, sizeof few);
            for (ptrdiff_t j = 0; j < LANES && j < n - i; j++) memcpy(few + j * REACH, w + j * ld, 9 * sizeof(REAL));
            NAME(wino_load_taps)(few, REACH, taps);
        }
        UNROLL (int s = 0; s < 3; s++) {
            NAME(v) column[3];
            UNROLL (int r = 0; r < 3; r++) column[r] = flip ? taps[8 - 3 * r - s] : taps[3 * r + s];
            NAME(wino_g)(column, line);
            UNROLL (int r = 0; r < 6; r++) half[r][s] = line[r];
        }
        UNROLL (int r = 0; r < 6; r++) {
            NAME(wino_g)(half[r], line);
            UNROLL (int s = 0; s < 6; s++) NAME(store)(u + (6 * r + s) * plane, line[s]);
        }
    }
}

static int NAME(wino_dfilter)(ptrdiff_t n, const REAL *du, ptrdiff_t plane, REAL *dw)
{
    NAME(v) poison = {0};
    for (ptrdiff_t i = 0; i < n; i += LANES, du += LANES, dw += 9 * LANES) {
        NAME(v) half[3][6], line[6];
        REAL taps[9][LANES];
        UNROLL (int s = 0; s < 6; s++) {
            UNROLL (int r = 0; r < 6; r++) line[r] = NAME(load)(du + (6 * r + s) * plane);
            NAME(v) out[3];
            NAME(wino_g_t)(line, out);
            UNROLL (int r = 0; r < 3; r++) half[r][s] = out[r];
        }
        UNROLL (int r = 0; r < 3; r++) {
            NAME(wino_g_t)(half[r], line);
            UNROLL (int s = 0; s < 3; s++) {
                poison += line[s] * 0;
                NAME(store)(taps[3 * r + s], line[s]);
            }
        }
        for (ptrdiff_t j = 0; j < LANES && j < n - i; j++)
            for (int t = 0; t < 9; t++) dw[9 * j + t] = taps[t][j];
    }
    REAL finite = 0;
    for (int j = 0; j < LANES; j++) finite += poison[j];
    return finite != 0;
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
#undef UNROLL
#undef ROLL
