"""The table of kernels, as csrc/fnn_kernels.h and csrc/kernel_table.inl declare it."""

cdef extern from "fnn_kernels.h" nogil:
    ctypedef struct fnn_pool2d:
        Py_ssize_t in_h, in_w, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
        Py_ssize_t dilation_h, dilation_w

    ctypedef struct fnn_sgd:
        double lr, momentum, fresh, weight_decay
        int nesterov, first

    ctypedef struct fnn_adam:
        double keep, weight_decay, mean_part, square_keep, square_part, scale, eps, rate

    ctypedef struct fnn_f32_kernels:
        int lanes
        int nv_max
        int nv_max_one_row
        int mr_max[5]
        int tandem_size
        int dot_rows
        int dot_cost
        void (*gemm)(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const float *a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                     const float *b, Py_ssize_t b_ks, const float *init, Py_ssize_t init_rs, Py_ssize_t init_cs,
                     float *c, Py_ssize_t c_rs) noexcept nogil
        void (*igemm)(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const float *a, Py_ssize_t a_rs,
                      const Py_ssize_t *a_off, const float *b, const Py_ssize_t *b_off, const float *init,
                      Py_ssize_t init_rs, Py_ssize_t init_cs, float *c, Py_ssize_t c_rs) noexcept nogil
        void (*tandem)(Py_ssize_t nv, Py_ssize_t k, const float *a, const float *b, float *c, Py_ssize_t n,
                       const float *x, Py_ssize_t x_rs, const float *w, const float *init, float *y,
                       Py_ssize_t y_rs) noexcept nogil
        void (*dot_pack)(Py_ssize_t rows, int beside, Py_ssize_t k, const float *x, Py_ssize_t x_rs,
                         float *dst) noexcept nogil
        void (*dot)(Py_ssize_t rows, int beside, Py_ssize_t cols, Py_ssize_t k, const float *x, const float *w,
                    Py_ssize_t w_rs, const float *init, int add, float *y, Py_ssize_t y_rs) noexcept nogil
        void (*pack)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const float *src, Py_ssize_t ld,
                     float *dst) noexcept nogil
        void (*pack_t)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const float *src, Py_ssize_t ld,
                       float *dst) noexcept nogil
        void (*pack_t_apart)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const float *src, Py_ssize_t ld,
                             float *dst, Py_ssize_t dst_ks) noexcept nogil
        void (*gemv_chain)(Py_ssize_t rows, Py_ssize_t k, const float *w, Py_ssize_t w_rs, const float *x,
                           const float *init, float *y) noexcept nogil
        void (*col_sum)(Py_ssize_t k, Py_ssize_t cols, const float *src, Py_ssize_t ld, float *dst) noexcept nogil
        void (*exp)(Py_ssize_t n, const float *x, float *y) noexcept nogil
        void (*tanh)(Py_ssize_t n, const float *x, float *y) noexcept nogil
        void (*sigmoid)(Py_ssize_t n, const float *x, float *y) noexcept nogil
        float (*sum)(Py_ssize_t n, const float *x) noexcept nogil
        float (*sum_squares)(Py_ssize_t n, const float *x, float mean) noexcept nogil
        float (*sum_products)(Py_ssize_t n, const float *dy, const float *x, float mean) noexcept nogil
        void (*scale_row)(Py_ssize_t n, const float *x, float mean, float scale, float shift, float *y) noexcept nogil
        void (*combine_rows)(Py_ssize_t n, const float *dy, const float *x, float mean, float by_dy, float by_x,
                             float shift, float *dx) noexcept nogil
        void (*normalize_row)(Py_ssize_t n, const float *x, const float *weight, const float *bias, float eps,
                              float *mean, float *rstd, float *y) noexcept nogil
        void (*normalize_row_grad)(Py_ssize_t n, const float *dy, const float *x, const float *weight, float mean,
                                   float rstd, float *dx) noexcept nogil
        void (*normalize_weight_grad)(Py_ssize_t rows, Py_ssize_t cols, const float *dy, const float *x, Py_ssize_t ld,
                                      const float *mean, const float *rstd, float *dweight, float *dbias) noexcept nogil
        void (*softmax_row)(Py_ssize_t n, int logarithm, const float *x, float *y) noexcept nogil
        void (*softmax_row_grad)(Py_ssize_t n, int logarithm, const float *dy, const float *y, float *dx) noexcept nogil
        void (*rnn_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const float *tile,
                          Py_ssize_t tile_rs, float *y) noexcept nogil
        void (*lstm_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const float *tile, Py_ssize_t tile_gs,
                           const Py_ssize_t *order, float *c, float *y, float *gates,
                           float *cells) noexcept nogil
        void (*gru_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const float *tile, Py_ssize_t tile_gs,
                          const float *h_prev, const Py_ssize_t *order, float *y,
                          float *gates) noexcept nogil
        void (*rnn_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const float *dh,
                                   const Py_ssize_t *order, const float *dy, const float *y,
                                   float *dgates) noexcept nogil
        void (*lstm_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const float *dh,
                                    const Py_ssize_t *order, const float *dy, float *dc, const float *gates,
                                    const float *cells, const float *c_prev, float *dgates) noexcept nogil
        void (*gru_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, float *dh,
                                   const Py_ssize_t *order, const float *dy, const float *gates, const float *h_prev,
                                   float *dgates) noexcept nogil
        void (*zone)(Py_ssize_t n, const float *mask, const float *old, const float *fresh, float *out) noexcept nogil
        void (*zone_grad)(Py_ssize_t n, const float *mask, const float *before, const float *after, float *dold,
                          float *dnew) noexcept nogil
        void (*rnn_unit)(Py_ssize_t n, int relu, const float *u, const float *v, const float *drop, float *kept,
                         float *h) noexcept nogil
        void (*rnn_unit_grad)(Py_ssize_t n, int relu, const float *dh, const float *drop, const float *kept,
                              float *da) noexcept nogil
        void (*gru_unit)(Py_ssize_t n, const float *u, const float *v, const float *drop, const float *h_prev,
                         float *gates, float *h) noexcept nogil
        void (*gru_unit_grad)(Py_ssize_t n, const float *dh, const float *drop, const float *gates,
                              const float *h_prev, float *du, float *dv, float *dh_prev) noexcept nogil
        void (*lstm_unit)(Py_ssize_t n, const float *u, const float *v, const float *drop, const float *c_prev,
                          float *gates, float *c) noexcept nogil
        void (*lstm_unit_grad)(Py_ssize_t n, const float *dc, const float *drop, const float *c_prev,
                               const float *gates, float *da, float *dc_prev) noexcept nogil
        void (*lstm_emit)(Py_ssize_t n, const float *o, const float *c, float *h) noexcept nogil
        void (*lstm_emit_grad)(Py_ssize_t n, const float *dh, const float *gate, const float *c, float *da,
                               float *dc) noexcept nogil
        void (*pad_rows)(Py_ssize_t rows, Py_ssize_t before, Py_ssize_t n, Py_ssize_t after, const float *src,
                         Py_ssize_t src_rs, Py_ssize_t src_cs, float *dst) noexcept nogil
        void (*spread)(Py_ssize_t n, const float *src, float *dst, Py_ssize_t dst_cs) noexcept nogil
        void (*gather)(Py_ssize_t k, const Py_ssize_t *off, Py_ssize_t pieces, const Py_ssize_t *from_,
                       const Py_ssize_t *lane, const float *src, float *dst, Py_ssize_t width) noexcept nogil
        void (*max_pool2d)(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, const float *x,
                           float *y, void *taps, int tap_bytes) noexcept nogil
        void (*max_pool2d_grad)(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, const float *dy,
                                const void *taps, int tap_bytes, float *dx) noexcept nogil
        void (*avg_pool2d)(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, int include_pad,
                           const float *x, float *y) noexcept nogil
        void (*avg_pool2d_grad)(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, int include_pad,
                                const float *dy, float *dx) noexcept nogil
        void (*depthwise)(const fnn_pool2d *plane, Py_ssize_t planes, const float *x, const float *weight,
                          int is_flipped, const float *bias, int add, float *y) noexcept nogil
        void (*depthwise_grad)(const fnn_pool2d *plane, Py_ssize_t h0, Py_ssize_t h1, const float *dy,
                               const float *weight, int add, float *dx) noexcept nogil
        void (*depthwise_weight)(const fnn_pool2d *plane, Py_ssize_t images, const float *x, Py_ssize_t x_step,
                                 const float *dy, Py_ssize_t dy_step, float *dweight, float *dbias) noexcept nogil
        void (*activate)(int op, float parameter, Py_ssize_t n, const float *x, float *y) noexcept nogil
        void (*activate_grad)(int op, float parameter, Py_ssize_t n, const float *dy, const float *saved,
                              float *dx) noexcept nogil
        void (*sgd)(const fnn_sgd *step, Py_ssize_t n, float *p, const float *g, float *buffer) noexcept nogil
        void (*adam)(const fnn_adam *step, Py_ssize_t n, float *p, const float *g, float *mean,
                     float *square) noexcept nogil
        void (*wino_input)(int side, Py_ssize_t tiles, const float *band, Py_ssize_t row, Py_ssize_t pixel, float *v,
                           Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil
        void (*wino_dy)(int side, Py_ssize_t tiles, const float *band, Py_ssize_t row, Py_ssize_t pixel, float *m,
                        Py_ssize_t m_ts, Py_ssize_t plane) noexcept nogil
        int (*wino_output)(int side, Py_ssize_t rows, Py_ssize_t cols, const float *m, Py_ssize_t m_ts,
                           Py_ssize_t plane, const float *bias, float *band, Py_ssize_t row,
                           Py_ssize_t pixel) noexcept nogil
        void (*wino_filter)(int side, Py_ssize_t n, Py_ssize_t channels, const float *w, Py_ssize_t ld,
                            Py_ssize_t cs, const float *end, int flip, float *u, Py_ssize_t u_cs,
                            Py_ssize_t plane) noexcept nogil
        int (*wino_dfilter)(int side, Py_ssize_t n, const float *du, Py_ssize_t plane, float *dw) noexcept nogil
        void (*wino2_input)(Py_ssize_t tiles, const float *band, Py_ssize_t row, Py_ssize_t pixel, int nh, int nw,
                            float *v, Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil
        void (*wino2_dy)(Py_ssize_t tiles, const float *band, Py_ssize_t row, float *m, Py_ssize_t m_ts,
                         Py_ssize_t plane) noexcept nogil
        int (*wino2_output)(Py_ssize_t rows, Py_ssize_t cols, const float *m, Py_ssize_t m_ts, Py_ssize_t plane, int nh,
                            int nw, const float *bias, float *band, Py_ssize_t row, Py_ssize_t pixel) noexcept nogil
        void (*wino2_filter)(Py_ssize_t n, Py_ssize_t channels, const float *w, Py_ssize_t ld, Py_ssize_t cs,
                             const float *end, int taps_h, int taps_w, int flip, float *u, Py_ssize_t u_cs,
                             Py_ssize_t plane, Py_ssize_t part) noexcept nogil
        int (*wino2_dfilter)(Py_ssize_t n, const float *du, Py_ssize_t plane, Py_ssize_t part, int taps_h, int taps_w,
                             float *dw) noexcept nogil
        void (*to_lanes)(Py_ssize_t pixels, Py_ssize_t channels, const float *src, Py_ssize_t ld, const float *end,
                         float *dst) noexcept nogil
        void (*from_lanes)(Py_ssize_t pixels, Py_ssize_t channels, const float *src, float *dst,
                           Py_ssize_t ld) noexcept nogil

    ctypedef struct fnn_f64_kernels:
        int lanes
        int nv_max
        int nv_max_one_row
        int mr_max[5]
        int tandem_size
        int dot_rows
        int dot_cost
        void (*gemm)(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const double *a, Py_ssize_t a_rs,
                     Py_ssize_t a_cs, const double *b, Py_ssize_t b_ks, const double *init, Py_ssize_t init_rs,
                     Py_ssize_t init_cs, double *c, Py_ssize_t c_rs) noexcept nogil
        void (*igemm)(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const double *a, Py_ssize_t a_rs,
                      const Py_ssize_t *a_off, const double *b, const Py_ssize_t *b_off, const double *init,
                      Py_ssize_t init_rs, Py_ssize_t init_cs, double *c, Py_ssize_t c_rs) noexcept nogil
        void (*tandem)(Py_ssize_t nv, Py_ssize_t k, const double *a, const double *b, double *c, Py_ssize_t n,
                       const double *x, Py_ssize_t x_rs, const double *w, const double *init, double *y,
                       Py_ssize_t y_rs) noexcept nogil
        void (*dot_pack)(Py_ssize_t rows, int beside, Py_ssize_t k, const double *x, Py_ssize_t x_rs,
                         double *dst) noexcept nogil
        void (*dot)(Py_ssize_t rows, int beside, Py_ssize_t cols, Py_ssize_t k, const double *x, const double *w,
                    Py_ssize_t w_rs, const double *init, int add, double *y, Py_ssize_t y_rs) noexcept nogil
        void (*pack)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const double *src, Py_ssize_t ld,
                     double *dst) noexcept nogil
        void (*pack_t)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const double *src, Py_ssize_t ld,
                       double *dst) noexcept nogil
        void (*pack_t_apart)(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const double *src, Py_ssize_t ld,
                             double *dst, Py_ssize_t dst_ks) noexcept nogil
        void (*gemv_chain)(Py_ssize_t rows, Py_ssize_t k, const double *w, Py_ssize_t w_rs, const double *x,
                           const double *init, double *y) noexcept nogil
        void (*col_sum)(Py_ssize_t k, Py_ssize_t cols, const double *src, Py_ssize_t ld, double *dst) noexcept nogil
        void (*exp)(Py_ssize_t n, const double *x, double *y) noexcept nogil
        void (*tanh)(Py_ssize_t n, const double *x, double *y) noexcept nogil
        void (*sigmoid)(Py_ssize_t n, const double *x, double *y) noexcept nogil
        double (*sum)(Py_ssize_t n, const double *x) noexcept nogil
        double (*sum_squares)(Py_ssize_t n, const double *x, double mean) noexcept nogil
        double (*sum_products)(Py_ssize_t n, const double *dy, const double *x, double mean) noexcept nogil
        void (*scale_row)(Py_ssize_t n, const double *x, double mean, double scale, double shift,
                          double *y) noexcept nogil
        void (*combine_rows)(Py_ssize_t n, const double *dy, const double *x, double mean, double by_dy, double by_x,
                             double shift, double *dx) noexcept nogil
        void (*normalize_row)(Py_ssize_t n, const double *x, const double *weight, const double *bias, double eps,
                              double *mean, double *rstd, double *y) noexcept nogil
        void (*normalize_row_grad)(Py_ssize_t n, const double *dy, const double *x, const double *weight, double mean,
                                   double rstd, double *dx) noexcept nogil
        void (*normalize_weight_grad)(Py_ssize_t rows, Py_ssize_t cols, const double *dy, const double *x,
                                      Py_ssize_t ld, const double *mean, const double *rstd, double *dweight,
                                      double *dbias) noexcept nogil
        void (*softmax_row)(Py_ssize_t n, int logarithm, const double *x, double *y) noexcept nogil
        void (*softmax_row_grad)(Py_ssize_t n, int logarithm, const double *dy, const double *y,
                                 double *dx) noexcept nogil
        void (*rnn_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const double *tile,
                          Py_ssize_t tile_rs, double *y) noexcept nogil
        void (*lstm_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const double *tile,
                           Py_ssize_t tile_gs, const Py_ssize_t *order, double *c, double *y, double *gates,
                           double *cells) noexcept nogil
        void (*gru_gates)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const double *tile, Py_ssize_t tile_gs,
                          const double *h_prev, const Py_ssize_t *order, double *y,
                          double *gates) noexcept nogil
        void (*rnn_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const double *dh,
                                   const Py_ssize_t *order, const double *dy, const double *y,
                                   double *dgates) noexcept nogil
        void (*lstm_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const double *dh,
                                    const Py_ssize_t *order, const double *dy, double *dc, const double *gates,
                                    const double *cells, const double *c_prev, double *dgates) noexcept nogil
        void (*gru_gates_backward)(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, double *dh,
                                   const Py_ssize_t *order, const double *dy, const double *gates,
                                   const double *h_prev, double *dgates) noexcept nogil
        void (*zone)(Py_ssize_t n, const double *mask, const double *old, const double *new,
                     double *out) noexcept nogil
        void (*zone_grad)(Py_ssize_t n, const double *mask, const double *before, const double *after, double *dold,
                          double *dnew) noexcept nogil
        void (*rnn_unit)(Py_ssize_t n, int relu, const double *u, const double *v, const double *drop, double *kept,
                         double *h) noexcept nogil
        void (*rnn_unit_grad)(Py_ssize_t n, int relu, const double *dh, const double *drop, const double *kept,
                              double *da) noexcept nogil
        void (*gru_unit)(Py_ssize_t n, const double *u, const double *v, const double *drop, const double *h_prev,
                         double *gates, double *h) noexcept nogil
        void (*gru_unit_grad)(Py_ssize_t n, const double *dh, const double *drop, const double *gates,
                              const double *h_prev, double *du, double *dv, double *dh_prev) noexcept nogil
        void (*lstm_unit)(Py_ssize_t n, const double *u, const double *v, const double *drop, const double *c_prev,
                          double *gates, double *c) noexcept nogil
        void (*lstm_unit_grad)(Py_ssize_t n, const double *dc, const double *drop, const double *c_prev,
                               const double *gates, double *da, double *dc_prev) noexcept nogil
        void (*lstm_emit)(Py_ssize_t n, const double *o, const double *c, double *h) noexcept nogil
        void (*lstm_emit_grad)(Py_ssize_t n, const double *dh, const double *gate, const double *c, double *da,
                               double *dc) noexcept nogil
        void (*pad_rows)(Py_ssize_t rows, Py_ssize_t before, Py_ssize_t n, Py_ssize_t after, const double *src,
                         Py_ssize_t src_rs, Py_ssize_t src_cs, double *dst) noexcept nogil
        void (*spread)(Py_ssize_t n, const double *src, double *dst, Py_ssize_t dst_cs) noexcept nogil
        void (*gather)(Py_ssize_t k, const Py_ssize_t *off, Py_ssize_t pieces, const Py_ssize_t *from_,
                       const Py_ssize_t *lane, const double *src, double *dst, Py_ssize_t width) noexcept nogil
        void (*max_pool2d)(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, const double *x,
                           double *y, void *taps, int tap_bytes) noexcept nogil
        void (*max_pool2d_grad)(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, const double *dy,
                                const void *taps, int tap_bytes, double *dx) noexcept nogil
        void (*avg_pool2d)(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, int include_pad,
                           const double *x, double *y) noexcept nogil
        void (*avg_pool2d_grad)(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, int include_pad,
                                const double *dy, double *dx) noexcept nogil
        void (*depthwise)(const fnn_pool2d *plane, Py_ssize_t planes, const double *x, const double *weight,
                          int is_flipped, const double *bias, int add, double *y) noexcept nogil
        void (*depthwise_grad)(const fnn_pool2d *plane, Py_ssize_t h0, Py_ssize_t h1, const double *dy,
                               const double *weight, int add, double *dx) noexcept nogil
        void (*depthwise_weight)(const fnn_pool2d *plane, Py_ssize_t images, const double *x, Py_ssize_t x_step,
                                 const double *dy, Py_ssize_t dy_step, double *dweight, double *dbias) noexcept nogil
        void (*activate)(int op, double parameter, Py_ssize_t n, const double *x, double *y) noexcept nogil
        void (*activate_grad)(int op, double parameter, Py_ssize_t n, const double *dy, const double *saved,
                              double *dx) noexcept nogil
        void (*sgd)(const fnn_sgd *step, Py_ssize_t n, double *p, const double *g, double *buffer) noexcept nogil
        void (*adam)(const fnn_adam *step, Py_ssize_t n, double *p, const double *g, double *mean,
                     double *square) noexcept nogil
        void (*wino_input)(int side, Py_ssize_t tiles, const double *band, Py_ssize_t row, Py_ssize_t pixel, double *v,
                           Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil
        void (*wino_dy)(int side, Py_ssize_t tiles, const double *band, Py_ssize_t row, Py_ssize_t pixel, double *m,
                        Py_ssize_t m_ts, Py_ssize_t plane) noexcept nogil
        int (*wino_output)(int side, Py_ssize_t rows, Py_ssize_t cols, const double *m, Py_ssize_t m_ts,
                           Py_ssize_t plane, const double *bias, double *band, Py_ssize_t row,
                           Py_ssize_t pixel) noexcept nogil
        void (*wino_filter)(int side, Py_ssize_t n, Py_ssize_t channels, const double *w, Py_ssize_t ld,
                            Py_ssize_t cs, const double *end, int flip, double *u, Py_ssize_t u_cs,
                            Py_ssize_t plane) noexcept nogil
        int (*wino_dfilter)(int side, Py_ssize_t n, const double *du, Py_ssize_t plane, double *dw) noexcept nogil
        void (*wino2_input)(Py_ssize_t tiles, const double *band, Py_ssize_t row, Py_ssize_t pixel, int nh, int nw,
                            double *v, Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil
        void (*wino2_dy)(Py_ssize_t tiles, const double *band, Py_ssize_t row, double *m, Py_ssize_t m_ts,
                         Py_ssize_t plane) noexcept nogil
        int (*wino2_output)(Py_ssize_t rows, Py_ssize_t cols, const double *m, Py_ssize_t m_ts, Py_ssize_t plane,
                            int nh, int nw, const double *bias, double *band, Py_ssize_t row,
                            Py_ssize_t pixel) noexcept nogil
        void (*wino2_filter)(Py_ssize_t n, Py_ssize_t channels, const double *w, Py_ssize_t ld, Py_ssize_t cs,
                             const double *end, int taps_h, int taps_w, int flip, double *u, Py_ssize_t u_cs,
                             Py_ssize_t plane, Py_ssize_t part) noexcept nogil
        int (*wino2_dfilter)(Py_ssize_t n, const double *du, Py_ssize_t plane, Py_ssize_t part, int taps_h, int taps_w,
                             double *dw) noexcept nogil
        void (*to_lanes)(Py_ssize_t pixels, Py_ssize_t channels, const double *src, Py_ssize_t ld, const double *end,
                         double *dst) noexcept nogil
        void (*from_lanes)(Py_ssize_t pixels, Py_ssize_t channels, const double *src, double *dst,
                           Py_ssize_t ld) noexcept nogil

    ctypedef struct fnn_isa:
        const char *name
        const fnn_f32_kernels *f32
        const fnn_f64_kernels *f64

    const fnn_isa *fnn_isa_built(int i)
    int fnn_isa_usable(int i)
    enum: FNN_NV_MAX

cdef extern from "fnn_pool.h" nogil:
    bint fnn_depthwise_fits(const fnn_pool2d *plane)
