/* Pooling by tiles of windows. The tile's pixels are copied once, padded and split by the stride's phases, so that each
 * tap is a unit-stride read. First the winner of each window's row is found, over all rows of the copy at once; the
 * winners of the rows then meet in row-major order, which keeps ties and NaNs where the definition has them. */
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

/* One tile's copy, and what becomes of it: the rows' winners (or sums), with their taps (or the windows' widths). */
typedef struct {
    _Alignas(FNN_VEC_BYTES) union {
        REAL pixels[POOL_COPY];
        INT taps[POOL_CELLS + LANES]; /* of whole windows, once the pixels have been used */
    } copy;
    REAL best[POOL_CELLS + LANES];
    union {
        INT tap[POOL_CELLS + LANES];
        REAL width[POOL_CELLS + LANES];
    } with;
} NAME(pool_cells);

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

/* n windows' rows at once: their winners, or their sums. */
INLINE void NAME(meet_columns)(int is_max, int with_taps, int has_nan, ptrdiff_t kernel, ptrdiff_t n,
                               const ptrdiff_t *offset, const REAL *pixels, REAL *value, INT *tap)
{
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        NAME(winner) best = {NAME(load)(pixels + offset[0] + i), {0}};
        for (ptrdiff_t s = 1; s < kernel; s++) {
            NAME(v) next = NAME(load)(pixels + offset[s] + i);
            if (is_max && has_nan)
                NAME(meet)(&best, next, NAME(broadcast_int)(s));
            else if (is_max)
                NAME(meet_number)(&best, next, NAME(broadcast_int)(s));
            else
                best.value += next;
        }
        NAME(store)(value + i, best.value);
        if (with_taps) NAME(store_int)(tap + i, best.tap);
    }
}

INLINE void NAME(meet_columns_of)(int is_max, int with_taps, int has_nan, ptrdiff_t kernel, ptrdiff_t n,
                                  const ptrdiff_t *offset, const REAL *pixels, REAL *value, INT *tap)
{
    if (has_nan)
        NAME(meet_columns)(is_max, with_taps, 1, kernel, n, offset, pixels, value, tap);
    else if (kernel == 3)
        NAME(meet_columns)(is_max, with_taps, 0, 3, n, offset, pixels, value, tap);
    else
        NAME(meet_columns)(is_max, with_taps, 0, kernel, n, offset, pixels, value, tap);
}

/* Padding never wins: only where all pixels are -inf can the tap lie left of the image; the first pixel's is meant. */
INLINE void NAME(skip_padding)(const fnn_pool2d *g, ptrdiff_t q0, ptrdiff_t nq, INT *tap)
{
    for (ptrdiff_t q = q0; q < q0 + nq && q * g->stride_w < g->pad_w; q++) {
        ptrdiff_t first = fnn_cols(g, q).low;
        tap[q - q0] = tap[q - q0] < first ? first : tap[q - q0];
    }
}

/* One row of windows: the winners of its n_rows rows, `step` apart, meet; or sums become means. */
INLINE void NAME(meet_rows)(int is_max, int with_taps, int has_nan, ptrdiff_t n_rows, ptrdiff_t step, ptrdiff_t nq,
                            INT row_taps, INT first_tap, const REAL *value, const INT *tap, const REAL *width,
                            REAL height, REAL *y, const REAL *y_end, INT *y_tap)
{
    for (ptrdiff_t q = 0; q < nq; q += LANES) {
        NAME(winner) best = {NAME(load)(value + q), {0}};
        if (with_taps) best.tap = NAME(load_int)(tap + q) + first_tap;
        for (ptrdiff_t r = 1; r < n_rows; r++) {
            NAME(v) next = NAME(load)(value + r * step + q);
            NAME(vi) next_tap = {0};
            if (with_taps) next_tap = NAME(load_int)(tap + r * step + q) + (first_tap + (INT)r * row_taps);
            if (is_max && has_nan)
                NAME(meet)(&best, next, next_tap);
            else if (is_max)
                NAME(meet_number)(&best, next, next_tap);
            else
                best.value += next;
        }
        if (!is_max) best.value /= NAME(load)(width + q) * height;
        if (with_taps) NAME(store_int)(y_tap + q, best.tap);
        if (y_end - (y + q) >= LANES)
            NAME(store)(y + q, best.value);
        else
            for (ptrdiff_t j = 0; j < nq - q; j++) y[q + j] = best.value[j];
    }
}

INLINE void NAME(meet_rows_of)(int is_max, int with_taps, int has_nan, ptrdiff_t n_rows, ptrdiff_t step, ptrdiff_t nq,
                               INT row_taps, INT first_tap, const REAL *value, const INT *tap, const REAL *width,
                               REAL height, REAL *y, const REAL *y_end, INT *y_tap)
{
    if (has_nan)
        NAME(meet_rows)(is_max, with_taps, 1, n_rows, step, nq, row_taps, first_tap, value, tap, width, height, y,
                        y_end, y_tap);
    else if (n_rows == 3)
        NAME(meet_rows)(is_max, with_taps, 0, 3, step, nq, row_taps, first_tap, value, tap, width, height, y, y_end,
                        y_tap);
    else
        NAME(meet_rows)(is_max, with_taps, 0, n_rows, step, nq, row_taps, first_tap, value, tap, width, height, y,
                        y_end, y_tap);
}

