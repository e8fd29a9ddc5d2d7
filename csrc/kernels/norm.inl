/* Sums over a row, and the normalisations and softmaxes that rest on them. A sum runs in four vectors of partial sums,
 * which are added at the end: its order depends on the row's length alone. */

/* term(i) of each element, summed. `vector` and `scalar` are the term at element i, as a vector and as a number. */
#define ROW_SUM(total, n, vector, scalar)                                                                             \
    do {                                                                                                              \
        NAME(v) s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                                               \
        ptrdiff_t i = 0;                                                                                              \
        for (; i + 4 * LANES <= (n); i += 4 * LANES) {                                                                \
            s0 += vector(i);                                                                                          \
            s1 += vector(i + LANES);                                                                                  \
            s2 += vector(i + 2 * LANES);                                                                              \
            s3 += vector(i + 3 * LANES);                                                                              \
        }                                                                                                             \
        for (; i + LANES <= (n); i += LANES) s0 += vector(i);                                                         \
        REAL rest = 0;                                                                                                \
        for (; i < (n); i++) rest += scalar(i);                                                                       \
        total = NAME(lane_sum)((s0 + s1) + (s2 + s3)) + rest;                                                         \
    } while (0)

#define AT(p, i) NAME(load)(p + (i))

static REAL NAME(sum)(ptrdiff_t n, const REAL *x)
{
    REAL total;
#define V(i) AT(x, i)
#define S(i) x[i]
    ROW_SUM(total, n, V, S);
#undef V
#undef S
    return total;
}

static REAL NAME(sum_squares)(ptrdiff_t n, const REAL *x, REAL mean)
{
    REAL total;
#define V(i) (AT(x, i) - mean) * (AT(x, i) - mean)
#define S(i) (x[i] - mean) * (x[i] - mean)
    ROW_SUM(total, n, V, S);
#undef V
#undef S
    return total;
}

static REAL NAME(sum_products)(ptrdiff_t n, const REAL *dy, const REAL *x, REAL mean)
{
    REAL total;
#define V(i) AT(dy, i) * (AT(x, i) - mean)
#define S(i) dy[i] * (x[i] - mean)
    ROW_SUM(total, n, V, S);
#undef V
#undef S
    return total;
}

static void NAME(scale_row)(ptrdiff_t n, const REAL *x, REAL mean, REAL scale, REAL shift, REAL *y)
{
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(store)(y + i, (AT(x, i) - mean) * scale + shift);
    for (; i < n; i++) y[i] = (x[i] - mean) * scale + shift;
}

static void NAME(combine_rows)(ptrdiff_t n, const REAL *dy, const REAL *x, REAL mean, REAL by_dy, REAL by_x, REAL shift,
                               REAL *dx)
{
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        NAME(store)(dx + i, AT(dy, i) * by_dy + ((AT(x, i) - mean) * by_x + shift));
    for (; i < n; i++) dx[i] = dy[i] * by_dy + ((x[i] - mean) * by_x + shift);
}

static void NAME(normalize_row)(ptrdiff_t n, const REAL *x, const REAL *weight, const REAL *bias, REAL eps, REAL *mean,
                                REAL *rstd, REAL *y)
{
    const REAL m = NAME(sum)(n, x) / n, r = 1 / (REAL)sqrt(NAME(sum_squares)(n, x, m) / n + eps);
    ptrdiff_t i = 0;
    *mean = m, *rstd = r;
    for (; i + LANES <= n; i += LANES) {
        NAME(v) h = (AT(x, i) - m) * r;
        if (weight != NULL) h *= AT(weight, i);
        if (bias != NULL) h += AT(bias, i);
        NAME(store)(y + i, h);
    }
    for (; i < n; i++) {
        REAL h = (x[i] - m) * r;
        if (weight != NULL) h *= weight[i];
        if (bias != NULL) h += bias[i];
        y[i] = h;
    }
}

