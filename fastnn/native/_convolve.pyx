"""Implicit GEMM: weights are broadcast from where they are, pixels lie in the lanes and go straight to NCHW.

Or ("turned") pixels are broadcast, filters lie in the lanes, and the results are transposed. The pixels of a tile are
those of a row, or of a row that have the same taps on the image, or one of each of several small images.

A task is a band of rows of an image, or some small images. Block by block of channels it copies its part of the
source, padded and split by phases, and multiplies it with the weights: in tiles of pixels of one row, in tiles that
run over the ends of the rows, over panels of taps x pixels that are gathered from the copy first or, with a copy for
each column of taps, read from there, or pixel by pixel with panels of filters, which takes a copy (not split) only
where there is padding. An output is a sum of sequential
chains over blocks of channels, as long as the shape says, so no bit depends on these choices.
"""

from cython.parallel cimport prange

from ._convolve_plan cimport COLUMNS, FLAT, GATHER, PLAIN, ROWS, TURNED, Plan, join_rows, make_plan
from ._convolve_turned cimport multiply_turned, pack_filters
from ._im2col cimport Seen, copy_band, see_taps, split_pixels, tap_offsets
from ._kernels cimport FNN_RELU, activate, gather, igemm, lanes, pack, round_up, spread
from ._runtime cimport FNN_SHARE_BYTES, fnn_alloc, fnn_apart, fnn_free, fnn_next_task, fnn_share, fnn_share_out, real

cdef enum:
    MAX_PANEL = 128         # pixels: no tile is wider


cdef int convolve(const Convolution *conv, const real *weight, const real *src, const real *bias,
                  real *out) noexcept nogil:
    cdef Plan plan
    cdef Convolution joined
    cdef Py_ssize_t worker, t, scratch_size, shares_size, lists_size
    cdef char *memory
    cdef real *scratch
    if join_rows(conv, &joined):
        conv = &joined
    make_plan(&plan, conv, sizeof(real))
    scratch_size = plan.copy + plan.panel + plan.tile + plan.filters + plan.turned
    scratch_size = fnn_apart(scratch_size * sizeof(real)) // <Py_ssize_t>sizeof(real)
    lists_size = round_up(2 * plan.taps + plan.chain, 8) * sizeof(Py_ssize_t)
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
    tap_offsets(&plan.h, &plan.w, &plan.band, plan.channels, plan.in_copy)
    weight_offsets(conv, plan.channels, plan.in_weight)
    for t in range(plan.chain):
        plan.in_panel[t] = t * plan.width
    if plan.threads == 1:
        convolve_tasks(conv, &plan, 0, weight, src, bias, out, scratch)
    else:
        for worker in prange(plan.threads, num_threads=plan.threads, schedule="static"):
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


