/* Winners, and the gradients of 2x2 windows side by side. Vectors run over the end of a row. What they write there is
 * garbage until the next row is written, so rows go in ascending order; where there is no next row, they go by way of a
 * local copy. */
#define TAP_CELLS 1024 /* taps are widened in runs of whole rows: byte conversions like long loops */

typedef struct {
    NAME(v) value;
    NAME(vi) tap;
} NAME(winner);

/* The candidate against the winner so far; all taps before it have been met. */
INLINE void NAME(meet)(NAME(winner) *best, NAME(v) candidate, NAME(vi) tap)
{
    NAME(vi) wins = (candidate > best->value) | (candidate != candidate);
    best->value = NAME(select)(wins, candidate, best->value);
    best->tap = (wins & tap) | (~wins & best->tap);
}

/* The same where neither is NaN. */
INLINE void NAME(meet_number)(NAME(winner) *best, NAME(v) candidate, NAME(vi) tap)
{
    NAME(vi) wins = candidate > best->value;
    best->value = NAME(larger)(candidate, best->value);
    best->tap = (wins & tap) | (~wins & best->tap);
}

INLINE NAME(vi) NAME(broadcast_int)(INT x) { return x - (NAME(vi)){0}; }

/* to[i] = taps[start + i] for i < n, and up to LANES - 1 more. `size` counts all of taps. */
INLINE void NAME(widen_taps)(ptrdiff_t n, const void *taps, int tap_bytes, ptrdiff_t start, ptrdiff_t size, INT *to)
{
    const uint8_t *bytes = (const uint8_t *)taps + start;
    const int32_t *ints = (const int32_t *)taps + start;
    ptrdiff_t i = 0;
    for (; i < n && start + i + LANES <= size && tap_bytes == 1; i += LANES)
        for (ptrdiff_t j = 0; j < LANES; j++) to[i + j] = bytes[i + j];
    for (; i < n; i++) to[i] = tap_bytes == 1 ? bytes[i] : ints[i];
}

/* LANES windows' gradients to two rows of pixels. */
INLINE void NAME(grad_2x2_vector)(int is_max, NAME(v) dy, NAME(vi) tap, REAL *top, REAL *bottom)
{
    NAME(v) part[4];
    for (int i = 0; i < 4; i++)
        part[i] = is_max ? (NAME(v))((tap == i) & (NAME(vi))(dy + 0)) : dy * (REAL)0.25;
    NAME(store)(top, NAME(zip_low)(part[0], part[1]));
    NAME(store)(top + LANES, NAME(zip_high)(part[0], part[1]));
    NAME(store)(bottom, NAME(zip_low)(part[2], part[3]));
    NAME(store)(bottom + LANES, NAME(zip_high)(part[2], part[3]));
}

/* n <= LANES windows; their two rows of pixels are whole vectors only where the next rows are still to be written. */
INLINE void NAME(grad_2x2_rest)(int is_max, ptrdiff_t n, const REAL *dy, const INT *taps, REAL *top, REAL *bottom)
{
    REAL from[LANES] = {0}, rows[2][2 * LANES];
    for (ptrdiff_t i = 0; i < n; i++) from[i] = dy[i];
    NAME(grad_2x2_vector)(is_max, NAME(load)(from), is_max ? NAME(load_int)(taps) : (NAME(vi)){0}, rows[0], rows[1]);
    for (ptrdiff_t i = 0; i < 2 * n; i++) {
        top[i] = rows[0][i];
        bottom[i] = rows[1][i];
    }
}

/* One row of windows. The vector that may run over goes first: what it leaves in the second row is overwritten. */
INLINE void NAME(grad_2x2_row)(int is_max, ptrdiff_t n, const REAL *dy, const REAL *dy_end, const INT *taps, REAL *top,
                               REAL *bottom, REAL *dx_end)
{
    ptrdiff_t whole = n / LANES * LANES;
    if (whole < n) {
        const REAL *from = dy + whole;
        if (dy_end - from < LANES || dx_end - (bottom + 2 * whole) < 2 * LANES)
            NAME(grad_2x2_rest)(is_max, n - whole, from, taps + whole, top + 2 * whole, bottom + 2 * whole);
        else
            NAME(grad_2x2_vector)(is_max, NAME(load)(from), is_max ? NAME(load_int)(taps + whole) : (NAME(vi)){0},
                                  top + 2 * whole, bottom + 2 * whole);
    }
    for (ptrdiff_t q = 0; q < whole; q += LANES)
        NAME(grad_2x2_vector)(is_max, NAME(load)(dy + q), is_max ? NAME(load_int)(taps + q) : (NAME(vi)){0},
                              top + 2 * q, bottom + 2 * q);
}

INLINE void NAME(grad_2x2)(int is_max, const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy,
                           const void *taps, int tap_bytes, REAL *dx)
{
    INT cells[TAP_CELLS + LANES];
    const REAL *dy_end = dy + g->out_h * g->out_w;
    REAL *dx_end = dx + h1 * g->in_w;
    ptrdiff_t width = fnn_min(g->out_w, TAP_CELLS), rows = TAP_CELLS / width, p1 = fnn_min(h1 / 2, g->out_h);
    for (ptrdiff_t p = h0 / 2; p < p1; p += rows)
        for (ptrdiff_t q = 0; q < g->out_w; q += width) {
            ptrdiff_t n = fnn_min(width, g->out_w - q), n_rows = fnn_min(rows, p1 - p);
            if (is_max) NAME(widen_taps)(n * n_rows, taps, tap_bytes, p * g->out_w + q, dy_end - dy, cells);
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                REAL *top = dx + 2 * (p + i) * g->in_w + 2 * q, *row_end = width < g->out_w ? top + 2 * n : dx_end;
                NAME(grad_2x2_row)(is_max, n, dy + (p + i) * g->out_w + q, dy_end, cells + i * n, top, top + g->in_w,
                                   row_end);
                for (ptrdiff_t w = 2 * g->out_w; w < g->in_w; w++) top[w - 2 * q] = top[g->in_w + w - 2 * q] = 0;
            }
        }
    for (ptrdiff_t i = fnn_max(h0, 2 * g->out_h) * g->in_w; i < h1 * g->in_w; i++) dx[i] = 0;
}

static void NAME(max_2x2_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                               int tap_bytes, REAL *dx)
{
    NAME(grad_2x2)(1, g, h0, h1, dy, taps, tap_bytes, dx);
}

static void NAME(avg_2x2_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, REAL *dx)
{
    NAME(grad_2x2)(0, g, h0, h1, dy, NULL, 0, dx);
}
