/* Gradients of pooling by tiles of pixels: each pixel gathers from the windows that cover it, in their order. The
 * windows' gradients are copied once between zeros, so that windows that do not exist add nothing. Column w of a row
 * lies in phase (w + pad_w) % stride_w; tap s serves one phase, and there all reads are unit-stride. */

#define POOL_CELLS (8192 / REAL_BYTES)
#define POOL_SOURCES 256
#define POOL_TAPS 32

typedef struct {
    ptrdiff_t offset; /* from a pixel's column j = (w + pad_w) / stride_w to the window */
    INT tap;
} NAME(source);

typedef struct {
    ptrdiff_t nh, nj; /* pixel rows, and columns of each phase */
    ptrdiff_t pitch;  /* of the windows' copy: `past` columns lie before a pixel's own */
    ptrdiff_t past;
    ptrdiff_t n_taps[2];
    NAME(source) taps[2][POOL_TAPS]; /* of a row of windows, by phases, from the last to the first */
} NAME(grad_tile);

typedef struct {
    REAL dy[POOL_CELLS + LANES];
    union {
        INT tap[POOL_CELLS + LANES];    /* max */
        REAL width[POOL_CELLS + LANES]; /* average: the windows' widths */
    } with;
    NAME(source) source[2 * POOL_SOURCES];
} NAME(grad_cells);

/* Returns 0 where no tile fits its cells. */
static int NAME(plan_grad)(const fnn_pool2d *g, NAME(grad_tile) *tile)
{
    ptrdiff_t taps = g->kernel_h * g->kernel_w, reach = (g->kernel_h - 1) * g->dilation_h + 1, rows;
    if (g->stride_w > 2 || g->kernel_w > POOL_TAPS || taps > POOL_SOURCES) return 0;
    tile->past = (g->kernel_w - 1) * g->dilation_w / g->stride_w;
    if (tile->past >= POOL_CELLS) return 0;
    tile->nj = (g->in_w - 1 + g->pad_w) / g->stride_w + 1;
    for (;; tile->nj = (tile->nj + 1) / 2) {
        tile->pitch = tile->nj + tile->past;
        rows = POOL_CELLS / tile->pitch;
        tile->nh = (rows - 1) * g->stride_h - reach + 2;
        if (tile->nh >= fnn_min(2 * reach, g->in_h) || tile->nj <= 4 * LANES) break;
    }
    tile->n_taps[0] = tile->n_taps[1] = 0;
    for (ptrdiff_t s = g->kernel_w - 1; s >= 0; s--) {
        ptrdiff_t at = s * g->dilation_w, phase = at % g->stride_w;
        tile->taps[phase][tile->n_taps[phase]++] = (NAME(source)){tile->past - at / g->stride_w, (INT)s};
    }
    return tile->nh >= 1;
}

/* dst[i] = src[i] for i < n, and garbage in up to LANES - 1 elements behind; reads stop at src_end. */
INLINE void NAME(copy_over)(ptrdiff_t n, const REAL *src, const REAL *src_end, REAL *dst)
{
    ptrdiff_t i = 0;
    for (; i < n && src_end - (src + i) >= LANES; i += LANES) NAME(store)(dst + i, NAME(load)(src + i));
    for (; i < n; i++) dst[i] = src[i];
}

/* Windows pa..pb-1 by columns q0..q0+pitch-1, zeros for those that do not exist. */
INLINE void NAME(stage_windows)(int mode, const fnn_pool2d *g, ptrdiff_t pitch, ptrdiff_t pa, ptrdiff_t pb,
                                ptrdiff_t q0, int include_pad, const REAL *dy, const void *taps, int tap_bytes,
                                NAME(grad_cells) *cells)
{
    ptrdiff_t low = fnn_min(pitch, fnn_max(0, -q0)), high = fnn_max(low, fnn_min(pitch, g->out_w - q0));
    if (mode == FNN_GATHER_SHARES)
        for (ptrdiff_t j = low; j < high; j++) cells->with.width[j] = fnn_mean_width(g, q0 + j, include_pad);
    for (ptrdiff_t p = pa; p < pb; p++) {
        REAL *to = cells->dy + (p - pa) * pitch;
        INT *tap = cells->with.tap + (p - pa) * pitch;
        ptrdiff_t from = p * g->out_w + q0, size = g->out_h * g->out_w;
        for (ptrdiff_t j = 0; j < low; j += LANES) {
            NAME(store)(to + j, (NAME(v)){0});
            if (mode == FNN_GATHER_WINNERS) NAME(store_int)(tap + j, (NAME(vi)){0});
        }
        NAME(copy_over)(high - low, dy + from + low, dy + size, to + low);
        if (mode == FNN_GATHER_WINNERS) NAME(widen_taps)(high - low, taps, tap_bytes, from + low, size, tap + low);
        for (ptrdiff_t j = high; j < pitch; j += LANES) {
            NAME(store)(to + j, (NAME(v)){0});
            if (mode == FNN_GATHER_WINNERS) NAME(store_int)(tap + j, (NAME(vi)){0});
        }
        if (mode != FNN_GATHER_SHARES) continue;
        REAL height = fnn_mean_height(g, p, include_pad);
        for (ptrdiff_t j = low; j < high; j++) to[j] /= cells->with.width[j] * height;
    }
}

