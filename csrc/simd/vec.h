/* Vectors of REAL by GCC's and Clang's vector extensions. Included once for each element type (no guard). */
#define NAME(x) FNN_CONCAT(FNN_CONCAT(FNN_CONCAT(fnn_, DTYPE), FNN_CONCAT(_, x)), FNN_CONCAT(__, FNN_ISA_NAME))
#define LANES (FNN_VEC_BYTES / REAL_BYTES)
#define INLINE static inline __attribute__((always_inline))

typedef REAL NAME(v) __attribute__((vector_size(FNN_VEC_BYTES)));
typedef INT NAME(vi) __attribute__((vector_size(FNN_VEC_BYTES)));
typedef REAL NAME(vu) __attribute__((vector_size(FNN_VEC_BYTES), aligned(sizeof(REAL)), may_alias));

typedef INT NAME(viu) __attribute__((vector_size(FNN_VEC_BYTES), aligned(sizeof(REAL)), may_alias));

INLINE NAME(v) NAME(load)(const REAL *p) { return *(const NAME(vu) *)p; }
INLINE void NAME(store)(REAL *p, NAME(v) x) { *(NAME(vu) *)p = x; }
INLINE NAME(vi) NAME(load_int)(const INT *p) { return *(const NAME(viu) *)p; }
INLINE void NAME(store_int)(INT *p, NAME(vi) x) { *(NAME(viu) *)p = x; }
INLINE NAME(v) NAME(broadcast)(REAL x) { return x - (NAME(v)){0}; }

/* mask ? x : y in each lane; the compiler makes a blend of it. */
INLINE NAME(v) NAME(select)(NAME(vi) mask, NAME(v) x, NAME(v) y)
{
    return (NAME(v))((mask & (NAME(vi))x) | (~mask & (NAME(vi))y));
}

/* x > y ? x : y in each lane, y where either is NaN: one instruction on x86, but the compiler does not see it. */
#if !defined(__x86_64__)
#define LARGER(x, y) NAME(select)((x) > (y), x, y)
#elif FNN_VEC_BYTES == 64 && REAL_BYTES == 4
#define LARGER(x, y) (NAME(v))_mm512_max_ps((__m512)(x), (__m512)(y))
#elif FNN_VEC_BYTES == 64
#define LARGER(x, y) (NAME(v))_mm512_max_pd((__m512d)(x), (__m512d)(y))
#elif FNN_VEC_BYTES == 32 && REAL_BYTES == 4
#define LARGER(x, y) (NAME(v))_mm256_max_ps((__m256)(x), (__m256)(y))
#elif FNN_VEC_BYTES == 32
#define LARGER(x, y) (NAME(v))_mm256_max_pd((__m256d)(x), (__m256d)(y))
#elif REAL_BYTES == 4
#define LARGER(x, y) (NAME(v))_mm_max_ps((__m128)(x), (__m128)(y))
#else
#define LARGER(x, y) (NAME(v))_mm_max_pd((__m128d)(x), (__m128d)(y))
#endif
INLINE NAME(v) NAME(larger)(NAME(v) x, NAME(v) y) { return LARGER(x, y); }
#undef LARGER

/* SHUFFLE(x, y, indices...): index j takes x[j], index LANES + j takes y[j]. The indices are literals. */
#ifndef SHUFFLE
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (NAME(vi)){__VA_ARGS__})
#endif
#endif

/* The low halves of two vectors interleaved: x0 y0 x1 y1 ..., and the high halves. */
#if LANES == 16
#define INDEX_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define INDEX_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define INDEX_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define INDEX_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 4
#define INDEX_LOW 0, 4, 1, 5
#define INDEX_HIGH 2, 6, 3, 7
#else
#define INDEX_LOW 0, 2
#define INDEX_HIGH 1, 3
#endif
INLINE NAME(v) NAME(zip_low)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, INDEX_LOW); }
INLINE NAME(v) NAME(zip_high)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, INDEX_HIGH); }
#undef INDEX_LOW
#undef INDEX_HIGH

/* The elements of two vectors at even places: x0 x2 ... y0 y2 ..., and at odd places. */
#if LANES == 16
#define INDEX_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define INDEX_EVEN_ODD 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31
#define INDEX_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define INDEX_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define INDEX_EVEN_ODD 0, 2, 4, 6, 9, 11, 13, 15
#define INDEX_ODD 1, 3, 5, 7, 9, 11, 13, 15
#elif LANES == 4
#define INDEX_EVEN 0, 2, 4, 6
#define INDEX_EVEN_ODD 0, 2, 5, 7
#define INDEX_ODD 1, 3, 5, 7
#else
#define INDEX_EVEN 0, 2
#define INDEX_EVEN_ODD 0, 3
#define INDEX_ODD 1, 3
#endif
INLINE NAME(v) NAME(even)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, INDEX_EVEN); }
INLINE NAME(v) NAME(odd)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, INDEX_ODD); }
INLINE NAME(v) NAME(even_odd)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, INDEX_EVEN_ODD); }
#undef INDEX_EVEN
#undef INDEX_EVEN_ODD
#undef INDEX_ODD
