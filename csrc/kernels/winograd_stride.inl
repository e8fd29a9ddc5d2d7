/* F(4x4, 2x2), for kernels of 3 or 4 taps and stride 2: the even and the odd taps of an axis are two kernels of one or
 * two taps on every other pixel. Points a, -a, b, -b, infinity with a = 1/2, b = 5/4: the least error of those tried.
 * A kernel of one tap does without the last point; nh and nw say how many points there are along each axis. */
#define A_1 ((REAL)0.5)
#define B_1 ((REAL)1.25)
#define A_2 (A_1 * A_1)
#define B_2 (B_1 * B_1)
#define G_A ((REAL)(1. / (1.0 * -1.3125))) /* 1 / (2 a (a^2 - b^2)) */
#define G_B ((REAL)(1. / (2.5 * 1.3125)))  /* 1 / (2 b (b^2 - a^2)) */
#define UNROLL _Pragma("GCC unroll 5") for
#define ROLL _Pragma("GCC unroll 1") for

INLINE void NAME(wino2_b)(const NAME(v) in[5], NAME(v) out[5])
{
    NAME(v) even_a = A_1 * (in[2] - B_2 * in[0]), odd_a = in[3] - B_2 * in[1];
    NAME(v) even_b = B_1 * (in[2] - A_2 * in[0]), odd_b = in[3] - A_2 * in[1];
    out[0] = odd_a + even_a;
    out[1] = odd_a - even_a;
    out[2] = odd_b + even_b;
    out[3] = odd_b - even_b;
    out[4] = in[4] - (A_2 + B_2) * in[2] + A_2 * B_2 * in[0];
}

INLINE void NAME(wino2_g)(NAME(v) first, NAME(v) second, NAME(v) out[5])
{
    NAME(v) even_a = G_A * first, odd_a = G_A * A_1 * second, even_b = G_B * first, odd_b = G_B * B_1 * second;
    out[0] = odd_a + even_a;
    out[1] = odd_a - even_a;
    out[2] = odd_b + even_b;
    out[3] = odd_b - even_b;
    out[4] = second;
}

INLINE void NAME(wino2_g_t)(const NAME(v) in[5], NAME(v) out[2])
{
    out[0] = G_A * (in[0] - in[1]) + G_B * (in[2] - in[3]);
    out[1] = G_A * A_1 * (in[0] + in[1]) + G_B * B_1 * (in[2] + in[3]) + in[4];
}

INLINE void NAME(wino2_a)(const NAME(v) in[4], NAME(v) out[5])
{
    NAME(v) even_a = in[0] + A_2 * in[2], odd_a = A_1 * (in[1] + A_2 * in[3]);
    NAME(v) even_b = in[0] + B_2 * in[2], odd_b = B_1 * (in[1] + B_2 * in[3]);
    out[0] = even_a + odd_a;
    out[1] = even_a - odd_a;
    out[2] = even_b + odd_b;
    out[3] = even_b - odd_b;
    out[4] = in[3];
}

INLINE void NAME(wino2_a_t)(const NAME(v) in[5], NAME(v) out[4])
{
    NAME(v) sum_a = in[0] + in[1], sum_b = in[2] + in[3], dif_a = in[0] - in[1], dif_b = in[2] - in[3];
    out[0] = sum_a + sum_b;
    out[1] = A_1 * dif_a + B_1 * dif_b;
    out[2] = A_2 * sum_a + B_2 * sum_b;
    out[3] = A_2 * A_1 * dif_a + B_2 * B_1 * dif_b + in[4];
}

static void NAME(wino2_input)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, int nh, int nw,
                              REAL *v, ptrdiff_t v_ts, ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += 4 * pixel, v += v_ts) {
        NAME(v) half[5][5], line[5];
        ROLL (int s = 0; s < nw; s++) {
            const REAL *at = band + s * pixel;
            UNROLL (int r = 0; r < 4; r++) line[r] = NAME(load)(at + r * row);
            line[4] = nh > 4 ? NAME(load)(at + 4 * row) : line[0];
            NAME(v) out[5];
            NAME(wino2_b)(line, out);
            UNROLL (int r = 0; r < 5; r++) half[r][s] = out[r];
        }
        ROLL (int r = 0; r < nh; r++) {
            if (nw < 5) half[r][4] = half[r][0];
            NAME(v) out[5];
            NAME(wino2_b)(half[r], out);
            UNROLL (int s = 0; s < 4; s++) NAME(store)(v + (5 * r + s) * plane, out[s]);
            if (nw > 4) NAME(store)(v + (5 * r + 4) * plane, out[4]);
        }
    }
}

static void NAME(wino2_dy)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, REAL *m, ptrdiff_t m_ts, ptrdiff_t plane)
{
    for (ptrdiff_t t = 0; t < tiles; t++, band += 4 * LANES, m += m_ts) {
        NAME(v) half[5][4], line[5];
        ROLL (int s = 0; s < 4; s++) {
            UNROLL (int r = 0; r < 4; r++) line[r] = NAME(load)(band + r * row + s * LANES);
            NAME(v) out[5];
            NAME(wino2_a)(line, out);
            UNROLL (int r = 0; r < 5; r++) half[r][s] = out[r];
        }
        ROLL (int r = 0; r < 5; r++) {
            NAME(wino2_a)(half[r], line);
            UNROLL (int s = 0; s < 5; s++) NAME(store)(m + (5 * r + s) * plane, line[s]);
        }
    }
}

