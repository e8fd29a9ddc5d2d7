"""The gradients of a convolution with respect to its weights and its bias."""

from ._convolve cimport Convolution
from ._runtime cimport real

# conv describes the forward direction; dweight or dbias may be NULL. Returns -1 where scratch memory is not to be had
# (nothing is written then), else 0.
cdef int convolve_weight(const Convolution *conv, const real *dy, const real *x, real *dweight,
                         real *dbias) noexcept nogil
