"""Implicit GEMM: weights are broadcast from where they are, pixels lie in the lanes and go straight to NCHW.

A task is a band of rows of an image, or some small images. Block by block of channels it copies its part of the
source, padded and split by phases, and multiplies it with the weights: in tiles of pixels of one row, in tiles that
run over the ends of the rows, or over panels of taps x pixels that are gathered from the copy first. An output is
one sequential chain over channels and taps, so no bit depends on any of these choices.
"""

from cython.parallel cimport prange

from ._im2col cimport Band, copy_band, is_plain, set_band, split_pixels, tap_offsets
from ._kernels cimport gather, igemm, lanes, pack, round_up, spread, tile_width
from ._runtime cimport (FNN_SHARE_BYTES, fnn_alloc, fnn_free, fnn_next_task, fnn_share, fnn_share_out, gemm_ns, isa,
                        real, threads_for)

cdef enum:
    PIXELS = 768            # of a task, roughly
    TAPS = 576              # of a panel, at most
    COPY_BYTES = 1 << 18    # of a task's copy, roughly
    FLAT_BYTES = 1 << 19    # the same for FLAT, which copies all channels at once
    L1_BYTES = 24 << 10     # of the first cache, for what a tile reads again and again
    TALL_TILE = 6           # rows
    MAX_PANEL = 128         # pixels: no tile is wider

cdef enum Tiling:
    GATHER      # panels, gathered from the copy; any pixels
    ROWS        # pixels of one row, read from the copy
    FLAT        # pixels of the copy as they come, with those between the rows, which are dropped
    PLAIN       # 1x1: panels, packed from the source itself

cdef struct Plan:
    Band band
    Py_ssize_t bands, image_blocks          # the pixels' tasks: one of the two is split
    Py_ssize_t row_blocks, rows             # blocks of output channels, where the pixels alone are too few tasks
    Py_ssize_t channels                     # of a block
    Py_ssize_t taps                         # of a block of channels
    Py_ssize_t panel_taps
    Py_ssize_t width                        # of the widest panel
    Tiling tiling
    Py_ssize_t copy, panel                  # elements of a thread's scratch memory
    Py_ssize_t tile                         # elements of a task's own outputs; 0: they go straight to `out`
    int threads
    fnn_share *shares
    Py_ssize_t *in_copy
    Py_ssize_t *in_weight
    Py_ssize_t *in_panel


cdef int convolve(const Convolution *conv, const real *weight, const real *src, const real *bias,
                  real *out) noexcept nogil:
    cdef Plan plan
    cdef Py_ssize_t worker, t, scratch_size, shares_size, lists_size
    cdef char *memory
    cdef real *scratch
    make_plan(&plan, conv, sizeof(real))
    scratch_size = round_up(plan.copy + plan.panel + plan.tile, 16)
    lists_size = round_up(2 * plan.taps + plan.panel_taps, 8) * sizeof(Py_ssize_t)
    shares_size = plan.threads * FNN_SHARE_BYTES
    memory = <char *>fnn_alloc(shares_size + lists_size + plan.threads * scratch_size * sizeof(real))
    if memory == NULL:
        return -1
    plan.shares = <fnn_share *>memory
    fnn_share_out(plan.shares, plan.threads, conv.groups * plan.image_blocks * plan.bands * plan.row_blocks)
    plan.in_copy = <Py_ssize_t *>(memory + shares_size)
    plan.in_weight = plan.in_copy + plan.taps
    plan.in_panel = plan.in_weight + plan.taps
    scratch = <real *>(memory + shares_size + lists_size)
    tap_offsets(&conv.h, &conv.w, &plan.band, plan.channels, plan.in_copy)
    weight_offsets(conv, plan.channels, plan.in_weight)
    for t in range(plan.panel_taps):
        plan.in_panel[t] = t * plan.width
    for worker in prange(plan.threads, num_threads=plan.threads, schedule="static", use_threads_if=plan.threads > 1):
        convolve_tasks(conv, &plan, worker, weight, src, bias, out, scratch + worker * scratch_size)
    fnn_free(memory)
    return 0


cdef void weight_offsets(const Convolution *conv, Py_ssize_t channels, Py_ssize_t *offsets) noexcept nogil:
    """Where the taps of `channels` channels lie in the weights of one output channel."""
    cdef Py_ssize_t i, j, t = 0
    for i in range(conv.h.taps):
        for j in range(conv.w.taps):
            offsets[t] = (conv.h.tap + i * conv.h.tap_step) * conv.kernel_w + conv.w.tap + j * conv.w.tap_step
            t += 1
    for i in range(t, channels * t):
        offsets[i] = offsets[i - t] + conv.weight_channels


