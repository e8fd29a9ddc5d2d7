"""Matrix products of any size over the gemm micro-kernel: panels of b are packed, rows of a are broadcast."""

from cython.parallel cimport prange, threadid

from ._kernels cimport dot, dot_pack, gemm, lanes, pack, pack_t, round_up, tile_width
from ._runtime cimport fnn_alloc, fnn_apart, fnn_free, gemm_ns, isa, real, threads_for

cdef enum:
    K_BLOCK = 768    # taps of a packed panel: 768 x 64 floats are 192 KB, a fraction of L2
    FEW_ROWS = 12    # up to here a panel is used once or twice: packing it costs more than it brings
    DOT_CHAIN = 144  # vectors of a chain in a dot product: longer ones round more, and leave L1 sooner
    DOT_BESIDE = 4608    # bytes of it where one tile holds all rows: for w they leave half of L1
    DOT_BYTES = 262144   # of packed rows, which are read for every four rows of b: a fraction of L2
    DOT_COLS = 4     # rows of b at a time, or of a
    DOT_FEW = 8      # rows of a that have the same bits as one of them alone
    DOT_PIECE = 16   # bytes of a row of a beside other rows in a vector
    DOT_LEAST = 12   # such rows of a tile at least
    READ_BYTES_NS = 48   # what one core reads from L3 or memory in a nanosecond


cdef int matmul(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real *a, Py_ssize_t a_rs, Py_ssize_t a_cs,
                const real *b, Py_ssize_t b_ks, Py_ssize_t b_cs, const real *init, Py_ssize_t init_rs,
                Py_ssize_t init_cs, real *c, Py_ssize_t c_rs) noexcept nogil:
    return matmul_batch(<Py_ssize_t>1, m, n, k, a, <Py_ssize_t>0, a_rs, a_cs, b, <Py_ssize_t>0, b_ks, b_cs,
                        init, init_rs, init_cs, c, <Py_ssize_t>0, c_rs)


