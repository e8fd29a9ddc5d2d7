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

/* Keep x as it is, in a register: the compiler can neither recompute it nor fuse it into what it is used in. */
#ifndef NOT_FOLDED
#if defined(__x86_64__)
#define NOT_FOLDED(x) __asm__("" : "+v"(x))
#elif defined(__aarch64__)
#define NOT_FOLDED(x) __asm__("" : "+w"(x))
#else
#define NOT_FOLDED(x) ((void)0)
#endif
#endif
#define NOT_FOLDED_ADDRESS(p) __asm__("" : "+r"(p))

/* mask ? x : y in each lane; the compiler makes a blend of it. */
INLINE NAME(v) NAME(select)(NAME(vi) mask, NAME(v) x, NAME(v) y)
{
    return (NAME(v))((mask & (NAME(vi))x) | (~mask & (NAME(vi))y));
}

#if defined(__x86_64__) /* X86(max)(x, y): the intrinsic for such vectors of REAL */
#if FNN_VEC_BYTES == 64
#define X86_PREFIX _mm512_
#define X86_TYPE __m512
#elif FNN_VEC_BYTES == 32
#define X86_PREFIX _mm256_
#define X86_TYPE __m256
#else
#define X86_PREFIX _mm_
#define X86_TYPE __m128
#endif
#if REAL_BYTES == 4
#define X86(op) FNN_CONCAT(X86_PREFIX, FNN_CONCAT(op, _ps))
#define X86_V X86_TYPE
#else
#define X86(op) FNN_CONCAT(X86_PREFIX, FNN_CONCAT(op, _pd))
#define X86_V FNN_CONCAT(X86_TYPE, d)
#endif
#endif

/* x > y ? x : y in each lane, y where either is NaN: one instruction on x86, but the compiler does not see it. */
INLINE NAME(v) NAME(larger)(NAME(v) x, NAME(v) y)
{
#if defined(__x86_64__)
    return (NAME(v))X86(max)((X86_V)x, (X86_V)y);
#else
    return NAME(select)(x > y, x, y);
#endif
}

/* SHUFFLE(x, y, indices...): index j takes x[j], index LANES + j takes y[j]. The indices are literals. */
#ifndef SHUFFLE
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (NAME(vi)){__VA_ARGS__})
#endif
#endif

/* f(0), f(1), ... for each lane. */
#if LANES == 16
#define EVERY_LANE(f)                                                                                                  \
    f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#elif LANES == 8
#define EVERY_LANE(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#elif LANES == 4
#define EVERY_LANE(f) f(0), f(1), f(2), f(3)
#else
#define EVERY_LANE(f) f(0), f(1)
#endif

/* The low halves of two vectors interleaved: x0 y0 x1 y1 ..., and the high halves. */
#define INDEX(j) (j) / 2 + (j) % 2 * LANES
INLINE NAME(v) NAME(zip_low)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, EVERY_LANE(INDEX)); }
#undef INDEX
#define INDEX(j) LANES / 2 + (j) / 2 + (j) % 2 * LANES
INLINE NAME(v) NAME(zip_high)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, EVERY_LANE(INDEX)); }
#undef INDEX

/* The elements of two vectors at even places: x0 x2 ... y0 y2 ..., at odd places, and at even ones of x, odd ones of y.
 * Apart: the quarters of the vector in an order of their own, which saves an instruction; in_order() undoes that. */
