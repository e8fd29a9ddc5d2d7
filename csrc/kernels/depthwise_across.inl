#if defined(FNN_NARROWER)
/* Small planes, LANES of them at a time, one in each lane: rows too short to fill vectors. For as many planes at least:
 * callers see to it that where channels are that many all calls have as many, whatever the threads. */
#define ACROSS_OUTPUTS 8  /* in a row */
#define ACROSS_PIXELS 420 /* with the padding at the sides */

INLINE int NAME(goes_across)(const fnn_pool2d *g, ptrdiff_t planes, int add)
{
    ptrdiff_t width = (ACROSS_OUTPUTS - 1) * g->stride_w + g->kernel_w;
    int pays = REAL_BYTES == 4 && NAME(square_kernel)(g) >= (g->stride_w == 2 ? 5 : 3); /* measured */
    return pays && planes >= LANES && !add && g->out_w <= ACROSS_OUTPUTS && g->out_h <= ACROSS_OUTPUTS &&
           g->in_h * width <= ACROSS_PIXELS && g->in_h * g->in_w <= ACROSS_PIXELS;
}

INLINE void NAME(across_rows)(int stride, const fnn_pool2d *g, const NAME(v) *image, ptrdiff_t width,
                              const NAME(v) *filter, ptrdiff_t step, NAME(v) init, NAME(v) *sums)
{
    const ptrdiff_t kernel = g->kernel_w;
    for (ptrdiff_t p = 0; p < g->out_h; p++, sums += g->out_w) {
        NAME(v) sum[ACROSS_OUTPUTS], part[ACROSS_OUTPUTS];
        _Pragma("GCC unroll 8") for (int q = 0; q < ACROSS_OUTPUTS; q++) sum[q] = init;
        for (ptrdiff_t r = 0, h = p * stride - g->pad_h; r < kernel; r++, h++) {
            if (h < 0 || h >= g->in_h) continue;
            const NAME(v) *row = image + h * width, *taps = filter + r * kernel * step;
            _Pragma("GCC unroll 8") for (int q = 0; q < ACROSS_OUTPUTS; q++) part[q] = taps[0] * row[q * stride];
            for (ptrdiff_t s = 1; s < kernel; s++)
                _Pragma("GCC unroll 8") for (int q = 0; q < ACROSS_OUTPUTS; q++)
                    part[q] += taps[s * step] * row[q * stride + s];
            _Pragma("GCC unroll 8") for (int q = 0; q < ACROSS_OUTPUTS; q++) sum[q] += part[q];
        }
        _Pragma("GCC unroll 8") for (int q = 0; q < ACROSS_OUTPUTS; q++) sums[q] = sum[q]; /* the next row's too */
    }
}

static void NAME(depthwise_forward)(const fnn_pool2d *g, ptrdiff_t planes, const REAL *x, const REAL *weight,
                                    int is_flipped, const REAL *bias, int add, REAL *y);

static void NAME(depthwise_across)(const fnn_pool2d *g, ptrdiff_t planes, const REAL *x, const REAL *weight,
                                   int is_flipped, const REAL *bias, REAL *y)
{
    const ptrdiff_t in = g->in_h * g->in_w, out = g->out_h * g->out_w, taps = g->kernel_h * g->kernel_w;
    const ptrdiff_t width = (ACROSS_OUTPUTS - 1) * g->stride_w + g->kernel_w, step = is_flipped ? -1 : 1;
    const ptrdiff_t left = fnn_max(0, -g->pad_w), cols = fnn_min(g->in_w, width - g->pad_w) - left;
    const ptrdiff_t whole = out / LANES * LANES, rest = fnn_max(0, out - LANES);
    NAME(v) pixels[ACROSS_PIXELS], image[ACROSS_PIXELS], filters[49], sums[9 * ACROSS_OUTPUTS];
    memset(image, 0, g->in_h * width * sizeof(NAME(v)));
    for (ptrdiff_t i = 0; i < planes; i += LANES) {
        const ptrdiff_t plane = fnn_min(i, planes - LANES); /* the last ones may be done twice */
        if (!NAME(is_finite)(LANES * taps, weight + plane * taps)) {
            for (ptrdiff_t j = plane; j < plane + LANES; j++)
                NAME(depthwise_forward)(g, 1, x + j * in, weight + j * taps, is_flipped,
                                        bias == NULL ? NULL : bias + j, 0, y + j * out);
            continue;
        }
        NAME(pack_t)(in, LANES, LANES, x + plane * in, in, (REAL *)pixels);
        for (ptrdiff_t h = 0; h < g->in_h && cols > 0; h++)
            memcpy(image + h * width + g->pad_w + left, pixels + h * g->in_w + left, cols * sizeof(NAME(v)));
        NAME(pack_t)(taps, LANES, LANES, weight + plane * taps, taps, (REAL *)filters);
        const NAME(v) init = bias == NULL ? (NAME(v)){0} : NAME(load)(bias + plane);
        const NAME(v) *filter = filters + (is_flipped ? taps - 1 : 0);
        if (g->stride_w == 1)
            NAME(across_rows)(1, g, image, width, filter, step, init, sums);
        else
            NAME(across_rows)(2, g, image, width, filter, step, init, sums);
        REAL *to = y + plane * out;
        NAME(pack_t_apart)(LANES, whole, whole, (REAL *)sums, LANES, to, out);
        if (whole < out) /* with outputs before them once more, if there are */
            NAME(pack_t_apart)(LANES, out - rest, out - rest, (REAL *)(sums + rest), LANES, to + rest, out);
    }
}
#endif
