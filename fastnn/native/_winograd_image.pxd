from ._runtime cimport real
from ._winograd cimport Tiling

# y = bias + x * filters; bias may be NULL. scratch: winograd_image_scratch(s) elements.
# Returns -1 where memory is not to be had, else 0.
cdef int winograd_image(const Tiling *s, const real *x, const real *weight, const real *bias, real *y,
                        real *scratch) noexcept nogil
cdef Py_ssize_t winograd_image_scratch(const Tiling *s) noexcept nogil
