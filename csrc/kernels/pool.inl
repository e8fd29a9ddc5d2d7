/* Pooling of one plane, window by window: the way for every configuration. */

#ifndef FNN_POOL_SPAN
#define FNN_POOL_SPAN
/* One axis of a window: where tap 0 lies, and which taps [low, high) lie on the image. */
typedef struct {
    ptrdiff_t start, low, high;
} fnn_span;

static inline fnn_span fnn_window_span(ptrdiff_t window, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad,
                                       ptrdiff_t dilation, ptrdiff_t size)
{
    ptrdiff_t start = window * stride - pad, room = size - start;
    ptrdiff_t low = start < 0 ? (-start + dilation - 1) / dilation : 0;
    ptrdiff_t high = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    return (fnn_span){start, low, high < kernel ? high : kernel};
}

static inline fnn_span fnn_rows(const fnn_pool2d *g, ptrdiff_t p)
{
    return fnn_window_span(p, g->kernel_h, g->stride_h, g->pad_h, g->dilation_h, g->in_h);
}

static inline fnn_span fnn_cols(const fnn_pool2d *g, ptrdiff_t q)
{
    return fnn_window_span(q, g->kernel_w, g->stride_w, g->pad_w, g->dilation_w, g->in_w);
}

/* How many pixels of one axis a window's mean counts. */
static inline ptrdiff_t fnn_mean_extent(fnn_span span, ptrdiff_t kernel, ptrdiff_t pad, ptrdiff_t size, int include_pad)
{
    ptrdiff_t room = size + pad - span.start;
    return !include_pad ? span.high - span.low : kernel < room ? kernel : room;
}

static inline ptrdiff_t fnn_mean_count(const fnn_pool2d *g, fnn_span rows, fnn_span cols, int include_pad)
{
    return fnn_mean_extent(rows, g->kernel_h, g->pad_h, g->in_h, include_pad) *
           fnn_mean_extent(cols, g->kernel_w, g->pad_w, g->in_w, include_pad);
}
#endif

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

static void NAME(max_pool2d)(const fnn_pool2d *g, const REAL *x, REAL *y, void *taps, int tap_bytes)
{
    for (ptrdiff_t p = 0, i = 0; p < g->out_h; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++, i++) {
            ptrdiff_t tap;
            y[i] = NAME(max_window)(g, x, rows, fnn_cols(g, q), &tap);
            if (taps != NULL && tap_bytes == 1) ((uint8_t *)taps)[i] = tap;
            if (taps != NULL && tap_bytes == 4) ((int32_t *)taps)[i] = tap;
        }
    }
}

/* Windows in their order: the order in which each pixel's gradients are added. */
static void NAME(max_pool2d_grad)(const fnn_pool2d *g, const REAL *dy, const void *taps, int tap_bytes, REAL *dx)
{
    memset(dx, 0, g->in_h * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0, i = 0; p < g->out_h; p++)
        for (ptrdiff_t q = 0; q < g->out_w; q++, i++) {
            ptrdiff_t tap = tap_bytes == 1 ? ((const uint8_t *)taps)[i] : ((const int32_t *)taps)[i];
            ptrdiff_t h = p * g->stride_h - g->pad_h + tap / g->kernel_w * g->dilation_h;
            ptrdiff_t w = q * g->stride_w - g->pad_w + tap % g->kernel_w * g->dilation_w;
            dx[h * g->in_w + w] += dy[i];
        }
}

static void NAME(avg_pool2d)(const fnn_pool2d *g, int include_pad, const REAL *x, REAL *y)
{
    for (ptrdiff_t p = 0; p < g->out_h; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL sum = 0;
            for (ptrdiff_t r = rows.low; r < rows.high; r++) {
                const REAL *row = x + (rows.start + r) * g->in_w + cols.start;
                for (ptrdiff_t s = cols.low; s < cols.high; s++) sum += row[s];
            }
            *y++ = sum / (REAL)fnn_mean_count(g, rows, cols, include_pad);
        }
    }
}

static void NAME(avg_pool2d_grad)(const fnn_pool2d *g, int include_pad, const REAL *dy, REAL *dx)
{
    memset(dx, 0, g->in_h * g->in_w * sizeof(REAL));
    for (ptrdiff_t p = 0; p < g->out_h; p++) {
        fnn_span rows = fnn_rows(g, p);
        for (ptrdiff_t q = 0; q < g->out_w; q++) {
            fnn_span cols = fnn_cols(g, q);
            REAL share = *dy++ / (REAL)fnn_mean_count(g, rows, cols, include_pad);
            for (ptrdiff_t r = rows.low; r < rows.high; r++) {
                REAL *row = dx + (rows.start + r) * g->in_w + cols.start;
                for (ptrdiff_t s = cols.low; s < cols.high; s++) row[s] += share;
            }
        }
    }
}
