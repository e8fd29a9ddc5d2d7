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
    ptrdiff_t height; /* of the row of windows that was stored last, or 0 */
    NAME(v) count, share; /* of its means, and 1 / count */
    NAME(v) value[STRIP_LINES];
    NAME(vi) tap[STRIP_LINES];
} NAME(pooling);

/* The next one against the winner of all before it, or its part of the sum. */
INLINE void NAME(pool_meet)(int mode, int with_taps, NAME(winner) *best, NAME(winner) next)
{
    if (mode == FNN_POOL_MEAN)
        best->value += next.value;
    else if (mode == FNN_POOL_EXACT_MAX)
        NAME(meet)(best, next.value, next.tap);
    else if (with_taps)
        NAME(meet_number)(best, next.value, next.tap);
    else
        best->value = NAME(larger)(next.value, best->value);
}

/* `stride` taps of a row, from `tap` on, meet. Where taps do not overlap, *zero becomes NaN for what is not finite. */
INLINE void NAME(pool_taps)(int mode, int with_taps, int stride, ptrdiff_t tap, ptrdiff_t kernel,
                            const NAME(strip) *strip, NAME(vi) first, const REAL *row, NAME(winner) *best,
                            NAME(v) *zero)
{
    NAME(v) fill = {0}, taps[STRIP_STRIDE];
    if (mode == FNN_POOL_MAX) fill = NAME(broadcast)(REAL_BYTES == 4 ? -(REAL)FLT_MAX : -(REAL)DBL_MAX);
    if (mode == FNN_POOL_EXACT_MAX) fill = NAME(broadcast)(-(REAL)INFINITY);
    NAME(load_taps)(stride, strip, tap, row, fill, taps);
    _Pragma("GCC unroll 4") for (int i = 0; i < (stride > 1 ? stride : 1); i++) {
        if (tap + i >= kernel) break;
        if (mode == FNN_POOL_MAX && stride > 1) *zero += taps[i] * 0;
        NAME(winner) next = {taps[i], {0}};
        if (with_taps) next.tap = tap + i == 0 ? first : NAME(broadcast_int)((INT)(tap + i));
        if (tap + i == 0)
            *best = next;
        else
            NAME(pool_meet)(mode, with_taps, best, next);
    }
}

/* The winners, or the sums, of one row under the windows; `fixed`: the kernel if its loop is to be unrolled, else 0. */
INLINE NAME(winner) NAME(pool_line)(int mode, int with_taps, int stride, int fixed, ptrdiff_t kernel,
                                    const NAME(strip) *strip, NAME(vi) first, const REAL *row, NAME(v) *zeros)
{
    NAME(v) zero = {0};
    NAME(winner) best = {{0}, {0}};
    ptrdiff_t step = stride > 1 ? stride : 1;
    _Pragma("GCC unroll 4") for (int tap = 0; tap < fixed; tap += (int)step)
        NAME(pool_taps)(mode, with_taps, stride, tap, fixed, strip, first, row, &best, &zero);
    for (ptrdiff_t tap = 0; fixed == 0 && tap < kernel; tap += step)
        NAME(pool_taps)(mode, with_taps, stride, tap, kernel, strip, first, row, &best, &zero);
    *zeros += zero; /* one addition a row: a chain of them takes time */
    return best;
}

INLINE NAME(v) NAME(pool_lines)(int mode, int with_taps, int stride, NAME(pooling) *pool, ptrdiff_t n, const REAL *row)
{
    NAME(v) zeros = {0};
    for (ptrdiff_t i = 0; i < n; i++, row += pool->g->in_w) {
        NAME(winner) best = NAME(pool_line)(mode, with_taps, stride, 0, pool->g->kernel_w, &pool->strip, pool->first,
                                            row, &zeros);
        pool->value[i] = best.value;
        if (with_taps) pool->tap[i] = best.tap;
    }
    return zeros;
}

