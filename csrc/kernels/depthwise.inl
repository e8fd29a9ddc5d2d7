/* Depthwise convolution: one plane, one filter. The tile's pixels are copied, padded and split by the stride's phases,
 * as for pooling (pool_tile.inl), so that each tap is a unit-stride read. Every output is one chain over the taps. */
#define DEPTHWISE_ROWS 4

/* Zeros of the padding times an infinity or a NaN are NaNs that do not belong there. Where a filter or dy has one,
 * the three functions below go tap by tap, over pixels alone. */

static void NAME(depthwise_forward_exact)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, const REAL *x,
                                          const REAL *filter, REAL init, int add, REAL *y)
{
    for (ptrdiff_t p = p0; p < p1; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span rows = fnn_rows(g, p), cols = fnn_cols(g, q);
            REAL sum = add ? y[p * g->out_w + q] : init;
            for (ptrdiff_t r = rows.low; r < rows.high; r++)
                for (ptrdiff_t s = cols.low; s < cols.high; s++)
                    sum += filter[r * g->kernel_w + s] *
                           x[(rows.start + r * g->dilation_h) * g->in_w + cols.start + s * g->dilation_w];
            y[p * g->out_w + q] = sum;
        }
}

static void NAME(depthwise_grad_exact)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy,
                                       const REAL *filter, int add, REAL *dx)
{
    if (!add) memset(dx + h0 * g->in_w, 0, (h1 - h0) * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0; p < g->out_h; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span rows = fnn_rows(g, p), cols = fnn_cols(g, q);
            for (ptrdiff_t r = rows.low; r < rows.high; r++) {
                ptrdiff_t h = rows.start + r * g->dilation_h;
                for (ptrdiff_t s = cols.low; s < cols.high && h0 <= h && h < h1; s++)
                    dx[h * g->in_w + cols.start + s * g->dilation_w] +=
                        filter[r * g->kernel_w + s] * dy[p * g->out_w + q];
            }
        }
}

static REAL NAME(depthwise_weight_exact)(const fnn_pool2d *g, ptrdiff_t r, ptrdiff_t s, const REAL *x, const REAL *dy)
{
    REAL sum = 0;
    for (ptrdiff_t p = 0; p < g->out_h; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span rows = fnn_rows(g, p), cols = fnn_cols(g, q);
            if (rows.low <= r && r < rows.high && cols.low <= s && s < cols.high)
                sum += dy[p * g->out_w + q] *
                       x[(rows.start + r * g->dilation_h) * g->in_w + cols.start + s * g->dilation_w];
        }
    return sum;
}

static int NAME(is_finite)(ptrdiff_t n, const REAL *values)
{
    REAL zeros = 0;
    for (ptrdiff_t i = 0; i < n; i++) zeros += values[i] * 0;
    return zeros == 0;
}

/* A block of rows of windows: where it reads, and where it writes. */
typedef struct {
    const REAL *pixels; /* the copy, under the first window's tap 0 */
    ptrdiff_t row;      /* from a tap to the one below it, in the copy */
    ptrdiff_t low, high; /* the rows of taps on the image */
    const ptrdiff_t *offset;
    const REAL *weight;
    REAL init;
    int add; /* to y, instead of to init */
    REAL *y, *y_end;
    ptrdiff_t y_rs, nq;
} NAME(depthwise);

INLINE NAME(v) NAME(depthwise_start)(const NAME(depthwise) *d, int row, ptrdiff_t q)
{
    NAME(v) sum = NAME(broadcast)(d->init);
    if (d->add)
        for (ptrdiff_t j = 0; j < LANES && q + j < d->nq; j++) sum[j] = d->y[row * d->y_rs + q + j];
    return sum;
}

/* Whole vectors are stored up to the end. */
INLINE void NAME(depthwise_end)(const NAME(depthwise) *d, int row, ptrdiff_t q, NAME(v) sum)
{
    REAL *y = d->y + row * d->y_rs;
    NAME(store_until)(y + q, d->add ? y + d->nq : d->y_end, sum);
}

/* LANES windows of one row, from column q on, whatever the filter. */
INLINE void NAME(depthwise_any)(const fnn_pool2d *g, const NAME(depthwise) *d, ptrdiff_t q)
{
    NAME(v) sum = NAME(depthwise_start)(d, 0, q);
    for (ptrdiff_t r = d->low; r < d->high; r++)
        for (ptrdiff_t s = 0; s < g->kernel_w; s++)
            sum += d->weight[r * g->kernel_w + s] * NAME(load)(d->pixels + r * d->row + d->offset[s] + q);
    NAME(depthwise_end)(d, 0, q, sum);
}

