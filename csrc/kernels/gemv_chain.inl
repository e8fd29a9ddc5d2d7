/* W x with W's rows in memory, each output one sequential chain: squares of W are transposed in registers, since the
 * outputs have to stand in the lanes. Vectors of at most 256 bits, whose shuffles are the cheapest. */
#define PART (16 / REAL_BYTES) /* elements of 128 bits: the taps of a square */

#if defined(__AVX2__) && REAL_BYTES == 4
#define GROUP 8
typedef __m256 NAME(group);
#define LOAD_GROUP(p) _mm256_loadu_ps(p)
#define STORE_GROUP(p, x) _mm256_storeu_ps(p, x)
#define TWO_ROWS(p, q) _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1)
#define LOW(a, b) _mm256_unpacklo_ps(a, b)
#define HIGH(a, b) _mm256_unpackhi_ps(a, b)
#define LOW_PAIRS(a, b) _mm256_shuffle_ps(a, b, 0x44)
#define HIGH_PAIRS(a, b) _mm256_shuffle_ps(a, b, 0xee)
#elif defined(__AVX2__)
#define GROUP 4
typedef __m256d NAME(group);
#define LOAD_GROUP(p) _mm256_loadu_pd(p)
#define STORE_GROUP(p, x) _mm256_storeu_pd(p, x)
#define TWO_ROWS(p, q) _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(q), 1)
#define LOW(a, b) _mm256_unpacklo_pd(a, b)
#define HIGH(a, b) _mm256_unpackhi_pd(a, b)
#else
#define GROUP PART
typedef NAME(v) NAME(group);
#define LOAD_GROUP(p) NAME(load)(p)
#define STORE_GROUP(p, x) NAME(store)(p, x)
#define TWO_ROWS(p, q) NAME(load)(p)
#if REAL_BYTES == 4
#define LOW(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define HIGH(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 4, 5)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 6, 7)
#else
#define LOW(a, b) SHUFFLE(a, b, 0, 2)
#define HIGH(a, b) SHUFFLE(a, b, 1, 3)
#endif
#endif

/* sum += taps `first` .. PART-1 of the square of W at w, times x: one row of W in each lane. */
INLINE NAME(group) NAME(add_square)(NAME(group) sum, int first, const REAL *w, ptrdiff_t w_rs, const REAL *x)
{
    NAME(group) rows[PART], columns[PART];
    _Pragma("GCC unroll 4") for (int i = 0; i < PART; i++) rows[i] = TWO_ROWS(w + i * w_rs, w + (i + PART) * w_rs);
#if REAL_BYTES == 4
    NAME(group) low01 = LOW(rows[0], rows[1]), low23 = LOW(rows[2], rows[3]);
    NAME(group) high01 = HIGH(rows[0], rows[1]), high23 = HIGH(rows[2], rows[3]);
    columns[0] = LOW_PAIRS(low01, low23);
    columns[1] = HIGH_PAIRS(low01, low23);
    columns[2] = LOW_PAIRS(high01, high23);
    columns[3] = HIGH_PAIRS(high01, high23);
#else
    columns[0] = LOW(rows[0], rows[1]);
    columns[1] = HIGH(rows[0], rows[1]);
#endif
    _Pragma("GCC unroll 4") for (int i = 0; i < PART; i++)
        if (i >= first) sum += x[i] * columns[i];
    return sum;
}

/* `n` groups of rows at once, to hide the latency of their chains; sums: in and out. k >= PART. */
INLINE void NAME(gemv_chain_groups)(int n, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x, REAL *sums)
{
    NAME(group) sum[4];
    ptrdiff_t t = 0;
    for (int g = 0; g < n; g++) sum[g] = LOAD_GROUP(sums + g * GROUP);
    for (; t + PART <= k; t += PART)
        _Pragma("GCC unroll 4") for (int g = 0; g < n; g++)
            sum[g] = NAME(add_square)(sum[g], 0, w + g * GROUP * w_rs + t, w_rs, x + t);
    /* The last few taps: a whole square that ends with them. */
    for (int g = 0; t < k && g < n; g++)
        sum[g] = NAME(add_square)(sum[g], (int)(PART - (k - t)), w + g * GROUP * w_rs + k - PART, w_rs, x + k - PART);
    for (int g = 0; g < n; g++) STORE_GROUP(sums + g * GROUP, sum[g]);
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
        NAME(gemv_chain_groups)(1, k, w + (rows - GROUP) * w_rs, w_rs, x, sums);
        memcpy(y + rows - rest, sums + GROUP - rest, rest * sizeof(REAL));
    }
    for (; i + 4 * GROUP <= rows; i += 4 * GROUP) NAME(gemv_chain_groups)(4, k, w + i * w_rs, w_rs, x, y + i);
    for (; i + GROUP <= rows; i += GROUP) NAME(gemv_chain_groups)(1, k, w + i * w_rs, w_rs, x, y + i);
}

#undef PART
#undef GROUP
#undef LOAD_GROUP
#undef STORE_GROUP
#undef TWO_ROWS
#undef LOW
#undef HIGH
#undef LOW_PAIRS
#undef HIGH_PAIRS
