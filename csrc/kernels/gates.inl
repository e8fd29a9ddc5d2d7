/* What follows the products of a recurrent step. Each function is the only place of its arithmetic, so that it rounds
 * the same way for every tile, split and mode. Vectors of fewer than LANES units are loaded and stored in part. */
#if FNN_VEC_BYTES > 16
INLINE NAME(v) NAME(load_part)(const REAL *p, ptrdiff_t n)
{
    if (n >= LANES) return NAME(load)(p);
    return NAME(load_lanes)(p, NAME(lanes_between)(0, n), (NAME(v)){0});
}

#if MASKS_COST
/* Out of line: it is long, and there are dozens of places for it. */
static __attribute__((noinline)) void NAME(store_end)(REAL *p, ptrdiff_t n, NAME(v) x) { NAME(store_few)(p, n, x); }
#else
INLINE void NAME(store_end)(REAL *p, ptrdiff_t n, NAME(v) x) { NAME(store_few)(p, n, x); }
#endif

INLINE void NAME(store_part)(REAL *p, ptrdiff_t n, NAME(v) x)
{
    if (n >= LANES) NAME(store)(p, x);
    else NAME(store_end)(p, n, x);
}
#else
INLINE NAME(v) NAME(load_part)(const REAL *p, ptrdiff_t n)
{
    if (n >= LANES) return NAME(load)(p);
    REAL part[LANES] = {0};
    for (ptrdiff_t i = 0; i < n; i++) part[i] = p[i];
    return NAME(load)(part);
}

INLINE void NAME(store_part)(REAL *p, ptrdiff_t n, NAME(v) x)
{
    if (n >= LANES) NAME(store)(p, x);
    else
        for (ptrdiff_t i = 0; i < n; i++) p[i] = x[i];
}
#endif

/* Vectors of units that are worked on side by side, as many as was fastest: those of a row, then those of the next;
 * where they do not come out even the last one is done again. */
#define SIDE (FNN_VEC_BYTES == 64 ? 2 : FNN_VEC_BYTES == 32 ? 4 : 1)
#define AT_ONCE (FNN_VEC_BYTES == 64 ? 6 : FNN_VEC_BYTES == 32 ? 4 : 2) /* sigmoids */
#define RNN_SIDE (FNN_VEC_BYTES == 64 ? 4 : 2)
#define EACH(n) _Pragma("GCC unroll 4") for (int i = 0; i < (n); i++)

INLINE void NAME(next_place)(ptrdiff_t *r, ptrdiff_t *u, ptrdiff_t rows, ptrdiff_t units, int is_last)
{
    ptrdiff_t next = *u + LANES < units ? *u + LANES : 0;
    if (next == 0 && *r + 1 == rows && !is_last) return;
    *r += next == 0;
    *u = next;
}

/* x * y, rounded: beside another product in a sum, the compiler may otherwise fuse now the one and now the other. */
INLINE NAME(v) NAME(product)(NAME(v) x, NAME(v) y)
{
    NAME(v) xy = x * y;
    NOT_FOLDED(xy);
    return xy;
}

INLINE void NAME(all_sigmoids)(int count, NAME(v) *x)
{
    _Pragma("GCC unroll 4") for (int i = 0; i < count; i += AT_ONCE)
        NAME(sigmoids)(count - i < AT_ONCE ? count - i : AT_ONCE, x + i);
}

static void NAME(rnn_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, int relu, const REAL *tile,
                            ptrdiff_t tile_rs, REAL *y)
{
    for (ptrdiff_t r = 0, u = 0; r < rows;) {
        ptrdiff_t at[RNN_SIDE], count[RNN_SIDE];
        NAME(v) a[RNN_SIDE];
        EACH(RNN_SIDE) {
            a[i] = NAME(load)(tile + r * tile_rs + u);
            at[i] = r * hidden + u;
            count[i] = units - u;
            NAME(next_place)(&r, &u, rows, units, i == RNN_SIDE - 1);
        }
        if (relu) EACH(RNN_SIDE) a[i] = NAME(select)(a[i] <= 0, NAME(broadcast)(0), a[i]);
        else NAME(tanhs)(RNN_SIDE, a);
        EACH(RNN_SIDE) NAME(store_part)(y + at[i], count[i], a[i]);
    }
}

