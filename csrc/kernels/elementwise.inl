/* Functions of arrays, element by element. The last few elements go through a whole vector too, so that an element's
 * result does not depend on where it stands. */
#define ELEMENTWISE(f)                                                                                              \
    static void NAME(f##_array)(ptrdiff_t n, const REAL *x, REAL *y)                                                \
    {                                                                                                               \
        for (; n >= LANES; n -= LANES, x += LANES, y += LANES) NAME(store)(y, NAME(f)(NAME(load)(x)));              \
        if (n > 0) {                                                                                                \
            REAL part[LANES] = {0};                                                                                 \
            memcpy(part, x, n * sizeof(REAL));                                                                      \
            NAME(store)(part, NAME(f)(NAME(load)(part)));                                                           \
            memcpy(y, part, n * sizeof(REAL));                                                                      \
        }                                                                                                           \
    }
ELEMENTWISE(exp)
ELEMENTWISE(tanh)
ELEMENTWISE(sigmoid)
#undef ELEMENTWISE
