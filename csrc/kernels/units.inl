/* What follows the products of a recurrent step with options, a row at a time: u and v are the sums over x and over h.
 * A mask may be NULL: nothing dropped, nothing kept back. */
#define LOAD(p) NAME(load_part)((p) + i, n - i)
#define STORE(p, x) NAME(store_part)((p) + i, n - i, x)
#define OVER_UNITS(...) for (ptrdiff_t i = 0; i < n; i += LANES) __VA_ARGS__
#define MASKED(x) (drop == NULL ? (x) : (x) * LOAD(drop))

static void NAME(zone)(ptrdiff_t n, const REAL *mask, const REAL *old, const REAL *fresh, REAL *out)
{
    OVER_UNITS({
        NAME(v) x = LOAD(fresh);
        if (mask != NULL) x = LOAD(mask) * LOAD(old) + (1 - LOAD(mask)) * x;
        STORE(out, x);
    })
}

static void NAME(zone_grad)(ptrdiff_t n, const REAL *mask, const REAL *before, const REAL *after, REAL *dold,
                            REAL *dnew)
{
    OVER_UNITS({
        NAME(v) d = LOAD(dold), stays = {0};
        if (before != NULL) d += LOAD(before);
        if (mask != NULL) stays = LOAD(mask) * d, d = (1 - LOAD(mask)) * d;
        if (after != NULL) d += LOAD(after);
        STORE(dold, stays);
        STORE(dnew, d);
    })
}

static void NAME(rnn_unit)(ptrdiff_t n, int relu, const REAL *u, const REAL *v, const REAL *drop, REAL *kept, REAL *h)
{
    OVER_UNITS({
        NAME(v) a = LOAD(u) + LOAD(v), k = relu ? NAME(select)(a <= 0, NAME(broadcast)(0), a) : NAME(tanh)(a);
        STORE(kept, k);
        STORE(h, MASKED(k));
    })
}

static void NAME(rnn_unit_grad)(ptrdiff_t n, int relu, const REAL *dh, const REAL *drop, const REAL *kept, REAL *da)
{
    OVER_UNITS({
        NAME(v) k = LOAD(kept), d = MASKED(LOAD(dh));
        STORE(da, relu ? NAME(select)(k <= 0, NAME(broadcast)(0), d) : d * (1 - k * k));
    })
}

static void NAME(gru_unit)(ptrdiff_t n, const REAL *u, const REAL *v, const REAL *drop, const REAL *h_prev,
                           REAL *gates, REAL *h)
{
    OVER_UNITS({
        NAME(v) r = NAME(sigmoid)(LOAD(u) + LOAD(v)), z = NAME(sigmoid)(LOAD(u + n) + LOAD(v + n));
        NAME(v) q = LOAD(v + 2 * n), c = NAME(tanh)(LOAD(u + 2 * n) + r * q);
        STORE(gates, r);
        STORE(gates + n, z);
        STORE(gates + 2 * n, c);
        STORE(gates + 3 * n, q);
        STORE(h, (1 - z) * MASKED(c) + z * LOAD(h_prev));
    })
}

static void NAME(gru_unit_grad)(ptrdiff_t n, const REAL *dh, const REAL *drop, const REAL *gates, const REAL *h_prev,
                                REAL *du, REAL *dv, REAL *dh_prev)
{
    OVER_UNITS({
        NAME(v) r = LOAD(gates), z = LOAD(gates + n), c = LOAD(gates + 2 * n), q = LOAD(gates + 3 * n), d = LOAD(dh);
        NAME(v) da = MASKED(d * (1 - z)) * (1 - c * c), dz = d * (LOAD(h_prev) - MASKED(c)) * (z * (1 - z));
        NAME(v) dr = da * q * (r * (1 - r));
        STORE(du, dr);
        STORE(dv, dr);
        STORE(du + n, dz);
        STORE(dv + n, dz);
        STORE(du + 2 * n, da);
        STORE(dv + 2 * n, da * r);
        STORE(dh_prev, LOAD(dh_prev) + d * z);
    })
}

static void NAME(lstm_unit)(ptrdiff_t n, const REAL *u, const REAL *v, const REAL *drop, const REAL *c_prev,
                            REAL *gates, REAL *c)
{
    OVER_UNITS({
        NAME(v) in = NAME(sigmoid)(LOAD(u) + LOAD(v)), f = NAME(sigmoid)(LOAD(u + n) + LOAD(v + n));
        NAME(v) g = NAME(tanh)(LOAD(u + 2 * n) + LOAD(v + 2 * n));
        STORE(gates, in);
        STORE(gates + n, f);
        STORE(gates + 2 * n, g);
        STORE(gates + 3 * n, NAME(sigmoid)(LOAD(u + 3 * n) + LOAD(v + 3 * n)));
        STORE(c, f * LOAD(c_prev) + in * MASKED(g));
    })
}

static void NAME(lstm_unit_grad)(ptrdiff_t n, const REAL *dc, const REAL *drop, const REAL *c_prev, const REAL *gates,
                                 REAL *da, REAL *dc_prev)
{
    OVER_UNITS({
        NAME(v) in = LOAD(gates), f = LOAD(gates + n), g = LOAD(gates + 2 * n), d = LOAD(dc);
        STORE(da, d * MASKED(g) * (in * (1 - in)));
        STORE(da + n, d * LOAD(c_prev) * (f * (1 - f)));
        STORE(da + 2 * n, MASKED(d * in) * (1 - g * g));
        STORE(dc_prev, LOAD(dc_prev) + d * f);
    })
}

static void NAME(lstm_emit)(ptrdiff_t n, const REAL *o, const REAL *c, REAL *h)
{
    OVER_UNITS({ STORE(h, LOAD(o) * NAME(tanh)(LOAD(c))); })
}

static void NAME(lstm_emit_grad)(ptrdiff_t n, const REAL *dh, const REAL *gate, const REAL *c, REAL *da, REAL *dc)
{
    OVER_UNITS({
        NAME(v) o = LOAD(gate), tanh_c = NAME(tanh)(LOAD(c)), d = LOAD(dh);
        STORE(da, d * tanh_c * (o * (1 - o)));
        STORE(dc, d * o * (1 - tanh_c * tanh_c));
    })
}
#undef LOAD
#undef STORE
#undef OVER_UNITS
#undef MASKED
