"""Implicit GEMM: weights are broadcast from where they are, pixels lie in the lanes and go straight to NCHW.

A task is a band of rows of an image, or some small images. Block by block of channels it copies its part of the
source, padded and split by phases, gathers panels of taps x pixels from the copy, and multiplies them with the
weights. An output is one sequential chain over channels and taps, so no bit depends on how the work is shared out.
"""

from cython.parallel cimport prange, threadid

from ._im2col cimport Band, copy_band, set_band, split_pixels, tap_offsets
from ._kernels cimport gather, igemm, lanes, round_up, spread, tile_width
from ._runtime cimport fnn_alloc, fnn_free, gemm_ns, real, threads_for

cdef enum:
    PIXELS = 768            # of a task, roughly
    TAPS = 576              # of a panel, at most
    COPY_BYTES = 1 << 18    # of a task's copy, roughly
    MAX_PANEL = 128         # pixels: no tile is wider

cdef struct Plan:
    Band band
    Py_ssize_t bands, image_blocks          # the pixels' tasks: one of the two is split
    Py_ssize_t row_blocks, rows             # blocks of output channels, where the pixels alone are too few tasks
    Py_ssize_t channels                     # of a block
    Py_ssize_t taps                         # of a block of channels
    Py_ssize_t panel_taps
    Py_ssize_t width                        # of the widest panel
    Py_ssize_t tile                         # elements of a task's own outputs; 0: they go straight to `out`
    int threads
    Py_ssize_t *in_copy
    Py_ssize_t *in_weight
    Py_ssize_t *in_panel


