"""The kernels of the ISA in use, one adaptor each that picks the element type. csrc/kernel_table.inl defines them."""

from ._runtime cimport isa, real
from ._table cimport fnn_adam, fnn_pool2d, fnn_sgd

cdef extern from "fnn_activation.h":
    enum: FNN_RELU


cdef inline int lanes(int itemsize) noexcept nogil:
    """Elements of a vector."""
    return isa.f32.lanes if itemsize == 4 else isa.f64.lanes


cdef inline int tile_width(int itemsize) noexcept nogil:
    """Columns of the widest gemm tile."""
    return lanes(itemsize) * isa.f32.nv_max


cdef inline int one_row_width(int itemsize) noexcept nogil:
    """Columns of the widest gemm tile of a single row."""
    return lanes(itemsize) * isa.f32.nv_max_one_row


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


cdef inline void gemm(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const real *a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                      const real *b, Py_ssize_t b_ks, const real *init, Py_ssize_t init_rs, Py_ssize_t init_cs,
                      real *c, Py_ssize_t c_rs) noexcept nogil:
    if real is float:
        isa.f32.gemm(rows, cols, k, a, a_rs, a_cs, b, b_ks, init, init_rs, init_cs, c, c_rs)
    else:
        isa.f64.gemm(rows, cols, k, a, a_rs, a_cs, b, b_ks, init, init_rs, init_cs, c, c_rs)


cdef inline int tandem_size(int itemsize) noexcept nogil:
    """Vectors of the row, and rows of the tile, that `tandem` works on side by side; 0 where it is not to be called."""
    return isa.f32.tandem_size if itemsize == 4 else isa.f64.tandem_size


cdef inline void tandem(Py_ssize_t nv, Py_ssize_t k, const real *a, const real *b, real *c, Py_ssize_t n,
                        const real *x, Py_ssize_t x_rs, const real *w, const real *init, real *y,
                        Py_ssize_t y_rs) noexcept nogil:
    if real is float:
        isa.f32.tandem(nv, k, a, b, c, n, x, x_rs, w, init, y, y_rs)
    else:
        isa.f64.tandem(nv, k, a, b, c, n, x, x_rs, w, init, y, y_rs)


cdef inline void igemm(Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t k, const real *a, Py_ssize_t a_rs,
                       const Py_ssize_t *a_off, const real *b, const Py_ssize_t *b_off, const real *init,
                       Py_ssize_t init_rs, Py_ssize_t init_cs, real *c, Py_ssize_t c_rs) noexcept nogil:
    if real is float:
        isa.f32.igemm(rows, cols, k, a, a_rs, a_off, b, b_off, init, init_rs, init_cs, c, c_rs)
    else:
        isa.f64.igemm(rows, cols, k, a, a_rs, a_off, b, b_off, init, init_rs, init_cs, c, c_rs)


cdef inline void dot_pack(Py_ssize_t rows, bint beside, Py_ssize_t k, const real *x, Py_ssize_t x_rs,
                          real *dst) noexcept nogil:
    if real is float:
        isa.f32.dot_pack(rows, beside, k, x, x_rs, dst)
    else:
        isa.f64.dot_pack(rows, beside, k, x, x_rs, dst)


cdef inline void dot(Py_ssize_t rows, bint beside, Py_ssize_t cols, Py_ssize_t k, const real *x, const real *w,
                     Py_ssize_t w_rs, const real *init, int add, real *y, Py_ssize_t y_rs) noexcept nogil:
    if real is float:
        isa.f32.dot(rows, beside, cols, k, x, w, w_rs, init, add, y, y_rs)
    else:
        isa.f64.dot(rows, beside, cols, k, x, w, w_rs, init, add, y, y_rs)


cdef inline void pack(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const real *src, Py_ssize_t ld,
                      real *dst) noexcept nogil:
    if real is float:
        isa.f32.pack(k, cols, width, src, ld, dst)
    else:
        isa.f64.pack(k, cols, width, src, ld, dst)


cdef inline void pack_t(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const real *src, Py_ssize_t ld,
                        real *dst) noexcept nogil:
    if real is float:
        isa.f32.pack_t(k, cols, width, src, ld, dst)
    else:
        isa.f64.pack_t(k, cols, width, src, ld, dst)


cdef inline void pack_t_apart(Py_ssize_t k, Py_ssize_t cols, Py_ssize_t width, const real *src, Py_ssize_t ld,
                              real *dst, Py_ssize_t dst_ks) noexcept nogil:
    if real is float:
        isa.f32.pack_t_apart(k, cols, width, src, ld, dst, dst_ks)
    else:
        isa.f64.pack_t_apart(k, cols, width, src, ld, dst, dst_ks)


