/* Pooling of one plane: window by window for every configuration, and the choice of a faster way where there is one. */
#include "pool_2x2.inl"
#include "pool_tile.inl"
#include "pool_grad_tile.inl"

/* The largest of n contiguous elements, a lane each in turn. */
static REAL NAME(max_run)(ptrdiff_t n, const REAL *x, ptrdiff_t *tap)
{
    REAL best = x[0];
    ptrdiff_t at = 0, i = 1;
    if (n >= LANES) {
        NAME(winner) lanes = {NAME(load)(x), {0}};
        for (i = LANES; i + LANES <= n; i += LANES) NAME(meet)(&lanes, NAME(load)(x + i), NAME(broadcast_int)(i));
        best = lanes.value[0];
        at = lanes.tap[0];
        for (ptrdiff_t j = 1; j < LANES; j++) { /* out of order: of equals the first wins, of NaNs the last */
            REAL other = lanes.value[j];
            ptrdiff_t other_at = lanes.tap[j] + j;
            int other_nan = other != other, best_nan = best != best;
            if (other_nan ? !best_nan || other_at > at : other > best || (other == best && other_at < at)) {
                best = other;
                at = other_at;
            }
        }
    }
    for (; i < n; i++)
        if (x[i] > best || x[i] != x[i]) {
            best = x[i];
            at = i;
        }
    *tap = at;
    return best;
}

static REAL NAME(sum_run)(ptrdiff_t n, const REAL *x)
{
    NAME(v) sums = {0};
    REAL sum = 0;
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) sums += NAME(load)(x + i);
    for (; i < n; i++) sum += x[i];
    for (ptrdiff_t j = 0; j < LANES; j++) sum += sums[j];
    return sum;
}

/* The window's winner; *tap is set to its number. */
INLINE REAL NAME(max_window)(const fnn_pool2d *g, const REAL *x, fnn_span rows, fnn_span cols, ptrdiff_t *tap)
{
    const REAL *first = x + (rows.start + rows.low * g->dilation_h) * g->in_w + cols.start;
    REAL best = first[cols.low * g->dilation_w];
    *tap = rows.low * g->kernel_w + cols.low;
    for (ptrdiff_t r = rows.low; r < rows.high; r++, first += g->dilation_h * g->in_w)
        for (ptrdiff_t s = cols.low; s < cols.high; s++) {
            REAL candidate = first[s * g->dilation_w];
            if (candidate > best || candidate != candidate) {
                best = candidate;
                *tap = r * g->kernel_w + s;
            }
        }
    return best;
}

static void NAME(max_windows)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, REAL *y, void *taps,
                              int tap_bytes)
{
    int is_global = fnn_is_global(g);
    for (ptrdiff_t p = p0, i = p0 * g->out_w; p < p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++, i++) {
            ptrdiff_t tap;
            if (is_global)
                y[i] = NAME(max_run)(g->in_h * g->in_w, x, &tap);
            else
                y[i] = NAME(max_window)(g, x, rows, fnn_cols(g, q), &tap);
            if (taps != NULL && tap_bytes == 1) ((uint8_t *)taps)[i] = tap;
            if (taps != NULL && tap_bytes == 4) ((int32_t *)taps)[i] = tap;
        }
    }
}

static void NAME(max_pool2d)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, REAL *y, void *taps,
                             int tap_bytes)
{
    NAME(pool_tile) tile;
    if (fnn_is_2x2(g))
        NAME(max_2x2)(g, p0, p1, x, y, taps, tap_bytes);
    else if (fnn_is_global(g) || !NAME(plan_tile)(g, &tile))
        NAME(max_windows)(g, p0, p1, x, y, taps, tap_bytes);
    else if (taps == NULL)
        NAME(max_tiles)(g, &tile, p0, p1, x, y);
    else
        NAME(max_tiles_with_taps)(g, &tile, p0, p1, x, y, taps, tap_bytes);
}

