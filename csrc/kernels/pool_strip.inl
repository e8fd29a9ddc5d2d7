/* Pooling by strips of windows, from the rows' winners of pool_line.inl, or with loops of their own. */

/* Small square windows over finite numbers: the rows' winners stay in registers, and so does what is copied from pool,
 * since the compiler takes it that a store to y may change what pool points to. */
INLINE NAME(v) NAME(pool_square)(int mode, int with_taps, int kernel, int stride, NAME(pooling) *pool, const REAL *x,
                              REAL *y, const REAL *y_end, char *taps)
{
    const ptrdiff_t in_h = pool->g->in_h, in_w = pool->g->in_w, out_w = pool->g->out_w, n = pool->n;
    const ptrdiff_t p0 = pool->p0, p1 = pool->p1;
    const int tap_bytes = pool->tap_bytes;
    const ptrdiff_t whole_p0 = pool->whole_p0, whole_p1 = pool->whole_p1;
    const int by_share = pool->is_power && fnn_is_power(kernel);
    const NAME(v) width = pool->width, count = width * (REAL)kernel, share = 1 / count; /* of a whole row's means */
    const int kept = kernel - stride; /* rows that a window shares with the next one */
    const NAME(vi) first = with_taps ? (NAME(vi))NAME(strip_order)(stride, (NAME(v))pool->first) : (NAME(vi)){0};
    NAME(strip) strip = {.start = pool->strip.start, .dilation = 1, .is_inside = pool->strip.is_inside,
                         .has_room = pool->strip.has_room};
    NAME(winner) line[5] = {{{0}, {0}}}, none = {{0}, {0}};
    NAME(v) zeros = {0};
    if (mode == FNN_POOL_MAX) none.value = NAME(broadcast)(-(REAL)INFINITY);
    _Pragma("GCC unroll 5") for (int i = 0; i < (kernel + stride - 1) / stride * stride; i++)
        strip.inside[i] = pool->strip.inside[i];
    ptrdiff_t p = p0 - (kept + stride - 1) / stride, h = p * stride - pool->g->pad_h;
    const REAL *row = x + h * in_w;
    REAL *to = y + p * out_w + pool->q;
    for (; p < p1; p++, h += stride, row += stride * in_w, to += out_w) {
        _Pragma("GCC unroll 5") for (int r = 0; r < kernel; r++) {
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
        _Pragma("GCC unroll 5") for (int r = 1; r < kernel; r++) {
            NAME(winner) next = {line[r].value, {0}};
            if (with_taps) next.tap = line[r].tap + (INT)(r * kernel);
            NAME(pool_meet)(mode, with_taps, &best, next);
        }
        best.value = NAME(strip_order)(stride, best.value);
        if (with_taps) best.tap = (NAME(vi))NAME(strip_order)(stride, (NAME(v))best.tap);
        if (mode == FNN_POOL_MEAN && (p < whole_p0 || p >= whole_p1)) {
            best.value /= width * (REAL)fnn_mean_height(pool->g, p, pool->include_pad);
        } else if (mode == FNN_POOL_MEAN) {
            best.value = by_share ? best.value * share : best.value / count;
        }
        NAME(store_strip)(to, n, y_end, best.value);
        if (with_taps)
            NAME(store_taps)(taps, tap_bytes, to - y, y_end - to >= LANES ? LANES : n, best.tap);
    }
    return zeros;
}

/* Windows of 2x2 or 3x3 side by side, inside the image: rows of pixels meet as they lie, whole windows are picked from
 * them in the end, since picking costs most where vectors are short. Up to kernel - 1 pixels past the last window are
 * read. */
INLINE NAME(v) NAME(pool_apart)(int mode, int kernel, NAME(pooling) *pool, const REAL *x, REAL *y, const REAL *y_end)
{
    const ptrdiff_t in_w = pool->g->in_w, out_w = pool->g->out_w, p1 = pool->p1, n = pool->n;
    NAME(v) zeros = {0};
    const REAL *row = x + pool->p0 * kernel * in_w + pool->strip.start;
    REAL *to = y + pool->p0 * out_w + pool->q;
    for (ptrdiff_t p = pool->p0; p < p1; p++, to += out_w) {
        NAME(winner) met[3], best = {{0}, {0}};
        NAME(v) zero = {0};
        _Pragma("GCC unroll 3") for (int r = 0; r < kernel; r++, row += in_w)
            _Pragma("GCC unroll 3") for (int i = 0; i < kernel; i++) {
                NAME(winner) line = {NAME(load)(row + i * LANES), {0}};
                if (mode == FNN_POOL_MAX) zero += line.value * 0;
                _Pragma("GCC unroll 3") for (int s = 1; s < kernel; s++)
                    NAME(pool_meet)(mode, 0, &line, (NAME(winner)){NAME(load)(row + i * LANES + s), {0}});
                if (r == 0)
                    met[i] = line;
                else
                    NAME(pool_meet)(mode, 0, &met[i], line);
            }
        zeros += zero;
        best.value = kernel == 2 ? NAME(even)(met[0].value, met[1].value)
                                 : NAME(third_0)(met[0].value, met[1].value, met[2].value);
        if (mode == FNN_POOL_MAX)
            NAME(store_strip)(to, n, y_end, best.value);
        else
            NAME(store_windows)(mode, 0, pool, p, best, y, y_end, NULL);
    }
    return zeros;
}

/* Whether pool_apart takes the strip: with vectors of 32 bytes, where it was measured to pay. `room`: pixels from x on
 * that may be read. */
INLINE int NAME(pools_apart)(const NAME(pooling) *pool, ptrdiff_t room)
{
    const fnn_pool2d *g = pool->g;
    ptrdiff_t past = (pool->p1 * g->kernel_h - 1) * g->in_w + pool->strip.start + g->kernel_w * (LANES + 1) - 1;
    return FNN_VEC_BYTES == 32 && pool->strip.is_inside && g->kernel_w == g->stride_w && g->dilation_w == 1 &&
           g->pad_h == 0 && pool->p1 * g->kernel_h <= g->in_h && past <= room;
}

INLINE void NAME(pool_strip)(int mode, int with_taps, NAME(pooling) *pool, ptrdiff_t bottom, const REAL *x,
                             ptrdiff_t room, REAL *y, const REAL *y_end, char *taps)
{
    const fnn_pool2d *g = pool->g;
    int is_square = g->kernel_h == g->kernel_w && g->stride_h == g->stride_w && g->dilation_h == 1 &&
                    g->dilation_w == 1;
    ptrdiff_t kernel = is_square ? g->kernel_w : 0;
    ptrdiff_t n = bottom - pool->top;
    const REAL *row = x + pool->top * g->in_w;
    int stride = NAME(strip_stride)(g);
    NAME(v) zeros;
    if (mode != FNN_POOL_EXACT_MAX && kernel == 3 && stride == 1) {
        zeros = NAME(pool_square)(mode, with_taps, 3, 1, pool, x, y, y_end, taps);
    } else if (mode != FNN_POOL_EXACT_MAX && !with_taps && kernel == 2 && NAME(pools_apart)(pool, room)) {
        zeros = NAME(pool_apart)(mode, 2, pool, x, y, y_end);
    } else if (mode != FNN_POOL_EXACT_MAX && kernel == 2 && stride == 2) {
        zeros = NAME(pool_square)(mode, with_taps, 2, 2, pool, x, y, y_end, taps);
    } else if (mode != FNN_POOL_EXACT_MAX && kernel == 3 && stride == 2) {
        zeros = NAME(pool_square)(mode, with_taps, 3, 2, pool, x, y, y_end, taps);
    } else if (mode == FNN_POOL_MAX && kernel == 5 && stride == 1 && FNN_VEC_BYTES > 16) {
        zeros = NAME(pool_square)(mode, with_taps, 5, 1, pool, x, y, y_end, taps);
    } else if (mode == FNN_POOL_MAX && !with_taps && kernel == 3 && NAME(pools_apart)(pool, room)) {
        zeros = NAME(pool_apart)(mode, 3, pool, x, y, y_end);
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
    pool.whole_p0 = (g->pad_h + g->stride_h - 1) / g->stride_h;
    pool.whole_p1 = fnn_floor_div(g->in_h + g->pad_h - reach, g->stride_h) + 1;
    /* Where rows share nothing, a few of them share the masks of a strip, however wide they are. */
    ptrdiff_t least = reach == 1 ? STRIP_LEAST : reach;
    ptrdiff_t lines = fnn_max(fnn_min(STRIP_PIXELS / g->in_w, STRIP_LINES), least);
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
                pool.q = NAME(strip_start)(g, strip);
                pool.n = fnn_min(LANES, g->out_w - pool.q);
                NAME(set_strip)(g, pool.q, &pool.strip);
                pool.is_power = 1;
                pool.height = 0;
                NAME(fetch_share)(planes * in, first + band, band, strip, strips);
                pool.first = (NAME(vi)){0};
                for (ptrdiff_t j = 0; mode == FNN_POOL_MEAN && j < pool.n; j++) {
                    ptrdiff_t width = fnn_mean_width(g, pool.q + j, include_pad);
                    pool.width[j] = width;
                    pool.is_power &= fnn_is_power(width);
                }
                for (ptrdiff_t j = 0; with_taps && pool.strip.start < 0 && j < pool.n; j++)
                    pool.first[j] = (INT)fnn_cols(g, pool.q + j).low;
                for (ptrdiff_t i = plane; i < fnn_min(plane + some, planes); i++) {
                    char *own_taps = taps + i * out * tap_bytes;
                    ptrdiff_t room = (planes - i) * in;
                    pool.strip.has_room = NAME(has_room)(&pool.strip, i, planes, in);
                    if (is_exact)
                        NAME(pool_strip)(FNN_POOL_EXACT_MAX, with_taps, &pool, bottom, x + i * in, room, y + i * out,
                                         y_end, own_taps);
                    else
                        NAME(pool_strip)(mode, with_taps, &pool, bottom, x + i * in, room, y + i * out, y_end,
                                         own_taps);
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
