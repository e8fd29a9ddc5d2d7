from ._runtime cimport real

# c = init + a b for any strides of a and b: a (m, k), b (k, n) with one of its strides 1, c row-major with row stride
# c_rs. init: NULL for zeros, else init[i*init_rs + j*init_cs], init_cs 0 or 1. Returns -1 where scratch memory is not
# to be had (nothing is written then), else 0. Each output is one sequential chain over k.
cdef int matmul(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real *a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                const real *b, Py_ssize_t b_ks, Py_ssize_t b_cs, const real *init, Py_ssize_t init_rs,
                Py_ssize_t init_cs, real *c, Py_ssize_t c_rs) noexcept nogil

# The same for each of a batch, whose matrices lie a_bs, b_bs and c_bs apart; init is shared.
cdef int matmul_batch(Py_ssize_t batch, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                      const real *a, Py_ssize_t a_bs, Py_ssize_t a_rs, Py_ssize_t a_cs,
                      const real *b, Py_ssize_t b_bs, Py_ssize_t b_ks, Py_ssize_t b_cs,
                      const real *init, Py_ssize_t init_rs, Py_ssize_t init_cs,
                      real *c, Py_ssize_t c_bs, Py_ssize_t c_rs) noexcept nogil

# c = init + a b^T for a (m, k), b (n, k), c (m, n), all with rows of elements that follow each other; init (n) or NULL.
# b is read as it lies. The bits of an output depend on its rows of a and b alone up to 8 rows, past them on m and
# n too. Returns like matmul.
cdef int dot_products(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real *a, Py_ssize_t a_rs, const real *b,
                      Py_ssize_t b_rs, const real *init, real *c, Py_ssize_t c_rs) noexcept nogil

# Whether that is quicker than matmul: it copies a and adds up the lanes of every output, where matmul transposes b.
cdef bint dots_pay(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int itemsize) noexcept nogil