/* Windows p0..p0+np-1 by q0..q0+nq-1. Whole vectors are stored up to y_end, rows in ascending order. */
INLINE void NAME(pool_one_tile)(int is_max, int with_taps, const fnn_pool2d *g, const NAME(pool_tile) *tile,
                                ptrdiff_t p0, ptrdiff_t np, ptrdiff_t q0, ptrdiff_t nq, int include_pad,
                                const REAL *x, REAL *y, const REAL *y_end, void *taps, int tap_bytes)
{
    NAME(pool_cells) cells;
    ptrdiff_t pitch = tile->pitch;
    ptrdiff_t top = fnn_max(0, p0 * g->stride_h - g->pad_h);
    ptrdiff_t bottom = fnn_min(g->in_h, (p0 + np - 1) * g->stride_h - g->pad_h + (g->kernel_h - 1) * g->dilation_h + 1);
    int has_nan = is_max & NAME(stage)(g, tile, top, bottom, q0 * g->stride_w - g->pad_w, x,
                                       is_max ? -(REAL)INFINITY : 0, cells.copy.pixels);
    NAME(meet_columns_of)(is_max, with_taps, has_nan, g->kernel_w, (bottom - top - 1) * pitch + nq, tile->offset,
                          cells.copy.pixels, cells.best, cells.with.tap);
    if (with_taps && q0 * g->stride_w < g->pad_w)
        for (ptrdiff_t h = top; h < bottom; h++) NAME(skip_padding)(g, q0, nq, cells.with.tap + (h - top) * pitch);
    if (!is_max)
        for (ptrdiff_t q = 0; q < nq; q++) cells.with.width[q] = fnn_mean_width(g, q0 + q, include_pad);
    for (ptrdiff_t p = p0; p < p0 + np; p++) {
        fnn_span rows = fnn_rows(g, p);
        ptrdiff_t from = (rows.start + rows.low * g->dilation_h - top) * pitch;
        REAL *to = y + p * g->out_w + q0;
        NAME(meet_rows_of)(is_max, with_taps, has_nan, rows.high - rows.low, g->dilation_h * pitch, nq, g->kernel_w,
                           rows.low * g->kernel_w, cells.best + from, with_taps ? cells.with.tap + from : NULL,
                           cells.with.width, is_max ? 1 : fnn_mean_height(g, p, include_pad), to,
                           nq < g->out_w ? to + nq : y_end, cells.copy.taps + (p - p0) * nq);
    }
    if (!with_taps) return;
    if (nq == g->out_w)
        NAME(narrow_taps)(np * nq, cells.copy.taps, taps, tap_bytes, p0 * nq);
    else
        for (ptrdiff_t p = 0; p < np; p++)
            NAME(narrow_taps)(nq, cells.copy.taps + p * nq, taps, tap_bytes, (p0 + p) * g->out_w + q0);
}

INLINE void NAME(pool_by_tiles)(int is_max, int with_taps, const fnn_pool2d *g, const NAME(pool_tile) *tile,
                                ptrdiff_t p0, ptrdiff_t p1, int include_pad, const REAL *x, REAL *y, void *taps,
                                int tap_bytes)
{
    for (ptrdiff_t p = p0; p < p1; p += tile->np)
        for (ptrdiff_t q = 0; q < g->out_w; q += tile->nq)
            NAME(pool_one_tile)(is_max, with_taps, g, tile, p, fnn_min(tile->np, p1 - p), q,
                                fnn_min(tile->nq, g->out_w - q), include_pad, x, y, y + p1 * g->out_w, taps,
                                tap_bytes);
}

static void NAME(max_tiles)(const fnn_pool2d *g, const NAME(pool_tile) *tile, ptrdiff_t p0, ptrdiff_t p1,
                            const REAL *x, REAL *y)
{
    NAME(pool_by_tiles)(1, 0, g, tile, p0, p1, 0, x, y, NULL, 0);
}

static void NAME(max_tiles_with_taps)(const fnn_pool2d *g, const NAME(pool_tile) *tile, ptrdiff_t p0, ptrdiff_t p1,
                                      const REAL *x, REAL *y, void *taps, int tap_bytes)
{
    NAME(pool_by_tiles)(1, 1, g, tile, p0, p1, 0, x, y, taps, tap_bytes);
}

static void NAME(avg_tiles)(const fnn_pool2d *g, const NAME(pool_tile) *tile, ptrdiff_t p0, ptrdiff_t p1,
                            int include_pad, const REAL *x, REAL *y)
{
    NAME(pool_by_tiles)(0, 0, g, tile, p0, p1, include_pad, x, y, NULL, 0);
}