cdef void convolve_tasks(const Convolution *conv, const Plan *plan, Py_ssize_t worker, const real *weight,
                         const real *src, const real *bias, real *out, real *scratch) noexcept nogil:
    cdef Py_ssize_t task = fnn_next_task(plan.shares, plan.threads, worker), tasks = plan.image_blocks * plan.bands
    cdef Py_ssize_t packed = -1
    cdef Seen seen
    seen.high = 0
    while task >= 0:
        if plan.tiling != TURNED:   # the blocks of rows of a copy one after the other
            convolve_task(conv, plan, task // (tasks * plan.row_blocks), task % plan.row_blocks,
                          task // plan.row_blocks % tasks, weight, src, bias, &seen, out, scratch)
        else:                       # all pixels of a block of rows, whose weights are packed
            if packed != task // tasks:
                packed = task // tasks
                pack_filters(conv, plan, packed // plan.row_blocks, packed % plan.row_blocks, weight, bias,
                             scratch + plan.copy)
            convolve_task(conv, plan, packed // plan.row_blocks, packed % plan.row_blocks, task % tasks, weight, src,
                          bias, &seen, out, scratch)
        task = fnn_next_task(plan.shares, plan.threads, worker)


cdef void convolve_task(const Convolution *conv, const Plan *plan, Py_ssize_t group, Py_ssize_t row_block,
                        Py_ssize_t pixel_block, const real *weight, const real *src, const real *bias, Seen *seen,
                        real *out, real *scratch) noexcept nogil:
    cdef Py_ssize_t m0 = row_block * plan.rows, rows = min(plan.rows, conv.rows - m0)
    cdef Py_ssize_t row = pixel_block % plan.bands * plan.band.rows, n_rows = min(plan.band.rows, conv.h.out - row)
    cdef Py_ssize_t image = pixel_block // plan.bands * plan.band.images
    cdef Py_ssize_t images = min(plan.band.images, conv.images - image)
    cdef Py_ssize_t src_plane = conv.h.size * conv.w.size, src_image = conv.groups * conv.channels * src_plane
    cdef Py_ssize_t pixels = images * n_rows * conv.w.out, c = 0, channels, taps, m
    cdef Py_ssize_t out_rs = conv.out_plane, init_rs = 1, init_cs = 0
    cdef Py_ssize_t step = conv.h.step // plan.h.step   # of the copy's rows between those of the outputs
    cdef const real *init = NULL
    cdef real *to
    src += image * src_image + group * conv.channels * src_plane
    weight += group * conv.weight_group + m0 * conv.weight_rows
    if bias != NULL:
        init = bias + group * conv.rows + m0
    out += ((image * conv.groups + group) * conv.rows + m0) * conv.out_plane + row * conv.out_h
    to = out
    if plan.tile:
        to = scratch + plan.copy + plan.panel + plan.filters + plan.turned
        out_rs = round_up(pixels, lanes(sizeof(real)))
    while c < conv.channels:
        channels = min(plan.channels, conv.channels - c)
        if plan.copy:
            copy_band(&plan.h, &plan.w, &plan.band, row * step, (n_rows - 1) * step + 1, channels, images,
                      src + c * src_plane, src_image, scratch)
        taps = channels * conv.h.taps * conv.w.taps
        if c > 0:
            init, init_rs, init_cs = to, out_rs, 2
        if plan.tiling == GATHER or plan.tiling == COLUMNS or plan.tiling == PLAIN:
            multiply_panels(conv, plan, rows, taps, n_rows, pixels, weight + c * conv.weight_channels, init, init_rs,
                            init_cs, src + c * src_plane + row * conv.w.size, scratch, to, out_rs)
        elif plan.tiling == ROWS:
            multiply_rows(conv, plan, rows, taps, row, n_rows, images, weight + c * conv.weight_channels, init,
                          init_rs, init_cs, scratch, seen, to, out_rs)
        elif plan.tiling == FLAT:
            multiply_flat(conv, plan, rows, taps, n_rows, images, weight, init, scratch, scratch + plan.copy, to,
                          out_rs)
        else:
            if plan.copy:
                src = scratch
            if plan.exact or not plan.copy:
                src += (conv.h.start + row * conv.h.step) * conv.w.size + conv.w.start
            multiply_turned(conv, plan, rows, taps, row, n_rows, images, bias != NULL, scratch + plan.copy, src, seen,
                            to, out_rs, n_rows * conv.w.out if plan.tile else conv.groups * conv.rows * conv.out_plane)
        c += channels
    if conv.relu and plan.tiling != TURNED:
        for m in range(rows):
            activate(FNN_RELU, 0, pixels, to + m * out_rs, to + m * out_rs)
    if plan.tile:
        write_tile(conv, rows, images, n_rows, to, out_rs, out)


cdef inline void multiply_tile(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t cols,
                               Py_ssize_t t, Py_ssize_t n, const real *weight, const Py_ssize_t *in_weight,
                               const real *b, const Py_ssize_t *b_off, const real *init, Py_ssize_t pixel,
                               Py_ssize_t init_rs, Py_ssize_t init_cs, real *out, Py_ssize_t out_rs) noexcept nogil:
    """One chain over n taps from t on, and what it is added to: init, from `pixel` on, then the chains before."""
    if t > 0:
        init, init_rs, init_cs = out, out_rs, 2
    elif init != NULL and init_cs:
        init += pixel
    igemm(rows, cols, n, weight, conv.weight_rows, in_weight, b, b_off, init, init_rs, init_cs, out, out_rs)


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
    cdef const real *b
    cdef const Py_ssize_t *b_off
    while panels > 0:
        width = (vectors + panels - 1) // panels * lanes(sizeof(real))
        cols = min(width, pixels - pixel)
        if cols < width <= pixel + cols and init_cs == 0:   # once more over some pixels: whole vectors are stored
            pixel -= width - cols
            cols = width
        if plan.tiling == GATHER:
            pieces = split_pixels(&conv.w, &plan.band, n_rows, pixel, cols, lanes(sizeof(real)), from_, lane)
        t = 0
        while t < taps:
            n = min(plan.chain, taps - t)
            b, b_off = panel, plan.in_panel
            if plan.tiling == GATHER:
                gather(n, plan.in_copy + t, pieces, from_, lane, scratch, panel, plan.width)
            elif plan.tiling == COLUMNS:
                b, b_off = scratch + pixel, plan.in_copy + t
            elif plan.unpacked and cols == width:   # whole vectors: nothing is read past the source
                b, b_off = src + pixel, plan.in_copy + t
            else:
                pack(n, cols, plan.width, src + t * plane + pixel, plane, panel)
            multiply_tile(conv, plan, rows, cols, t, n, weight, plan.in_weight + t, b, b_off, init, pixel, init_rs,
                          init_cs, out + pixel, out_rs)
            t += n
        vectors -= width // lanes(sizeof(real))
        panels -= 1
        pixel += cols


cdef void multiply_rows(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                        Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t images, const real *weight, const real *init,
                        Py_ssize_t init_rs, Py_ssize_t init_cs, const real *copy, Seen *seen, real *out,
                        Py_ssize_t out_rs) noexcept nogil:
    """out = init + weight x taps, row by row of pixels."""
    cdef Py_ssize_t vectors = (conv.w.out + lanes(sizeof(real)) - 1) // lanes(sizeof(real))
    cdef Py_ssize_t panels = (vectors * lanes(sizeof(real)) + plan.width - 1) // plan.width
    cdef Py_ssize_t width = (vectors + panels - 1) // panels * lanes(sizeof(real)), row, column, pixel, t, n
    cdef Py_ssize_t kernel = conv.h.taps * conv.w.taps
    cdef const Py_ssize_t *in_copy
    cdef const Py_ssize_t *in_weight
    for row in range(images * n_rows):
        if plan.skips:
            see_taps(&conv.h, first + row % n_rows, &conv.w, -1, plan.channels, plan.in_copy, plan.in_weight,
                     plan.width, seen)
        column = 0
        while column < conv.w.out:
            pixel, t = row * conv.w.out + column, 0
            while t < taps:
                n, in_copy, in_weight = min(plan.chain, taps - t), plan.in_copy + t, plan.in_weight + t
                if plan.skips and seen.taps < kernel:
                    n, in_copy, in_weight = taps // kernel * seen.taps, seen.in_copy, seen.in_weight
                multiply_tile(conv, plan, rows, min(width, conv.w.out - column), t, n, weight, in_weight,
                              copy + row // n_rows * plan.band.image + row % n_rows * plan.band.pitch + column,
                              in_copy, init, pixel, init_rs, init_cs, out + pixel, out_rs)
                t += plan.chain
            column += width


cdef void multiply_flat(const Convolution *conv, const Plan *plan, Py_ssize_t rows, Py_ssize_t taps,
                        Py_ssize_t n_rows, Py_ssize_t images, const real *weight, const real *bias, const real *copy,
                        real *panel, real *out, Py_ssize_t out_rs) noexcept nogil:
    """out = bias + weight x taps, over the rows of the copy as if they were one."""
    cdef Py_ssize_t n, m, t, pixel, cols, column, row, first, length
    cdef Py_ssize_t flat = (n_rows - 1) * plan.band.pitch + conv.w.out
    for n in range(images):
        pixel = 0
        while pixel < flat:
            cols, t = min(plan.width, flat - pixel), 0
            while t < taps:
                multiply_tile(conv, plan, rows, round_up(cols, lanes(sizeof(real))), t, min(plan.chain, taps - t),
                              weight, plan.in_weight + t, copy + n * plan.band.image + pixel, plan.in_copy + t, bias, 0,
                              <Py_ssize_t>1, <Py_ssize_t>0, panel, plan.width)
                t += plan.chain
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
