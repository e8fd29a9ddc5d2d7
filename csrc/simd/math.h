/* exp, tanh and sigmoid of a vector, to a few ulp over the whole range; the tests hold the bounds. Included once for
 * each element type (no guard).
 *
 * All three rest on e^x - 1 = 2^n (1 + p) - 1 with n = rint(x / ln 2), r = x - n ln 2 (subtracted in two parts, the
 * first of them exactly) and the minimax polynomial p(r) = r + r^2 (c0 + c1 r + ...) of e^r - 1 over |r| <= ln 2 / 2.
 * Comparisons are written so that a NaN falls through them.
 */
#if REAL_BYTES == 4
#define LN2_HIGH 0x1.63p-1f            /* 9 bits, so that n LN2_HIGH is exact */
#define LN2_LOW -0x1.bd0106p-13f
#define ROUND_SHIFT 0x1.8p+23f         /* adding it leaves rint(x) in the low bits */
#define EXPONENT_BITS 23
#define EXPONENT_BIAS 127
#define EXP_MIN -104.0f                /* below: 0 */
#define EXP_MAX 89.0f                  /* above: infinity */
#define TANH_MAX 24.0f                 /* m / (m + 2) is 1 from here on */
#define SUFFIX _ps
#define EXP_COEFFICIENTS 0x1.6d996cp-10f, 0x1.12284ap-7f, 0x1.555486p-5f, 0x1.5554bp-3f, 0.5f
typedef uint32_t NAME(vn) __attribute__((vector_size(FNN_VEC_BYTES)));
#else
#define LN2_HIGH 0x1.62e42fefa2p-1     /* 40 bits */
#define LN2_LOW 0x1.9ef35793c7673p-41
#define ROUND_SHIFT 0x1.8p+52
#define EXPONENT_BITS 52
#define EXPONENT_BIAS 1023
#define EXP_MIN -746.0
#define EXP_MAX 710.0
#define TANH_MAX 48.0
#define SUFFIX _pd
#define EXP_COEFFICIENTS                                                                                              \
    0x1.af76d8cf6f8bfp-26, 0x1.28a2c63bdf9fap-22, 0x1.71dde9f1a5f65p-19, 0x1.a019a6781c0fp-16, 0x1.a01a01b5dc8dfp-13, \
        0x1.6c16c17f3602cp-10, 0x1.111111110e6d7p-7, 0x1.555555555211ep-5, 0x1.555555555555cp-3, 0x1.0000000000005p-1
typedef uint64_t NAME(vn) __attribute__((vector_size(FNN_VEC_BYTES)));
#endif

/* The larger of x and low, the smaller of x and high; NaN for a NaN x (the second operand, on x86). */
#if defined(__x86_64__)
#if FNN_VEC_BYTES == 64
#define INTRINSIC(op) FNN_CONCAT(_mm512_##op, SUFFIX)
#elif FNN_VEC_BYTES == 32
#define INTRINSIC(op) FNN_CONCAT(_mm256_##op, SUFFIX)
#else
#define INTRINSIC(op) FNN_CONCAT(_mm_##op, SUFFIX)
#endif
INLINE NAME(v) NAME(at_least)(NAME(v) x, REAL low) { return INTRINSIC(max)(NAME(broadcast)(low), x); }
INLINE NAME(v) NAME(at_most)(NAME(v) x, REAL high) { return INTRINSIC(min)(NAME(broadcast)(high), x); }
#else
INLINE NAME(v) NAME(at_least)(NAME(v) x, REAL low) { return NAME(select)(x < low, NAME(broadcast)(low), x); }
INLINE NAME(v) NAME(at_most)(NAME(v) x, REAL high) { return NAME(select)(x > high, NAME(broadcast)(high), x); }
#endif

/* `count` vectors side by side: each alone is one long chain, in which every instruction waits for the one before. */
#define SIDE_MOST 8
#define EACH _Pragma("GCC unroll 8") for (int i = 0; i < count; i++)

/* A constant in a register, for all vectors that it is used with, and from one turn of a loop to the next. */
INLINE NAME(v) NAME(constant)(REAL c)
{
    NAME(v) x = NAME(broadcast)(c);
    NOT_FOLDED(x);
    return x;
}

/* e^r - 1, in place of x = n ln 2 + r, and n: as a number, and shifted into the low bits of `shifted`. */
INLINE void NAME(reduced_expm1s)(int count, NAME(v) *x, NAME(v) *n, NAME(v) *shifted)
{
    static const REAL c[] = {EXP_COEFFICIENTS};
    NAME(v) k = NAME(constant)((REAL)1.4426950408889634074), shift = NAME(constant)(ROUND_SHIFT), q[SIDE_MOST];
    EACH shifted[i] = x[i] * k + shift;
    EACH n[i] = shifted[i] - shift;
    k = NAME(constant)(LN2_HIGH);
    EACH x[i] -= n[i] * k;
    k = NAME(constant)(LN2_LOW);
    EACH x[i] -= n[i] * k;
    k = NAME(constant)(c[0]);
    EACH q[i] = k;
    _Pragma("GCC unroll 16") for (int j = 1; j < (int)(sizeof c / sizeof *c); j++) {
        k = NAME(constant)(c[j]);
        EACH q[i] = q[i] * x[i] + k;
    }
    EACH x[i] = x[i] * x[i] * q[i] + x[i];
}

