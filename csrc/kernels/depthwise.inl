/* Depthwise convolution: one filter for each plane, by strips (strip.inl). */

/* Zeros of the padding times an infinity or a NaN are NaNs that do not belong there. Where a filter or dy has one,
 * these functions go tap by tap, over pixels alone. */

static void NAME(depthwise_forward_exact)(const fnn_pool2d *g, const REAL *x, const REAL *filter, int is_flipped,
                                          REAL init, int add, REAL *y)
{
    ptrdiff_t last = g->kernel_h * g->kernel_w - 1;
    for (ptrdiff_t p = 0; p < g->out_h; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span rows = fnn_rows(g, p), cols = fnn_cols(g, q);
            REAL sum = add ? y[p * g->out_w + q] : init;
            for (ptrdiff_t r = rows.low; r < rows.high; r++)
                for (ptrdiff_t s = cols.low; s < cols.high; s++)
                    sum += filter[is_flipped ? last - (r * g->kernel_w + s) : r * g->kernel_w + s] *
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

/* A strip of windows, rows p0..p1-1 of several planes in turn. */
typedef struct {
    const fnn_pool2d *g;
    NAME(strip) strip;
    ptrdiff_t q, n, p0, p1; /* the first window, and how many are wanted */
    const REAL *x, *weight, *dy;
    int is_flipped, add; /* to y, instead of to init; then nothing past n is written */
    REAL init, *y;
    const REAL *y_end;
} NAME(depthwise);

INLINE REAL NAME(depthwise_tap)(const NAME(depthwise) *d, ptrdiff_t tap)
{
    return d->weight[d->is_flipped ? d->g->kernel_h * d->g->kernel_w - 1 - tap : tap];
}

INLINE NAME(v) NAME(depthwise_start)(int stride, const NAME(depthwise) *d, ptrdiff_t p)
{
    if (!d->add) return NAME(broadcast)(d->init);
    const REAL *y = d->y + p * d->g->out_w + d->q;
    return NAME(strip_order)(stride, NAME(load_or_zero)(y, NAME(lanes_between)(0, d->n)));
}

INLINE void NAME(depthwise_end)(int stride, const NAME(depthwise) *d, ptrdiff_t p, NAME(v) sum)
{
    sum = NAME(strip_order)(stride, sum);
    REAL *y = d->y + p * d->g->out_w + d->q;
    NAME(store_strip)(y, d->n, d->add ? y : d->y_end, sum);
}

/* Any filter. */
INLINE void NAME(depthwise_any)(int stride, const NAME(depthwise) *d)
{
    const fnn_pool2d *g = d->g;
    NAME(v) taps[STRIP_STRIDE];
    ptrdiff_t step = stride > 1 ? stride : 1;
    for (ptrdiff_t p = d->p0; p < d->p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        NAME(v) sum = NAME(depthwise_start)(stride, d, p);
        for (ptrdiff_t r = rows.low; r < rows.high; r++)
            for (ptrdiff_t s = 0; s < g->kernel_w; s += step) {
                NAME(load_taps)(stride, &d->strip, s, g->kernel_w, d->x + (rows.start + r * g->dilation_h) * g->in_w,
                                NULL, taps);
                for (ptrdiff_t i = 0; i < step && s + i < g->kernel_w; i++)
                    sum += NAME(depthwise_tap)(d, r * g->kernel_w + s + i) * taps[i];
            }
        NAME(depthwise_end)(stride, d, p, sum);
    }
}

/* A row of the image under all taps of a square filter. */
INLINE void NAME(depthwise_row)(int kernel, int stride, const NAME(strip) *strip, const REAL *row, NAME(v) *taps)
{
    _Pragma("GCC unroll 7") for (int s = 0; s < kernel; s += stride)
        NAME(load_taps)(stride, strip, s, kernel, row, NULL, taps + s);
}

/* What loops read of a strip: the compiler takes it that a store may change anything else. */
INLINE NAME(strip) NAME(own_strip)(int kernel, int stride, const NAME(strip) *strip)
{
    NAME(strip) own = {.start = strip->start, .dilation = 1, .is_inside = strip->is_inside,
                       .has_room = strip->has_room};
    _Pragma("GCC unroll 7") for (int i = 0; i < (kernel + stride - 1) / stride * stride; i++)
        own.inside[i] = strip->inside[i];
    return own;
}

/* Square filters: a row of the image is loaded once, for all rows of windows that it lies in. Each row of taps is a
 * chain of its own, or the sums would wait for themselves. */
INLINE void NAME(depthwise_square)(int kernel, int stride, const NAME(depthwise) *d)
{
    const int past = (kernel - 1) / stride; /* rows of windows that wait for more while the next one begins */
    const ptrdiff_t in_h = d->g->in_h, in_w = d->g->in_w, out_w = d->g->out_w, p1 = d->p1, n = d->n;
    const NAME(strip) strip = NAME(own_strip)(kernel, stride, &d->strip);
    const NAME(v) init = NAME(broadcast)(d->init);
    const REAL *y_end = d->add ? d->y : d->y_end; /* with add nothing past n is written */
    REAL *y = d->y + (d->p0 - past) * out_w + d->q;
    ptrdiff_t h = d->p0 * stride - d->g->pad_h;
    const REAL *row = d->x + h * in_w;
    const int is_large = kernel > 5, held = is_large ? 0 : kernel * kernel;
    REAL many[49]; /* to broadcast from, where registers hold none */
    NAME(v) weight[25], sum[7], taps[8];
    for (int i = held; i < kernel * kernel; i++) many[i] = NAME(depthwise_tap)(d, i);
    _Pragma("GCC unroll 25") for (int i = 0; i < held; i++) weight[i] = NAME(broadcast)(NAME(depthwise_tap)(d, i));
    _Pragma("GCC unroll 7") for (int j = 0; j <= past; j++) sum[j] = (NAME(v)){0};
    for (ptrdiff_t p = d->p0; p < p1 + past; p++, y += out_w) {
        sum[0] = init;
        if (d->add && p < p1) sum[0] = NAME(depthwise_start)(stride, d, p);
        _Pragma("GCC unroll 2") for (int i = 0; i < stride; i++, h++, row += in_w) {
            if (h < 0 || h >= in_h) continue;
            NAME(depthwise_row)(kernel, stride, &strip, row, taps);
            _Pragma("GCC unroll 7") for (int j = past; j >= 0; j--) {
                if (i + j * stride >= kernel) continue;
                const int first = (i + j * stride) * kernel;
                NAME(v) part = (is_large ? NAME(broadcast)(many[first]) : weight[first]) * taps[0];
                _Pragma("GCC unroll 7") for (int s = 1; s < kernel; s++)
                    part += (is_large ? NAME(broadcast)(many[first + s]) : weight[first + s]) * taps[s];
                sum[j] += part;
            }
        }
        if (p - past >= d->p0) NAME(store_strip)(y, n, y_end, NAME(strip_order)(stride, sum[past]));
        _Pragma("GCC unroll 6") for (int j = past; j > 0; j--) sum[j] = sum[j - 1];
    }
}

/* Apart from the others, whose registers it would take. */
__attribute__((noinline)) static void NAME(depthwise_7x7)(const NAME(depthwise) *d) { NAME(depthwise_square)(7, 1, d); }

/* The kernel of a square filter that has loops of its own, or 0. */
INLINE ptrdiff_t NAME(square_kernel)(const fnn_pool2d *g)
{
    int is_square = g->kernel_h == g->kernel_w && g->dilation_h == 1 && g->dilation_w == 1 &&
                    g->stride_h == g->stride_w && g->stride_w <= 2;
    return is_square && (g->kernel_w == 3 || g->kernel_w == 5 || g->kernel_w == 7) ? g->kernel_w : 0;
}

INLINE void NAME(depthwise_strip)(const NAME(depthwise) *d)
{
    int stride = NAME(strip_stride)(d->g);
    switch (NAME(square_kernel)(d->g) * 2 + stride - 1) {
    case 6: NAME(depthwise_square)(3, 1, d); return;
    case 7: NAME(depthwise_square)(3, 2, d); return;
    case 10: NAME(depthwise_square)(5, 1, d); return;
    case 11: NAME(depthwise_square)(5, 2, d); return;
    case 14: NAME(depthwise_7x7)(d); return;
    }
    if (stride == 1)
        NAME(depthwise_any)(1, d);
    else if (stride == 2)
        NAME(depthwise_any)(2, d);
    else
        NAME(depthwise_any)(0, d);
}

/* Rows of windows, and planes, to go through strip by strip: their pixels stay in L1. */
INLINE ptrdiff_t NAME(band_rows)(const fnn_pool2d *g)
{
    ptrdiff_t rows = fnn_max(16, STRIP_PIXELS / (g->in_w * g->stride_h));
    return rows < g->out_h ? rows : g->out_h;
}

INLINE ptrdiff_t NAME(band_planes)(const fnn_pool2d *g)
{
    return NAME(band_rows)(g) < g->out_h ? 1 : fnn_max(1, STRIP_PIXELS / (g->in_h * g->in_w));
}

static void NAME(depthwise_planes)(const fnn_pool2d *g, ptrdiff_t planes, const REAL *x, const REAL *weight,
                                   int is_flipped, const REAL *bias, int add, REAL *y)
{
    ptrdiff_t in = g->in_h * g->in_w, out = g->out_h * g->out_w, taps = g->kernel_h * g->kernel_w;
    ptrdiff_t rows = NAME(band_rows)(g), some = NAME(band_planes)(g), strips = fnn_ceil_div(g->out_w, LANES);
    NAME(depthwise) d = {.g = g, .is_flipped = is_flipped, .add = add, .y_end = y + planes * out};
    for (ptrdiff_t plane = 0; plane < planes; plane += some)
        for (d.p0 = 0; d.p0 < g->out_h; d.p0 += rows) {
            d.p1 = fnn_min(d.p0 + rows, g->out_h);
            ptrdiff_t band = some > 1 ? some * in : (d.p1 - d.p0) * g->stride_h * g->in_w;
            const REAL *next = x + plane * in + d.p0 * g->stride_h * g->in_w + band;
            for (ptrdiff_t strip = strips - 1; strip >= 0; strip--) {
                d.q = add ? strip * LANES : NAME(strip_start)(g, strip);
                d.n = fnn_min(LANES, g->out_w - d.q);
                NAME(set_strip)(g, d.q, &d.strip);
                NAME(fetch_share)(planes * in, next, band, strip, strips);
                for (ptrdiff_t i = plane; i < fnn_min(plane + some, planes); i++) {
                    d.x = x + i * in;
                    d.weight = weight + i * taps;
                    d.init = bias == NULL ? 0 : bias[i];
                    d.y = y + i * out;
                    d.strip.has_room = NAME(has_room)(&d.strip, i, planes, in);
                    NAME(depthwise_strip)(&d);
                }
            }
        }
}

#include "depthwise_across.inl"

static void NAME(depthwise_forward)(const fnn_pool2d *g, ptrdiff_t planes, const REAL *x, const REAL *weight,
                                    int is_flipped, const REAL *bias, int add, REAL *y)
{
    ptrdiff_t taps = g->kernel_h * g->kernel_w;
#if defined(FNN_NARROWER) /* half of each vector would be empty */
    if (NAME(goes_across)(g, planes, add)) {
        NAME(depthwise_across)(g, planes, x, weight, is_flipped, bias, y);
        return;
    }
    if (g->out_w <= LANES / 2) {
        FNN_NARROWER.DTYPE->depthwise(g, planes, x, weight, is_flipped, bias, add, y);
        return;
    }
#endif
    if (NAME(is_finite)(planes * taps, weight))
        NAME(depthwise_planes)(g, planes, x, weight, is_flipped, bias, add, y);
    else if (planes > 1)
        for (ptrdiff_t i = 0; i < planes; i++)
            NAME(depthwise_forward)(g, 1, x + i * g->in_h * g->in_w, weight + i * taps, is_flipped,
                                    bias == NULL ? NULL : bias + i, add, y + i * g->out_h * g->out_w);
    else
        NAME(depthwise_forward_exact)(g, x, weight, is_flipped, bias == NULL ? 0 : *bias, add, y);
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
