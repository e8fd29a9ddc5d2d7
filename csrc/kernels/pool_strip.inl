/* Pooling by strips of windows: first the winner of each window's row, then the winners of the rows meet. In that order
 * ties and NaNs fall as the definition wants. */
#define STRIP_LINES 64

typedef struct {
    const fnn_pool2d *g;
    NAME(strip) strip;
    ptrdiff_t q, n;     /* the first window, and how many are wanted */
    ptrdiff_t top, p0, p1; /* the row of the first line, and the rows of windows */
    int include_pad, tap_bytes;
    NAME(vi) first; /* each window's first tap of a row that lies on the image */
    NAME(v) width;  /* how many pixels of a row each window's mean counts */
    int is_power;   /* of two: each of these widths */
    NAME(v) value[STRIP_LINES];
    NAME(vi) tap[STRIP_LINES];
} NAME(pooling);

/* `stride` taps of a row, from `tap` on, meet. *zero becomes NaN where a NaN or an infinity is among them. */
INLINE void NAME(pool_taps)(int mode, int with_taps, int stride, ptrdiff_t tap, ptrdiff_t kernel,
                            const NAME(pooling) *pool, const REAL *row, NAME(winner) *best, NAME(v) *zero)
{
    NAME(v) fill = {0}, taps[STRIP_STRIDE];
    if (mode == FNN_POOL_MAX) fill = NAME(broadcast)(REAL_BYTES == 4 ? -(REAL)FLT_MAX : -(REAL)DBL_MAX);
    if (mode == FNN_POOL_EXACT_MAX) fill = NAME(broadcast)(-(REAL)INFINITY);
    NAME(load_taps)(stride, &pool->strip, tap, row, fill, taps);
    _Pragma("GCC unroll 4") for (int i = 0; i < (stride > 1 ? stride : 1); i++) {
        if (tap + i >= kernel) break;
        if (mode == FNN_POOL_MAX) *zero += taps[i] * 0;
        if (tap + i == 0) {
            best->value = taps[0];
            if (with_taps) best->tap = pool->first;
        } else if (mode == FNN_POOL_MEAN)
            best->value += taps[i];
        else if (mode == FNN_POOL_EXACT_MAX)
            NAME(meet)(best, taps[i], NAME(broadcast_int)((INT)(tap + i)));
        else if (with_taps)
            NAME(meet_number)(best, taps[i], NAME(broadcast_int)((INT)(tap + i)));
        else
            best->value = NAME(larger)(taps[i], best->value);
    }
}

/* The winners, or the sums, of n rows; `fixed`: the kernel where its loop is to be unrolled, else 0. */
INLINE NAME(v) NAME(pool_lines)(int mode, int with_taps, int stride, int fixed, NAME(pooling) *pool, ptrdiff_t n,
                                const REAL *row)
{
    NAME(v) zeros = {0};
    ptrdiff_t kernel = pool->g->kernel_w, in_w = pool->g->in_w, step = stride > 1 ? stride : 1;
    for (ptrdiff_t i = 0; i < n; i++, row += in_w) {
        NAME(winner) best = {{0}, {0}};
        NAME(v) zero = {0};
        _Pragma("GCC unroll 4") for (int tap = 0; tap < fixed; tap += (int)step)
            NAME(pool_taps)(mode, with_taps, stride, tap, fixed, pool, row, &best, &zero);
        for (ptrdiff_t tap = 0; fixed == 0 && tap < kernel; tap += step)
            NAME(pool_taps)(mode, with_taps, stride, tap, kernel, pool, row, &best, &zero);
        zeros += zero; /* one addition a row: a chain of them takes time */
        pool->value[i] = best.value;
        if (with_taps) pool->tap[i] = best.tap;
    }
    return zeros;
}