/* Returns NaNs where the lines have to be done again by EXACT_MAX. */
INLINE NAME(v) NAME(pool_lines_of)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t n, const REAL *row)
{
    switch (NAME(strip_stride)(pool->g)) {
    case 1: return NAME(pool_lines)(mode, with_taps, 1, pool, n, row);
    case 2: return NAME(pool_lines)(mode, with_taps, 2, pool, n, row);
    case 3: return NAME(pool_lines)(mode, with_taps, 3, pool, n, row);
    case 4: return NAME(pool_lines)(mode, with_taps, 4, pool, n, row);
    default: return NAME(pool_lines)(mode, with_taps, 0, pool, n, row);
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
        NAME(winner) next = {pool->value[line], {0}};
        if (with_taps) next.tap = pool->tap[line] + (INT)(r * kernel_w);
        NAME(pool_meet)(mode, with_taps, &best, next);
    }
    return best;
}

/* What a row of windows comes to. y, taps: of the plane; y_end: of all that is to be written. */
INLINE void NAME(store_windows)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t p, NAME(winner) best,
                                REAL *y, const REAL *y_end, char *taps)
{
    ptrdiff_t at = p * pool->g->out_w + pool->q;
    if (mode == FNN_POOL_MEAN) {
        ptrdiff_t height = fnn_mean_height(pool->g, p, pool->include_pad);
        if (height != pool->height) {
            pool->height = height;
            pool->count = pool->width * (REAL)height;
            pool->share = 1 / pool->count;
        }
        best.value = pool->is_power && fnn_is_power(height) ? best.value * pool->share : best.value / pool->count;
    }
    NAME(store_strip)(y + at, pool->n, y_end, best.value);
    if (with_taps)
        NAME(store_taps)(taps, pool->tap_bytes, at, y_end - (y + at) >= LANES ? LANES : pool->n, best.tap);
}

/* The windows whose rows' winners stand in the lines. */
INLINE void NAME(pool_windows)(int mode, int with_taps, NAME(pooling) *pool, REAL *y, const REAL *y_end,
                               char *taps)
{
    const fnn_pool2d *g = pool->g;
    for (ptrdiff_t p = pool->p0; p < pool->p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        NAME(winner) best = NAME(meet_lines)(mode, with_taps, pool, rows.low, rows.high, g->kernel_w,
                                             rows.start + rows.low * g->dilation_h - pool->top, g->dilation_h);
        NAME(store_windows)(mode, with_taps, pool, p, best, y, y_end, taps);
    }
}

/* Small square windows over finite numbers: the rows' winners stay in registers, and so does what is copied from pool,
 * since the compiler takes it that a store to y may change what pool points to. */
INLINE NAME(v) NAME(pool_square)(int mode, int with_taps, int kernel, int stride, NAME(pooling) *pool, const REAL *x,
                              REAL *y, const REAL *y_end, char *taps)
{
    const ptrdiff_t in_h = pool->g->in_h, in_w = pool->g->in_w, p0 = pool->p0, p1 = pool->p1;
    const int kept = kernel - stride; /* rows that a window shares with the next one */
    const NAME(vi) first = with_taps ? pool->first : (NAME(vi)){0};
    NAME(strip) strip = {.start = pool->strip.start, .dilation = 1, .is_inside = pool->strip.is_inside};
    NAME(winner) line[3] = {{{0}, {0}}}, none = {{0}, {0}};
    NAME(v) zeros = {0};
    if (mode == FNN_POOL_MAX) none.value = NAME(broadcast)(-(REAL)INFINITY);
    _Pragma("GCC unroll 4") for (int i = 0; i < (kernel + stride - 1) / stride * stride; i++)
        strip.inside[i] = pool->strip.inside[i];
    ptrdiff_t p = p0 - (kept + stride - 1) / stride, h = p * stride - pool->g->pad_h;
    const REAL *row = x + h * in_w;
    for (; p < p1; p++, h += stride, row += stride * in_w) {
        _Pragma("GCC unroll 3") for (int r = 0; r < kernel; r++) {
            if (r < kept)
                line[r] = line[r + stride];
            else if (h + r < 0 || h + r >= in_h)
                line[r] = none;
            else
                line[r] = NAME(pool_line)(mode, with_taps, stride, kernel, kernel, &strip, first, row + r * in_w,
                                          &zeros);
        }
        if (p < p0) continue;
        NAME(winner) best = line[0];
        _Pragma("GCC unroll 3") for (int r = 1; r < kernel; r++) {
            NAME(winner) next = {line[r].value, {0}};
            if (with_taps) next.tap = line[r].tap + (INT)(r * kernel);
            NAME(pool_meet)(mode, with_taps, &best, next);
        }
        NAME(store_windows)(mode, with_taps, pool, p, best, y, y_end, taps);
    }
    return zeros;
}

