"""A convolution of any direction that sums over channels and taps, as a product with an implicit im2col."""

from ._im2col cimport Axis
from ._runtime cimport real

# out[n, g, m, i, j] = bias[g, m] + the sum over channels c and taps (r, s) of
#     weight[g*weight_group + m*weight_rows + c*weight_channels + r*kernel_w + s] * src[n, g, c, pixel].
# Strides count elements. Rows i and columns j of the outputs are out_h and out_w apart.
cdef struct Convolution:
    Axis h, w
    Py_ssize_t images, groups, rows, channels
    Py_ssize_t weight_group, weight_rows, weight_channels, kernel_w
    Py_ssize_t out_plane, out_h, out_w
    bint relu       # out is max(0, sum)
    int threads     # 0: as many as pay

# What conv2d is told, but for what is behind the last pixels.
cdef struct Geometry:
    Py_ssize_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups
    int algorithm   # conv2d.pyx

cdef inline bint taps_are_rows(const Convolution *conv) noexcept nogil:
    """Whether the weights of two channels, one of the source and one of the outputs, lie in the order of the taps."""
    return (conv.h.tap == 0 and conv.w.tap == 0 and conv.h.tap_step == 1 and conv.w.tap_step == 1
            and conv.w.taps == conv.kernel_w)

cdef inline bint weights_are_rows(const Convolution *conv) noexcept nogil:
    """Whether all weights of an output channel do."""
    return taps_are_rows(conv) and conv.weight_channels == conv.h.taps * conv.w.taps

# Returns -1 where scratch memory is not to be had (nothing is written then), else 0.
cdef int convolve(const Convolution *conv, const real *weight, const real *src, const real *bias,
                  real *out) noexcept nogil
