/* The normal distribution for gelu, to a few ulp over the whole range, tails included. Included once for each element
 * type (no guard).
 *
 * P(X <= -z) = e^(-z^2 / 2) G(z), and (1 + z) G(z) is a smooth function of t = (z - k) / (z + k) in [-1, 1] for all
 * z >= 0: one polynomial serves the centre and the tail. Form: M. M. Shepherd, J. G. Laframboise, "Chebyshev
 * approximation of (1 + 2x) exp(x^2) erfc(x) in 0 <= x < infinity", Math. Comp. 36, 1981; the coefficients here are an
 * interpolation of our own at Chebyshev points with k = 9/2, its error 1.7e-9 (float) and 1.5e-17 (double).
 */
#if REAL_BYTES == 4
#define HIGH_HALF ~0xfff
#define NORMAL_COEFFICIENTS \
    -0x1.270e02p-17f, 0x1.9f6d82p-16f, 0x1.0ce3dep-14f, -0x1.6735e4p-12f, 0x1.0245d4p-13f, 0x1.629454p-9f, \
    -0x1.5b15bcp-7f, 0x1.7292e6p-6f, -0x1.f1b158p-6f, 0x1.36067cp-6f, 0x1.86a4ap-6f, -0x1.82e516p-4f, \
    0x1.dd9cdap-2f
#else
#define HIGH_HALF ~0x7ffffffll
#define NORMAL_COEFFICIENTS \
    -0x1.613c2944fb482p-34, 0x1.eafa24ce395dcp-32, 0x1.52e633fbe18aep-30, -0x1.31843575a2469p-28, \
    -0x1.6bf56db36f716p-27, 0x1.a0eb30ae14fcfp-26, 0x1.305b878cd8d1fp-24, -0x1.cfaa054ebb585p-24, \
    -0x1.cd585cf33a6c6p-22, 0x1.1a7b12ad439a6p-21, 0x1.568828884b425p-19, -0x1.e148765615be3p-19, \
    -0x1.f3d8eb75b9933p-17, 0x1.1bd4224f36269p-15, 0x1.299867f1a9a7bp-14, -0x1.722630c5c32edp-12, \
    0x1.f431ccf98ba13p-14, 0x1.635e52a65572ep-9, -0x1.5b0c76923d5edp-7, 0x1.728bae6e8fe6bp-6, \
    -0x1.f1b1ea5029c0dp-6, 0x1.36075fe1440cbp-6, 0x1.86a4a47b1342cp-6, -0x1.82e51724f987p-4, \
    0x1.dd9cda313e3a2p-2
#endif

/* e^(-x^2 / 2). The rounding of x^2, which the exponential would multiply by x^2, is made up for: it is known exactly
 * (T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18, 1971). */
INLINE NAME(v) NAME(exp_half_square)(NAME(v) x)
{
    NAME(v) high = (NAME(v))((NAME(vi))x & (INT)HIGH_HALF), low = x - high, square = x * x;
    NAME(v) rest = high * high - square + 2 * high * low + low * low;
    NAME(v) e = NAME(exp)(square * (REAL)-0.5);
    return e - e * rest * (REAL)0.5;
}

/* P(X <= x), without cancellation for negative x; *e is set to e^(-x^2 / 2). x within +-50. */
INLINE NAME(v) NAME(normal_cdf)(NAME(v) x, NAME(v) *e)
{
    static const REAL c[] = {NORMAL_COEFFICIENTS};
    NAME(v) z = (NAME(v))((NAME(vi))x & ~(NAME(vi))NAME(broadcast)((REAL)-0.0));
    NAME(v) t = (z - (REAL)4.5) / (z + (REAL)4.5), p = NAME(broadcast)(c[0]);
    _Pragma("GCC unroll 32") for (int i = 1; i < (int)(sizeof c / sizeof *c); i++) p = p * t + c[i];
    *e = NAME(exp_half_square)(x);
    NAME(v) tail = *e * p / (1 + z);
    return NAME(select)(x > 0, 1 - tail, tail);
}

#undef HIGH_HALF
#undef NORMAL_COEFFICIENTS