static void NAME(normalize_row_grad)(ptrdiff_t n, const REAL *dy, const REAL *x, const REAL *weight, REAL mean,
                                     REAL rstd, REAL *dx)
{
    REAL offset, slope;
    ptrdiff_t i = 0;
#define V(i) (weight != NULL ? AT(dy, i) * AT(weight, i) : AT(dy, i))
#define S(i) (weight != NULL ? dy[i] * weight[i] : dy[i])
#define VX(i) V(i) * (AT(x, i) - mean)
#define SX(i) S(i) * (x[i] - mean)
    ROW_SUM(offset, n, V, S);
    ROW_SUM(slope, n, VX, SX);
    offset /= n;
    slope *= rstd * rstd / n;
    for (; i + LANES <= n; i += LANES) NAME(store)(dx + i, (V(i) - offset - (AT(x, i) - mean) * slope) * rstd);
    for (; i < n; i++) dx[i] = (S(i) - offset - (x[i] - mean) * slope) * rstd;
#undef V
#undef S
#undef VX
#undef SX
}

/* Columns are independent, rows are added in their order. */
static void NAME(normalize_weight_grad)(ptrdiff_t rows, ptrdiff_t cols, const REAL *dy, const REAL *x, ptrdiff_t ld,
                                        const REAL *mean, const REAL *rstd, REAL *dweight, REAL *dbias)
{
    for (ptrdiff_t j = 0; j < cols; j += LANES) {
        const ptrdiff_t part = cols - j;
        NAME(v) w = {0}, b = {0};
        for (ptrdiff_t t = 0; t < rows; t++) {
            NAME(v) d = NAME(load_part)(dy + t * ld + j, part);
            w += d * ((NAME(load_part)(x + t * ld + j, part) - mean[t]) * rstd[t]);
            b += d;
        }
        if (dweight != NULL) NAME(store_part)(dweight + j, part, w);
        if (dbias != NULL) NAME(store_part)(dbias + j, part, b);
    }
}

/* The largest number of a row; NaN wins nothing, but turns every exponential's sum into NaN. */
INLINE REAL NAME(row_max)(ptrdiff_t n, const REAL *x)
{
    NAME(v) best[4];
    ptrdiff_t i = 0;
    for (int j = 0; j < 4; j++) best[j] = NAME(broadcast)((REAL)-INFINITY);
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) best[j] = NAME(larger)(AT(x, i + j * LANES), best[j]);
    for (; i + LANES <= n; i += LANES) best[0] = NAME(larger)(AT(x, i), best[0]);
    REAL most = NAME(lane_max)(NAME(larger)(NAME(larger)(best[0], best[1]), NAME(larger)(best[2], best[3])));
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static void NAME(softmax_row)(ptrdiff_t n, int logarithm, const REAL *x, REAL *y)
{
    const REAL most = NAME(row_max)(n, x);
    NAME(v) sums = {0}, below, e;
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        below = AT(x, i) - most;
        e = NAME(exp)(below);
        NAME(store)(y + i, logarithm ? below : e);
        sums += e;
    }
    if (i < n) {
        below = NAME(load_part)(x + i, n - i) - most;
        e = NAME(exp)(below);
        NAME(store_part)(y + i, n - i, logarithm ? below : e);
        for (ptrdiff_t j = n - i; j < LANES; j++) e[j] = 0;
        sums += e;
    }
    const REAL total = NAME(lane_sum)(sums), shift = logarithm ? (REAL)log(total) : 0, share = 1 / total;
    for (i = 0; i + LANES <= n; i += LANES) NAME(store)(y + i, logarithm ? AT(y, i) - shift : AT(y, i) * share);
    for (; i < n; i++) y[i] = logarithm ? y[i] - shift : y[i] * share;
}

static void NAME(softmax_row_grad)(ptrdiff_t n, int logarithm, const REAL *dy, const REAL *y, REAL *dx)
{
    const REAL total = logarithm ? NAME(sum)(n, dy) : NAME(sum_products)(n, dy, y, 0);
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        NAME(v) d = NAME(load_part)(dy + i, n - i), v = NAME(load_part)(y + i, n - i);
        NAME(store_part)(dx + i, n - i, logarithm ? d - NAME(exp)(v) * total : v * (d - total));
    }
}
#undef AT
#undef ROW_SUM