static void NAME(lstm_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                             const ptrdiff_t *order, REAL *c, REAL *y, REAL *gates, REAL *cells)
{
    for (ptrdiff_t r = 0, u = 0; r < rows;) {
        ptrdiff_t at[SIDE], by_place[SIDE], kept[SIDE], count[SIDE];
        NAME(v) ifo[3 * SIDE], g[SIDE], c_new[SIDE], h_new[SIDE];
        EACH(SIDE) {
            const REAL *a = tile + r * 4 * tile_gs + u;
            ptrdiff_t row = (order == NULL ? r : order[r]) * hidden;
            at[i] = row + u, by_place[i] = r * hidden + u, kept[i] = 4 * row + u, count[i] = units - u;
            ifo[3 * i] = NAME(load)(a), ifo[3 * i + 1] = NAME(load)(a + tile_gs);
            ifo[3 * i + 2] = NAME(load)(a + 3 * tile_gs), g[i] = NAME(load)(a + 2 * tile_gs);
            c_new[i] = NAME(load_part)(c + by_place[i], count[i]);
            NAME(next_place)(&r, &u, rows, units, i == SIDE - 1);
        }
        NAME(all_sigmoids)(3 * SIDE, ifo);
        NAME(tanhs)(SIDE, g);
        EACH(SIDE) h_new[i] = c_new[i] = ifo[3 * i + 1] * c_new[i] + NAME(product)(ifo[3 * i], g[i]);
        NAME(tanhs)(SIDE, h_new);
        EACH(SIDE) {
            h_new[i] *= ifo[3 * i + 2];
            NAME(store_part)(c + by_place[i], count[i], c_new[i]);
            NAME(store_part)(y + by_place[i], count[i], h_new[i]);
            if (gates != NULL) {
                NAME(store_part)(gates + kept[i], count[i], ifo[3 * i]);
                NAME(store_part)(gates + kept[i] + hidden, count[i], ifo[3 * i + 1]);
                NAME(store_part)(gates + kept[i] + 2 * hidden, count[i], g[i]);
                NAME(store_part)(gates + kept[i] + 3 * hidden, count[i], ifo[3 * i + 2]);
                NAME(store_part)(cells + at[i], count[i], c_new[i]);
            }
        }
    }
}

static void NAME(gru_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                            const REAL *h_prev, const ptrdiff_t *order, REAL *y, REAL *gates)
{
    for (ptrdiff_t r = 0, u = 0; r < rows;) {
        ptrdiff_t at[SIDE], kept[SIDE], count[SIDE];
        NAME(v) rz[2 * SIDE], n[SIDE], q[SIDE], h_new[SIDE];
        EACH(SIDE) {
            const REAL *a = tile + r * 4 * tile_gs + u;
            ptrdiff_t row = (order == NULL ? r : order[r]) * hidden;
            at[i] = r * hidden + u, kept[i] = 4 * row + u, count[i] = units - u;
            n[i] = NAME(load)(a), rz[2 * i] = NAME(load)(a + tile_gs);
            rz[2 * i + 1] = NAME(load)(a + 2 * tile_gs), q[i] = NAME(load)(a + 3 * tile_gs);
            h_new[i] = NAME(load_part)(h_prev + at[i], count[i]);
            NAME(next_place)(&r, &u, rows, units, i == SIDE - 1);
        }
        NAME(all_sigmoids)(2 * SIDE, rz);
        EACH(SIDE) n[i] += rz[2 * i] * q[i];
        NAME(tanhs)(SIDE, n);
        EACH(SIDE) {
            h_new[i] = (1 - rz[2 * i + 1]) * n[i] + NAME(product)(rz[2 * i + 1], h_new[i]);
            NOT_FOLDED(h_new[i]); /* here, not behind a branch of the stores, where the compiler would not fuse it */
            NAME(store_part)(y + at[i], count[i], h_new[i]);
            if (gates != NULL) {
                NAME(store_part)(gates + kept[i], count[i], rz[2 * i]);
                NAME(store_part)(gates + kept[i] + hidden, count[i], rz[2 * i + 1]);
                NAME(store_part)(gates + kept[i] + 2 * hidden, count[i], n[i]);
                NAME(store_part)(gates + kept[i] + 3 * hidden, count[i], q[i]);
            }
        }
    }
}
#undef SIDE
#undef AT_ONCE
#undef RNN_SIDE
#undef EACH

