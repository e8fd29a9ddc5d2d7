/* Pooling of one plane: window by window for every configuration, and the choice of a faster way where there is one. */
#include "pool_2x2.inl"
#include "strip.inl"
#include "pool_line.inl"
#include "pool_strip.inl"
#include "pool_grad_tile.inl"

/* The winner of n contiguous elements, a lane each in turn. */
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

/* The same without the tap. Only a zero has an equal of other bits (the other zero), only NaNs come in many kinds. */
static REAL NAME(max_value)(ptrdiff_t n, const REAL *x)
{
    ptrdiff_t i = LANES, tap;
    if (n < LANES) return NAME(max_run)(n, x, &tap);
    NAME(v) best = NAME(load)(x), zeros = best * 0;
    for (; i < n; i += LANES) {
        NAME(v) next = NAME(load)(x + fnn_min(i, n - LANES)); /* the last ones may be met twice */
        best = NAME(larger)(next, best);
        zeros += next * 0;
    }
    REAL most = NAME(lane_max)(best);
    return !NAME(has_nan)(zeros) && most != 0 ? most : NAME(max_run)(n, x, &tap);
}

static REAL NAME(sum_run)(ptrdiff_t n, const REAL *x)
{
    NAME(v) sums = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) sums += NAME(load)(x + i);
    if (i < n) sums += NAME(load_lanes)(x + i, NAME(lanes_between)(0, n - i), (NAME(v)){0});
    return NAME(lane_sum)(sums);
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
            ptrdiff_t tap = 0;
            if (is_global && taps == NULL)
                y[i] = NAME(max_value)(g->in_h * g->in_w, x);
            else if (is_global)
                y[i] = NAME(max_run)(g->in_h * g->in_w, x, &tap);
            else
                y[i] = NAME(max_window)(g, x, rows, fnn_cols(g, q), &tap);
            if (taps != NULL && tap_bytes == 1) ((uint8_t *)taps)[i] = tap;
            if (taps != NULL && tap_bytes == 4) ((int32_t *)taps)[i] = tap;
        }
    }
}

static void NAME(max_pool2d)(const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, REAL *y,
                             void *taps, int tap_bytes)
{
    if (!fnn_is_global(g) && NAME(strips_fit)(g)) {
        if (taps == NULL)
            NAME(max_strips)(g, planes, p0, p1, x, y);
        else
            NAME(max_strips_with_taps)(g, planes, p0, p1, x, y, (char *)taps, tap_bytes);
        return;
    }
    for (ptrdiff_t i = 0; i < planes; i++) {
        ptrdiff_t windows = i * g->out_h * g->out_w;
        NAME(max_windows)(g, p0, p1, x + i * g->in_h * g->in_w, y + windows,
                          taps == NULL ? NULL : (char *)taps + windows * tap_bytes, tap_bytes);
    }
}

/* Windows in their order: the order in which each pixel's gradients are added. */
static void NAME(max_scatter)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                              int tap_bytes, REAL *dx)
{
    ptrdiff_t place[POOL_SOURCES], n_taps = g->kernel_h * g->kernel_w; /* from a window's first pixel to a tap's */
    int is_listed = n_taps <= POOL_SOURCES && n_taps <= g->out_h * g->out_w;
    for (ptrdiff_t r = 0, tap = 0; is_listed && r < g->kernel_h; r++)
        for (ptrdiff_t s = 0; s < g->kernel_w; s++) place[tap++] = r * g->dilation_h * g->in_w + s * g->dilation_w;
    memset(dx + h0 * g->in_w, 0, (h1 - h0) * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0, i = 0; p < g->out_h; p++) {
        ptrdiff_t start = (p * g->stride_h - g->pad_h) * g->in_w - g->pad_w;
        for (ptrdiff_t q = 0; q < g->out_w; q++, i++, start += g->stride_w) {
            ptrdiff_t tap = tap_bytes == 1 ? ((const uint8_t *)taps)[i] : ((const int32_t *)taps)[i];
            ptrdiff_t at = start + (is_listed ? place[tap] : tap / g->kernel_w * g->dilation_h * g->in_w +
                                                                 tap % g->kernel_w * g->dilation_w);
            if (h0 * g->in_w <= at && at < h1 * g->in_w) dx[at] += dy[i];
        }
    }
}

static void NAME(max_pool2d_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                                  int tap_bytes, REAL *dx)
{
    NAME(grad_tile) tile;
    if (fnn_is_2x2(g))
        NAME(max_2x2_grad)(g, h0, h1, dy, taps, tap_bytes, dx);
    else if (g->kernel_h * g->kernel_w > 16 * g->stride_h * g->stride_w || !NAME(plan_grad)(g, &tile))
        NAME(max_scatter)(g, h0, h1, dy, taps, tap_bytes, dx);
    else
        NAME(max_grad_tiles)(g, &tile, h0, h1, dy, taps, tap_bytes, dx);
}