/* Windows in their order: the order in which each pixel's gradients are added. */
static void NAME(max_scatter)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                              int tap_bytes, REAL *dx)
{
    memset(dx + h0 * g->in_w, 0, (h1 - h0) * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0, i = 0; p < g->out_h; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++, i++) {
            ptrdiff_t tap = tap_bytes == 1 ? ((const uint8_t *)taps)[i] : ((const int32_t *)taps)[i];
            ptrdiff_t h = p * g->stride_h - g->pad_h + tap / g->kernel_w * g->dilation_h;
            ptrdiff_t w = q * g->stride_w - g->pad_w + tap % g->kernel_w * g->dilation_w;
            if (h0 <= h && h < h1) dx[h * g->in_w + w] += dy[i];
        }
}

static void NAME(max_pool2d_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                                  int tap_bytes, REAL *dx)
{
    NAME(grad_tile) tile;
    if (fnn_is_2x2(g))
        NAME(max_2x2_grad)(g, h0, h1, dy, taps, tap_bytes, dx);
    else if (!NAME(plan_grad)(g, &tile))
        NAME(max_scatter)(g, h0, h1, dy, taps, tap_bytes, dx);
    else
        NAME(max_grad_tiles)(g, &tile, h0, h1, dy, taps, tap_bytes, dx);
}

static void NAME(avg_windows)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, int include_pad, const REAL *x, REAL *y)
{
    int is_global = fnn_is_global(g);
    for (ptrdiff_t p = p0; p < p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL sum = is_global ? NAME(sum_run)(g->in_h * g->in_w, x) : 0;
            for (ptrdiff_t r = rows.low; r < rows.high && !is_global; r++)
                sum += NAME(sum_run)(cols.high - cols.low, x + (rows.start + r) * g->in_w + cols.start + cols.low);
            REAL height = fnn_mean_height(g, p, include_pad);
            y[p * g->out_w + q] = sum / (height * (REAL)fnn_mean_width(g, q, include_pad));
        }
    }
}

static void NAME(avg_pool2d)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, int include_pad, const REAL *x, REAL *y)
{
    NAME(pool_tile) tile;
    if (fnn_is_2x2(g))
        NAME(avg_2x2)(g, p0, p1, x, y);
    else if (fnn_is_global(g) || !NAME(plan_tile)(g, &tile))
        NAME(avg_windows)(g, p0, p1, include_pad, x, y);
    else
        NAME(avg_tiles)(g, &tile, p0, p1, include_pad, x, y);
}

static void NAME(avg_scatter)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, int include_pad, const REAL *dy,
                              REAL *dx)
{
    memset(dx + h0 * g->in_w, 0, (h1 - h0) * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0; p < g->out_h; p++) {
        fnn_span rows = fnn_rows(g, p);
        REAL height = fnn_mean_height(g, p, include_pad);
        ptrdiff_t low = fnn_max(h0, rows.start + rows.low), high = fnn_min(h1, rows.start + rows.high);
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL share = dy[p * g->out_w + q] / (height * (REAL)fnn_mean_width(g, q, include_pad));
            for (ptrdiff_t h = low; h < high; h++) {
                REAL *row = dx + h * g->in_w + cols.start;
                for (ptrdiff_t s = cols.low; s < cols.high; s++) row[s] += share;
            }
        }
    }
}

static void NAME(avg_pool2d_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, int include_pad, const REAL *dy,
                                  REAL *dx)
{
    NAME(grad_tile) tile;
    if (fnn_is_2x2(g))
        NAME(avg_2x2_grad)(g, h0, h1, dy, dx);
    else if (!NAME(plan_grad)(g, &tile))
        NAME(avg_scatter)(g, h0, h1, include_pad, dy, dx);
    else
        NAME(avg_grad_tiles)(g, &tile, h0, h1, include_pad, dy, dx);
}

#undef POOL_CELLS
#undef POOL_TAPS
#undef TAP_CELLS