/* The usual windows get loops of their own. Returns NaNs where the lines have to be done again by EXACT_MAX. */
INLINE NAME(v) NAME(pool_lines_of)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t n, const REAL *row)
{
    ptrdiff_t kernel = pool->g->kernel_w;
    int stride = NAME(strip_stride)(pool->g);
    if (mode == FNN_POOL_EXACT_MAX) return NAME(pool_lines)(mode, with_taps, stride, 0, pool, n, row);
    if (stride == 1 && kernel == 3) return NAME(pool_lines)(mode, with_taps, 1, 3, pool, n, row);
    if (stride == 2 && kernel == 2) return NAME(pool_lines)(mode, with_taps, 2, 2, pool, n, row);
    if (stride == 2 && kernel == 3) return NAME(pool_lines)(mode, with_taps, 2, 3, pool, n, row);
    switch (stride) {
    case 1: return NAME(pool_lines)(mode, with_taps, 1, 0, pool, n, row);
    case 2: return NAME(pool_lines)(mode, with_taps, 2, 0, pool, n, row);
    case 3: return NAME(pool_lines)(mode, with_taps, 3, 0, pool, n, row);
    case 4: return NAME(pool_lines)(mode, with_taps, 4, 0, pool, n, row);
    default: return NAME(pool_lines)(mode, with_taps, 0, 0, pool, n, row);
    }
}

INLINE void NAME(store_taps)(char *taps, int tap_bytes, ptrdiff_t at, ptrdiff_t n, NAME(vi) tap)
{
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    typedef int32_t ints __attribute__((vector_size(4 * LANES)));
    if (tap_bytes == 1) {
        bytes few = __builtin_convertvector(tap, bytes);
        if (n == LANES)
            memcpy(taps + at, &few, LANES);
        else
            memcpy(taps + at, &few, n);
    } else {
        ints few = __builtin_convertvector(tap, ints);
        memcpy(taps + 4 * at, &few, 4 * n);
    }
}

/* The winner, or the sum, of rows r0..r1-1 of windows; `line` is that of row r0. */
INLINE NAME(winner) NAME(meet_lines)(int mode, int with_taps, const NAME(pooling) *pool, ptrdiff_t r0, ptrdiff_t r1,
                                     ptrdiff_t kernel_w, ptrdiff_t line, ptrdiff_t step)
{
    NAME(winner) best = {pool->value[line], {0}};
    if (with_taps) best.tap = pool->tap[line] + (INT)(r0 * kernel_w);
    for (ptrdiff_t r = r0 + 1; r < r1; r++) {
        line += step;
        NAME(v) next = pool->value[line];
        NAME(vi) tap = {0};
        if (with_taps) tap = pool->tap[line] + (INT)(r * kernel_w);
        if (mode == FNN_POOL_MEAN)
            best.value += next;
        else if (mode == FNN_POOL_EXACT_MAX)
            NAME(meet)(&best, next, tap);
        else if (with_taps)
            NAME(meet_number)(&best, next, tap);
        else
            best.value = NAME(larger)(next, best.value);
    }
    return best;
}

/* The windows whose rows' winners stand in the lines. y, taps: of the plane; y_end: of all that is to be written. */
INLINE void NAME(pool_windows)(int mode, int with_taps, const NAME(pooling) *pool, REAL *y, const REAL *y_end,
                               char *taps)
{
    const fnn_pool2d *g = pool->g;
    ptrdiff_t step = g->dilation_h, last = g->in_h - (g->kernel_h - 1) * step - 1; /* where whole windows can begin */
    ptrdiff_t start = pool->p0 * g->stride_h - g->pad_h, at = pool->p0 * g->out_w + pool->q, height = 0;
    NAME(v) count = {0}, share = {0};
    for (ptrdiff_t p = pool->p0; p < pool->p1; p++, start += g->stride_h, at += g->out_w) {
        NAME(winner) best;
        int is_whole = start >= 0 && start <= last;
        if (is_whole && g->kernel_h == 3) {
            best = NAME(meet_lines)(mode, with_taps, pool, 0, 3, g->kernel_w, start - pool->top, step);
        } else if (is_whole && g->kernel_h == 2) {
            best = NAME(meet_lines)(mode, with_taps, pool, 0, 2, g->kernel_w, start - pool->top, step);
        } else {
            fnn_span rows = fnn_rows(g, p);
            best = NAME(meet_lines)(mode, with_taps, pool, rows.low, rows.high, g->kernel_w,
                                    start + rows.low * step - pool->top, step);
        }
        if (mode == FNN_POOL_MEAN) {
            ptrdiff_t now = is_whole ? g->kernel_h : fnn_mean_height(g, p, pool->include_pad);
            if (now != height) {
                height = now;
                count = pool->width * (REAL)height;
                share = 1 / count;
            }
            best.value = pool->is_power && fnn_is_power(height) ? best.value * share : best.value / count;
        }
        NAME(store_strip)(y + at, pool->n, y_end, best.value);
        if (with_taps)
            NAME(store_taps)(taps, pool->tap_bytes, at, y_end - (y + at) >= LANES ? LANES : pool->n, best.tap);
    }
}