INLINE void NAME(pool_strip)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t bottom, const REAL *x, REAL *y,
                             const REAL *y_end, char *taps)
{
    const fnn_pool2d *g = pool->g;
    ptrdiff_t kernel = g->kernel_w == g->kernel_h && g->dilation_h == 1 && g->stride_h == g->stride_w ? g->kernel_w : 0;
    ptrdiff_t n = bottom - pool->top;
    const REAL *row = x + pool->top * g->in_w;
    int stride = NAME(strip_stride)(g);
    NAME(v) zeros;
    if (mode != FNN_POOL_EXACT_MAX && kernel == 3 && stride == 1) {
        zeros = NAME(pool_square)(mode, with_taps, 3, 1, pool, x, y, y_end, taps);
    } else if (mode != FNN_POOL_EXACT_MAX && kernel == 2 && stride == 2) {
        zeros = NAME(pool_square)(mode, with_taps, 2, 2, pool, x, y, y_end, taps);
    } else if (mode != FNN_POOL_EXACT_MAX && kernel == 3 && stride == 2) {
        zeros = NAME(pool_square)(mode, with_taps, 3, 2, pool, x, y, y_end, taps);
    } else {
        zeros = NAME(pool_lines_of)(mode, with_taps, pool, n, row);
        NAME(pool_windows)(mode, with_taps, pool, y, y_end, taps);
    }
    if (mode == FNN_POOL_MAX && NAME(has_nan)(zeros)) {
        NAME(pool_lines_of)(FNN_POOL_EXACT_MAX, with_taps, pool, n, row);
        NAME(pool_windows)(FNN_POOL_EXACT_MAX, with_taps, pool, y, y_end, taps);
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
            ptrdiff_t strips = fnn_ceil_div(g->out_w, LANES);
            ptrdiff_t band = some > 1 ? some * in : (bottom - pool.top) * g->in_w;
            const REAL *first = x + plane * in + pool.top * g->in_w;
            int is_exact = mode == FNN_POOL_MAX && NAME(strip_stride)(g) <= 1 &&
                           !NAME(is_finite)(fnn_min(band, x + planes * in - first), first);
            for (ptrdiff_t strip = strips - 1; strip >= 0; strip--) {
                pool.q = strip * LANES;
                pool.n = fnn_min(LANES, g->out_w - pool.q);
                NAME(set_strip)(g, pool.q, &pool.strip);
                pool.is_power = 1;
                pool.height = 0;
                NAME(fetch_share)(planes * in, first + band, band, strip, strips);
                for (ptrdiff_t j = 0; j < pool.n; j++) {
                    if (mode == FNN_POOL_MEAN) {
                        ptrdiff_t width = fnn_mean_width(g, pool.q + j, include_pad);
                        pool.width[j] = width;
                        pool.is_power &= fnn_is_power(width);
                    }
                    if (mode != FNN_POOL_MEAN) pool.first[j] = (INT)fnn_cols(g, pool.q + j).low;
                }
                for (ptrdiff_t i = plane; i < fnn_min(plane + some, planes); i++) {
                    char *own_taps = taps + i * out * tap_bytes;
                    if (is_exact)
                        NAME(pool_strip)(FNN_POOL_EXACT_MAX, with_taps, &pool, bottom, x + i * in, y + i * out, y_end,
                                         own_taps);
                    else
                        NAME(pool_strip)(mode, with_taps, &pool, bottom, x + i * in, y + i * out, y_end, own_taps);
                }
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