static void NAME(rnn_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, int relu, const REAL *dh,
                                     const ptrdiff_t *order, const REAL *dy, const REAL *y, REAL *dgates)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t at = (order == NULL ? r : order[r]) * hidden;
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            ptrdiff_t n = units - u;
            NAME(v) d = NAME(load_part)(dh + r * hidden + u, n) + NAME(load_part)(dy + at + u, n);
            NAME(v) h = NAME(load_part)(y + at + u, n);
            d = relu ? NAME(select)(h <= 0, NAME(broadcast)(0), d) : d * (1 - h * h);
            NAME(store_part)(dgates + r * hidden + u, n, d);
        }
    }
}

static void NAME(lstm_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *dh,
                                      const ptrdiff_t *order, const REAL *dy, REAL *dc, const REAL *gates,
                                      const REAL *cells, const REAL *c_prev, REAL *dgates)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t at = (order == NULL ? r : order[r]) * hidden;
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            ptrdiff_t n = units - u;
            const REAL *gate = gates + 4 * at + u;
            REAL *to = dgates + 4 * r * hidden + u;
            NAME(v) i = NAME(load_part)(gate, n), f = NAME(load_part)(gate + hidden, n);
            NAME(v) g = NAME(load_part)(gate + 2 * hidden, n), o = NAME(load_part)(gate + 3 * hidden, n);
            NAME(v) tanh_c = NAME(tanh)(NAME(load_part)(cells + at + u, n));
            NAME(v) dh_t = NAME(load_part)(dh + r * hidden + u, n) + NAME(load_part)(dy + at + u, n);
            NAME(v) dc_t = NAME(load_part)(dc + r * hidden + u, n) + dh_t * o * (1 - tanh_c * tanh_c);
            NAME(store_part)(to, n, dc_t * g * (i * (1 - i)));
            NAME(store_part)(to + hidden, n, dc_t * NAME(load_part)(c_prev + at + u, n) * (f * (1 - f)));
            NAME(store_part)(to + 2 * hidden, n, dc_t * i * (1 - g * g));
            NAME(store_part)(to + 3 * hidden, n, dh_t * tanh_c * (o * (1 - o)));
            NAME(store_part)(dc + r * hidden + u, n, dc_t * f);
        }
    }
}

static void NAME(gru_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, REAL *dh,
                                     const ptrdiff_t *order, const REAL *dy, const REAL *gates, const REAL *h_prev,
                                     REAL *dgates)
{
    for (ptrdiff_t row = 0; row < rows; row++) {
        ptrdiff_t at = (order == NULL ? row : order[row]) * hidden;
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            ptrdiff_t count = units - u;
            const REAL *gate = gates + 4 * at + u;
            REAL *to = dgates + 4 * row * hidden + u;
            NAME(v) r = NAME(load_part)(gate, count), z = NAME(load_part)(gate + hidden, count);
            NAME(v) n = NAME(load_part)(gate + 2 * hidden, count), q = NAME(load_part)(gate + 3 * hidden, count);
            NAME(v) dh_t = NAME(load_part)(dh + row * hidden + u, count) + NAME(load_part)(dy + at + u, count);
            NAME(v) da_n = dh_t * (1 - z) * (1 - n * n);
            NAME(v) dz = dh_t * (NAME(load_part)(h_prev + at + u, count) - n);
            NAME(store_part)(to, count, da_n * r);
            NAME(store_part)(to + hidden, count, da_n * q * (r * (1 - r)));
            NAME(store_part)(to + 2 * hidden, count, dz * (z * (1 - z)));
            NAME(store_part)(to + 3 * hidden, count, da_n);
            NAME(store_part)(dh + row * hidden + u, count, dh_t * z);
        }
    }
}
