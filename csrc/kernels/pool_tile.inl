/* Tiles of windows. Their pixels are copied once, padded and split by the stride's phases, so that each tap is a
 * unit-stride read. */
#define POOL_CELLS (8192 / REAL_BYTES)
#define POOL_COPY (POOL_CELLS + (POOL_TAPS + 3) * LANES)
#define POOL_SOURCES 256
#define POOL_TAPS 32 /* the widest window and the longest stride that are worth it */

typedef struct {
    ptrdiff_t np, nq;      /* windows down and across */
    ptrdiff_t pitch, rows; /* of a phase's copy, for a tile of full height */
    ptrdiff_t shift;       /* where the copy begins: so that the image's first pixel, not its padding, is aligned */
    ptrdiff_t offset[POOL_TAPS];
} NAME(pool_tile);

/* Returns 0 where no tile fits its cells, or windows are too wide to be worth it. */
static int NAME(plan_tile)(const fnn_pool2d *g, NAME(pool_tile) *tile)
{
    ptrdiff_t past = (g->kernel_w - 1) * g->dilation_w / g->stride_w, reach = (g->kernel_h - 1) * g->dilation_h + 1;
    if (g->kernel_w > POOL_TAPS || g->stride_w > POOL_TAPS || past >= POOL_CELLS) return 0;
    for (tile->nq = g->out_w;; tile->nq = (tile->nq + 1) / 2) {
        tile->pitch = tile->nq + past;
        if (tile->pitch > LANES - LANES / 4) tile->pitch = (tile->pitch + LANES - 1) / LANES * LANES;
        tile->rows = POOL_CELLS / (g->stride_w * tile->pitch);
        int is_tall = tile->rows >= fnn_min(3 * reach, g->in_h);
        if (is_tall || tile->nq <= 4 * LANES) break;
    }
    if (tile->rows < reach) return 0;
    tile->shift = (LANES - fnn_ceil_div(g->pad_w, g->stride_w) % LANES) % LANES;
    tile->np = fnn_min((tile->rows - reach) / g->stride_h + 1, g->out_h);
    tile->rows = (tile->np - 1) * g->stride_h + reach;
    for (ptrdiff_t s = 0; s < g->kernel_w; s++) {
        ptrdiff_t at = s * g->dilation_w;
        tile->offset[s] = tile->shift + at % g->stride_w * (tile->rows * tile->pitch + LANES) + at / g->stride_w;
    }
    return 1;
}

/* dst[i] = src[i] for i < n, and garbage in up to LANES - 1 elements behind; reads stop at src_end. Where a NaN or an
 * infinity has passed, *zeros is not zero any more. */
INLINE void NAME(copy_over)(ptrdiff_t n, const REAL *src, const REAL *src_end, REAL *dst, NAME(v) *zeros)
{
    ptrdiff_t i = 0;
    for (; i < n && src_end - (src + i) >= LANES; i += LANES) {
        NAME(v) a = NAME(load)(src + i);
        NAME(store)(dst + i, a);
        *zeros += a * 0;
    }
    for (; i < n; i++) {
        dst[i] = src[i];
        *zeros += src[i] * 0;
    }
}

/* The even elements of src to one row, the odd ones to another, n of each. */
INLINE void NAME(split_over)(ptrdiff_t n, const REAL *src, const REAL *src_end, REAL *even, REAL *odd, NAME(v) *zeros)
{
    ptrdiff_t i = 0;
    for (; i < n && src_end - (src + 2 * i) >= 2 * LANES; i += LANES) {
        NAME(v) a = NAME(load)(src + 2 * i), b = NAME(load)(src + 2 * i + LANES);
        NAME(store)(even + i, NAME(even)(a, b));
        NAME(store)(odd + i, NAME(odd)(a, b));
        *zeros += a * 0;
        *zeros += b * 0;
    }
    for (; i < n; i++) {
        even[i] = src[2 * i];
        odd[i] = src[2 * i + 1];
        *zeros += even[i] * 0 + odd[i] * 0;
    }
}

