/* What follows the products of a recurrent step. Each function is the only place of its arithmetic, so that it rounds
 * the same way for every tile, split and mode. Vectors of fewer than LANES units are loaded and stored in part. */
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

static void NAME(rnn_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, int relu, const REAL *tile,
                            ptrdiff_t tile_rs, const ptrdiff_t *order, REAL *y, REAL *h)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t at = (order == NULL ? r : order[r]) * hidden;
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            NAME(v) a = NAME(load)(tile + r * tile_rs + u);
            NAME(v) h_new = relu ? NAME(select)(a <= 0, NAME(broadcast)(0), a) : NAME(tanh)(a);
            NAME(store_part)(y + at + u, units - u, h_new);
            if (h != NULL) NAME(store_part)(h + r * hidden + u, units - u, h_new);
        }
    }
}

static void NAME(lstm_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                             const ptrdiff_t *order, REAL *c, REAL *y, REAL *h, REAL *gates, REAL *cells)
{
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            ptrdiff_t at = (order == NULL ? r : order[r]) * hidden + u, count = units - u;
            const REAL *a = tile + r * 4 * tile_gs + u;
            NAME(v) i = NAME(sigmoid)(NAME(load)(a)), f = NAME(sigmoid)(NAME(load)(a + tile_gs));
            NAME(v) g = NAME(tanh)(NAME(load)(a + 2 * tile_gs)), o = NAME(sigmoid)(NAME(load)(a + 3 * tile_gs));
            NAME(v) c_new = f * NAME(load_part)(c + at, count) + i * g, h_new = o * NAME(tanh)(c_new);
            NAME(store_part)(c + at, count, c_new);
            NAME(store_part)(y + at, count, h_new);
            if (h != NULL) NAME(store_part)(h + r * hidden + u, count, h_new);
            if (gates != NULL) {
                REAL *to = gates + 4 * (at - u) + u;
                NAME(store_part)(to, count, i);
                NAME(store_part)(to + hidden, count, f);
                NAME(store_part)(to + 2 * hidden, count, g);
                NAME(store_part)(to + 3 * hidden, count, o);
                NAME(store_part)(cells + at, count, c_new);
            }
        }
}

static void NAME(gru_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                            const REAL *h_prev, const ptrdiff_t *order, REAL *y, REAL *h, REAL *gates)
{
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t u = 0; u < units; u += LANES) {
            ptrdiff_t at = (order == NULL ? row : order[row]) * hidden + u, count = units - u;
            const REAL *a = tile + row * 4 * tile_gs + u;
            NAME(v) r = NAME(sigmoid)(NAME(load)(a + tile_gs)), z = NAME(sigmoid)(NAME(load)(a + 2 * tile_gs));
            NAME(v) q = NAME(load)(a + 3 * tile_gs), n = NAME(tanh)(NAME(load)(a) + r * q);
            NAME(v) h_new = (1 - z) * n + z * NAME(load_part)(h_prev + row * hidden + u, count);
            NAME(store_part)(y + at, count, h_new);
            if (h != NULL) NAME(store_part)(h + row * hidden + u, count, h_new);
            if (gates != NULL) {
                REAL *to = gates + 4 * (at - u) + u;
                NAME(store_part)(to, count, r);
                NAME(store_part)(to + hidden, count, z);
                NAME(store_part)(to + 2 * hidden, count, n);
                NAME(store_part)(to + 3 * hidden, count, q);
            }
        }
}

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
