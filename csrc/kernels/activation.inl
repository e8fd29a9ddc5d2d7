/* Activations of arrays. The last few elements go through a whole vector too, so that an element's result does not
 * depend on where it stands. */
#define GELU_SCALE (REAL)1.5957691216057308 /* 2 sqrt(2 / pi) */
#define GELU_CUBE (REAL)0.044715
#define INV_SQRT_2PI (REAL)0.39894228040143268
#define GELU_FLAT (REAL)50 /* beyond, the gate is 0 or 1 to the last bit and its slope 0 */

/* mask ? x : 0 */
INLINE NAME(v) NAME(where)(NAME(vi) mask, NAME(v) x) { return (NAME(v))(mask & (NAME(vi))x); }

INLINE NAME(v) NAME(gelu_flat)(NAME(v) x) { return NAME(at_most)(NAME(at_least)(x, -GELU_FLAT), GELU_FLAT); }

/* What gelu multiplies x with, by its approximation, and the derivative of that. */
INLINE NAME(v) NAME(gelu_gate)(int op, NAME(v) x, NAME(v) *slope)
{
    if (op == FNN_GELU) {
        NAME(v) gate = NAME(normal_cdf)(x, slope);
        *slope *= INV_SQRT_2PI;
        return gate;
    }
    NAME(v) gate = NAME(sigmoid)(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    *slope = gate * (1 - gate) * GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
    return gate;
}

INLINE NAME(v) NAME(activate_vector)(int op, REAL parameter, NAME(v) x)
{
    NAME(v) ignored;
    switch (op) {
    case FNN_RELU: return NAME(where)((x > 0) | (x != x), x);
    case FNN_LEAKY_RELU: return NAME(select)(x > 0, x, parameter * x);
    case FNN_ELU: return NAME(select)(x > 0, x, parameter * NAME(expm1_of_negative)(x));
    case FNN_SIGMOID: return NAME(sigmoid)(x);
    case FNN_TANH: return NAME(tanh)(x);
    case FNN_SILU: return x * NAME(sigmoid)(x);
    default: return x * NAME(gelu_gate)(op, NAME(gelu_flat)(x), &ignored);
    }
}

/* saved: y for relu, sigmoid and tanh, else x. */
INLINE NAME(v) NAME(activate_grad_vector)(int op, REAL parameter, NAME(v) dy, NAME(v) saved)
{
    NAME(v) gate, slope;
    switch (op) {
    case FNN_RELU: return NAME(where)(saved != 0, dy);
    case FNN_LEAKY_RELU: return NAME(select)(saved > 0, dy, parameter * dy);
    case FNN_ELU: return NAME(select)(saved > 0, dy, dy * (parameter * NAME(exp)(NAME(at_most)(saved, 0))));
    case FNN_SIGMOID: return dy * saved * (1 - saved);
    case FNN_TANH: return dy * ((1 - saved) * (1 + saved));
    case FNN_SILU:
        gate = NAME(sigmoid)(saved);
        return dy * (gate + saved * gate * (1 - gate));
    default:
        saved = NAME(gelu_flat)(saved);
        gate = NAME(gelu_gate)(op, saved, &slope);
        return dy * (gate + saved * slope);
    }
}

INLINE void NAME(activate_loop)(int op, REAL parameter, ptrdiff_t n, const REAL *x, REAL *y)
{
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        NAME(store)(y, NAME(activate_vector)(op, parameter, NAME(load)(x)));
    if (n <= 0) return;
    REAL part[LANES] = {0};
    memcpy(part, x, n * sizeof(REAL));
    NAME(store)(part, NAME(activate_vector)(op, parameter, NAME(load)(part)));
    memcpy(y, part, n * sizeof(REAL));
}

INLINE void NAME(activate_grad_loop)(int op, REAL parameter, ptrdiff_t n, const REAL *dy, const REAL *saved, REAL *dx)
{
    for (; n >= LANES; n -= LANES, dy += LANES, saved += LANES, dx += LANES)
        NAME(store)(dx, NAME(activate_grad_vector)(op, parameter, NAME(load)(dy), NAME(load)(saved)));
    if (n <= 0) return;
    REAL part[LANES] = {0}, with[LANES] = {0};
    memcpy(part, dy, n * sizeof(REAL));
    memcpy(with, saved, n * sizeof(REAL));
    NAME(store)(part, NAME(activate_grad_vector)(op, parameter, NAME(load)(part), NAME(load)(with)));
    memcpy(dx, part, n * sizeof(REAL));
}

#define EACH_ACTIVATION(call)                       \
    switch (op) {                                   \
    case FNN_RELU: call(FNN_RELU); break;           \
    case FNN_LEAKY_RELU: call(FNN_LEAKY_RELU); break; \
    case FNN_ELU: call(FNN_ELU); break;             \
    case FNN_SIGMOID: call(FNN_SIGMOID); break;     \
    case FNN_TANH: call(FNN_TANH); break;           \
    case FNN_SILU: call(FNN_SILU); break;           \
    case FNN_GELU: call(FNN_GELU); break;           \
    case FNN_GELU_TANH: call(FNN_GELU_TANH); break; \
    }

static void NAME(activate)(int op, REAL parameter, ptrdiff_t n, const REAL *x, REAL *y)
{
#define CALL(op) NAME(activate_loop)(op, parameter, n, x, y)
    EACH_ACTIVATION(CALL)
#undef CALL
}

static void NAME(activate_grad)(int op, REAL parameter, ptrdiff_t n, const REAL *dy, const REAL *saved, REAL *dx)
{
#define CALL(op) NAME(activate_grad_loop)(op, parameter, n, dy, saved, dx)
    EACH_ACTIVATION(CALL)
#undef CALL
}

#undef EACH_ACTIVATION
#undef GELU_SCALE
#undef GELU_CUBE
#undef INV_SQRT_2PI
#undef GELU_FLAT