/* The windows that cover row h, for pixels of one phase, in their order. Returns how many. */
INLINE ptrdiff_t NAME(list_sources)(const fnn_pool2d *g, const NAME(grad_tile) *tile, ptrdiff_t h, ptrdiff_t first,
                                    ptrdiff_t pa, ptrdiff_t pb, ptrdiff_t phase, NAME(source) *source)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t p = first; p < pb; p++) {
        ptrdiff_t below = h + g->pad_h - p * g->stride_h, r = g->dilation_h == 1 ? below : below / g->dilation_h;
        if (below < 0) break;
        if (r >= g->kernel_h || r * g->dilation_h != below) continue;
        for (ptrdiff_t i = 0; i < tile->n_taps[phase]; i++, n++) {
            source[n].offset = (p - pa) * tile->pitch + tile->taps[phase][i].offset;
            source[n].tap = (INT)(r * g->kernel_w) + tile->taps[phase][i].tap;
        }
    }
    return n;
}

INLINE NAME(v) NAME(gather_pixels)(int mode, ptrdiff_t n, const NAME(source) *source, const REAL *weight,
                                   const NAME(grad_cells) *cells, ptrdiff_t j, NAME(v) sum)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        NAME(v) dy = NAME(load)(cells->dy + source[i].offset + j);
        if (mode == FNN_GATHER_WINNERS) {
            NAME(vi) is_winner = NAME(load_int)(cells->with.tap + source[i].offset + j) == source[i].tap;
            dy = (NAME(v))(is_winner & (NAME(vi))dy);
        }
        sum += mode == FNN_GATHER_PRODUCTS ? weight[source[i].tap] * dy : dy;
    }
    return sum;
}

/* The counts of 3x3 windows get loops of their own. */
INLINE NAME(v) NAME(gather_pixels_of)(int mode, ptrdiff_t n, const NAME(source) *source, const REAL *weight,
                                      const NAME(grad_cells) *cells, ptrdiff_t j, NAME(v) sum)
{
    switch (n) {
    case 9: return NAME(gather_pixels)(mode, 9, source, weight, cells, j, sum);
    case 4: return NAME(gather_pixels)(mode, 4, source, weight, cells, j, sum);
    case 2: return NAME(gather_pixels)(mode, 2, source, weight, cells, j, sum);
    default: return NAME(gather_pixels)(mode, n, source, weight, cells, j, sum);
    }
}

/* Stores what fits before the end. */
INLINE void NAME(store_until)(REAL *to, const REAL *end, NAME(v) value)
{
    if (end - to >= LANES)
        NAME(store)(to, value);
    else
        for (ptrdiff_t i = 0; i < end - to; i++) to[i] = value[i];
}

/* A row of dx to write: pixels w0..w1-1, whole vectors up to the end. */
typedef struct {
    ptrdiff_t h, w0, w1, j0; /* column j counts from the tile's first, j0 */
    const REAL *weight;      /* GATHER_PRODUCTS */
    int add;                 /* to what is there; then nothing is written past w1 */
    REAL *row, *end;
} NAME(grad_row);

INLINE NAME(v) NAME(load_sum)(const NAME(grad_row) *to, ptrdiff_t w)
{
    NAME(v) sum = {0};
    if (to->add)
        for (ptrdiff_t i = 0; i < LANES && w + i < to->w1; i++) sum[i] = to->row[w + i];
    return sum;
}