/* LANES windows of n rows, `down` rows of taps apart, from column q on: a pixel serves all windows that it lies in. */
INLINE void NAME(depthwise_square)(int n, int down, int kernel, const NAME(v) *weight, const ptrdiff_t *offset,
                                   const NAME(depthwise) *d, ptrdiff_t q)
{
    NAME(v) sum[DEPTHWISE_ROWS];
    _Pragma("GCC unroll 4") for (int i = 0; i < n; i++) sum[i] = NAME(depthwise_start)(d, i, q);
    const REAL *row = d->pixels + q;
    ptrdiff_t step = d->row;
    __asm__("" : "+r"(step)); /* else the compiler keeps an address for each tap, more than there are registers */
    _Pragma("GCC unroll 8") for (int u = 0; u < (n - 1) * down + kernel; u++, row += step)
        _Pragma("GCC unroll 5") for (int s = 0; s < kernel; s++) {
            NAME(v) pixel = NAME(load)(row + offset[s]);
            _Pragma("GCC unroll 4") for (int i = 0; i < n; i++)
                if (u >= i * down && u < i * down + kernel) sum[i] += weight[(u - i * down) * kernel + s] * pixel;
        }
    _Pragma("GCC unroll 4") for (int i = 0; i < n; i++) NAME(depthwise_end)(d, i, q, sum[i]);
}

/* Rows of windows. The vector that may run over goes first: what it leaves in the next row is overwritten. */
INLINE int NAME(depthwise_squares)(int n, int down, int kernel, const NAME(depthwise) *d)
{
    ptrdiff_t whole = d->nq / LANES * LANES;
    NAME(v) weight[25];
    ptrdiff_t offset[5];
    _Pragma("GCC unroll 5") for (int s = 0; s < kernel; s++) offset[s] = d->offset[s];
    _Pragma("GCC unroll 25") for (int i = 0; i < kernel * kernel; i++) weight[i] = NAME(broadcast)(d->weight[i]);
    if (whole < d->nq) NAME(depthwise_square)(n, down, kernel, weight, offset, d, whole);
    for (ptrdiff_t q = 0; q < whole; q += LANES) NAME(depthwise_square)(n, down, kernel, weight, offset, d, q);
    return n;
}

/* Some of the n rows of windows at d, whose taps are all on rows of the image where n > 1. Returns how many. */
INLINE int NAME(depthwise_some_rows)(const fnn_pool2d *g, ptrdiff_t n, const NAME(depthwise) *d)
{
    ptrdiff_t kernel = g->kernel_h == g->kernel_w && g->dilation_h == 1 ? g->kernel_h : 0;
    if (kernel == 3 && g->stride_h == 1 && n >= 4) return NAME(depthwise_squares)(4, 1, 3, d);
    if (kernel == 3 && g->stride_h == 2 && n >= 2) return NAME(depthwise_squares)(2, 2, 3, d);
    if (kernel == 5 && g->stride_h == 1 && n >= 2) return NAME(depthwise_squares)(2, 1, 5, d);
    if (kernel == 3 && d->low == 0 && d->high == 3) return NAME(depthwise_squares)(1, 1, 3, d);
    ptrdiff_t whole = d->nq / LANES * LANES;
    if (whole < d->nq) NAME(depthwise_any)(g, d, whole);
    for (ptrdiff_t q = 0; q < whole; q += LANES) NAME(depthwise_any)(g, d, q);
    return 1;
}

/* The rows of pixels under windows p0..p1-1. */
INLINE void NAME(rows_under)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t *top, ptrdiff_t *bottom)
{
    *top = fnn_min(g->in_h, fnn_max(0, p0 * g->stride_h - g->pad_h));
    *bottom = fnn_min(g->in_h, (p1 - 1) * g->stride_h - g->pad_h + (g->kernel_h - 1) * g->dilation_h + 1);
    *bottom = fnn_max(*top, *bottom);
}