static void NAME(avg_windows)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, int include_pad, const REAL *x, REAL *y)
{
    for (ptrdiff_t p = p0; p < p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL sum = 0;
            for (ptrdiff_t r = rows.low; r < rows.high; r++)
                sum += NAME(sum_run)(cols.high - cols.low, x + (rows.start + r) * g->in_w + cols.start + cols.low);
            REAL height = fnn_mean_height(g, p, include_pad);
            y[p * g->out_w + q] = sum / (height * (REAL)fnn_mean_width(g, q, include_pad));
        }
    }
}

/* Means of whole planes, LANES at a time: their sums' lanes are added up together. */
static void NAME(avg_global)(const fnn_pool2d *g, ptrdiff_t planes, const REAL *x, REAL *y)
{
    const ptrdiff_t n = g->in_h * g->in_w, whole = n / LANES * LANES;
    const NAME(mask) rest = NAME(lanes_between)(0, n - whole);
    for (ptrdiff_t plane = 0; plane < planes; plane += LANES) {
        NAME(v) sums[LANES];
        const REAL *from[LANES];
        _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++) {
            from[j] = x + fnn_min(plane + j, planes - 1) * n;
            sums[j] = NAME(load_or_zero)(from[j] + whole, rest);
        }
        for (ptrdiff_t i = 0; i < whole; i += LANES)
            _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++) sums[j] += NAME(load)(from[j] + i);
        NAME(v) means = NAME(add_up)(sums) / ((REAL)g->in_h * (REAL)g->in_w);
        if (planes - plane >= LANES)
            NAME(store)(y + plane, means);
        else
            NAME(store_few)(y + plane, planes - plane, means);
    }
}

static void NAME(avg_pool2d)(const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, int include_pad,
                             const REAL *x, REAL *y)
{
    if (fnn_is_global(g) && p0 < p1)
        NAME(avg_global)(g, planes, x, y);
    else if (NAME(strips_fit)(g))
        NAME(avg_strips)(g, planes, p0, p1, include_pad, x, y);
    else
        for (ptrdiff_t i = 0; i < planes; i++)
            NAME(avg_windows)(g, p0, p1, include_pad, x + i * g->in_h * g->in_w, y + i * g->out_h * g->out_w);
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

/* Windows that do not overlap: one row of shares, copied to each row of pixels under the windows. */
static void NAME(avg_spread)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, int include_pad, const REAL *dy,
                             REAL *dx)
{
    memset(dx + h0 * g->in_w, 0, (h1 - h0) * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0; p < g->out_h; p++, dy += g->out_w) {
        fnn_span rows = fnn_rows(g, p);
        ptrdiff_t low = fnn_max(h0, rows.start + rows.low), high = fnn_min(h1, rows.start + rows.high);
        REAL *first = dx + low * g->in_w, height = fnn_mean_height(g, p, include_pad);
        for (ptrdiff_t q = 0; q < g->out_w && low < high; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL share = dy[q] / (height * (REAL)fnn_mean_width(g, q, include_pad));
            for (ptrdiff_t s = cols.low; s < cols.high; s++) first[cols.start + s] = share;
        }
        for (ptrdiff_t h = low + 1; h < high; h++) memcpy(dx + h * g->in_w, first, g->in_w * sizeof(REAL));
    }
}

/* One window over the whole plane: pixels h0..h1-1 are one share. */
static void NAME(avg_global_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, REAL *dx)
{
    ptrdiff_t n = (h1 - h0) * g->in_w, i = 0;
    NAME(v) shares = NAME(broadcast)(dy[0] / ((REAL)g->in_h * (REAL)g->in_w));
    dx += h0 * g->in_w;
    for (; i + LANES <= n; i += LANES) NAME(store)(dx + i, shares);
    if (i < n && n >= LANES)
        NAME(store)(dx + n - LANES, shares);
    else if (i < n)
        NAME(store_few)(dx, n, shares);
}

static void NAME(avg_pool2d_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, int include_pad, const REAL *dy,
                                  REAL *dx)
{
    NAME(grad_tile) tile;
    if (fnn_is_2x2(g))
        NAME(avg_2x2_grad)(g, h0, h1, dy, dx);
    else if (fnn_is_global(g))
        NAME(avg_global_grad)(g, h0, h1, dy, dx);
    else if (g->stride_h >= g->kernel_h && g->stride_w >= g->kernel_w)
        NAME(avg_spread)(g, h0, h1, include_pad, dy, dx);
    else if (!NAME(plan_grad)(g, &tile))
        NAME(avg_scatter)(g, h0, h1, include_pad, dy, dx);
    else
        NAME(avg_grad_tiles)(g, &tile, h0, h1, include_pad, dy, dx);
}