cdef int matmul_batch(Py_ssize_t batch, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                      const real *a, Py_ssize_t a_bs, Py_ssize_t a_rs, Py_ssize_t a_cs,
                      const real *b, Py_ssize_t b_bs, Py_ssize_t b_ks, Py_ssize_t b_cs,
                      const real *init, Py_ssize_t init_rs, Py_ssize_t init_cs,
                      real *c, Py_ssize_t c_bs, Py_ssize_t c_rs) noexcept nogil:
    cdef Py_ssize_t width = tile_width(sizeof(real)), panels = (n + width - 1) // width
    cdef Py_ssize_t row_blocks = 1, rows, task, item, row, col
    cdef Py_ssize_t panel_size = fnn_apart(min(k, <Py_ssize_t>K_BLOCK) * width * sizeof(real))
    cdef int threads
    cdef real *scratch
    panel_size //= <Py_ssize_t>sizeof(real)
    if batch <= 0 or m <= 0 or n <= 0:
        return 0
    threads = threads_for(gemm_ns(<double>batch * m * n * k), batch * panels * ((m + 15) // 16))
    # Rows are shared out too where the panels alone do not keep every thread busy; each of the blocks packs its panel.
    while (row_blocks * panels * batch < 4 * threads and row_blocks * panels * batch % threads != 0
           and m >= 32 * row_blocks):
        row_blocks += 1
    # Tall products by rows alone: a thread packs all of b, but reads its own part of a, and no line of c is shared.
    if batch == 1 and threads > 1 and m >= max(n, <Py_ssize_t>(16 * threads)):
        row_blocks = threads
    rows = (m + row_blocks - 1) // row_blocks
    scratch = <real *>fnn_alloc(threads * panel_size * sizeof(real))
    if scratch == NULL:
        return -1
    if threads == 1:   # no parallel region: entering one costs 0.6 us even for a single thread
        for task in range(batch * panels):
            item, col = task // panels, task % panels * width
            matmul_task(0, m, col, min(width, n - col), k, a + item * a_bs, a_rs, a_cs, b + item * b_bs, b_ks, b_cs,
                        init, init_rs, init_cs, c + item * c_bs, c_rs, scratch)
    else:
        for task in prange(batch * panels * row_blocks, num_threads=threads, schedule="static"):
            item, row = task // (panels * row_blocks), task // panels % row_blocks * rows
            col = task % panels * width
            matmul_task(row, min(rows, m - row), col, min(width, n - col), k, a + item * a_bs, a_rs, a_cs,
                        b + item * b_bs, b_ks, b_cs, init, init_rs, init_cs, c + item * c_bs, c_rs,
                        scratch + threadid() * panel_size)
    fnn_free(scratch)
    return 0


cdef void matmul_task(Py_ssize_t row, Py_ssize_t rows, Py_ssize_t col, Py_ssize_t cols, Py_ssize_t k,
                      const real *a, Py_ssize_t a_rs, Py_ssize_t a_cs, const real *b, Py_ssize_t b_ks,
                      Py_ssize_t b_cs, const real *init, Py_ssize_t init_rs, Py_ssize_t init_cs,
                      real *c, Py_ssize_t c_rs, real *panel) noexcept nogil:
    """One panel of columns times some rows: block after block of taps, the sums kept in c in between."""
    cdef Py_ssize_t t = 0, taps, width = round_up(cols, lanes(sizeof(real))), panel_ks
    cdef Py_ssize_t blocks = (k + K_BLOCK - 1) // K_BLOCK   # of nearly equal length: a short one costs as many sums
    cdef const real *panel_b
    if rows <= 0:
        return
    a += row * a_rs
    c += row * c_rs + col
    if init != NULL:
        init += row * init_rs + col * init_cs
    while True:
        taps = (k - t + blocks - 1) // blocks if blocks > 0 else 0
        panel_b, panel_ks = panel, width
        if b_cs != 1:
            pack_t(taps, cols, width, b + t * b_ks + col * b_cs, b_cs, panel)
        elif cols < width or rows > FEW_ROWS:
            pack(taps, cols, width, b + t * b_ks + col, b_ks, panel)
        else:
            panel_b, panel_ks = b + t * b_ks + col, b_ks
        gemm(rows, cols, taps, a + t * a_cs, a_rs, a_cs, panel_b, panel_ks, init, init_rs, init_cs, c, c_rs)
        t += taps
        blocks -= 1
        if t >= k:
            return
        init, init_rs, init_cs = c, c_rs, 1


cdef bint dots_pay(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int itemsize) noexcept nogil:
    """In hundredths of what it takes to transpose an element: copies of a and sums of lanes, against b transposed and
    the columns that fill up a panel's last vector."""
    cdef int add_up = isa.f32.dot_cost if lie_beside(m, n, k, itemsize) else 2 * isa.f32.dot_cost
    cdef Py_ssize_t filled_up = round_up(n, lanes(itemsize)) - n
    return <double>m * (add_up * n + 100 * k) < <double>k * (100 * n + 50 * m * filled_up)


cdef bint lie_beside(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int itemsize) noexcept nogil:
    """Whether rows of a share vectors. To add up a sum takes as long as 2 quarters of a vector of products then, not 5,
    but all rows of a vector are formed, and where some are not wanted 2 more go into a copy of y."""
    cdef Py_ssize_t rows, formed, products, add_up, width
    if m <= DOT_FEW or lanes(itemsize) * itemsize == DOT_PIECE:
        return False
    rows = lanes(itemsize) * itemsize // DOT_PIECE
    formed = round_up(m, rows)
    products = 4 * k // lanes(itemsize)
    add_up = 2 if formed == m else 4
    width = 3 if isa.f32.dot_rows == 3 and m % 4 == 0 else DOT_COLS   # of the tiles of a row a vector
    return formed * round_up(n, DOT_COLS) * (products + add_up) <= m * round_up(n, width) * (products + 5)


cdef int dot_products(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real *a, Py_ssize_t a_rs, const real *b,
                      Py_ssize_t b_rs, const real *init, real *c, Py_ssize_t c_rs) noexcept nogil:
    cdef Py_ssize_t vector = lanes(sizeof(real)), part, row_size, row_blocks, col_blocks = 1, rows, cols, task
    cdef Py_ssize_t chain = DOT_CHAIN * vector, panel_size
    cdef bint beside
    cdef int threads
    cdef real *scratch
    if m <= 0 or n <= 0:
        return 0
    if m <= isa.f32.dot_rows:
        chain = min(chain, <Py_ssize_t>(DOT_BESIDE // sizeof(real)))
    part = max(<Py_ssize_t>1, (k + chain - 1) // chain)
    part = max(vector, round_up((k + part - 1) // part, vector))
    row_size = part * sizeof(real)
    beside = lie_beside(m, n, part, sizeof(real))
    rows = max(<Py_ssize_t>isa.f32.dot_rows, DOT_BYTES // row_size)
    row_blocks = (m + rows - 1) // rows
    threads = threads_for(max(gemm_ns(<double>m * n * k), <double>n * k * sizeof(real) / READ_BYTES_NS),
                          max(row_blocks, (n + DOT_COLS - 1) // DOT_COLS))
    # Each thread packs its rows of a and reads its rows of b: the fewer are shared.
    if m > n:
        row_blocks = round_up(row_blocks, threads)
    else:
        col_blocks = threads
    rows = round_up((m + row_blocks - 1) // row_blocks, DOT_COLS) if row_blocks > 1 else m
    cols = round_up((n + col_blocks - 1) // col_blocks, DOT_COLS)
    panel_size = max(DOT_LEAST, round_up(rows, DOT_COLS)) if beside else rows
    panel_size = fnn_apart(panel_size * row_size) // <Py_ssize_t>sizeof(real)
    scratch = <real *>fnn_alloc(threads * panel_size * sizeof(real))
    if scratch == NULL:
        return -1
    if threads == 1:
        for task in range(row_blocks):
            dot_task(task * rows, min(rows, m - task * rows), beside, <Py_ssize_t>0, n, k, part, a, a_rs, b, b_rs,
                     init, c, c_rs, scratch)
    else:
        for task in prange(row_blocks * col_blocks, num_threads=threads, schedule="static"):
            dot_task(task // col_blocks * rows, min(rows, m - task // col_blocks * rows), beside,
                     task % col_blocks * cols, min(cols, n - task % col_blocks * cols), k, part, a, a_rs, b, b_rs,
                     init, c, c_rs, scratch + threadid() * panel_size)
    fnn_free(scratch)
    return 0


cdef void dot_task(Py_ssize_t row, Py_ssize_t rows, bint beside, Py_ssize_t col, Py_ssize_t cols, Py_ssize_t k,
                   Py_ssize_t part, const real *a, Py_ssize_t a_rs, const real *b, Py_ssize_t b_rs, const real *init,
                   real *c, Py_ssize_t c_rs, real *packed) noexcept nogil:
    """Part after part of all columns."""
    cdef Py_ssize_t t = 0
    if rows <= 0:
        return
    a += row * a_rs
    c += row * c_rs + col
    b += col * b_rs
    while True:
        dot_pack(rows, beside, min(part, k - t), a + t, a_rs, packed)
        dot(rows, beside, cols, min(part, k - t), packed, b + t, b_rs,
            init + col if init != NULL and t == 0 else NULL, t > 0, c, c_rs)
        t += part
        if t >= k:
            return