static int NAME(wino2_output)(ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts, ptrdiff_t plane, int nh,
                              int nw, const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel)
{
    NAME(v) poison = {0}, zero = {0}, add = bias == NULL ? zero : NAME(load)(bias);
    for (ptrdiff_t col = 0; col < cols; col += 4, m += m_ts) {
        NAME(v) half[4][5], line[5];
        ROLL (int s = 0; s < 5; s++) {
            const REAL *at = m + s * plane;
            UNROLL (int r = 0; r < 4; r++) line[r] = s < nw ? NAME(load)(at + 5 * r * plane) : zero;
            line[4] = s < nw && nh > 4 ? NAME(load)(at + 20 * plane) : zero;
            NAME(v) out[4];
            NAME(wino2_a_t)(line, out);
            UNROLL (int r = 0; r < 4; r++) half[r][s] = out[r];
        }
        UNROLL (int r = 0; r < 4; r++) {
            NAME(wino2_a_t)(half[r], line);
            UNROLL (int s = 0; s < 4; s++) {
                line[s] += add;
                poison += line[s] * 0;
                if (r < rows && col + s < cols) NAME(store)(band + r * row + (col + s) * pixel, line[s]);
            }
        }
    }
    return NAME(poisoned)(poison);
}

/* The taps of a channel. */
INLINE void NAME(wino2_spread)(const NAME(v) *taps, int taps_h, int taps_w, int flip, REAL *u, ptrdiff_t plane,
                               ptrdiff_t part)
{
    ROLL (int odd = 0; odd < 4; odd++, u += part) { /* rows from odd / 2 on, columns from odd % 2 on, every other */
        int top = odd / 2, left = odd % 2, nh = top + 2 < taps_h ? 5 : 4, nw = left + 2 < taps_w ? 5 : 4;
        NAME(v) half[5][2], line[5], zero = {0};
        ROLL (int s = 0; s < 2; s++) {
            int at = top * taps_w + left + 2 * (flip && nw == 5 ? 1 - s : s), below = at + 2 * taps_w;
            int first = flip && nh == 5 ? below : at, second = flip && nh == 5 ? at : below;
            NAME(wino2_g)(s == 0 || nw == 5 ? taps[first] : zero,
                          nh == 5 && (s == 0 || nw == 5) ? taps[second] : zero, line);
            UNROLL (int r = 0; r < 5; r++) half[r][s] = line[r];
        }
        ROLL (int r = 0; r < nh; r++) {
            NAME(wino2_g)(half[r][0], half[r][1], line);
            UNROLL (int s = 0; s < 4; s++) NAME(store)(u + (5 * r + s) * plane, line[s]);
            if (nw > 4) NAME(store)(u + (5 * r + 4) * plane, line[4]);
        }
    }
}

static void NAME(wino2_filter)(ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld, ptrdiff_t cs,
                               const REAL *end, int taps_h, int taps_w, int flip, REAL *u, ptrdiff_t u_cs,
                               ptrdiff_t plane, ptrdiff_t part)
{
    NAME(v) taps[LANES * 17];
    int count = taps_h * taps_w;
    for (ptrdiff_t c = 0; c < channels; c += LANES)
        for (ptrdiff_t i = 0; i < n; i += LANES) {
            ptrdiff_t some = channels - c < LANES ? channels - c : LANES;
            NAME(wino_load_taps)(n - i, some, w + i * ld + c * cs, ld, cs, end, count, taps);
            for (ptrdiff_t j = 0; j < some; j++)
                NAME(wino2_spread)(taps + j * count, taps_h, taps_w, flip, u + (c + j) * u_cs + i, plane, part);
        }
}

static int NAME(wino2_dfilter)(ptrdiff_t n, const REAL *du, ptrdiff_t plane, ptrdiff_t part, int taps_h, int taps_w,
                               REAL *dw)
{
    NAME(v) poison = {0}, zero = {0};
    ptrdiff_t count = taps_h * taps_w;
    for (ptrdiff_t i = 0; i < n; i += LANES, du += LANES, dw += count * LANES) {
        REAL taps[16][LANES];
        ROLL (int odd = 0; odd < 4; odd++) {
            int top = odd / 2, left = odd % 2, nh = top + 2 < taps_h ? 5 : 4, nw = left + 2 < taps_w ? 5 : 4;
            NAME(v) half[2][5], line[5], out[2];
            ROLL (int s = 0; s < 5; s++) {
                for (int r = 0; r < 5; r++)
                    line[r] = r < nh && s < nw ? NAME(load)(du + odd * part + (5 * r + s) * plane) : zero;
                NAME(wino2_g_t)(line, out);
                half[0][s] = out[0];
                half[1][s] = out[1];
            }
            for (int r = 0; r < nh - 3; r++) {
                NAME(wino2_g_t)(half[r], out);
                for (int s = 0; s < nw - 3; s++) {
                    poison += out[s] * 0;
                    NAME(store)(taps[(top + 2 * r) * taps_w + left + 2 * s], out[s]);
                }
            }
        }
        for (ptrdiff_t j = 0; j < LANES && j < n - i; j++)
            for (int t = 0; t < count; t++) dw[count * j + t] = taps[t][j];
    }
    return NAME(poisoned)(poison);
}

#undef A_1
#undef B_1
#undef A_2
#undef B_2
#undef G_A
#undef G_B
#undef UNROLL
#undef ROLL
