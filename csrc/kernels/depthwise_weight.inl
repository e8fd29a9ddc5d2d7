/* The weight gradient of a depthwise convolution, by strips as in depthwise.inl. */

/* Over pixels alone, where zeros of the padding have met an infinity or a NaN. */
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

/* Any filter: sums[tap] += the products of dy with the pixels under the tap. */
INLINE void NAME(depthwise_weight_any)(int stride, const NAME(depthwise) *d, NAME(v) *sums)
{
    const fnn_pool2d *g = d->g;
    NAME(v) taps[STRIP_STRIDE];
    NAME(mask) wanted = NAME(lanes_between)(0, d->n);
    ptrdiff_t step = stride > 1 ? stride : 1;
    for (ptrdiff_t p = d->p0; p < d->p1; p++) {
        fnn_span rows = fnn_rows(g, p);
        NAME(v) dy = NAME(strip_order)(stride, NAME(load_or_zero)(d->dy + p * g->out_w + d->q, wanted));
        for (ptrdiff_t r = rows.low; r < rows.high; r++)
            for (ptrdiff_t s = 0; s < g->kernel_w; s += step) {
                NAME(load_taps)(stride, &d->strip, s, g->kernel_w, d->x + (rows.start + r * g->dilation_h) * g->in_w,
                                NULL, taps);
                for (ptrdiff_t i = 0; i < step && s + i < g->kernel_w; i++)
                    sums[r * g->kernel_w + s + i] += dy * taps[i];
            }
    }
}

/* Square filters: all sums at once, while a row of the image is loaded. */
INLINE void NAME(depthwise_weight_square)(int kernel, int stride, const NAME(depthwise) *d, NAME(v) *sums)
{
    const int past = (kernel - 1) / stride;
    const ptrdiff_t in_h = d->g->in_h, in_w = d->g->in_w, out_w = d->g->out_w, p1 = d->p1;
    const NAME(strip) strip = NAME(own_strip)(kernel, stride, &d->strip);
    const NAME(mask) wanted = NAME(lanes_between)(0, d->n);
    const REAL *from = d->dy + d->p0 * out_w + d->q;
    ptrdiff_t h = d->p0 * stride - d->g->pad_h;
    const REAL *row = d->x + h * in_w;
    NAME(v) zero = {0}, sum[25], dy[5], taps[8];
    _Pragma("GCC unroll 25") for (int i = 0; i < kernel * kernel; i++) sum[i] = sums[i];
    _Pragma("GCC unroll 5") for (int j = 0; j <= past; j++) dy[j] = zero;
    for (ptrdiff_t p = d->p0; p < p1 + past; p++, from += out_w) {
        dy[0] = zero;
        if (p < p1) dy[0] = NAME(strip_order)(stride, NAME(load_or_zero)(from, wanted));
        _Pragma("GCC unroll 2") for (int i = 0; i < stride; i++, h++, row += in_w) {
            if (h < 0 || h >= in_h) continue;
            NAME(depthwise_row)(kernel, stride, &strip, row, taps);
            _Pragma("GCC unroll 5") for (int j = past; j >= 0; j--)
                _Pragma("GCC unroll 5") for (int s = 0; s < kernel; s++)
                    if (i + j * stride < kernel) sum[(i + j * stride) * kernel + s] += dy[j] * taps[s];
        }
        _Pragma("GCC unroll 4") for (int j = past; j > 0; j--) dy[j] = dy[j - 1];
    }
    _Pragma("GCC unroll 25") for (int i = 0; i < kernel * kernel; i++) sums[i] = sum[i];
}

INLINE void NAME(depthwise_weight_strip)(const NAME(depthwise) *d, NAME(v) *sums)
{
    int stride = NAME(strip_stride)(d->g);
    ptrdiff_t kernel = NAME(square_kernel)(d->g);
    if (kernel == 3 && stride == 1)
        NAME(depthwise_weight_square)(3, 1, d, sums);
    else if (kernel == 3)
        NAME(depthwise_weight_square)(3, 2, d, sums);
    else if (kernel == 5 && stride == 1 && FNN_VEC_BYTES == 64) /* 25 sums need 32 registers */
        NAME(depthwise_weight_square)(5, 1, d, sums);
    else if (stride == 1)
        NAME(depthwise_weight_any)(1, d, sums);
    else if (stride == 2)
        NAME(depthwise_weight_any)(2, d, sums);
    else
        NAME(depthwise_weight_any)(0, d, sums);
}

static void NAME(depthwise_weight)(const fnn_pool2d *g, ptrdiff_t images, const REAL *x, ptrdiff_t x_step,
                                   const REAL *dy, ptrdiff_t dy_step, REAL *dweight, REAL *dbias)
{
#if defined(FNN_NARROWER)
    if (g->out_w <= LANES / 2) {
        FNN_NARROWER.DTYPE->depthwise_weight(g, images, x, x_step, dy, dy_step, dweight, dbias);
        return;
    }
#endif
    NAME(v) sums[POOL_SOURCES];
    ptrdiff_t n_taps = g->kernel_h * g->kernel_w, rows = NAME(band_rows)(g), some = NAME(band_planes)(g);
    NAME(depthwise) d = {.g = g};
    for (ptrdiff_t i = 0; i < n_taps; i++) sums[i] = (NAME(v)){0};
    if (dbias != NULL) *dbias = 0;
    for (ptrdiff_t i = 0; i < images && dbias != NULL; i++)
        *dbias += NAME(sum_run)(g->out_h * g->out_w, dy + i * dy_step);
    for (ptrdiff_t image = 0; image < images && dweight != NULL; image += some)
        for (d.p0 = 0; d.p0 < g->out_h; d.p0 += rows) {
            d.p1 = fnn_min(d.p0 + rows, g->out_h);
            for (d.q = 0; d.q < g->out_w; d.q += LANES) {
                d.n = fnn_min(LANES, g->out_w - d.q);
                NAME(set_strip)(g, d.q, &d.strip);
                for (ptrdiff_t i = image; i < fnn_min(image + some, images); i++) {
                    d.x = x + i * x_step;
                    d.dy = dy + i * dy_step;
                    NAME(depthwise_weight_strip)(&d, sums);
                }
            }
        }
    for (ptrdiff_t tap = 0; tap < n_taps && dweight != NULL; tap++) {
        REAL sum = NAME(lane_sum)(sums[tap]);
        if (sum - sum != 0) {
            sum = 0;
            for (ptrdiff_t i = 0; i < images; i++)
                sum += NAME(depthwise_weight_exact)(g, tap / g->kernel_w, tap % g->kernel_w, x + i * x_step,
                                                    dy + i * dy_step);
        }
        dweight[tap] = sum;
    }
}
#undef POOL_CELLS
#undef POOL_TAPS
#undef POOL_SOURCES
#undef TAP_CELLS
#undef STRIP_STRIDE
#undef STRIP_TAPS
#undef STRIP_PIXELS
#undef STRIP_LINES
#undef STRIP_LEAST
