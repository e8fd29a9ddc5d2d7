/* Pooling by strips of windows: first the winner of each window's row, then the winners of the rows meet. In that order
 * ties and NaNs fall as the definition wants. */
#define STRIP_LINES 64
#define STRIP_LEAST 8

typedef struct {
    const fnn_pool2d *g;
    NAME(strip) strip;
    ptrdiff_t q, n;     /* the first window, and how many are wanted */
    ptrdiff_t top, p0, p1; /* the row of the first line, and the rows of windows */
    ptrdiff_t whole_p0, whole_p1; /* the rows of windows that lie on the image in height */
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
    NAME(v) fill, taps[STRIP_STRIDE];
    if (mode == FNN_POOL_MAX) fill = NAME(broadcast)(REAL_BYTES == 4 ? -(REAL)FLT_MAX : -(REAL)DBL_MAX);
    if (mode == FNN_POOL_EXACT_MAX) fill = NAME(broadcast)(-(REAL)INFINITY);
    NAME(load_taps)(stride, strip, tap, kernel, row, mode == FNN_POOL_MEAN ? NULL : &fill, taps);
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
    _Pragma("GCC unroll 5") for (int tap = 0; tap < fixed; tap += (int)step)
        NAME(pool_taps)(mode, with_taps, stride, tap, fixed, strip, first, row, &best, &zero);
    for (ptrdiff_t tap = 0; fixed == 0 && tap < kernel; tap += step)
        NAME(pool_taps)(mode, with_taps, stride, tap, kernel, strip, first, row, &best, &zero);
    *zeros += zero; /* one addition a row: a chain of them takes time */
    return best;
}

INLINE NAME(v) NAME(pool_lines)(int mode, int with_taps, int stride, NAME(pooling) *pool, ptrdiff_t n, const REAL *row)
{
    NAME(v) zeros = {0};
    const NAME(vi) first = (NAME(vi))NAME(strip_order)(stride, (NAME(v))pool->first);
    for (ptrdiff_t i = 0; i < n; i++, row += pool->g->in_w) {
        NAME(winner) best = NAME(pool_line)(mode, with_taps, stride, 0, pool->g->kernel_w, &pool->strip, first, row,
                                            &zeros);
        pool->value[i] = NAME(strip_order)(stride, best.value);
        if (with_taps) pool->tap[i] = (NAME(vi))NAME(strip_order)(stride, (NAME(v))best.tap);
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
        int is_whole = pool->whole_p0 <= p && p < pool->whole_p1;
        ptrdiff_t height = is_whole ? pool->g->kernel_h : fnn_mean_height(pool->g, p, pool->include_pad);
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
