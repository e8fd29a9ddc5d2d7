from ._runtime cimport real
from ._winograd cimport Tiling

# The gradient of the weights, for the tiles of the forward pass. scratch: winograd_weight_scratch(s) elements.
# Returns 1 where a gradient is not finite (it may be wrong then; the finite ones are right), else 0.
cdef int winograd_weight(const Tiling *s, const real *dy, const real *x, real *dweight, real *scratch) noexcept nogil
cdef Py_ssize_t winograd_weight_scratch(const Tiling *s) noexcept nogil

# What a direct gradient may get wrong: it multiplies gradients with the zeros of the padding, and infinity times zero
# is NaN. Each gradient that is NaN is summed again, over the pixels of the image alone.
cdef void without_padding(const Tiling *s, const real *dy, const real *x, real *dweight) noexcept nogil
