"""The kernels of csrc/kernels/units.inl, for either type of element."""

from ._runtime cimport isa, real


cdef inline void zone(Py_ssize_t n, const real *mask, const real *old, const real *fresh, real *out) noexcept nogil:
    if real is float:
        isa.f32.zone(n, mask, old, fresh, out)
    else:
        isa.f64.zone(n, mask, old, fresh, out)


cdef inline void zone_grad(Py_ssize_t n, const real *mask, const real *before, const real *after, real *dold,
                           real *dnew) noexcept nogil:
    if real is float:
        isa.f32.zone_grad(n, mask, before, after, dold, dnew)
    else:
        isa.f64.zone_grad(n, mask, before, after, dold, dnew)


cdef inline void rnn_unit(Py_ssize_t n, int relu, const real *u, const real *v, const real *drop, real *kept,
                          real *h) noexcept nogil:
    if real is float:
        isa.f32.rnn_unit(n, relu, u, v, drop, kept, h)
    else:
        isa.f64.rnn_unit(n, relu, u, v, drop, kept, h)


cdef inline void rnn_unit_grad(Py_ssize_t n, int relu, const real *dh, const real *drop, const real *kept,
                               real *da) noexcept nogil:
    if real is float:
        isa.f32.rnn_unit_grad(n, relu, dh, drop, kept, da)
    else:
        isa.f64.rnn_unit_grad(n, relu, dh, drop, kept, da)


cdef inline void gru_unit(Py_ssize_t n, const real *u, const real *v, const real *drop, const real *h_prev,
                          real *gates, real *h) noexcept nogil:
    if real is float:
        isa.f32.gru_unit(n, u, v, drop, h_prev, gates, h)
    else:
        isa.f64.gru_unit(n, u, v, drop, h_prev, gates, h)


cdef inline void gru_unit_grad(Py_ssize_t n, const real *dh, const real *drop, const real *gates, const real *h_prev,
                               real *du, real *dv, real *dh_prev) noexcept nogil:
    if real is float:
        isa.f32.gru_unit_grad(n, dh, drop, gates, h_prev, du, dv, dh_prev)
    else:
        isa.f64.gru_unit_grad(n, dh, drop, gates, h_prev, du, dv, dh_prev)


cdef inline void lstm_unit(Py_ssize_t n, const real *u, const real *v, const real *drop, const real *c_prev,
                           real *gates, real *c) noexcept nogil:
    if real is float:
        isa.f32.lstm_unit(n, u, v, drop, c_prev, gates, c)
    else:
        isa.f64.lstm_unit(n, u, v, drop, c_prev, gates, c)


cdef inline void lstm_unit_grad(Py_ssize_t n, const real *dc, const real *drop, const real *c_prev, const real *gates,
                                real *da, real *dc_prev) noexcept nogil:
    if real is float:
        isa.f32.lstm_unit_grad(n, dc, drop, c_prev, gates, da, dc_prev)
    else:
        isa.f64.lstm_unit_grad(n, dc, drop, c_prev, gates, da, dc_prev)


cdef inline void lstm_emit(Py_ssize_t n, const real *o, const real *c, real *h) noexcept nogil:
    if real is float:
        isa.f32.lstm_emit(n, o, c, h)
    else:
        isa.f64.lstm_emit(n, o, c, h)


cdef inline void lstm_emit_grad(Py_ssize_t n, const real *dh, const real *gate, const real *c, real *da,
                                real *dc) noexcept nogil:
    if real is float:
        isa.f32.lstm_emit_grad(n, dh, gate, c, da, dc)
    else:
        isa.f64.lstm_emit_grad(n, dh, gate, c, da, dc)
