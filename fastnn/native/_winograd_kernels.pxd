"""The kernels of csrc/kernels/winograd.inl and winograd_stride.inl, for either type of element."""

from ._runtime cimport isa, real


cdef inline void wino_input(int side, Py_ssize_t tiles, const real *band, Py_ssize_t row, Py_ssize_t pixel, real *v,
                            Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil:
    if real is float:
        isa.f32.wino_input(side, tiles, band, row, pixel, v, v_ts, plane)
    else:
        isa.f64.wino_input(side, tiles, band, row, pixel, v, v_ts, plane)


cdef inline void wino_dy(int side, Py_ssize_t tiles, const real *band, Py_ssize_t row, Py_ssize_t pixel, real *m,
                         Py_ssize_t m_ts, Py_ssize_t plane) noexcept nogil:
    if real is float:
        isa.f32.wino_dy(side, tiles, band, row, pixel, m, m_ts, plane)
    else:
        isa.f64.wino_dy(side, tiles, band, row, pixel, m, m_ts, plane)


cdef inline int wino_output(int side, Py_ssize_t rows, Py_ssize_t cols, const real *m, Py_ssize_t m_ts,
                            Py_ssize_t plane, const real *bias, real *band, Py_ssize_t row,
                            Py_ssize_t pixel) noexcept nogil:
    if real is float:
        return isa.f32.wino_output(side, rows, cols, m, m_ts, plane, bias, band, row, pixel)
    else:
        return isa.f64.wino_output(side, rows, cols, m, m_ts, plane, bias, band, row, pixel)


cdef inline void wino_filter(int side, Py_ssize_t n, Py_ssize_t channels, const real *w, Py_ssize_t ld, Py_ssize_t cs,
                             const real *end, int flip, real *u, Py_ssize_t u_cs, Py_ssize_t plane) noexcept nogil:
    if real is float:
        isa.f32.wino_filter(side, n, channels, w, ld, cs, end, flip, u, u_cs, plane)
    else:
        isa.f64.wino_filter(side, n, channels, w, ld, cs, end, flip, u, u_cs, plane)


cdef inline int wino_dfilter(int side, Py_ssize_t n, const real *du, Py_ssize_t plane, real *dw) noexcept nogil:
    if real is float:
        return isa.f32.wino_dfilter(side, n, du, plane, dw)
    else:
        return isa.f64.wino_dfilter(side, n, du, plane, dw)


cdef inline void wino2_input(Py_ssize_t tiles, const real *band, Py_ssize_t row, Py_ssize_t pixel, int nh, int nw,
                             real *v, Py_ssize_t v_ts, Py_ssize_t plane) noexcept nogil:
    if real is float:
        isa.f32.wino2_input(tiles, band, row, pixel, nh, nw, v, v_ts, plane)
    else:
        isa.f64.wino2_input(tiles, band, row, pixel, nh, nw, v, v_ts, plane)


cdef inline void wino2_dy(Py_ssize_t tiles, const real *band, Py_ssize_t row, real *m, Py_ssize_t m_ts,
                          Py_ssize_t plane) noexcept nogil:
    if real is float:
        isa.f32.wino2_dy(tiles, band, row, m, m_ts, plane)
    else:
        isa.f64.wino2_dy(tiles, band, row, m, m_ts, plane)


cdef inline int wino2_output(Py_ssize_t rows, Py_ssize_t cols, const real *m, Py_ssize_t m_ts, Py_ssize_t plane, int nh,
                             int nw, const real *bias, real *band, Py_ssize_t row, Py_ssize_t pixel) noexcept nogil:
    if real is float:
        return isa.f32.wino2_output(rows, cols, m, m_ts, plane, nh, nw, bias, band, row, pixel)
    else:
        return isa.f64.wino2_output(rows, cols, m, m_ts, plane, nh, nw, bias, band, row, pixel)


cdef inline void wino2_filter(Py_ssize_t n, Py_ssize_t channels, const real *w, Py_ssize_t ld, Py_ssize_t cs,
                              const real *end, int taps_h, int taps_w, int flip, real *u, Py_ssize_t u_cs,
                              Py_ssize_t plane, Py_ssize_t part) noexcept nogil:
    if real is float:
        isa.f32.wino2_filter(n, channels, w, ld, cs, end, taps_h, taps_w, flip, u, u_cs, plane, part)
    else:
        isa.f64.wino2_filter(n, channels, w, ld, cs, end, taps_h, taps_w, flip, u, u_cs, plane, part)


cdef inline int wino2_dfilter(Py_ssize_t n, const real *du, Py_ssize_t plane, Py_ssize_t part, int taps_h, int taps_w,
                              real *dw) noexcept nogil:
    if real is float:
        return isa.f32.wino2_dfilter(n, du, plane, part, taps_h, taps_w, dw)
    else:
        return isa.f64.wino2_dfilter(n, du, plane, part, taps_h, taps_w, dw)


cdef inline void to_lanes(Py_ssize_t pixels, Py_ssize_t channels, const real *src, Py_ssize_t ld, const real *end,
                          real *dst) noexcept nogil:
    if real is float:
        isa.f32.to_lanes(pixels, channels, src, ld, end, dst)
    else:
        isa.f64.to_lanes(pixels, channels, src, ld, end, dst)


cdef inline void from_lanes(Py_ssize_t pixels, Py_ssize_t channels, const real *src, real *dst,
                            Py_ssize_t ld) noexcept nogil:
    if real is float:
        isa.f32.from_lanes(pixels, channels, src, dst, ld)
    else:
        isa.f64.from_lanes(pixels, channels, src, dst, ld)