static void NAME(depthwise_forward)(const fnn_pool2d *g, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, const REAL *weight,
                                    int is_flipped, const REAL *bias, int add, REAL *y)
{
    NAME(pool_tile) tile;
    _Alignas(FNN_VEC_BYTES) REAL pixels[POOL_COPY];
    REAL filter[POOL_SOURCES];
    ptrdiff_t n_taps = g->kernel_h * g->kernel_w;
    for (ptrdiff_t i = 0; i < n_taps; i++) filter[i] = weight[is_flipped ? n_taps - 1 - i : i];
    if (!NAME(is_finite)(n_taps, filter)) {
        NAME(depthwise_forward_exact)(g, p0, p1, x, filter, bias == NULL ? 0 : *bias, add, y);
        return;
    }
    NAME(plan_tile)(g, &tile);
    NAME(depthwise) d = {.row = g->dilation_h * tile.pitch, .offset = tile.offset, .weight = filter, .add = add};
    d.init = bias == NULL ? 0 : *bias;
    d.y_rs = g->out_w;
    if (tile.np < g->out_h && tile.np > DEPTHWISE_ROWS) tile.np -= tile.np % DEPTHWISE_ROWS;
    ptrdiff_t room = g->in_h + g->pad_h - (g->kernel_h - 1) * g->dilation_h - 1; /* for the last row of whole windows */
    ptrdiff_t first_inside = fnn_max(0, fnn_ceil_div(g->pad_h, g->stride_h));
    ptrdiff_t past_inside = room < 0 ? 0 : room / g->stride_h + 1;
    for (ptrdiff_t from = p0; from < p1; from += tile.np)
        for (ptrdiff_t q = 0; q < g->out_w; q += tile.nq) {
            ptrdiff_t to = fnn_min(from + tile.np, p1), top, bottom;
            d.nq = fnn_min(tile.nq, g->out_w - q);
            NAME(rows_under)(g, from, to, &top, &bottom);
            NAME(stage)(g, &tile, top, bottom, q * g->stride_w - g->pad_w, x, 0, pixels);
            for (ptrdiff_t p = from, n; p < to; p += n) {
                fnn_span rows = fnn_rows(g, p);
                d.low = rows.low;
                d.high = fnn_max(rows.low, rows.high);
                d.pixels = pixels + (rows.start - top) * tile.pitch;
                d.y = y + p * g->out_w + q;
                d.y_end = d.nq < g->out_w ? d.y + d.nq : y + p1 * g->out_w;
                n = d.nq == g->out_w && p >= first_inside ? fnn_min(to, past_inside) - p : 1;
                n = NAME(depthwise_some_rows)(g, n, &d);
            }
        }
}

/* dx of one plane by its phases: each pixel gathers its products, as gradients of pooling do. */
static void NAME(depthwise_grad)(const fnn_pool2d *g, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const REAL *weight,
                                 int add, REAL *dx)
{
    NAME(grad_tile) tile;
    if (!NAME(is_finite)(g->kernel_h * g->kernel_w, weight) || !NAME(plan_grad)(g, &tile)) {
        NAME(depthwise_grad_exact)(g, h0, h1, dy, weight, add, dx);
        return;
    }
    NAME(grad_by_tiles)(FNN_GATHER_PRODUCTS, g, &tile, h0, h1, 0, dy, NULL, 0, weight, add, dx);
}

/* One row of windows: sums[r][s] += dy . pixels under tap (r, s), in whole vectors. */
INLINE void NAME(depthwise_weight_row)(ptrdiff_t kernel_w, ptrdiff_t low, ptrdiff_t high, const REAL *pixels,
                                       ptrdiff_t row, const ptrdiff_t *offset, const REAL *dy, ptrdiff_t nq,
                                       NAME(v) *sums)
{
    for (ptrdiff_t r = low; r < high; r++)
        for (ptrdiff_t s = 0; s < kernel_w; s++) {
            const REAL *under = pixels + r * row + offset[s];
            NAME(v) sum = sums[r * kernel_w + s];
            for (ptrdiff_t q = 0; q + LANES <= nq; q += LANES) sum += NAME(load)(dy + q) * NAME(load)(under + q);
            sums[r * kernel_w + s] = sum;
        }
}

/* The same for all nine taps of a 3x3 filter at once. */
INLINE void NAME(depthwise_weight_row_3x3)(const REAL *pixels, ptrdiff_t row, const ptrdiff_t *offset, const REAL *dy,
                                           ptrdiff_t nq, NAME(v) *sums)
{
    NAME(v) sum[9];
    _Pragma("GCC unroll 9") for (int i = 0; i < 9; i++) sum[i] = sums[i];
    for (ptrdiff_t q = 0; q + LANES <= nq; q += LANES) {
        NAME(v) grad = NAME(load)(dy + q);
        _Pragma("GCC unroll 9") for (int i = 0; i < 9; i++)
            sum[i] += grad * NAME(load)(pixels + i / 3 * row + offset[i % 3] + q);
    }
    _Pragma("GCC unroll 9") for (int i = 0; i < 9; i++) sums[i] = sum[i];
}