cdef void make_plan(Plan *plan, const Convolution *conv, Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, kernel = conv.h.taps * conv.w.taps, copy_bytes = COPY_BYTES
    cdef int vector = lanes(<int>itemsize)
    share_out(plan, conv, pixels, kernel)
    plan.width = tile_width(<int>itemsize)
    plan.tiling = choose_tiling(plan, conv, vector, itemsize)
    if plan.tiling == FLAT:   # its tiles are not added to: all channels at once, of fewer rows if need be
        copy_bytes = conv.channels * plan.band.channel * itemsize
        while copy_bytes > FLAT_BYTES and plan.band.rows > 1:
            set_band(&plan.band, &conv.h, &conv.w, (plan.band.rows + 1) // 2, plan.band.images)
            copy_bytes = conv.channels * plan.band.channel * itemsize
        plan.bands = (conv.h.out + plan.band.rows - 1) // plan.band.rows
    plan.channels = copy_bytes // (plan.band.channel * itemsize)
    if plan.tiling == GATHER or plan.tiling == PLAIN:
        plan.channels = min(plan.channels, TAPS // kernel)
    plan.channels = max(<Py_ssize_t>1, min(plan.channels, conv.channels))
    plan.taps = plan.channels * kernel
    plan.panel_taps = min(plan.taps, <Py_ssize_t>TAPS)
    plan.copy = round_up(plan.channels * plan.band.channel + plan.width, 16) if plan.tiling != PLAIN else 0
    plan.panel = plan.rows * plan.width if plan.tiling == FLAT else plan.panel_taps * plan.width
    plan.tile = 0
    if plan.band.images > 1 or conv.out_w != 1 or conv.out_h != conv.w.out:
        plan.tile = plan.rows * round_up(plan.band.images * plan.band.rows * conv.w.out, vector)


cdef void share_out(Plan *plan, const Convolution *conv, Py_ssize_t pixels, Py_ssize_t kernel) noexcept nogil:
    """Decide on the tasks: bands of rows, or groups of images; enough for the threads, and evenly."""
    cdef double work = <double>conv.images * conv.groups * conv.rows * conv.channels * pixels * kernel
    cdef int threads = threads_for(gemm_ns(work), conv.images * conv.groups * conv.h.out * conv.rows)
    cdef Py_ssize_t tasks, images
    plan.bands = min(conv.h.out, max(<Py_ssize_t>1, (pixels + PIXELS // 2) // PIXELS))
    plan.image_blocks = conv.images
    if plan.bands == 1:
        plan.image_blocks = min(conv.images, (conv.images * pixels + PIXELS - 1) // PIXELS)
        plan.image_blocks = min(conv.images, round_up(plan.image_blocks * conv.groups, threads) // conv.groups)
    images = (conv.images + plan.image_blocks - 1) // plan.image_blocks
    plan.image_blocks = (conv.images + images - 1) // images
    tasks = conv.groups * plan.image_blocks
    if images == 1:   # uneven shares cost most where tasks are few
        while plan.bands < conv.h.out and plan.bands * tasks < 8 * threads and plan.bands * tasks % threads:
            plan.bands += 1
    set_band(&plan.band, &conv.h, &conv.w, (conv.h.out + plan.bands - 1) // plan.bands, images)
    plan.bands = (conv.h.out + plan.band.rows - 1) // plan.band.rows
    tasks *= plan.bands
    plan.row_blocks = min((threads + tasks - 1) // tasks, (conv.rows + 11) // 12)
    plan.rows = (conv.rows + plan.row_blocks - 1) // plan.row_blocks
    plan.row_blocks = (conv.rows + plan.rows - 1) // plan.rows
    plan.threads = <int>min(<Py_ssize_t>threads, tasks * plan.row_blocks)


cdef Tiling choose_tiling(const Plan *plan, const Convolution *conv, int vector, Py_ssize_t itemsize) noexcept nogil:
    """The cheapest, in cycles for a tap of the band: a multiply-add of vectors takes one, to gather a vector 2.5."""
    cdef Py_ssize_t images = plan.band.images, band = plan.band.rows, width = conv.w.out, rows = plan.rows
    cdef Py_ssize_t taps, across, along
    cdef double gathered, by_rows, flat, slow = 1.0
    taps = conv.channels * conv.h.taps * conv.w.taps
    if is_plain(&conv.h) and is_plain(&conv.w) and images == 1:
        return PLAIN
    across = (width + vector - 1) // vector
    along = ((band - 1) * plan.band.pitch + width + vector - 1) // vector
    # Where what a tile reads of the copy does not stay in L1, low tiles read it from L2 more often than that delivers.
    if rows > isa.f32.mr_max[isa.f32.nv_max] and isa.f32.mr_max[isa.f32.nv_max] < TALL_TILE and (
            taps * plan.width * itemsize > L1_BYTES):
        slow = 1.15
    # Tiles of fewer than four accumulators wait for their own sums.
    gathered = ((images * band * width + vector - 1) // vector) * (2.5 + max(rows, 4.0 * vector / plan.width))
    by_rows = slow * images * band * across * max(<double>rows, 4.0 / min(across, plan.width // vector))
    flat = slow * images * along * (max(rows, 4.0 * vector / plan.width) + 3.0 * rows / taps)
    if gathered <= by_rows and gathered <= flat:
        return GATHER
    return ROWS if by_rows <= flat else FLAT


cdef void convolve_tasks(const Convolution *conv, const Plan *plan, Py_ssize_t worker, const real *weight,
                         const real *src, const real *bias, real *out, real *scratch) noexcept nogil:
    cdef Py_ssize_t task = fnn_next_task(plan.shares, plan.threads, worker)
    while task >= 0:
        convolve_task(conv, plan, task, weight, src, bias, out, scratch)
        task = fnn_next_task(plan.shares, plan.threads, worker)


cdef void convolve_task(const Convolution *conv, const Plan *plan, Py_ssize_t task, const real *weight,
                        const real *src, const real *bias, real *out, real *scratch) noexcept nogil:
    cdef Py_ssize_t m0 = task % plan.row_blocks * plan.rows, rows = min(plan.rows, conv.rows - m0)
    cdef Py_ssize_t row = task // plan.row_blocks % plan.bands * plan.band.rows
    cdef Py_ssize_t n_rows = min(plan.band.rows, conv.h.out - row)
    cdef Py_ssize_t image = task // (plan.row_blocks * plan.bands) % plan.image_blocks * plan.band.images
    cdef Py_ssize_t images = min(plan.band.images, conv.images - image)
    cdef Py_ssize_t group = task // (plan.row_blocks * plan.bands * plan.image_blocks)
    cdef Py_ssize_t src_plane = conv.h.size * conv.w.size, src_image = conv.groups * conv.channels * src_plane
    cdef Py_ssize_t pixels = images * n_rows * conv.w.out, c = 0, channels, taps
    cdef Py_ssize_t out_rs = conv.out_plane, init_rs = 1, init_cs = 0
    cdef const real *init = NULL
    cdef real *to
    src += image * src_image + group * conv.channels * src_plane
    weight += group * conv.weight_group + m0 * conv.weight_rows
    if bias != NULL:
        init = bias + group * conv.rows + m0
    out += ((image * conv.groups + group) * conv.rows + m0) * conv.out_plane + row * conv.out_h
    to = out
    if plan.tile:
        to, out_rs = scratch + plan.copy + plan.panel, round_up(pixels, lanes(sizeof(real)))
    while c < conv.channels:
        channels = min(plan.channels, conv.channels - c)
        if plan.tiling != PLAIN:
            copy_band(&conv.h, &conv.w, &plan.band, row, n_rows, channels, images, src + c * src_plane, src_image,
                      scratch)
        taps = channels * conv.h.taps * conv.w.taps
        if c > 0:
            init, init_rs, init_cs = to, out_rs, 1
        if plan.tiling == GATHER or plan.tiling == PLAIN:
            multiply_panels(conv, plan, rows, taps, n_rows, pixels, weight + c * conv.weight_channels, init, init_rs,
                            init_cs, src + c * src_plane + row * conv.w.size, scratch, to, out_rs)
        elif plan.tiling == ROWS:
            multiply_rows(conv, plan, rows, taps, n_rows, images, weight + c * conv.weight_channels, init, init_rs,
                          init_cs, scratch, to, out_rs)
        else:
            multiply_flat(conv, plan, rows, taps, n_rows, images, weight, init, scratch, scratch + plan.copy, to,
                          out_rs)
        c += channels
    if plan.tile:
        write_tile(conv, rows, images, n_rows, to, out_rs, out)


cdef void multiply_panels(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                          Py_ssize_t n_rows, Py_ssize_t pixels, const real *weight, const real *init,
                          Py_ssize_t init_rs, Py_ssize_t init_cs, const real *src, real *scratch, real *out,
                          Py_ssize_t out_rs) noexcept nogil:
    """out = init + weight x taps, in panels of nearly equal width."""
    cdef Py_ssize_t vectors = (pixels + lanes(sizeof(real)) - 1) // lanes(sizeof(real))
    cdef Py_ssize_t panels = (vectors * lanes(sizeof(real)) + plan.width - 1) // plan.width
    cdef Py_ssize_t[MAX_PANEL] from_, lane
    cdef Py_ssize_t plane = conv.h.size * conv.w.size, pixel = 0, cols, width, pieces = 0, t, n
    cdef real *panel = scratch + plan.copy
    while panels > 0:
        width = (vectors + panels - 1) // panels * lanes(sizeof(real))
        cols = min(width, pixels - pixel)
        if plan.tiling == GATHER:
            pieces = split_pixels(&conv.w, &plan.band, n_rows, pixel, cols, lanes(sizeof(real)), from_, lane)
        t = 0
        while t < taps:
            n = min(plan.panel_taps, taps - t)
            if plan.tiling == GATHER:
                gather(n, plan.in_copy + t, pieces, from_, lane, scratch, panel, plan.width)
            else:
                pack(n, cols, plan.width, src + t * plane + pixel, plane, panel)
            if t == 0:
                igemm(rows, cols, n, weight, conv.weight_rows, plan.in_weight, panel, plan.in_panel,
                      init + pixel * init_cs if init != NULL else NULL, init_rs, init_cs, out + pixel, out_rs)
            else:
                igemm(rows, cols, n, weight, conv.weight_rows, plan.in_weight + t, panel, plan.in_panel, out + pixel,
                      out_rs, <Py_ssize_t>1, out + pixel, out_rs)
            t += n
        vectors -= width // lanes(sizeof(real))
        panels -= 1
        pixel += cols


cdef void multiply_rows(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                        Py_ssize_t n_rows, Py_ssize_t images, const real *weight, const real *init,
                        Py_ssize_t init_rs, Py_ssize_t init_cs, const real *copy, real *out,
                        Py_ssize_t out_rs) noexcept nogil:
    """out = init + weight x taps, row by row of pixels."""
    cdef Py_ssize_t vectors = (conv.w.out + lanes(sizeof(real)) - 1) // lanes(sizeof(real))
    cdef Py_ssize_t panels = (vectors * lanes(sizeof(real)) + plan.width - 1) // plan.width
    cdef Py_ssize_t width = (vectors + panels - 1) // panels * lanes(sizeof(real)), row, column, pixel
    for row in range(images * n_rows):
        column = 0
        while column < conv.w.out:
            pixel = row * conv.w.out + column
            igemm(rows, min(width, conv.w.out - column), taps, weight, conv.weight_rows, plan.in_weight,
                  copy + row // n_rows * plan.band.image + row % n_rows * plan.band.pitch + column, plan.in_copy,
                  init + pixel * init_cs if init != NULL else NULL, init_rs, init_cs, out + pixel, out_rs)
            column += width


cdef void multiply_flat(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                        Py_ssize_t n_rows, Py_ssize_t images, const real *weight, const real *bias, const real *copy,
                        real *panel, real *out, Py_ssize_t out_rs) noexcept nogil:
    """out = bias + weight x taps, over the rows of the copy as if they were one."""
    cdef Py_ssize_t n, m, pixel, cols, column, row, first, length, flat = (n_rows - 1) * plan.band.pitch + conv.w.out
    for n in range(images):
        pixel = 0
        while pixel < flat:
            cols = min(plan.width, flat - pixel)
            igemm(rows, round_up(cols, lanes(sizeof(real))), taps, weight, conv.weight_rows, plan.in_weight,
                  copy + n * plan.band.image + pixel, plan.in_copy, bias, <Py_ssize_t>1, <Py_ssize_t>0, panel,
                  plan.width)
            first = pixel
            while first < pixel + cols:   # row by row of what is in the tile
                row, column = first // plan.band.pitch, first % plan.band.pitch
                length = min(conv.w.out - column, pixel + cols - first)
                if length > 0:
                    for m in range(rows):
                        spread(length, panel + m * plan.width + first - pixel,
                               out + m * out_rs + (n * n_rows + row) * conv.w.out + column, <Py_ssize_t>1)
                first = (row + 1) * plan.band.pitch
            pixel += cols


cdef void write_tile(const Convolution *conv, Py_ssize_t rows, Py_ssize_t images, Py_ssize_t n_rows, const real *tile,
                     Py_ssize_t tile_rs, real *out) noexcept nogil:
    """The outputs of a task to where they belong."""
    cdef Py_ssize_t n, m, i, width = conv.w.out
    for n in range(images):
        for m in range(rows):
            if conv.out_w == 1 and conv.out_h == width:
                spread(n_rows * width, tile + m * tile_rs + n * n_rows * width,
                       out + (n * conv.groups * conv.rows + m) * conv.out_plane, <Py_ssize_t>1)
                continue
            for i in range(n_rows):
                spread(width, tile + m * tile_rs + (n * n_rows + i) * width,
                       out + (n * conv.groups * conv.rows + m) * conv.out_plane + i * conv.out_h, conv.out_w)