cdef int convolve(const Convolution *conv, const real *weight, const real *src, const real *bias,
                  real *out) noexcept nogil:
    cdef Plan plan
    cdef Py_ssize_t task, t, copy, panel, scratch_size, lists_size
    cdef char *memory
    cdef real *scratch
    make_plan(&plan, conv, sizeof(real))
    copy = round_up(plan.channels * plan.band.channel + plan.width, 16)
    panel = plan.panel_taps * plan.width + plan.width
    scratch_size = round_up(copy + panel + plan.tile, 16)
    lists_size = round_up(2 * plan.taps + plan.panel_taps, 8) * sizeof(Py_ssize_t)
    memory = <char *>fnn_alloc(lists_size + plan.threads * scratch_size * sizeof(real))
    if memory == NULL:
        return -1
    plan.in_copy = <Py_ssize_t *>memory
    plan.in_weight = plan.in_copy + plan.taps
    plan.in_panel = plan.in_weight + plan.taps
    scratch = <real *>(memory + lists_size)
    tap_offsets(&conv.h, &conv.w, &plan.band, plan.channels, plan.in_copy)
    weight_offsets(conv, plan.channels, plan.in_weight)
    for t in range(plan.panel_taps):
        plan.in_panel[t] = t * plan.width
    for task in prange(conv.groups * plan.image_blocks * plan.bands * plan.row_blocks, num_threads=plan.threads,
                       schedule="dynamic", use_threads_if=plan.threads > 1):
        convolve_task(conv, &plan, task, weight, src, bias, out, scratch + threadid() * scratch_size, copy, panel)
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
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, kernel = conv.h.taps * conv.w.taps, tasks, images = 1
    cdef double work = <double>conv.images * conv.groups * conv.rows * conv.channels * pixels * kernel
    cdef int threads = threads_for(gemm_ns(work), conv.images * conv.groups * conv.h.out * conv.rows)
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
    plan.channels = min(TAPS // kernel, COPY_BYTES // (plan.band.channel * itemsize))
    plan.channels = max(<Py_ssize_t>1, min(plan.channels, conv.channels))
    plan.taps = plan.channels * kernel
    plan.panel_taps = min(plan.taps, <Py_ssize_t>TAPS)
    plan.width = tile_width(<int>itemsize)
    plan.tile = 0
    if images > 1 or conv.out_w != 1 or conv.out_h != conv.w.out:
        plan.tile = plan.rows * round_up(images * plan.band.rows * conv.w.out, lanes(<int>itemsize))


cdef void convolve_task(const Convolution *conv, const Plan *plan, Py_ssize_t task, const real *weight,
                        const real *src, const real *bias, real *out, real *scratch, Py_ssize_t copy,
                        Py_ssize_t panel) noexcept nogil:
    cdef Py_ssize_t m0 = task % plan.row_blocks * plan.rows, rows = min(plan.rows, conv.rows - m0)
    cdef Py_ssize_t row = task // plan.row_blocks % plan.bands * plan.band.rows
    cdef Py_ssize_t n_rows = min(plan.band.rows, conv.h.out - row)
    cdef Py_ssize_t image = task // (plan.row_blocks * plan.bands) % plan.image_blocks * plan.band.images
    cdef Py_ssize_t images = min(plan.band.images, conv.images - image)
    cdef Py_ssize_t group = task // (plan.row_blocks * plan.bands * plan.image_blocks)
    cdef Py_ssize_t src_plane = conv.h.size * conv.w.size, src_image = conv.groups * conv.channels * src_plane
    cdef Py_ssize_t pixels = images * n_rows * conv.w.out, c = 0, channels
    cdef Py_ssize_t tile_rs = round_up(pixels, lanes(sizeof(real)))
    cdef real *tile = scratch + copy + panel
    src += image * src_image + group * conv.channels * src_plane
    weight += group * conv.weight_group + m0 * conv.weight_rows
    if bias != NULL:
        bias += group * conv.rows + m0
    out += ((image * conv.groups + group) * conv.rows + m0) * conv.out_plane + row * conv.out_h
    while c < conv.channels:
        channels = min(plan.channels, conv.channels - c)
        copy_band(&conv.h, &conv.w, &plan.band, row, n_rows, channels, images, src + c * src_plane, src_image, scratch)
        multiply(conv, plan, rows, channels * conv.h.taps * conv.w.taps, n_rows, pixels,
                 weight + c * conv.weight_channels, bias, c == 0, scratch, scratch + copy,
                 tile if plan.tile else out, tile_rs if plan.tile else conv.out_plane)
        c += channels
    if plan.tile:
        write_tile(conv, rows, images, n_rows, tile, tile_rs, out)


cdef void multiply(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps, Py_ssize_t n_rows,
                   Py_ssize_t pixels, const real *weight, const real *bias, bint first, const real *copy, real *panel,
                   real *out, Py_ssize_t out_rs) noexcept nogil:
    """out (+)= weight x the taps in the copy, in panels of nearly equal width."""
    cdef Py_ssize_t vectors = (pixels + lanes(sizeof(real)) - 1) // lanes(sizeof(real))
    cdef Py_ssize_t panels = (vectors * lanes(sizeof(real)) + plan.width - 1) // plan.width
    cdef Py_ssize_t[MAX_PANEL] from_, to
    cdef Py_ssize_t pixel = 0, cols, width, pieces, t, n
    cdef const real *init
    cdef Py_ssize_t init_rs, init_cs
    while panels > 0:
        width = (vectors + panels - 1) // panels * lanes(sizeof(real))
        cols = min(width, pixels - pixel)
        pieces = split_pixels(&conv.w, &plan.band, n_rows, pixel, cols, lanes(sizeof(real)), from_, to)
        t = 0
        while t < taps:
            n = min(plan.panel_taps, taps - t)
            init, init_rs, init_cs = out, out_rs, 1
            if first and t == 0:
                init, init_rs, init_cs = bias, 1, 0
            gather(n, plan.in_copy + t, pieces, from_, to, copy, panel, plan.width)
            igemm(rows, cols, n, weight, conv.weight_rows, plan.in_weight + t, panel, plan.in_panel, init, init_rs,
                  init_cs, out, out_rs)
            t += n
        vectors -= width // lanes(sizeof(real))
        panels -= 1
        pixel += cols
        out += cols


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
