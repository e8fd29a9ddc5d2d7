from ._runtime cimport real
from ._winograd cimport Tiling

# The gradient of the weights, for the tiles of the forward pass. scratch: winograd_weight_scratch(s) elements.
# Returns 1 where a gradient is not finite (it may be wrong then; the finite ones are right), else 0.
cdef int winograd_weight(const Tiling *s, const real *dy, const real *x, real *dweight, real *scratch) noexcept nogil
cdef Py_ssize_t winograd_weight_scratch(const Tiling *s) noexcept nogil