/* y 2^n, rounded once, also where 2^n is subnormal or overflows. */
INLINE NAME(v) NAME(times_power_of_two)(NAME(v) y, NAME(v) n, NAME(v) shifted)
{
#ifdef __AVX512F__
    (void)shifted;
    return INTRINSIC(scalef)(y, n);
#else
    (void)n;
    NAME(vi) k = (NAME(vi))shifted - (NAME(vi))NAME(broadcast)(ROUND_SHIFT);
    NAME(vi) half = (NAME(vi))((NAME(vn))(k + 2 * EXPONENT_BIAS) >> 1) - EXPONENT_BIAS;
    NAME(vi) first = (half + EXPONENT_BIAS) << EXPONENT_BITS, second = (k - half + EXPONENT_BIAS) << EXPONENT_BITS;
    return y * (NAME(v))first * (NAME(v))second;
#endif
}

INLINE NAME(v) NAME(exp)(NAME(v) x)
{
    NAME(v) n, shifted, p = NAME(at_most)(NAME(at_least)(x, EXP_MIN), EXP_MAX);
    NAME(reduced_expm1s)(1, &p, &n, &shifted);
    return NAME(times_power_of_two)(p + 1, n, shifted);
}

/* e^x - 1 for x <= 0 (elsewhere anything), with its relative accuracy towards 0. */
INLINE NAME(v) NAME(expm1_of_negative)(NAME(v) x)
{
    NAME(v) n, shifted, p = NAME(at_most)(NAME(at_least)(x, -TANH_MAX), 0);
    NAME(reduced_expm1s)(1, &p, &n, &shifted);
    NAME(vi) exponent = (NAME(vi))shifted + EXPONENT_BIAS;
    NAME(v) scale = (NAME(v))(exponent << EXPONENT_BITS);
    return p * scale + (scale - 1);
}

/* tanh |x| = m / (m + 2) with m = e^(2 |x|) - 1, which keeps its relative accuracy towards 0. */
INLINE void NAME(tanhs)(int count, NAME(v) *x)
{
    NAME(vi) sign[SIDE_MOST], minus = (NAME(vi))NAME(constant)((REAL)-0.0);
    NAME(v) n[SIDE_MOST], shifted[SIDE_MOST], scale[SIDE_MOST], one = NAME(constant)(1), two = NAME(constant)(2);
    EACH sign[i] = (NAME(vi))x[i] & minus;
    EACH x[i] = NAME(at_most)((NAME(v))((NAME(vi))x[i] ^ sign[i]) * 2, TANH_MAX);
    NAME(reduced_expm1s)(count, x, n, shifted);
    EACH scale[i] = (NAME(v))(((NAME(vi))shifted[i] + EXPONENT_BIAS) << EXPONENT_BITS);
    EACH x[i] = x[i] * scale[i] + (scale[i] - one);
    EACH x[i] = (NAME(v))((NAME(vi))(x[i] / (x[i] + two)) | sign[i]);
}

INLINE NAME(v) NAME(tanh)(NAME(v) x)
{
    NAME(tanhs)(1, &x);
    return x;
}

/* From e = e^-|x|, which cannot overflow: 1 / (1 + e) or e / (1 + e). */
INLINE void NAME(sigmoids)(int count, NAME(v) *x)
{
    NAME(vi) minus = (NAME(vi))NAME(constant)((REAL)-0.0);
    NAME(v) n[SIDE_MOST], shifted[SIDE_MOST], e[SIDE_MOST], one = NAME(constant)(1);
    EACH e[i] = NAME(at_least)((NAME(v))((NAME(vi))x[i] | minus), EXP_MIN);
    NAME(reduced_expm1s)(count, e, n, shifted);
    EACH e[i] = NAME(times_power_of_two)(e[i] + one, n[i], shifted[i]);
    EACH x[i] = NAME(select)(x[i] < 0, e[i], one) / (one + e[i]);
}

INLINE NAME(v) NAME(sigmoid)(NAME(v) x)
{
    NAME(sigmoids)(1, &x);
    return x;
}

#undef EACH
#undef SIDE_MOST
#undef LN2_HIGH
#undef LN2_LOW
#undef ROUND_SHIFT
#undef EXPONENT_BITS
#undef EXPONENT_BIAS
#undef EXP_MIN
#undef EXP_MAX
#undef TANH_MAX
#undef EXP_COEFFICIENTS
#undef SUFFIX
#undef INTRINSIC
