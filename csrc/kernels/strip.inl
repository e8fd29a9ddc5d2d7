/* Strips of LANES windows side by side, straight from the image: the pixels under one tap of a strip are a vector. With
 * stride s, s vectors that lie one after the other hold s taps, and are sorted into them in registers. Lanes outside
 * the image are not read. */
#define STRIP_STRIDE 4 /* longer strides, and longer ones than 1 with dilation, pick their pixels one at a time */
#define STRIP_TAPS 32  /* the widest window that is worth it */
#define STRIP_PIXELS (16384 / REAL_BYTES) /* of planes, or rows of them, that are gone through strip by strip: in L1 */
#define STRIP_FAR (1048576 / REAL_BYTES)

typedef struct {
    ptrdiff_t start; /* the image's column under the first window's first tap; negative in the padding */
    ptrdiff_t in_w, kernel, stride, dilation; /* along a row */
    int is_inside; /* all of it */
    int has_room;  /* what lies around it may be read */
    NAME(mask) inside[STRIP_TAPS + STRIP_STRIDE];
} NAME(strip);

/* How a kernel for strips loads: the stride, or 0: one at a time. */
INLINE int NAME(strip_stride)(const fnn_pool2d *g)
{
    int together = g->stride_w == 1 || (g->stride_w <= STRIP_STRIDE && g->dilation_w == 1);
    return together ? (int)g->stride_w : 0;
}

/* The first window of a strip. Where masks cost, the last strip ends with the last window: most of them need none. */
INLINE ptrdiff_t NAME(strip_start)(const fnn_pool2d *g, ptrdiff_t strip)
{
    return MASKS_COST && g->out_w >= LANES ? fnn_min(strip * LANES, g->out_w - LANES) : strip * LANES;
}

/* With stride 2 the last of an odd number of taps has a pair of vectors of its own. The second of them begins one pixel
 * sooner, so that it ends with the window. */
INLINE int NAME(taps_end)(int stride, ptrdiff_t tap, ptrdiff_t kernel) { return stride == 2 && tap + 1 == kernel; }

INLINE void NAME(set_strip)(const fnn_pool2d *g, ptrdiff_t q, NAME(strip) *strip)
{
    ptrdiff_t stride = NAME(strip_stride)(g), start = q * g->stride_w - g->pad_w;
    *strip = (NAME(strip)){.start = start, .in_w = g->in_w, .kernel = g->kernel_w, .stride = g->stride_w,
                           .dilation = g->dilation_w, .is_inside = start >= 0};
    for (ptrdiff_t tap = 0, i = 0; stride != 0 && tap < g->kernel_w; tap += stride)
        for (ptrdiff_t piece = 0; piece < stride; piece++, i++) {
            ptrdiff_t first = start + tap * g->dilation_w + piece * LANES;
            if (piece == 1) first -= NAME(taps_end)((int)stride, tap, g->kernel_w);
            strip->inside[i] = NAME(lanes_between)(-first, g->in_w - first);
            strip->is_inside &= first + LANES <= g->in_w;
        }
}

/* No prefetcher follows the order in which strips visit the lines of a band: with each of its strips goes a share of
 * the next band, which may lie past the image, where fetching does nothing. `all`: elements that this thread goes
 * through; what its cache may hold already is left alone. */
INLINE void NAME(fetch_share)(ptrdiff_t all, const REAL *next, ptrdiff_t size, ptrdiff_t strip, ptrdiff_t strips)
{
    if (all < STRIP_FAR) return;
    for (ptrdiff_t i = size * strip / strips; i < size * (strip + 1) / strips; i += 64 / REAL_BYTES)
        __builtin_prefetch(next + i, 0, 2);
}

/* Whether none is NaN or infinite. */
static int NAME(is_finite)(ptrdiff_t n, const REAL *values)
{
    NAME(v) zeros[4] = {{0}};
    REAL zero = 0;
    ptrdiff_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) zeros[j] += NAME(load)(values + i + j * LANES) * 0;
    for (; i < n; i++) zero += values[i] * 0;
    return zero == 0 && !NAME(has_nan)((zeros[0] + zeros[1]) + (zeros[2] + zeros[3]));
}

