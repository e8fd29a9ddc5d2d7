/* Steps of optimisers, element by element. The last few elements go through whole vectors too, as in elementwise.inl.
 * Of two products that are added one is rounded, here and there the same: NOT_FOLDED says which. */
INLINE void NAME(sgd_vector)(const fnn_sgd *s, REAL *p, const REAL *g, REAL *buffer)
{
    NAME(v) data = NAME(load)(p), d = NAME(load)(g);
    if (s->weight_decay != 0) d += data * (REAL)s->weight_decay;
    if (buffer != NULL) {
        NAME(v) b = d * (REAL)s->fresh;
        NOT_FOLDED(b);
        b = s->first ? d : NAME(load)(buffer) * (REAL)s->momentum + b;
        NAME(store)(buffer, b);
        d = s->nesterov ? d + b * (REAL)s->momentum : b;
    }
    NAME(store)(p, data - d * (REAL)s->lr);
}

INLINE NAME(v) NAME(root)(NAME(v) x)
{
#if defined(__x86_64__)
    return (NAME(v))X86(sqrt)((X86_V)x);
#else
    for (int i = 0; i < LANES; i++) x[i] = (REAL)sqrt(x[i]);
    return x;
#endif
}

INLINE void NAME(adam_vector)(const fnn_adam *s, REAL *p, const REAL *g, REAL *mean, REAL *square)
{
    NAME(v) data = NAME(load)(p) * (REAL)s->keep, d = NAME(load)(g), m = NAME(load)(mean), q = NAME(load)(square);
    NAME(v) change;
    NOT_FOLDED(data);
    if (s->weight_decay != 0) d += data * (REAL)s->weight_decay;
    m += (d - m) * (REAL)s->mean_part;
    change = d * d * (REAL)s->square_part;
    NOT_FOLDED(change);
    q = q * (REAL)s->square_keep + change;
    NAME(store)(mean, m);
    NAME(store)(square, q);
    change = m / (NAME(root)(q) * (REAL)s->scale + (REAL)s->eps);
    NAME(store)(p, data - change * (REAL)s->rate);
}

static void NAME(sgd)(const fnn_sgd *step, ptrdiff_t n, REAL *p, const REAL *g, REAL *buffer)
{
    const fnn_sgd s = *step; /* a copy that no store may change: its numbers stay in registers */
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(sgd_vector)(&s, p + i, g + i, buffer != NULL ? buffer + i : NULL);
    if (i < n) {
        const size_t size = (n - i) * sizeof(REAL);
        REAL part[3][LANES] = {{0}};
        memcpy(part[0], p + i, size);
        memcpy(part[1], g + i, size);
        if (buffer != NULL) memcpy(part[2], buffer + i, size);
        NAME(sgd_vector)(&s, part[0], part[1], buffer != NULL ? part[2] : NULL);
        memcpy(p + i, part[0], size);
        if (buffer != NULL) memcpy(buffer + i, part[2], size);
    }
}

static void NAME(adam)(const fnn_adam *step, ptrdiff_t n, REAL *p, const REAL *g, REAL *mean, REAL *square)
{
    const fnn_adam s = *step;
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(adam_vector)(&s, p + i, g + i, mean + i, square + i);
    if (i < n) {
        const size_t size = (n - i) * sizeof(REAL);
        REAL part[4][LANES] = {{0}};
        memcpy(part[0], p + i, size);
        memcpy(part[1], g + i, size);
        memcpy(part[2], mean + i, size);
        memcpy(part[3], square + i, size);
        NAME(adam_vector)(&s, part[0], part[1], part[2], part[3]);
        memcpy(p + i, part[0], size);
        memcpy(mean + i, part[2], size);
        memcpy(square + i, part[3], size);
    }
}
