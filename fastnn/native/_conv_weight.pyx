"""dweight^T[taps, filters] = im2col(x)[taps, pixels] x dy^T[pixels, filters]: the filters lie in the lanes.

x is read tap by tap from a padded copy, the channels being the rows of a tile; 1x1 kernels read x itself. Where there
are too few channels to fill a tile, the taps of all of them are gathered from the copy to rows of a panel. Pixels at
which a tap lies on the padding are left out where there are many channels.

Blocks of pixels are summed on their own, then added up in their order. Where the weights alone are too few to keep
many threads busy, and pixels are many, the blocks fall into parts, as many as the shapes say, whose sums are added up
in their order: no bit depends on the threads.
"""

from cython.parallel cimport prange
from libc.string cimport memset

from ._conv_weight_plan cimport GATHER, PLAIN, Plan, make_plan
from ._convolve cimport Convolution
from ._im2col cimport copy_band, is_seen, split_pixels, tap_offsets
from ._kernels cimport col_sum, gather, gemm, igemm, lanes, pack_t, pack_t_apart, round_up
from ._runtime cimport FNN_SHARE_BYTES, fnn_alloc, fnn_apart, fnn_free, fnn_next_task, fnn_share, fnn_share_out, real

cdef int convolve_weight(const Convolution *conv, const real *dy, const real *x, real *dweight,
                         real *dbias) noexcept nogil:
    cdef Plan plan
    cdef Py_ssize_t task, worker, shares, lists, pixels, scratch_size, sums_size, bias_size, blocks
    cdef char *memory
    cdef real *scratch
    cdef real *sums
    cdef real *bias_sums
    make_plan(&plan, conv, sizeof(real), dweight != NULL)
    pixels = plan.band.images * plan.band.rows * conv.w.out
    lists = round_up(plan.block_taps + pixels + plan.pixels, 8) * sizeof(Py_ssize_t)
    # pieces (two indices a pixel), the copy, the panel of taps, dy^T, sums of its columns
    scratch_size = (plan.copy + plan.panel + plan.dy_t + plan.width) * sizeof(real)
    scratch_size = fnn_apart(scratch_size + 2 * plan.pixels * sizeof(Py_ssize_t)) // <Py_ssize_t>sizeof(real)
    sums_size = round_up(plan.parts * plan.part_sums, 16)
    bias_size = plan.parts * conv.groups * plan.filters
    shares = plan.threads * FNN_SHARE_BYTES
    memory = <char *>fnn_alloc(shares + lists + (plan.threads * scratch_size + sums_size + bias_size) * sizeof(real))
    if memory == NULL:
        return -1
    plan.shares = <fnn_share *>memory
    fnn_share_out(plan.shares, plan.threads, plan.parts * conv.groups * plan.tasks_c * plan.tasks_k)
    plan.in_copy = <Py_ssize_t *>(memory + shares)
    sums = <real *>(memory + shares + lists)
    bias_sums = sums + sums_size
    scratch = bias_sums + bias_size
    plan.pixel_in_copy = plan.in_copy + plan.block_taps
    plan.in_panel = plan.pixel_in_copy + pixels
    if plan.channels:
        tap_offsets(&conv.h, &conv.w, &plan.band, plan.block_channels, plan.in_copy)
        split_pixels(&conv.w, &plan.band, plan.band.rows, 0, pixels, 1, plan.pixel_in_copy, NULL)
        for task in range(plan.pixels):
            plan.in_panel[task] = task * plan.width
    if dbias == NULL:
        bias_sums = NULL
    blocks = (conv.rows + lanes(sizeof(real)) - 1) // lanes(sizeof(real)) if dweight != NULL else 0
    if plan.threads == 1:
        weight_tasks(conv, &plan, 0, dy, x, sums, bias_sums, dweight, scratch)
        if plan.parts > 1:
            for task in range(conv.groups * blocks):
                add_parts(conv, &plan, task // blocks, task % blocks * lanes(sizeof(real)), sums, dweight)
    else:
        for worker in prange(plan.threads, num_threads=plan.threads, schedule="static"):
            weight_tasks(conv, &plan, worker, dy, x, sums, bias_sums, dweight, scratch + worker * scratch_size)
        if plan.parts > 1:
            for task in prange(conv.groups * blocks, num_threads=plan.threads, schedule="static"):
                add_parts(conv, &plan, task // blocks, task % blocks * lanes(sizeof(real)), sums, dweight)
    if dbias != NULL:
        for task in range(conv.groups):
            write_bias(conv, &plan, task, bias_sums, dbias)
    fnn_free(memory)
    return 0


cdef void weight_tasks(const Convolution *conv, const Plan *plan, Py_ssize_t worker, const real *dy, const real *x,
                       real *sums, real *bias_sums, real *dweight, real *scratch) noexcept nogil:
    cdef Py_ssize_t task = fnn_next_task(plan.shares, plan.threads, worker)
    while task >= 0:
        weight_task(conv, plan, task, dy, x, sums, bias_sums, dweight, scratch)
        task = fnn_next_task(plan.shares, plan.threads, worker)


cdef void weight_task(const Convolution *conv, const Plan *plan, Py_ssize_t task, const real *dy, const real *x,
                      real *sums, real *bias_sums, real *dweight, real *scratch) noexcept nogil:
    """One part of the sum, for some channels or filters of a group."""
    cdef Py_ssize_t c0 = task % plan.tasks_c * plan.channels, k0 = task % plan.tasks_k * plan.task_filters
    cdef Py_ssize_t group = task // (plan.tasks_c * plan.tasks_k) % conv.groups
    cdef Py_ssize_t part = task // (plan.tasks_c * plan.tasks_k * conv.groups), bands = plan.bands * plan.image_blocks
    cdef Py_ssize_t k1 = min(k0 + plan.task_filters, conv.rows), vector = lanes(sizeof(real))
    cdef Py_ssize_t channels = min(plan.channels, conv.channels - c0), kernel = conv.h.taps * conv.w.taps
    cdef Py_ssize_t band = bands * part // plan.parts, end = bands * (part + 1) // plan.parts
    cdef Py_ssize_t row, rows, image, images, pixel, pixels, n, k
    cdef Py_ssize_t *pieces = <Py_ssize_t *>scratch
    cdef real *copy = <real *>(pieces + 2 * plan.pixels)
    cdef real *panel = copy + plan.copy
    cdef real *dy_t = panel + plan.panel
    cdef const real *x_c
    cdef const real *dy_g
    cdef bint first = True
    sums += part * plan.part_sums + (group * conv.channels + c0) * kernel * plan.filters + k0
    if bias_sums != NULL and c0 == 0:
        bias_sums += (part * conv.groups + group) * plan.filters + k0
        memset(bias_sums, 0, round_up(k1 - k0, vector) * sizeof(real))
    else:
        bias_sums = NULL
    while band < end:
        row, image = band % plan.bands * plan.band.rows, band // plan.bands * plan.band.images
        rows, images = min(plan.band.rows, conv.h.out - row), min(plan.band.images, conv.images - image)
        x_c = x + ((image * conv.groups + group) * conv.channels + c0) * conv.h.size * conv.w.size
        dy_g = dy + ((image * conv.groups + group) * conv.rows + k0) * conv.out_plane + row * conv.out_h
        pixel, pixels = 0, images * rows * conv.w.out
        while pixel < pixels:
            n = min(plan.pixels, pixels - pixel)
            transpose(conv, plan, rows * conv.w.out, pixel, n, k1 - k0, dy_g, dy_t)
            if bias_sums != NULL:
                add_columns(plan, n, k1 - k0, dy_t, dy_t + plan.dy_t, bias_sums)
            if channels > 0:
                multiply(conv, plan, row, rows, images, pixel, n, channels, k1 - k0, x_c, dy_t, pieces, copy, panel,
                         sums, first)
            first = False
            pixel += n
        band += 1
    if plan.parts == 1 and channels > 0:
        for k in range((k1 - k0 + vector - 1) // vector):
            write_weights(conv, plan, group, k0 + k * vector, c0 * kernel, channels * kernel, sums + k * vector,
                          dweight)


cdef void transpose(const Convolution *conv, const Plan *plan, Py_ssize_t band_pixels, Py_ssize_t pixel, Py_ssize_t n,
                    Py_ssize_t filters, const real *dy, real *dy_t) noexcept nogil:
    """n pixels of the band, as a panel [pixel][filter] for each tile's width of filters."""
    cdef Py_ssize_t k = 0, cols, image, first, length
    while k < filters:
        cols = min(plan.width, filters - k)
        first = pixel
        while first < pixel + n:
            image = first // band_pixels
            length = min(pixel + n, (image + 1) * band_pixels) - first
            pack_t(length, cols, plan.width, dy + (image * conv.groups * conv.rows + k) * conv.out_plane
                   + first - image * band_pixels, conv.out_plane, dy_t + k * n + (first - pixel) * plan.width)
            first += length
        k += cols


cdef void add_columns(const Plan *plan, Py_ssize_t n, Py_ssize_t filters, const real *dy_t, real *sum,
                      real *bias_sums) noexcept nogil:
    cdef Py_ssize_t k = 0, i, width
    filters = round_up(filters, lanes(sizeof(real)))
    while k < filters:
        width = min(plan.width, filters - k)
        col_sum(n, width, dy_t + k * n, plan.width, sum)
        for i in range(width):
            bias_sums[k + i] += sum[i]
        k += width


cdef void multiply(const Convolution *conv, const Plan *plan, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t images,
                   Py_ssize_t pixel, Py_ssize_t n, Py_ssize_t channels, Py_ssize_t filters, const real *x,
                   const real *dy_t, Py_ssize_t *pieces, real *copy, real *panel, real *sums,
                   bint first) noexcept nogil:
    """sums (+)= im2col(x) x dy^T over n pixels of a band, block by block of channels."""
    cdef Py_ssize_t plane = conv.h.size * conv.w.size, image_stride = conv.groups * conv.channels * plane
    cdef Py_ssize_t c = 0, k, block, kernel = conv.h.taps * conv.w.taps, width, n_pieces = 0
    cdef real *c_sums
    filters = round_up(filters, lanes(sizeof(real)))
    if plan.source == GATHER:
        n_pieces = split_pixels(&conv.w, &plan.band, rows, pixel, n, lanes(sizeof(real)), pieces,
                                pieces + plan.pixels)
    while c < channels:
        block = min(plan.block_channels, channels - c)
        if plan.source != PLAIN:
            copy_band(&conv.h, &conv.w, &plan.band, row, rows, block, images, x + c * plane, image_stride, copy)
        if plan.source == GATHER:
            gather(block * kernel, plan.in_copy, n_pieces, pieces, pieces + plan.pixels, copy, panel, plan.pixels)
        k = 0
        while k < filters:
            width = min(plan.width, filters - k)
            c_sums = sums + c * kernel * plan.filters + k
            if plan.source == GATHER:
                gemm(block * kernel, width, n, panel, plan.pixels, 1, dy_t + k * n, plan.width,
                     <const real *>NULL if first else c_sums, plan.filters, 2, c_sums, plan.filters)
            elif plan.source == PLAIN:
                gemm(block, width, n, x + c * plane + row * conv.w.size + pixel, plane, 1, dy_t + k * n, plan.width,
                     <const real *>NULL if first else c_sums, plan.filters, 2, c_sums, plan.filters)
            else:
                multiply_taps(conv, plan, row, rows, pixel, n, block, width, copy, dy_t + k * n, pieces, c_sums, first)
            k += width
        c += block


cdef void multiply_taps(const Convolution *conv, const Plan *plan, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t pixel,
                        Py_ssize_t n, Py_ssize_t channels, Py_ssize_t width, const real *copy, const real *dy_t,
                        Py_ssize_t *pieces, real *sums, bint first) noexcept nogil:
    """Of each tap the pixels at which it is on the image, where that are fewer and their list costs less."""
    cdef Py_ssize_t kernel = conv.h.taps * conv.w.taps, t, seen = n
    cdef const Py_ssize_t *in_copy = plan.pixel_in_copy + pixel
    cdef const Py_ssize_t *in_panel = plan.in_panel
    for t in range(kernel):
        if plan.skips:
            seen = list_pixels(conv, plan, t, row, rows, pixel, n, pieces)
            in_copy, in_panel = pieces, pieces + plan.pixels
        igemm(channels, width, seen, copy + plan.in_copy[t], plan.band.channel, in_copy, dy_t, in_panel,
              <const real *>NULL if first else sums + t * plan.filters, kernel * plan.filters, <Py_ssize_t>2,
              sums + t * plan.filters, kernel * plan.filters)


cdef Py_ssize_t list_pixels(const Convolution *conv, const Plan *plan, Py_ssize_t tap, Py_ssize_t row, Py_ssize_t rows,
                            Py_ssize_t pixel, Py_ssize_t n, Py_ssize_t *pieces) noexcept nogil:
    """How many see the tap; and where they lie, in the copy and in the panel."""
    cdef Py_ssize_t line = pixel // conv.w.out, column = pixel % conv.w.out, seen = 0, i
    cdef bint on = is_seen(&conv.h, tap // conv.w.taps, row + line % rows)
    for i in range(n):
        if on and is_seen(&conv.w, tap % conv.w.taps, column):
            pieces[seen], pieces[plan.pixels + seen] = plan.pixel_in_copy[pixel + i], plan.in_panel[i]
            seen += 1
        column += 1
        if column == conv.w.out:
            column = 0
            line += 1
            on = is_seen(&conv.h, tap // conv.w.taps, row + line % rows)
    return seen


cdef void add_parts(const Convolution *conv, const Plan *plan, Py_ssize_t group, Py_ssize_t k, real *sums,
                    real *dweight) noexcept nogil:
    """The parts of a vector of filters."""
    cdef Py_ssize_t taps = conv.channels * conv.h.taps * conv.w.taps, part, t, j
    cdef real *total = sums + group * taps * plan.filters + k
    for part in range(1, plan.parts):
        for t in range(taps):
            for j in range(lanes(sizeof(real))):
                total[t * plan.filters + j] += total[part * plan.part_sums + t * plan.filters + j]
    write_weights(conv, plan, group, k, 0, taps, total, dweight)


cdef void write_weights(const Convolution *conv, const Plan *plan, Py_ssize_t group, Py_ssize_t k, Py_ssize_t first,
                        Py_ssize_t taps, const real *sums, real *dweight) noexcept nogil:
    """Some taps of a vector of filters, transposed to dweight."""
    cdef Py_ssize_t whole = conv.channels * conv.h.taps * conv.w.taps
    pack_t_apart(min(<Py_ssize_t>lanes(sizeof(real)), conv.rows - k), taps, taps, sums, plan.filters,
                 dweight + (group * conv.rows + k) * whole + first, whole)


cdef void write_bias(const Convolution *conv, const Plan *plan, Py_ssize_t group, const real *bias_sums,
                     real *dbias) noexcept nogil:
    cdef Py_ssize_t k, part
    for k in range(conv.rows):
        dbias[group * conv.rows + k] = bias_sums[group * plan.filters + k]
        for part in range(1, plan.parts):
            dbias[group * conv.rows + k] += bias_sums[(part * conv.groups + group) * plan.filters + k]
