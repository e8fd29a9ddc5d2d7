/* Panels for the products: rows of `width` elements, one row a tap, zeros past the last column. */

static void NAME(pack)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst)
{
    for (ptrdiff_t t = 0; t < k; t++, src += ld, dst += width) {
        ptrdiff_t j = 0;
        for (; j + LANES <= cols; j += LANES) NAME(store)(dst + j, NAME(load)(src + j));
        for (; j < cols; j++) dst[j] = src[j];
        for (; j < width; j++) dst[j] = 0;
    }
}

/* LANES rows of LANES elements, transposed in registers: log2(LANES) perfect shuffles of row i with row i + LANES/2. */
INLINE void NAME(load_transposed)(const REAL *src, ptrdiff_t ld, NAME(v) rows[LANES])
{
    NAME(v) next[LANES];
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) rows[i] = NAME(load)(src + i * ld);
    _Pragma("GCC unroll 4") for (int step = 1; step < LANES; step *= 2) {
        _Pragma("GCC unroll 8") for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = NAME(zip_low)(rows[i], rows[i + LANES / 2]);
            next[2 * i + 1] = NAME(zip_high)(rows[i], rows[i + LANES / 2]);
        }
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) rows[i] = next[i];
    }
}

INLINE void NAME(transpose_block)(const REAL *src, ptrdiff_t ld, REAL *dst, ptrdiff_t width)
{
    for (int t = 0; t < LANES; t += PART)
        for (int j = 0; j < LANES; j += GROUP) {
            NAME(group) columns[PART];
            NAME(load_square)(src + j * ld + t, ld, columns);
            _Pragma("GCC unroll 4") for (int u = 0; u < PART; u++)
                NAME(store_group)(dst + (t + u) * width + j, columns[u]);
        }
}

/* n <= LANES rows of src, of which whole vectors cannot be read or are too few; zeros in the other lanes, of which
 * `width` are stored. */
static void NAME(pack_t_few)(ptrdiff_t k, ptrdiff_t n, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst,
                             ptrdiff_t dst_ks)
{
    REAL few[LANES * LANES], turned[LANES * LANES];
    memset(few, 0, sizeof few);
    for (ptrdiff_t t = 0; t < k; t += LANES) {
        ptrdiff_t taps = k - t < LANES ? k - t : LANES;
        if (taps == LANES)
            for (ptrdiff_t i = 0; i < n; i++) NAME(store)(few + i * LANES, NAME(load)(src + i * ld + t));
        else
            for (ptrdiff_t i = 0; i < n; i++)
                for (ptrdiff_t u = 0; u < taps; u++) few[i * LANES + u] = src[i * ld + t + u];
        NAME(transpose_block)(few, LANES, turned, LANES);
        for (ptrdiff_t i = 0; i < taps; i++) {
            NAME(v) row = NAME(load)(turned + i * LANES);
            if (width >= LANES) NAME(store)(dst + (t + i) * dst_ks, row);
            else NAME(store_few)(dst + (t + i) * dst_ks, width, row);
        }
    }
}

static void NAME(pack_t_apart)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst,
                               ptrdiff_t dst_ks)
{
    ptrdiff_t j = 0;
    for (; j + LANES <= cols; j += LANES) {
        ptrdiff_t t = 0;
        if (k < LANES) {
            NAME(pack_t_few)(k, LANES, LANES, src + j * ld, ld, dst + j, dst_ks);
            continue;
        }
        for (; t + LANES <= k; t += LANES)
            NAME(transpose_block)(src + j * ld + t, ld, dst + t * dst_ks + j, dst_ks);
        if (t < k) /* the last taps with some of those before them once more */
            NAME(transpose_block)(src + j * ld + k - LANES, ld, dst + (k - LANES) * dst_ks + j, dst_ks);
    }
    if (j < cols) {
        NAME(pack_t_few)(k, cols - j, width - j, src + j * ld, ld, dst + j, dst_ks);
        j += LANES;
    }
    for (; j < width; j++)
        for (ptrdiff_t t = 0; t < k; t++) dst[t * dst_ks + j] = 0;
}

static void NAME(pack_t)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst)
{
    NAME(pack_t_apart)(k, cols, width, src, ld, dst, width);
}

static void NAME(col_sum)(ptrdiff_t k, ptrdiff_t cols, const REAL *src, ptrdiff_t ld, REAL *dst)
{
    ptrdiff_t j = 0;
    for (; j + LANES <= cols; j += LANES) {
        NAME(v) sum = {0};
        for (ptrdiff_t t = 0; t < k; t++) sum += NAME(load)(src + t * ld + j);
        NAME(store)(dst + j, sum);
    }
    for (; j < cols; j++) {
        REAL sum = 0;
        for (ptrdiff_t t = 0; t < k; t++) sum += src[t * ld + j];
        dst[j] = sum;
    }
}