/* Whether whole vectors may be read for a strip of plane i of `planes`, of `in` pixels each. */
INLINE int NAME(has_room)(const NAME(strip) *strip, ptrdiff_t i, ptrdiff_t planes, ptrdiff_t in)
{
    ptrdiff_t past = strip->kernel * strip->dilation + strip->stride * LANES;
    return i * in + strip->start >= 0 && (planes - 1 - i) * in >= past;
}

/* Whatever comes of load_taps with this stride, its windows as they lie; and the other way round. */
INLINE NAME(v) NAME(strip_order)(int stride, NAME(v) x) { return stride == 2 ? NAME(in_order)(x) : x; }

/* The vectors of `stride` taps from `tap` on, in one row of the image; tap is a multiple of stride. fill outside the
 * image; NULL: zeros. */
INLINE void NAME(load_taps)(int stride, const NAME(strip) *strip, ptrdiff_t tap, ptrdiff_t kernel, const REAL *row,
                            const NAME(v) *fill, NAME(v) *taps)
{
    NAME(v) piece[STRIP_STRIDE] = {{0}};
    const REAL *from = row + strip->start + tap * (stride == 1 ? strip->dilation : 1);
    const int end = NAME(taps_end)(stride, tap, kernel);
    if (stride == 0) {
        if (fill != NULL) piece[0] = *fill;
        for (ptrdiff_t j = 0, w = strip->start + tap * strip->dilation; j < LANES; j++, w += strip->stride)
            if (w >= 0 && w < strip->in_w) piece[0][j] = row[w];
        taps[0] = piece[0];
        return;
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < stride; i++) {
        const REAL *at = from + i * LANES - (i == 1 && end);
        if (MASKS_COST && strip->is_inside)
            piece[i] = NAME(load)(at);
        else if (MASKS_COST && fill == NULL && strip->has_room)
            piece[i] = NAME(keep_lanes)(NAME(load)(at), strip->inside[tap + i]);
        else if (fill == NULL)
            piece[i] = NAME(load_or_zero)(at, strip->inside[tap + i]);
        else
            piece[i] = NAME(load_lanes)(at, strip->inside[tap + i], *fill);
    }
    switch (stride) {
    case 1: taps[0] = piece[0]; break;
    case 2:
        taps[0] = end ? NAME(even_odd_apart)(piece[0], piece[1]) : NAME(even_apart)(piece[0], piece[1]);
        taps[1] = NAME(odd_apart)(piece[0], piece[1]);
        break;
    case 3:
        taps[0] = NAME(third_0)(piece[0], piece[1], piece[2]);
        taps[1] = NAME(third_1)(piece[0], piece[1], piece[2]);
        taps[2] = NAME(third_2)(piece[0], piece[1], piece[2]);
        break;
    default: {
        NAME(v) even_a = NAME(even)(piece[0], piece[1]), even_b = NAME(even)(piece[2], piece[3]);
        NAME(v) odd_a = NAME(odd)(piece[0], piece[1]), odd_b = NAME(odd)(piece[2], piece[3]);
        taps[0] = NAME(even)(even_a, even_b);
        taps[1] = NAME(even)(odd_a, odd_b);
        taps[2] = NAME(odd)(even_a, even_b);
        taps[3] = NAME(odd)(odd_a, odd_b);
    }
    }
}

/* The first n lanes of a row of results; whole vectors up to `end`. Rows go in ascending order and the last strip goes
 * first, so that what is written past n is still to be written. */
INLINE void NAME(store_strip)(REAL *to, ptrdiff_t n, const REAL *end, NAME(v) x)
{
    if (n == LANES || end - to >= LANES)
        NAME(store)(to, x);
    else
        NAME(store_few)(to, n, x);
}