#if defined(__x86_64__) && FNN_VEC_BYTES == 32 /* the compiler takes three instructions, two of them with constants */
#if REAL_BYTES == 4
#define PICK(floats, doubles) (NAME(v)) X86(shuffle)((X86_V)x, (X86_V)y, floats)
#else
#define PICK(floats, doubles) (NAME(v)) X86(shuffle)((X86_V)x, (X86_V)y, doubles)
#endif
INLINE NAME(v) NAME(even_apart)(NAME(v) x, NAME(v) y) { return PICK(0x88, 0); }
INLINE NAME(v) NAME(odd_apart)(NAME(v) x, NAME(v) y) { return PICK(0xdd, 0xf); }
INLINE NAME(v) NAME(even_odd_apart)(NAME(v) x, NAME(v) y) { return PICK(0xd8, 0xa); }
INLINE NAME(v) NAME(in_order)(NAME(v) x) { return (NAME(v))_mm256_permute4x64_epi64((__m256i)x, 0xd8); }
#undef PICK
#else
#define INDEX(j) 2 * (j)
INLINE NAME(v) NAME(even_apart)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, EVERY_LANE(INDEX)); }
#undef INDEX
#define INDEX(j) 2 * (j) + 1
INLINE NAME(v) NAME(odd_apart)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, EVERY_LANE(INDEX)); }
#undef INDEX
#define INDEX(j) 2 * (j) + ((j) >= LANES / 2)
INLINE NAME(v) NAME(even_odd_apart)(NAME(v) x, NAME(v) y) { return SHUFFLE(x, y, EVERY_LANE(INDEX)); }
#undef INDEX
INLINE NAME(v) NAME(in_order)(NAME(v) x) { return x; }
#endif
INLINE NAME(v) NAME(even)(NAME(v) x, NAME(v) y) { return NAME(in_order)(NAME(even_apart)(x, y)); }
INLINE NAME(v) NAME(odd)(NAME(v) x, NAME(v) y) { return NAME(in_order)(NAME(odd_apart)(x, y)); }
INLINE NAME(v) NAME(even_odd)(NAME(v) x, NAME(v) y) { return NAME(in_order)(NAME(even_odd_apart)(x, y)); }

/* The sum and the largest of the lanes, neighbours first. */
INLINE REAL NAME(lane_sum)(NAME(v) x)
{
    for (int width = LANES; width > 1; width /= 2) x = NAME(even)(x, x) + NAME(odd)(x, x);
    return x[0];
}

INLINE REAL NAME(lane_max)(NAME(v) x)
{
    for (int width = LANES; width > 1; width /= 2) x = NAME(larger)(NAME(even)(x, x), NAME(odd)(x, x));
    return x[0];
}

/* Elements t, t + 3, t + 6 ... of three vectors. Their places in a vector are all different, as 3 divides no power of
 * two: two blends put them side by side, one permutation in order. */
#define SOURCE(j) ((LANES % 3 == 1 ? (TAP) + 2 * (j) : 2 * (TAP) + (j)) % 3)
#define INDEX_B(j) (j) + (SOURCE(j) == 1 ? LANES : 0)
#define INDEX_C(j) (j) + (SOURCE(j) == 2 ? LANES : 0)
#define INDEX(j) ((TAP) + 3 * (j)) % LANES
#define EVERY_THIRD(a, b, c)                                                                                           \
    NAME(v) mixed = SHUFFLE(a, b, EVERY_LANE(INDEX_B));                                                                \
    mixed = SHUFFLE(mixed, c, EVERY_LANE(INDEX_C));                                                                    \
    return SHUFFLE(mixed, mixed, EVERY_LANE(INDEX));
#define TAP 0
INLINE NAME(v) NAME(third_0)(NAME(v) a, NAME(v) b, NAME(v) c) { EVERY_THIRD(a, b, c) }
#undef TAP
#define TAP 1
INLINE NAME(v) NAME(third_1)(NAME(v) a, NAME(v) b, NAME(v) c) { EVERY_THIRD(a, b, c) }
#undef TAP
#define TAP 2
INLINE NAME(v) NAME(third_2)(NAME(v) a, NAME(v) b, NAME(v) c) { EVERY_THIRD(a, b, c) }
#undef TAP
#undef EVERY_THIRD
#undef INDEX
#undef INDEX_B
#undef INDEX_C
#undef SOURCE

/* The 16 bytes at p in each 16 bytes. */
INLINE NAME(v) NAME(load_piece)(const REAL *p)
{
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    return (NAME(v))_mm512_broadcast_f32x4(_mm_loadu_ps((const float *)p));
#elif defined(__x86_64__) && FNN_VEC_BYTES == 32
    return (NAME(v))_mm256_broadcast_ps((const __m128 *)p);
#else
#define FROM(j) p[(j) % (16 / REAL_BYTES)]
    return (NAME(v)){EVERY_LANE(FROM)};
#undef FROM
#endif
}

