/* Squares of a matrix transposed in registers: GROUP rows x PART columns. Vectors of at most 256 bits, whose shuffles
 * are the cheapest. GROUP and PART hold to the end of all.inl. */
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

/* columns[t][i] = w[i*w_rs + t], i < GROUP, t < PART. */
INLINE void NAME(load_square)(const REAL *w, ptrdiff_t w_rs, NAME(group) columns[PART])
{
    NAME(group) rows[PART];
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
}

INLINE NAME(group) NAME(load_group)(const REAL *p) { return LOAD_GROUP(p); }
INLINE void NAME(store_group)(REAL *p, NAME(group) x) { STORE_GROUP(p, x); }

#undef LOAD_GROUP
#undef STORE_GROUP
#undef TWO_ROWS
#undef LOW
#undef HIGH
#undef LOW_PAIRS
#undef HIGH_PAIRS
