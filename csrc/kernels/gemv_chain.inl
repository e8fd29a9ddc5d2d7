/* W x with W's rows in memory, each output one sequential chain: squares of W are transposed in registers, since the
 * outputs have to stand in the lanes. */
#define ONE_ADDRESS(pointer) __asm__("" : "+r"(pointer))
#define SHORT_ROW (256 / REAL_BYTES) /* no more than the processor's own prefetching misses at the start of each row */

/* sum += taps `first` .. PART-1 of the square of W at w, times x: one row of W in each lane. */
INLINE NAME(group) NAME(add_square)(NAME(group) sum, int first, const REAL *w, ptrdiff_t w_rs, const REAL *x)
{
    NAME(group) columns[PART];
    NAME(load_square)(w, w_rs, columns);
    _Pragma("GCC unroll 4") for (int i = 0; i < PART; i++)
        if (i >= first) sum += x[i] * columns[i];
    return sum;
}

/* `n` groups of rows at once, to hide the latency of their chains; sums: in and out. k >= PART. fetch: the rows
 * behind these, which follow them in memory, are wanted next. */
INLINE void NAME(gemv_chain_groups)(int n, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x, REAL *sums,
                                    int fetch)
{
    NAME(group) sum[4];
    const REAL *next = w + n * GROUP * w_rs;
    ptrdiff_t t = 0;
    for (int g = 0; g < n; g++) sum[g] = NAME(load_group)(sums + g * GROUP);
    for (; t + PART <= k; t += PART) {
        const REAL *rows = w + t;
        _Pragma("GCC unroll 4") for (int g = 0; g < n; g++) {
            ONE_ADDRESS(rows); /* one address for all rows: there are no registers for 32 */
            sum[g] = NAME(add_square)(sum[g], 0, rows, w_rs, x + t);
            rows += GROUP * w_rs;
            if (fetch)
                for (int i = 0; i < GROUP * PART; i += 64 / REAL_BYTES, next += 64 / REAL_BYTES)
                    __builtin_prefetch(next);
        }
    }
    /* The last few taps: a whole square that ends with them. */
    for (int g = 0; t < k && g < n; g++)
        sum[g] = NAME(add_square)(sum[g], (int)(PART - (k - t)), w + g * GROUP * w_rs + k - PART, w_rs, x + k - PART);
    for (int g = 0; g < n; g++) NAME(store_group)(sums + g * GROUP, sum[g]);
}

/* How many groups of rows the first-level cache (64 sets of 8 lines) holds a line of for each row: rows whose distance
 * is a power of two meet in few sets. */
static int NAME(groups_in_cache)(ptrdiff_t w_rs)
{
    ptrdiff_t bytes = w_rs * REAL_BYTES;
    ptrdiff_t apart = bytes & -bytes; /* the largest power of two in it */
    return apart * 4 * GROUP <= 32768 ? 4 : apart * 2 * GROUP <= 32768 ? 2 : 1;
}

static void NAME(gemv_chain)(ptrdiff_t rows, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x,
                             const REAL *init, REAL *y)
{
    ptrdiff_t i = 0, rest = rows % GROUP;
    if (rows < GROUP || k < PART) {
        for (; i < rows; i++) {
            REAL sum = init[i];
            for (ptrdiff_t t = 0; t < k; t++) sum += w[i * w_rs + t] * x[t];
            y[i] = sum;
        }
        return;
    }
    if (y != init) memcpy(y, init, rows * sizeof(REAL));
    if (rest > 0) { /* the last rows first: a whole group that ends with them, of which only they are kept */
        REAL sums[GROUP] = {0};
        memcpy(sums + GROUP - rest, y + rows - rest, rest * sizeof(REAL));
        NAME(gemv_chain_groups)(1, k, w + (rows - GROUP) * w_rs, w_rs, x, sums, 0);
        memcpy(y + rows - rest, sums + GROUP - rest, rest * sizeof(REAL));
    }
    int groups = NAME(groups_in_cache)(w_rs);
    if (groups == 4 && w_rs == k && k <= SHORT_ROW)
        for (; i + 8 * GROUP <= rows; i += 4 * GROUP)
            NAME(gemv_chain_groups)(4, k, w + i * w_rs, w_rs, x, y + i, 1);
    if (groups == 4)
        for (; i + 4 * GROUP <= rows; i += 4 * GROUP)
            NAME(gemv_chain_groups)(4, k, w + i * w_rs, w_rs, x, y + i, 0);
    if (groups >= 2)
        for (; i + 2 * GROUP <= rows; i += 2 * GROUP)
            NAME(gemv_chain_groups)(2, k, w + i * w_rs, w_rs, x, y + i, 0);
    for (; i + GROUP <= rows; i += GROUP) NAME(gemv_chain_groups)(1, k, w + i * w_rs, w_rs, x, y + i, 0);
}

#undef SHORT_ROW
#undef ONE_ADDRESS
