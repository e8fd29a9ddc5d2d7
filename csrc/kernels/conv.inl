/* What an implicit im2col needs: padded copies of images, and panels of taps gathered from them. */

INLINE void NAME(copy_row)(ptrdiff_t n, const REAL *src, REAL *dst)
{
    ptrdiff_t j = 0;
    for (; j + LANES <= n; j += LANES) NAME(store)(dst + j, NAME(load)(src + j));
    if (j < n && n >= LANES) {
        NAME(store)(dst + n - LANES, NAME(load)(src + n - LANES)); /* the last whole vector, over what is there */
        return;
    }
    for (; j < n; j++) dst[j] = src[j];
}

/* Every other element: two loads, one shuffle. What follows the last one is never read. */
INLINE void NAME(copy_row_2)(ptrdiff_t n, const REAL *src, REAL *dst)
{
    ptrdiff_t j = 0;
    for (; j + LANES < n; j += LANES)
        NAME(store)(dst + j, NAME(even)(NAME(load)(src + 2 * j), NAME(load)(src + 2 * j + LANES)));
    if (n >= LANES) {
        j = n - LANES;
        NAME(store)(dst + j, NAME(even_odd)(NAME(load)(src + 2 * j), NAME(load)(src + 2 * j + LANES - 1)));
        return;
    }
    for (; j < n; j++) dst[j] = src[2 * j];
}

/* Vector j of every step-th element, for the steps that have shuffles. */
INLINE NAME(v) NAME(every)(int step, const REAL *src)
{
    if (step == 1) return NAME(load)(src);
    if (step == 2) return NAME(even)(NAME(load)(src), NAME(load)(src + LANES));
    return NAME(even)(NAME(every)(2, src), NAME(every)(2, src + 2 * LANES));
}

/* Rows in whole vectors: what they write too much, later rows overwrite. Returns how many rows have enough after them
 * for that, in dst and in src, of which nothing past the last element is read. */
INLINE ptrdiff_t NAME(pad_whole)(int step, ptrdiff_t rows, ptrdiff_t before, ptrdiff_t n, ptrdiff_t after,
                                 const REAL *src, ptrdiff_t src_rs, REAL *dst)
{
    ptrdiff_t vectors = (n + LANES - 1) / LANES, pitch = before + n + after, i = 0;
    ptrdiff_t written = before + vectors * LANES;
    const REAL *src_end = src + (rows - 1) * src_rs + (n - 1) * step + 1;
    REAL *dst_end = dst + rows * pitch;
    if (before > LANES || after > LANES) return 0;
    if (after > 0 && written < before + n + LANES) written = before + n + LANES;
    for (; i < rows; i++, src += src_rs, dst += pitch) {
        if (src + vectors * LANES * step > src_end || dst + written > dst_end) break;
        if (before > 0) NAME(store)(dst, (NAME(v)){0});
        for (ptrdiff_t j = 0; j < vectors; j++)
            NAME(store)(dst + before + j * LANES, NAME(every)(step, src + j * LANES * step));
        if (after > 0) NAME(store)(dst + before + n, (NAME(v)){0});
    }
    return i;
}

static void NAME(pad_rows)(ptrdiff_t rows, ptrdiff_t before, ptrdiff_t n, ptrdiff_t after, const REAL *src,
                           ptrdiff_t src_rs, ptrdiff_t src_cs, REAL *dst)
{
    ptrdiff_t done = 0;
    if (src_cs == 1) done = NAME(pad_whole)(1, rows, before, n, after, src, src_rs, dst);
    if (src_cs == 2) done = NAME(pad_whole)(2, rows, before, n, after, src, src_rs, dst);
    if (src_cs == 4) done = NAME(pad_whole)(4, rows, before, n, after, src, src_rs, dst);
    src += done * src_rs;
    dst += done * (before + n + after);
    for (ptrdiff_t i = done; i < rows; i++, src += src_rs) {
        for (ptrdiff_t j = 0; j < before; j++) dst[j] = 0;
        dst += before;
        if (src_cs == 1)
            NAME(copy_row)(n, src, dst);
        else if (src_cs == 2)
            NAME(copy_row_2)(n, src, dst);
        else
            for (ptrdiff_t j = 0; j < n; j++) dst[j] = src[j * src_cs];
        dst += n;
        for (ptrdiff_t j = 0; j < after; j++) dst[j] = 0;
        dst += after;
    }
}

static void NAME(spread)(ptrdiff_t n, const REAL *src, REAL *dst, ptrdiff_t dst_cs)
{
    if (dst_cs == 1) {
        NAME(copy_row)(n, src, dst);
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++) dst[j * dst_cs] = src[j];
}

/* `taps` panel rows at once, so that they share the walk over the pieces. Whole vectors are stored: a store across two
 * cache lines costs more than the loads it saves. */
INLINE void NAME(gather_taps)(int taps, const ptrdiff_t *off, ptrdiff_t pieces, const ptrdiff_t *from,
                              const ptrdiff_t *lane, const REAL *src, REAL *dst, ptrdiff_t width)
{
    NAME(vi) number;
    for (int j = 0; j < LANES; j++) number[j] = j;
    for (ptrdiff_t i = 0; i < pieces; dst += LANES) {
        NAME(v) x[4];
        for (int u = 0; u < taps; u++) x[u] = NAME(load)(src + off[u] + from[i]);
        for (i++; i < pieces && lane[i] > 0; i++) {
            NAME(vi) before = number < (INT)lane[i];
            for (int u = 0; u < taps; u++) x[u] = NAME(select)(before, x[u], NAME(load)(src + off[u] + from[i]));
        }
        for (int u = 0; u < taps; u++) NAME(store)(dst + u * width, x[u]);
    }
}

static void NAME(gather)(ptrdiff_t k, const ptrdiff_t *off, ptrdiff_t pieces, const ptrdiff_t *from,
                         const ptrdiff_t *lane, const REAL *src, REAL *dst, ptrdiff_t width)
{
    ptrdiff_t t = 0;
    for (; t + 4 <= k; t += 4) NAME(gather_taps)(4, off + t, pieces, from, lane, src, dst + t * width, width);
    for (; t < k; t++) NAME(gather_taps)(1, off + t, pieces, from, lane, src, dst + t * width, width);
}