INLINE void NAME(pool_strip)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t bottom, const REAL *x, REAL *y,
                             const REAL *y_end, char *taps)
{
    ptrdiff_t n = bottom - pool->top;
    const REAL *row = x + pool->top * pool->g->in_w;
    NAME(v) zeros = NAME(pool_lines_of)(mode, with_taps, pool, n, row);
    if (mode == FNN_POOL_MAX && NAME(has_nan)(zeros)) {
        NAME(pool_lines_of)(FNN_POOL_EXACT_MAX, with_taps, pool, n, row);
        NAME(pool_windows)(FNN_POOL_EXACT_MAX, with_taps, pool, y, y_end, taps);
    } else {
        NAME(pool_windows)(mode, with_taps, pool, y, y_end, taps);
    }
}

/* Whether strips take such windows. */
INLINE int NAME(strips_fit)(const fnn_pool2d *g)
{
    return g->kernel_w <= STRIP_TAPS && (g->kernel_h - 1) * g->dilation_h < STRIP_LINES;
}

INLINE void NAME(pool_by_strips)(int mode, int with_taps, const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0,
                                 ptrdiff_t p1, int include_pad, const REAL *x, REAL *y, char *taps, int tap_bytes)
{
    NAME(pooling) pool = {.g = g, .include_pad = include_pad, .tap_bytes = tap_bytes};
    ptrdiff_t reach = (g->kernel_h - 1) * g->dilation_h + 1, in = g->in_h * g->in_w, out = g->out_h * g->out_w;
    ptrdiff_t lines = fnn_max(fnn_min(STRIP_PIXELS / g->in_w, STRIP_LINES), reach);
    ptrdiff_t np = fnn_min(g->out_h, (lines - reach) / g->stride_h + 1);
    ptrdiff_t some = np == g->out_h ? fnn_max(1, STRIP_PIXELS / in) : 1; /* planes together */
    const REAL *y_end = y + (planes - 1) * out + p1 * g->out_w;
    for (ptrdiff_t plane = 0; plane < planes; plane += some)
        for (pool.p0 = p0; pool.p0 < p1; pool.p0 += np) {
            pool.p1 = fnn_min(pool.p0 + np, p1);
            pool.top = fnn_max(0, pool.p0 * g->stride_h - g->pad_h);
            ptrdiff_t bottom = fnn_min(g->in_h, (pool.p1 - 1) * g->stride_h - g->pad_h + reach);
            for (pool.q = (g->out_w - 1) / LANES * LANES; pool.q >= 0; pool.q -= LANES) {
                pool.n = fnn_min(LANES, g->out_w - pool.q);
                NAME(set_strip)(g, pool.q, &pool.strip);
                pool.is_power = 1;
                for (ptrdiff_t j = 0; j < pool.n; j++) {
                    if (mode == FNN_POOL_MEAN) {
                        ptrdiff_t width = fnn_mean_width(g, pool.q + j, include_pad);
                        pool.width[j] = width;
                        pool.is_power &= fnn_is_power(width);
                    }
                    if (mode != FNN_POOL_MEAN) pool.first[j] = (INT)fnn_cols(g, pool.q + j).low;
                }
                for (ptrdiff_t i = plane; i < fnn_min(plane + some, planes); i++)
                    NAME(pool_strip)(mode, with_taps, &pool, bottom, x + i * in, y + i * out, y_end,
                                     taps + i * out * tap_bytes);
            }
        }
}

static void NAME(max_strips)(const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, REAL *y)
{
    NAME(pool_by_strips)(FNN_POOL_MAX, 0, g, planes, p0, p1, 0, x, y, NULL, 0);
}

static void NAME(max_strips_with_taps)(const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1,
                                       const REAL *x, REAL *y, char *taps, int tap_bytes)
{
    NAME(pool_by_strips)(FNN_POOL_MAX, 1, g, planes, p0, p1, 0, x, y, taps, tap_bytes);
}

static void NAME(avg_strips)(const fnn_pool2d *g, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, int include_pad,
                             const REAL *x, REAL *y)
{
    NAME(pool_by_strips)(FNN_POOL_MEAN, 0, g, planes, p0, p1, include_pad, x, y, NULL, 0);
}