/* The windows past the last whole vector; what lies past the row's end counts nothing, not even a NaN. */
INLINE void NAME(depthwise_weight_rest)(ptrdiff_t kernel_w, ptrdiff_t low, ptrdiff_t high, const REAL *pixels,
                                        ptrdiff_t row, const ptrdiff_t *offset, NAME(v) grad, NAME(vi) inside,
                                        NAME(v) *sums)
{
    for (ptrdiff_t r = low; r < high; r++)
        for (ptrdiff_t s = 0; s < kernel_w; s++) {
            NAME(v) pixel = NAME(load)(pixels + r * row + offset[s]);
            sums[r * kernel_w + s] += grad * (NAME(v))(inside & (NAME(vi))pixel);
        }
}

/* dy[0..n-1], then zeros. */
INLINE NAME(v) NAME(load_some)(const REAL *dy, const REAL *dy_end, ptrdiff_t n, NAME(vi) inside)
{
    if (dy_end - dy >= LANES) return (NAME(v))(inside & (NAME(vi))NAME(load)(dy));
    REAL some[LANES] = {0};
    for (ptrdiff_t j = 0; j < n; j++) some[j] = dy[j];
    return NAME(load)(some);
}

/* dweight += dy . x of one plane, for filters of up to POOL_SOURCES taps; dbias += the sum of dy. */
static void NAME(depthwise_weight)(const fnn_pool2d *g, const REAL *x, const REAL *dy, REAL *dweight, REAL *dbias)
{
    if (dbias != NULL) *dbias += NAME(sum_run)(g->out_h * g->out_w, dy);
    if (dweight == NULL) return;
    NAME(pool_tile) tile;
    _Alignas(FNN_VEC_BYTES) REAL pixels[POOL_COPY];
    NAME(v) sums[POOL_SOURCES];
    ptrdiff_t n_taps = g->kernel_h * g->kernel_w;
    NAME(plan_tile)(g, &tile);
    ptrdiff_t row = g->dilation_h * tile.pitch;
    for (ptrdiff_t i = 0; i < n_taps; i++) sums[i] = (NAME(v)){0};
    for (ptrdiff_t from = 0; from < g->out_h; from += tile.np)
        for (ptrdiff_t q = 0; q < g->out_w; q += tile.nq) {
            ptrdiff_t to = fnn_min(from + tile.np, g->out_h), nq = fnn_min(tile.nq, g->out_w - q), top, bottom;
            ptrdiff_t rest = nq % LANES;
            NAME(vi) inside = {0};
            for (ptrdiff_t j = 0; j < rest; j++) inside[j] = -1;
            NAME(rows_under)(g, from, to, &top, &bottom);
            NAME(stage)(g, &tile, top, bottom, q * g->stride_w - g->pad_w, x, 0, pixels);
            for (ptrdiff_t p = from; p < to; p++) {
                fnn_span rows = fnn_rows(g, p);
                const REAL *under = pixels + (rows.start - top) * tile.pitch, *grad = dy + p * g->out_w + q;
                if (n_taps == 9 && g->kernel_w == 3 && rows.low == 0 && rows.high == 3)
                    NAME(depthwise_weight_row_3x3)(under, row, tile.offset, grad, nq, sums);
                else
                    NAME(depthwise_weight_row)(g->kernel_w, rows.low, rows.high, under, row, tile.offset, grad, nq,
                                               sums);
                if (rest == 0) continue;
                NAME(v) some = NAME(load_some)(grad + nq - rest, dy + g->out_h * g->out_w, rest, inside);
                NAME(depthwise_weight_rest)(g->kernel_w, rows.low, rows.high, under + nq - rest, row, tile.offset, some,
                                            inside, sums);
            }
        }
    for (ptrdiff_t i = 0; i < n_taps; i++) {
        REAL sum = 0;
        for (int j = 0; j < LANES; j++) sum += sums[i][j];
        if (sum - sum != 0) sum = NAME(depthwise_weight_exact)(g, i / g->kernel_w, i % g->kernel_w, x, dy);
        dweight[i] += sum;
    }
}
#undef DEPTHWISE_ROWS
#undef POOL_CELLS
#undef POOL_COPY
#undef POOL_TAPS
#undef POOL_SOURCES
#undef TAP_CELLS