INLINE void NAME(gather_row)(int mode, const fnn_pool2d *g, const NAME(grad_tile) *tile, ptrdiff_t first_p,
                             ptrdiff_t pa, ptrdiff_t pb, NAME(grad_cells) *cells, const NAME(grad_row) *to)
{
    ptrdiff_t stride = g->stride_w, first = to->w0 + g->pad_w - to->j0 * stride, phase = first % stride;
    ptrdiff_t n = NAME(list_sources)(g, tile, to->h, first_p, pa, pb, phase, cells->source);
    if (stride == 1) {
        for (ptrdiff_t w = to->w0; w < to->w1; w += LANES)
            NAME(store_until)(to->row + w, to->end,
                              NAME(gather_pixels_of)(mode, n, cells->source, to->weight, cells, first + w - to->w0,
                                                     NAME(load_sum)(to, w)));
        return;
    }
    NAME(source) *next = cells->source + n;
    ptrdiff_t n_next = NAME(list_sources)(g, tile, to->h, first_p, pa, pb, 1 - phase, next);
    for (ptrdiff_t w = to->w0, j = first / 2; w < to->w1; w += 2 * LANES, j += LANES) {
        NAME(v) a = {0}, b = {0};
        a = NAME(gather_pixels_of)(mode, n, cells->source, to->weight, cells, j, a);
        b = NAME(gather_pixels_of)(mode, n_next, next, to->weight, cells, j + phase, b);
        NAME(store_until)(to->row + w, to->end, NAME(load_sum)(to, w) + NAME(zip_low)(a, b));
        if (to->w1 - w > LANES)
            NAME(store_until)(to->row + w + LANES, to->end, NAME(load_sum)(to, w + LANES) + NAME(zip_high)(a, b));
    }
}

INLINE void NAME(grad_by_tiles)(int mode, const fnn_pool2d *g, const NAME(grad_tile) *tile, ptrdiff_t h0, ptrdiff_t h1,
                                int include_pad, const REAL *dy, const void *taps, int tap_bytes, const REAL *weight,
                                int add, REAL *dx)
{
    NAME(grad_cells) cells;
    ptrdiff_t reach = (g->kernel_h - 1) * g->dilation_h;
    for (ptrdiff_t h = h0; h < h1; h += tile->nh)
        for (ptrdiff_t j = 0; j * g->stride_w - g->pad_w < g->in_w; j += tile->nj) {
            ptrdiff_t bottom = fnn_min(h + tile->nh, h1);
            ptrdiff_t pa = fnn_max(0, fnn_ceil_div(h + g->pad_h - reach, g->stride_h));
            ptrdiff_t pb = fnn_min(g->out_h, (bottom - 1 + g->pad_h) / g->stride_h + 1);
            NAME(grad_row) to = {.w0 = fnn_max(0, j * g->stride_w - g->pad_w), .j0 = j, .weight = weight, .add = add};
            to.w1 = fnn_min(g->in_w, (j + tile->nj) * g->stride_w - g->pad_w);
            if (to.w0 >= to.w1) continue;
            NAME(stage_windows)(mode, g, tile->pitch, pa, pb, j - tile->past, include_pad, dy, taps, tap_bytes, &cells);
            ptrdiff_t first = pa;
            for (to.h = h; to.h < bottom; to.h++) {
                while (first * g->stride_h - g->pad_h + reach < to.h) first++;
                to.row = dx + to.h * g->in_w;
                to.end = add || to.w1 - to.w0 < g->in_w ? to.row + to.w1 : dx + h1 * g->in_w;
                NAME(gather_row)(mode, g, tile, first, pa, pb, &cells, &to);
            }
        }
}

static void NAME(max_grad_tiles)(const fnn_pool2d *g, const NAME(grad_tile) *tile, ptrdiff_t h0, ptrdiff_t h1,
                                 const REAL *dy, const void *taps, int tap_bytes, REAL *dx)
{
    NAME(grad_by_tiles)(FNN_GATHER_WINNERS, g, tile, h0, h1, 0, dy, taps, tap_bytes, NULL, 0, dx);
}

static void NAME(avg_grad_tiles)(const fnn_pool2d *g, const NAME(grad_tile) *tile, ptrdiff_t h0, ptrdiff_t h1,
                                 int include_pad, const REAL *dy, REAL *dx)
{
    NAME(grad_by_tiles)(FNN_GATHER_SHARES, g, tile, h0, h1, include_pad, dy, NULL, 0, NULL, 0, dx);
}