/* Which columns of the copy's phases are pixels, the same for all rows of a tile. */
typedef struct {
    ptrdiff_t start;                             /* the pixel under column 0 of phase 0, negative in the padding */
    ptrdiff_t low[POOL_TAPS], high[POOL_TAPS];   /* phase f has pixels in low <= j < high: start + f + j * stride_w */
} NAME(columns);

INLINE NAME(columns) NAME(columns_from)(const fnn_pool2d *g, ptrdiff_t pitch, ptrdiff_t start)
{
    NAME(columns) c;
    c.start = start;
    for (ptrdiff_t f = 0; f < g->stride_w; f++, start++) {
        c.low[f] = start < 0 ? fnn_min(pitch, fnn_ceil_div(-start, g->stride_w)) : 0;
        c.high[f] = fnn_max(c.low[f], fnn_min(pitch, fnn_ceil_div(g->in_w - start, g->stride_w)));
    }
    return c;
}

/* One row of pixels to its place in the copy, `fill` where there are none. Whole vectors: what they write past the
 * row, the next row overwrites. */
INLINE void NAME(stage_row)(ptrdiff_t stride, const NAME(columns) *c, ptrdiff_t pitch, ptrdiff_t phase_size,
                            const REAL *row, const REAL *x_end, REAL fill, REAL *to, NAME(v) *zeros)
{
    const REAL *src = row + c->start;
    for (ptrdiff_t f = 0; f < stride; f++)
        for (ptrdiff_t j = 0; j < c->low[f]; j += LANES)
            NAME(store)(to + f * phase_size + j, NAME(broadcast)(fill));
    if (stride == 1) {
        NAME(copy_over)(c->high[0] - c->low[0], src + c->low[0], x_end, to + c->low[0], zeros);
    } else if (stride == 2) {
        ptrdiff_t low = c->low[0], high = c->high[1]; /* of whole pairs */
        NAME(split_over)(high - low, src + 2 * low, x_end, to + low, to + phase_size + low, zeros);
        if (c->low[1] < low) *zeros += (to[phase_size + low - 1] = src[2 * low - 1]) * 0;
        if (c->high[0] > high) *zeros += (to[high] = src[2 * high]) * 0;
    } else {
        for (ptrdiff_t f = 0; f < stride; f++)
            for (ptrdiff_t j = c->low[f]; j < c->high[f]; j++) to[f * phase_size + j] = src[f + j * stride];
        *zeros += (REAL)NAN; /* not looked at: take it for granted */
    }
    for (ptrdiff_t f = 0; f < stride; f++)
        for (ptrdiff_t j = c->high[f]; j < pitch; j += LANES)
            NAME(store)(to + f * phase_size + j, NAME(broadcast)(fill));
}

/* Rows top..bottom-1. Returns whether there may be a NaN among them. */
INLINE int NAME(stage_rows)(ptrdiff_t stride, const fnn_pool2d *g, const NAME(pool_tile) *tile, ptrdiff_t top,
                            ptrdiff_t bottom, ptrdiff_t start, const REAL *x, REAL fill, REAL *to)
{
    NAME(columns) columns = NAME(columns_from)(g, tile->pitch, start);
    NAME(v) zeros = {0};
    for (ptrdiff_t h = top; h < bottom; h++)
        NAME(stage_row)(stride, &columns, tile->pitch, tile->rows * tile->pitch + LANES, x + h * g->in_w,
                        x + g->in_h * g->in_w, fill, to + tile->shift + (h - top) * tile->pitch, &zeros);
    REAL sum = 0;
    for (int i = 0; i < LANES; i++) sum += zeros[i];
    return sum != 0;
}

INLINE int NAME(stage)(const fnn_pool2d *g, const NAME(pool_tile) *tile, ptrdiff_t top, ptrdiff_t bottom,
                       ptrdiff_t start, const REAL *x, REAL fill, REAL *to)
{
    switch (g->stride_w) {
    case 1: return NAME(stage_rows)(1, g, tile, top, bottom, start, x, fill, to);
    case 2: return NAME(stage_rows)(2, g, tile, top, bottom, start, x, fill, to);
    default: return NAME(stage_rows)(g->stride_w, g, tile, top, bottom, start, x, fill, to);
    }
}

