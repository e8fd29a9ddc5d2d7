/* The list of kernels: each is declared once, here, and defined in the file of kernels/ that the comment names. */
typedef struct {
    int lanes;                  /* elements of a vector */
    int nv_max;                 /* vectors across the widest gemm tile */
    int nv_max_one_row;         /* and across that of a single row */
    int mr_max[FNN_NV_MAX + 1]; /* rows of the tallest gemm tile of n vectors */
    int tandem_size;            /* vectors and rows of a tandem, even; 0: there is none */
    int dot_rows;               /* rows of x of the tallest dot tile */
    int dot_cost;               /* of adding up the lanes of a sum, in percent of transposing an element for gemm */

    /* gemm.inl: c[i][j] = init[i][j] + sum over t in 0..k-1, in this order, of a[i*a_rs + t*a_cs] * b[t*b_ks + j],
     * for i < rows, j < cols <= nv_max * lanes (one row: nv_max_one_row * lanes). init may be NULL (zeros), or c
     * itself; init_cs is 0 or 1, or 2: as 1, but init is added to the finished sum, so that long sums go by blocks and
     * round less.
     * b must be readable for whole vectors: past cols up to the next multiple of lanes, in every row. */
    void (*gemm)(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                 const REAL *b, ptrdiff_t b_ks, const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs, REAL *c,
                 ptrdiff_t c_rs);
    /* gemm.inl: the same sum with a[i*a_rs + a_off[t]] * b[b_off[t] + j]: an implicit im2col. */
    void (*igemm)(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t k, const REAL *a, ptrdiff_t a_rs, const ptrdiff_t *a_off,
                  const REAL *b, const ptrdiff_t *b_off, const REAL *init, ptrdiff_t init_rs, ptrdiff_t init_cs,
                  REAL *c, ptrdiff_t c_rs);
    /* tandem.inl: c[j] += sum over t < k, in this order, of a[t] * b[t*nv*lanes + j], for j < nv * lanes, where
     * tandem_size / 2 <= nv <= tandem_size. Beside it, if n > 0, a tile of tandem_size rows and one vector:
     * y[i*y_rs + j] = init[j] + sum over t < n, in this order, of x[i*x_rs + t] * w[t*lanes + j]. */
    void (*tandem)(ptrdiff_t nv, ptrdiff_t k, const REAL *a, const REAL *b, REAL *c, ptrdiff_t n, const REAL *x,
                   ptrdiff_t x_rs, const REAL *w, const REAL *init, REAL *y, ptrdiff_t y_rs);
    /* dot.inl: x as `dot` reads it, in whole vectors of a row or, `beside`, of 16 bytes each of several rows. */
    void (*dot_pack)(ptrdiff_t rows, int beside, ptrdiff_t k, const REAL *x, ptrdiff_t x_rs, REAL *dst);
    /* dot.inl: y[i][j] = init[j] + the product of row i of packed x with w[j*w_rs ...] over k taps, or with `add` what
     * is there and it. init may be NULL. The order of a sum depends on k, lanes and `beside` alone. */
    void (*dot)(ptrdiff_t rows, int beside, ptrdiff_t cols, ptrdiff_t k, const REAL *x, const REAL *w, ptrdiff_t w_rs,
                const REAL *init, int add, REAL *y, ptrdiff_t y_rs);
    /* pack.inl: dst[t*width + j] = src[t*ld + j], zero for cols <= j < width (a multiple of lanes). */
    void (*pack)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst);
    /* pack.inl: dst[t*width + j] = src[j*ld + t], zero for cols <= j < width. */
    void (*pack_t)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst);
    /* pack.inl: pack_t into rows that lie dst_ks apart. */
    void (*pack_t_apart)(ptrdiff_t k, ptrdiff_t cols, ptrdiff_t width, const REAL *src, ptrdiff_t ld, REAL *dst,
                         ptrdiff_t dst_ks);
    /* gemv_chain.inl: y[i] = init[i] + sum over t < k, in this order, of w[i*w_rs + t] * x[t], for i < rows. y may be
     * init. */
    void (*gemv_chain)(ptrdiff_t rows, ptrdiff_t k, const REAL *w, ptrdiff_t w_rs, const REAL *x, const REAL *init,
                       REAL *y);
    /* pack.inl: dst[j] = sum over t < k, in this order, of src[t*ld + j], for j < cols. */
    void (*col_sum)(ptrdiff_t k, ptrdiff_t cols, const REAL *src, ptrdiff_t ld, REAL *dst);
    /* elementwise.inl, simd/math.h: y[i] = f(x[i]) for i < n, to a few ulp; NaN stays NaN. y may be x. */
    void (*exp)(ptrdiff_t n, const REAL *x, REAL *y);
    void (*tanh)(ptrdiff_t n, const REAL *x, REAL *y);
    void (*sigmoid)(ptrdiff_t n, const REAL *x, REAL *y);

    /* norm.inl: sums over n elements, in an order that n decides: of x, of (x - mean)^2, of dy * (x - mean). */
    REAL (*sum)(ptrdiff_t n, const REAL *x);
    REAL (*sum_squares)(ptrdiff_t n, const REAL *x, REAL mean);
    REAL (*sum_products)(ptrdiff_t n, const REAL *dy, const REAL *x, REAL mean);
    /* norm.inl: y = (x - mean) * scale + shift; dx = dy * by_dy + (x - mean) * by_x + shift. */
    void (*scale_row)(ptrdiff_t n, const REAL *x, REAL mean, REAL scale, REAL shift, REAL *y);
    void (*combine_rows)(ptrdiff_t n, const REAL *dy, const REAL *x, REAL mean, REAL by_dy, REAL by_x, REAL shift,
                         REAL *dx);
    /* norm.inl: y = (x - mean) * rstd * weight + bias with the row's own mean and rstd = 1 / sqrt(var + eps), which
     * are written; weight and bias may be NULL. Then dx, and the sums over rows ld apart of dy * (x - mean) * rstd
     * and of dy, each or NULL. */
    void (*normalize_row)(ptrdiff_t n, const REAL *x, const REAL *weight, const REAL *bias, REAL eps, REAL *mean,
                          REAL *rstd, REAL *y);
    void (*normalize_row_grad)(ptrdiff_t n, const REAL *dy, const REAL *x, const REAL *weight, REAL mean, REAL rstd,
                               REAL *dx);
    void (*normalize_weight_grad)(ptrdiff_t rows, ptrdiff_t cols, const REAL *dy, const REAL *x, ptrdiff_t ld,
                                  const REAL *mean, const REAL *rstd, REAL *dweight, REAL *dbias);
    /* norm.inl: softmax of a row, or its logarithm, and the gradient from y. y may be x, dx may be dy. */
    void (*softmax_row)(ptrdiff_t n, int logarithm, const REAL *x, REAL *y);
    void (*softmax_row_grad)(ptrdiff_t n, int logarithm, const REAL *dy, const REAL *y, REAL *dx);

    /* gates.inl, after the products of a step: `units` units of rows [r], whose sums stand in a tile. Row r of the tile
     * is row order[r] (r where order is NULL) of gates (rows of 4 hidden), cells, dy, c_prev and backwards y, but
     * row r of all else. All have rows of `hidden` elements and begin at the first of the units.
     * The tile must be readable for whole vectors. rnn: one gate, rows tile_rs apart. */
    void (*rnn_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, int relu, const REAL *tile, ptrdiff_t tile_rs,
                      REAL *y);
    /* Tile rows i f g o, tile_gs apart; c in and out; gates and cells both or neither NULL. */
    void (*lstm_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                       const ptrdiff_t *order, REAL *c, REAL *y, REAL *gates, REAL *cells);
    /* Tile rows n (x part), r, z, n (h part), tile_gs apart; h_prev: row r; gates may be NULL, else r z n q. */
    void (*gru_gates)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *tile, ptrdiff_t tile_gs,
                      const REAL *h_prev, const ptrdiff_t *order, REAL *y, REAL *gates);
    /* Backward: dh is the gradient of h but for dy. dgates: the gradients of the sums, rows of `hidden`. */
    void (*rnn_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, int relu, const REAL *dh,
                               const ptrdiff_t *order, const REAL *dy, const REAL *y, REAL *dgates);
    /* dc: in that of c after the step, out that of c before it. dgates: rows of 4 hidden, i f g o. */
    void (*lstm_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, const REAL *dh,
                                const ptrdiff_t *order, const REAL *dy, REAL *dc, const REAL *gates,
                                const REAL *cells, const REAL *c_prev, REAL *dgates);
    /* dh: out its part z of the gradient of h before the step. dgates: rows of 4 hidden, n (h part) r z n (x part). */
    void (*gru_gates_backward)(ptrdiff_t rows, ptrdiff_t units, ptrdiff_t hidden, REAL *dh, const ptrdiff_t *order,
                               const REAL *dy, const REAL *gates, const REAL *h_prev, REAL *dgates);

    /* units.inl, a row of n units: out = mask * old + (1 - mask) * fresh, fresh for a mask of NULL. out may be old. */
    void (*zone)(ptrdiff_t n, const REAL *mask, const REAL *old, const REAL *fresh, REAL *out);
    /* With d = dold + before: dnew = (1 - mask) * d + after, dold = mask * d. before, after: NULL for zeros. */
    void (*zone_grad)(ptrdiff_t n, const REAL *mask, const REAL *before, const REAL *after, REAL *dold, REAL *dnew);
    /* From u, the sums over x, and v, those over h, rows of n for each gate. drop multiplies the candidate, NULL: 1.
     * Gradients: da, du, dv of the sums; to dh_prev and dc_prev theirs are added. rnn: kept is the candidate. */
    void (*rnn_unit)(ptrdiff_t n, int relu, const REAL *u, const REAL *v, const REAL *drop, REAL *kept, REAL *h);
    void (*rnn_unit_grad)(ptrdiff_t n, int relu, const REAL *dh, const REAL *drop, const REAL *kept, REAL *da);
    /* u and v: r z n; gates: r z n q. */
    void (*gru_unit)(ptrdiff_t n, const REAL *u, const REAL *v, const REAL *drop, const REAL *h_prev, REAL *gates,
                     REAL *h);
    void (*gru_unit_grad)(ptrdiff_t n, const REAL *dh, const REAL *drop, const REAL *gates, const REAL *h_prev,
                          REAL *du, REAL *dv, REAL *dh_prev);
    /* u, v and gates: i f g o. lstm_unit_grad leaves da's o to lstm_emit_grad: h = o tanh(c), gate is o. */
    void (*lstm_unit)(ptrdiff_t n, const REAL *u, const REAL *v, const REAL *drop, const REAL *c_prev, REAL *gates,
                      REAL *c);
    void (*lstm_unit_grad)(ptrdiff_t n, const REAL *dc, const REAL *drop, const REAL *c_prev, const REAL *gates,
                           REAL *da, REAL *dc_prev);
    void (*lstm_emit)(ptrdiff_t n, const REAL *o, const REAL *c, REAL *h);
    void (*lstm_emit_grad)(ptrdiff_t n, const REAL *dh, const REAL *gate, const REAL *c, REAL *da, REAL *dc);

    /* pool.inl: windows p0 <= p < p1 of the plane x (in_h, in_w), rows p0..p1-1 of y (out_h, out_w), or all windows of
     * several planes, one after the other. The tap r*kernel_w + s that won each window goes to taps (out_h, out_w) of
     * uint8_t where tap_bytes is 1, of int32_t where it is 4, or NULL. Of equal elements the first wins, a NaN wins
     * over numbers, the last NaN over others. */
    void (*max_pool2d)(const fnn_pool2d *pool, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, const REAL *x, REAL *y,
                       void *taps, int tap_bytes);
    /* pool.inl: rows h0 <= h < h1 of dx, h0 a multiple of stride_h. A pixel's gradients are added in the order of the
     * windows. */
    void (*max_pool2d_grad)(const fnn_pool2d *pool, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const void *taps,
                            int tap_bytes, REAL *dx);
    /* pool.inl: means, each over the pixels of its window; include_pad: with the zeros of the padding, but not what
     * hangs over it. */
    void (*avg_pool2d)(const fnn_pool2d *pool, ptrdiff_t planes, ptrdiff_t p0, ptrdiff_t p1, int include_pad,
                       const REAL *x, REAL *y);
    void (*avg_pool2d_grad)(const fnn_pool2d *pool, ptrdiff_t h0, ptrdiff_t h1, int include_pad, const REAL *dy,
                            REAL *dx);

    /* depthwise.inl, for what fnn_depthwise_fits takes: planes one after the other, and as many filters of
     * kernel_h*kernel_w taps (in reverse if is_flipped) and biases. y = bias (or 0 for NULL, or y itself for add) + the
     * sum over the taps in order. Padding is zeros; it may be negative: pixels left out. */
    void (*depthwise)(const fnn_pool2d *plane, ptrdiff_t planes, const REAL *x, const REAL *weight, int is_flipped,
                      const REAL *bias, int add, REAL *y);
    /* depthwise.inl: rows h0..h1-1 of dx (added to what is there, for add), for stride_w <= 2 and pads >= 0. */
    void (*depthwise_grad)(const fnn_pool2d *plane, ptrdiff_t h0, ptrdiff_t h1, const REAL *dy, const REAL *weight,
                           int add, REAL *dx);
    /* depthwise_weight.inl, for one filter and the planes of all images, x_step and dy_step apart: dweight = the
     * products of dy with the pixels under each tap, summed over windows and images; dbias = the sum of dy. Either may
     * be NULL. */
    void (*depthwise_weight)(const fnn_pool2d *plane, ptrdiff_t images, const REAL *x, ptrdiff_t x_step, const REAL *dy,
                             ptrdiff_t dy_step, REAL *dweight, REAL *dbias);

    /* activation.inl: y[i] = op(x[i]) for i < n, op one of fnn_activation.h; dx from dy and what was saved, which is y
     * for relu, sigmoid and tanh, else x. To a few ulp; NaN stays NaN. y may be x. */
    void (*activate)(int op, REAL parameter, ptrdiff_t n, const REAL *x, REAL *y);
    void (*activate_grad)(int op, REAL parameter, ptrdiff_t n, const REAL *dy, const REAL *saved, REAL *dx);

    /* optim.inl: a step of an optimiser on n elements of p, as fnn_optim.h says; buffer may be NULL. */
    void (*sgd)(const fnn_sgd *step, ptrdiff_t n, REAL *p, const REAL *g, REAL *buffer);
    void (*adam)(const fnn_adam *step, ptrdiff_t n, REAL *p, const REAL *g, REAL *mean, REAL *square);

    /* conv.inl: rows of dst, one after the other: `before` zeros, src[i*src_rs + j*src_cs] for j < n, `after` zeros. */
    void (*pad_rows)(ptrdiff_t rows, ptrdiff_t before, ptrdiff_t n, ptrdiff_t after, const REAL *src,
                     ptrdiff_t src_rs, ptrdiff_t src_cs, REAL *dst);
    /* conv.inl: dst[j*dst_cs] = src[j] for j < n. */
    void (*spread)(ptrdiff_t n, const REAL *src, REAL *dst, ptrdiff_t dst_cs);
    /* conv.inl: vectors put together from pieces, for each t < k from dst + t*width on. Piece i begins at lane[i] of
     * a vector, 0 begins a new one, and takes the vector from src + off[t] + from[i] from that lane on. All of that
     * vector must be readable. */
    void (*gather)(ptrdiff_t k, const ptrdiff_t *off, ptrdiff_t pieces, const ptrdiff_t *from, const ptrdiff_t *lane,
                   const REAL *src, REAL *dst, ptrdiff_t width);

    /* winograd.inl: tiles of side x side outputs, F(4x4, 3x3) if side = 4, F(2x2, 5x5) if 2; 7 - side taps along each
     * axis. A lane is a channel: a band holds [row][pixel][lanes]; `row` and `pixel` are the distances of those that a
     * tile reads. The 36 values of a tile or filter lie `plane` apart; consecutive tiles lie v_ts (m_ts) apart.
     * wino_input: 6 rows, side*tiles + 6 - side pixels of an image, to v. wino_dy: `side` rows, side*tiles pixels of
     * dy, to m. */
    void (*wino_input)(int side, ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *v,
                       ptrdiff_t v_ts, ptrdiff_t plane);
    void (*wino_dy)(int side, ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, REAL *m,
                    ptrdiff_t m_ts, ptrdiff_t plane);
    /* The products m to `rows` <= side rows and `cols` pixels of y; bias: lanes of them, or NULL. Returns 1 where a
     * value is not finite. A finite value is right, whatever became of its neighbours. */
    int (*wino_output)(int side, ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts, ptrdiff_t plane,
                       const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel);
    /* n filters, ld apart, on channels cs apart, to u[c*u_cs + i], zeros past n up to whole vectors; flip: taps in
     * reverse. Reads nothing from `end` on. wino_dfilter: gradients du[i] to dw[taps*i + tap]; returns 1 where one is
     * not finite. */
    void (*wino_filter)(int side, ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld, ptrdiff_t cs,
                        const REAL *end, int flip, REAL *u, ptrdiff_t u_cs, ptrdiff_t plane);
    int (*wino_dfilter)(int side, ptrdiff_t n, const REAL *du, ptrdiff_t plane, REAL *dw);
    /* winograd_stride.inl: F(4x4, 2x2) of the same kinds, for kernels of 3 or 4 taps along each axis and stride 2.
     * Point (r, s) is the plane 5*r + s; nh x nw of them, 4 or 5 along each axis. Filters and their gradients have four
     * parts, `part` apart: the taps from (0, 0), (0, 1), (1, 0), (1, 1) on, every other. */
    void (*wino2_input)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, ptrdiff_t pixel, int nh, int nw, REAL *v,
                        ptrdiff_t v_ts, ptrdiff_t plane);
    void (*wino2_dy)(ptrdiff_t tiles, const REAL *band, ptrdiff_t row, REAL *m, ptrdiff_t m_ts, ptrdiff_t plane);
    int (*wino2_output)(ptrdiff_t rows, ptrdiff_t cols, const REAL *m, ptrdiff_t m_ts, ptrdiff_t plane, int nh, int nw,
                        const REAL *bias, REAL *band, ptrdiff_t row, ptrdiff_t pixel);
    void (*wino2_filter)(ptrdiff_t n, ptrdiff_t channels, const REAL *w, ptrdiff_t ld, ptrdiff_t cs, const REAL *end,
                         int taps_h, int taps_w, int flip, REAL *u, ptrdiff_t u_cs, ptrdiff_t plane, ptrdiff_t part);
    int (*wino2_dfilter)(ptrdiff_t n, const REAL *du, ptrdiff_t plane, ptrdiff_t part, int taps_h, int taps_w,
                         REAL *dw);
    /* to_lanes: dst[t*lanes + j] = src[j*ld + t], zero for channels <= j < lanes; writes whole blocks of `lanes`
     * pixels; reads nothing from `end` on. from_lanes: dst[j*ld + t] = src[t*lanes + j], reads whole blocks. */
    void (*to_lanes)(ptrdiff_t pixels, ptrdiff_t channels, const REAL *src, ptrdiff_t ld, const REAL *end, REAL *dst);
    void (*from_lanes)(ptrdiff_t pixels, ptrdiff_t channels, const REAL *src, REAL *dst, ptrdiff_t ld);
} TABLE;