/* Lanes to read; the others are not touched. */
#undef MASKS_COST
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
#define MASKS_COST 0
#if REAL_BYTES == 4
typedef __mmask16 NAME(mask);
#else
typedef __mmask8 NAME(mask);
#endif
#else
#define MASKS_COST 1
typedef NAME(vi) NAME(mask);
#endif

/* Lanes low <= j < high. */
INLINE NAME(mask) NAME(lanes_between)(ptrdiff_t low, ptrdiff_t high)
{
    low = low < 0 ? 0 : low > LANES ? LANES : low;
    high = high < 0 ? 0 : high > LANES ? LANES : high;
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    return (NAME(mask))((1u << high) - 1) & (NAME(mask))~((1u << low) - 1);
#else
#define LANE(j) j
    NAME(vi) lane = {EVERY_LANE(LANE)};
#undef LANE
    return (lane >= (INT)low) & (lane < (INT)high);
#endif
}

/* p[j] in the lanes of the mask, fill[j] in the others. */
INLINE NAME(v) NAME(load_lanes)(const REAL *p, NAME(mask) mask, NAME(v) fill)
{
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    return (NAME(v))X86(mask_loadu)((X86_V)fill, mask, p);
#elif defined(__x86_64__) && FNN_VEC_BYTES == 32
    return (NAME(v))X86(blendv)((X86_V)fill, X86(maskload)(p, (__m256i)mask), (X86_V)mask);
#else
    if (mask[0] & mask[LANES - 1]) return NAME(load)(p);
    _Pragma("GCC unroll 16") for (int j = 0; j < LANES; j++)
        if (mask[j]) fill[j] = p[j];
    return fill;
#endif
}

/* The same with zeros. */
INLINE NAME(v) NAME(load_or_zero)(const REAL *p, NAME(mask) mask)
{
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    return (NAME(v))X86(maskz_loadu)(mask, p);
#elif defined(__x86_64__) && FNN_VEC_BYTES == 32
    return (NAME(v))X86(maskload)(p, (__m256i)mask);
#else
    return NAME(load_lanes)(p, mask, (NAME(v)){0});
#endif
}

/* x in the lanes of the mask, 0 in the others. */
INLINE NAME(v) NAME(keep_lanes)(NAME(v) x, NAME(mask) mask)
{
#if MASKS_COST
    return (NAME(v))((NAME(vi))x & mask);
#else
    return (NAME(v))X86(maskz_mov)(mask, (X86_V)x);
#endif
}

/* Fewer than LANES elements, in pieces of known size. */
INLINE void NAME(copy_few)(REAL *dst, const REAL *src, ptrdiff_t n)
{
    _Pragma("GCC unroll 4") for (ptrdiff_t piece = LANES / 2; piece >= 1; piece /= 2)
        if (n & piece) {
            memcpy(dst, src, piece * sizeof(REAL));
            dst += piece;
            src += piece;
        }
}

/* The first n lanes, n < LANES. */
INLINE void NAME(store_few)(REAL *to, ptrdiff_t n, NAME(v) x)
{
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    X86(mask_storeu)(to, (NAME(mask))((1u << n) - 1), (X86_V)x);
#else
    REAL few[LANES];
    NAME(store)(few, x);
    NAME(copy_few)(to, few, n);
#endif
}

/* Whether a lane is NaN. */
INLINE int NAME(has_nan)(NAME(v) x)
{
#if defined(__x86_64__) && FNN_VEC_BYTES == 64
    return FNN_CONCAT(X86(cmp), _mask)((X86_V)x, (X86_V)x, _CMP_UNORD_Q) != 0;
#elif defined(__x86_64__)
    return X86(movemask)((X86_V)(x != x)) != 0;
#else
    REAL sum = 0;
    for (int j = 0; j < LANES; j++) sum += x[j];
    return sum != sum;
#endif
}