cdef inline void gemv_chain(Py_ssize_t rows, Py_ssize_t k, const real *w, Py_ssize_t w_rs, const real *x,
                            const real *init, real *y) noexcept nogil:
    if real is float:
        isa.f32.gemv_chain(rows, k, w, w_rs, x, init, y)
    else:
        isa.f64.gemv_chain(rows, k, w, w_rs, x, init, y)


cdef inline void col_sum(Py_ssize_t k, Py_ssize_t cols, const real *src, Py_ssize_t ld, real *dst) noexcept nogil:
    if real is float:
        isa.f32.col_sum(k, cols, src, ld, dst)
    else:
        isa.f64.col_sum(k, cols, src, ld, dst)


cdef inline void exp(Py_ssize_t n, const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.exp(n, x, y)
    else:
        isa.f64.exp(n, x, y)


cdef inline void tanh(Py_ssize_t n, const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.tanh(n, x, y)
    else:
        isa.f64.tanh(n, x, y)


cdef inline void sigmoid(Py_ssize_t n, const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.sigmoid(n, x, y)
    else:
        isa.f64.sigmoid(n, x, y)


cdef inline void rnn_gates(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const real *tile,
                           Py_ssize_t tile_rs, real *y) noexcept nogil:
    if real is float:
        isa.f32.rnn_gates(rows, units, hidden, relu, tile, tile_rs, y)
    else:
        isa.f64.rnn_gates(rows, units, hidden, relu, tile, tile_rs, y)


cdef inline void lstm_gates(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const real *tile, Py_ssize_t tile_gs,
                            const Py_ssize_t *order, real *c, real *y, real *gates,
                            real *cells) noexcept nogil:
    if real is float:
        isa.f32.lstm_gates(rows, units, hidden, tile, tile_gs, order, c, y, gates, cells)
    else:
        isa.f64.lstm_gates(rows, units, hidden, tile, tile_gs, order, c, y, gates, cells)


cdef inline void gru_gates(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const real *tile, Py_ssize_t tile_gs,
                           const real *h_prev, const Py_ssize_t *order, real *y, real *gates) noexcept nogil:
    if real is float:
        isa.f32.gru_gates(rows, units, hidden, tile, tile_gs, h_prev, order, y, gates)
    else:
        isa.f64.gru_gates(rows, units, hidden, tile, tile_gs, h_prev, order, y, gates)


cdef inline void rnn_gates_backward(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, int relu, const real *dh,
                                    const Py_ssize_t *order, const real *dy, const real *y,
                                    real *dgates) noexcept nogil:
    if real is float:
        isa.f32.rnn_gates_backward(rows, units, hidden, relu, dh, order, dy, y, dgates)
    else:
        isa.f64.rnn_gates_backward(rows, units, hidden, relu, dh, order, dy, y, dgates)


cdef inline void lstm_gates_backward(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, const real *dh,
                                     const Py_ssize_t *order, const real *dy, real *dc, const real *gates,
                                     const real *cells, const real *c_prev, real *dgates) noexcept nogil:
    if real is float:
        isa.f32.lstm_gates_backward(rows, units, hidden, dh, order, dy, dc, gates, cells, c_prev,
                                    dgates)
    else:
        isa.f64.lstm_gates_backward(rows, units, hidden, dh, order, dy, dc, gates, cells, c_prev,
                                    dgates)


cdef inline void gru_gates_backward(Py_ssize_t rows, Py_ssize_t units, Py_ssize_t hidden, real *dh,
                                    const Py_ssize_t *order, const real *dy, const real *gates, const real *h_prev,
                                    real *dgates) noexcept nogil:
    if real is float:
        isa.f32.gru_gates_backward(rows, units, hidden, dh, order, dy, gates, h_prev, dgates)
    else:
        isa.f64.gru_gates_backward(rows, units, hidden, dh, order, dy, gates, h_prev, dgates)


cdef inline void max_pool2d(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, const real *x,
                            real *y, void *taps, int tap_bytes) noexcept nogil:
    if real is float:
        isa.f32.max_pool2d(pool, planes, p0, p1, x, y, taps, tap_bytes)
    else:
        isa.f64.max_pool2d(pool, planes, p0, p1, x, y, taps, tap_bytes)


cdef inline void max_pool2d_grad(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, const real *dy,
                                 const void *taps, int tap_bytes, real *dx) noexcept nogil:
    if real is float:
        isa.f32.max_pool2d_grad(pool, h0, h1, dy, taps, tap_bytes, dx)
    else:
        isa.f64.max_pool2d_grad(pool, h0, h1, dy, taps, tap_bytes, dx)


cdef inline void avg_pool2d(const fnn_pool2d *pool, Py_ssize_t planes, Py_ssize_t p0, Py_ssize_t p1, bint include_pad,
                            const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.avg_pool2d(pool, planes, p0, p1, include_pad, x, y)
    else:
        isa.f64.avg_pool2d(pool, planes, p0, p1, include_pad, x, y)


cdef inline void avg_pool2d_grad(const fnn_pool2d *pool, Py_ssize_t h0, Py_ssize_t h1, bint include_pad,
                                 const real *dy, real *dx) noexcept nogil:
    if real is float:
        isa.f32.avg_pool2d_grad(pool, h0, h1, include_pad, dy, dx)
    else:
        isa.f64.avg_pool2d_grad(pool, h0, h1, include_pad, dy, dx)


cdef inline void depthwise(const fnn_pool2d *plane, Py_ssize_t planes, const real *x, const real *weight,
                           bint is_flipped, const real *bias, bint add, real *y) noexcept nogil:
    if real is float:
        isa.f32.depthwise(plane, planes, x, weight, is_flipped, bias, add, y)
    else:
        isa.f64.depthwise(plane, planes, x, weight, is_flipped, bias, add, y)


cdef inline void depthwise_grad(const fnn_pool2d *plane, Py_ssize_t h0, Py_ssize_t h1, const real *dy,
                                const real *weight, bint add, real *dx) noexcept nogil:
    if real is float:
        isa.f32.depthwise_grad(plane, h0, h1, dy, weight, add, dx)
    else:
        isa.f64.depthwise_grad(plane, h0, h1, dy, weight, add, dx)


cdef inline void depthwise_weight(const fnn_pool2d *plane, Py_ssize_t images, const real *x, Py_ssize_t x_step,
                                  const real *dy, Py_ssize_t dy_step, real *dweight, real *dbias) noexcept nogil:
    if real is float:
        isa.f32.depthwise_weight(plane, images, x, x_step, dy, dy_step, dweight, dbias)
    else:
        isa.f64.depthwise_weight(plane, images, x, x_step, dy, dy_step, dweight, dbias)


cdef inline void activate(int op, double parameter, Py_ssize_t n, const real *x, real *y) noexcept nogil:
    if real is float:
        isa.f32.activate(op, <float>parameter, n, x, y)
    else:
        isa.f64.activate(op, parameter, n, x, y)


cdef inline void activate_grad(int op, double parameter, Py_ssize_t n, const real *dy, const real *saved,
                               real *dx) noexcept nogil:
    if real is float:
        isa.f32.activate_grad(op, <float>parameter, n, dy, saved, dx)
    else:
        isa.f64.activate_grad(op, parameter, n, dy, saved, dx)


cdef inline void sgd(const fnn_sgd *step, Py_ssize_t n, real *p, const real *g, real *buffer) noexcept nogil:
    if real is float:
        isa.f32.sgd(step, n, p, g, buffer)
    else:
        isa.f64.sgd(step, n, p, g, buffer)


cdef inline void adam(const fnn_adam *step, Py_ssize_t n, real *p, const real *g, real *mean,
                      real *square) noexcept nogil:
    if real is float:
        isa.f32.adam(step, n, p, g, mean, square)
    else:
        isa.f64.adam(step, n, p, g, mean, square)


cdef inline void pad_rows(Py_ssize_t rows, Py_ssize_t before, Py_ssize_t n, Py_ssize_t after, const real *src,
                          Py_ssize_t src_rs, Py_ssize_t src_cs, real *dst) noexcept nogil:
    if real is float:
        isa.f32.pad_rows(rows, before, n, after, src, src_rs, src_cs, dst)
    else:
        isa.f64.pad_rows(rows, before, n, after, src, src_rs, src_cs, dst)


cdef inline void spread(Py_ssize_t n, const real *src, real *dst, Py_ssize_t dst_cs) noexcept nogil:
    if real is float:
        isa.f32.spread(n, src, dst, dst_cs)
    else:
        isa.f64.spread(n, src, dst, dst_cs)


cdef inline void gather(Py_ssize_t k, const Py_ssize_t *off, Py_ssize_t pieces, const Py_ssize_t *from_,
                        const Py_ssize_t *lane, const real *src, real *dst, Py_ssize_t width) noexcept nogil:
    if real is float:
        isa.f32.gather(k, off, pieces, from_, lane, src, dst, width)
    else:
        isa.f64.gather(k, off, pieces, from_, lane, src, dst, width)
