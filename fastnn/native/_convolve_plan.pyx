"""What each direction of a convolution sums, and the cost models of how.

Only the length of a chain decides about bits, and only the shape about it.
"""

from libc.math cimport HUGE_VAL

from ._convolve cimport Convolution, Geometry
from ._convolve_turned_plan cimport FEWEST_IMAGES, SMALL, consider_turned, row_cycles
from ._im2col cimport Axis, are_all_seen, gcd, is_inside, is_plain, is_whole, seen_share, set_axis, set_band
from ._im2col cimport set_phase, split_columns
from ._kernels cimport lanes, round_up, tile_width
from ._runtime cimport gemm_ns, isa, threads_for
from ._winograd cimport Tiling as WinogradTiling

cdef enum:
    FLAT_BYTES = 1 << 19    # of a task's copy of all channels, which FLAT needs, roughly
    SPREAD = 4              # cycles to store a vector of outputs elsewhere and copy it to its place

# In units of _winograd_cost.pxd.
cdef enum:
    EXACT_PERCENT = 110    # of the products with taps on the image alone, which turned tiles form,
    SHORT_PERCENT = 150    # of short vectors
    TURN_COST = 10         # to transpose a vector of outputs there
    PACK_COST = 8          # of a vector of filters, for each of its taps,
    PACK_FLIPPED = 45      # where they are the other way round and do not fill a vector
    CACHED_BYTES = 1 << 20      # of filters; more come from memory
    WIDE_PERCENT = 80      # of all taps: columns with more of them do not repay tiles of their own,
    LEAST_RUN = 4          # nor do so few columns


cdef Convolution describe_forward(const Py_ssize_t *x, const Py_ssize_t *weight, const Py_ssize_t *y,
                                  Geometry geo) noexcept nogil:
    """y as a convolution of x; the arguments are the shapes."""
    cdef Convolution conv
    set_axis(&conv.h, x[2], y[2], geo.stride_h, -geo.pad_top, weight[2], 0, 1, geo.dilation_h)
    set_axis(&conv.w, x[3], y[3], geo.stride_w, -geo.pad_left, weight[3], 0, 1, geo.dilation_w)
    conv.images, conv.groups, conv.rows, conv.channels = x[0], geo.groups, weight[0] // geo.groups, weight[1]
    conv.kernel_w, conv.weight_channels = weight[3], weight[2] * weight[3]
    conv.weight_rows = weight[1] * conv.weight_channels
    conv.weight_group = conv.rows * conv.weight_rows
    conv.out_plane, conv.out_h, conv.out_w = y[2] * y[3], y[3], 1
    conv.relu, conv.threads = False, 0
    return conv


cdef Convolution describe_phase(const Py_ssize_t *dy, const Py_ssize_t *weight, const Py_ssize_t *dx, Geometry geo,
                                Py_ssize_t row, Py_ssize_t column) noexcept nogil:
    """The pixels of dx from (row, column) on, a stride apart, as a convolution of dy with the taps that reach them."""
    cdef Convolution conv
    set_phase(&conv.h, dy[2], dx[2], row, weight[2], geo.stride_h, geo.pad_top, geo.dilation_h)
    set_phase(&conv.w, dy[3], dx[3], column, weight[3], geo.stride_w, geo.pad_left, geo.dilation_w)
    conv.images, conv.groups, conv.rows, conv.channels = dx[0], geo.groups, weight[1], weight[0] // geo.groups
    conv.kernel_w, conv.weight_rows = weight[3], weight[2] * weight[3]
    conv.weight_channels = weight[1] * conv.weight_rows
    conv.weight_group = conv.channels * conv.weight_channels
    conv.out_plane, conv.out_h, conv.out_w = dx[2] * dx[3], geo.stride_h * dx[3], geo.stride_w
    conv.relu, conv.threads = False, 0
    return conv


cdef bint leaves_gaps(const Py_ssize_t *weight, Geometry geo) noexcept nogil:
    """Whether some pixels of x are not read at all, between those that are."""
    return (min(weight[2], geo.stride_h // gcd(geo.stride_h, geo.dilation_h)) < geo.stride_h
            or min(weight[3], geo.stride_w // gcd(geo.stride_w, geo.dilation_w)) < geo.stride_w)


cdef bint join_rows(const Convolution *conv, Convolution *joined) noexcept nogil:
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out
    if not (is_plain(&conv.h) and is_plain(&conv.w) and conv.out_w == 1 and conv.out_h == conv.w.out
            and pixels <= PIXELS):   # larger ones are shared out by rows
        return False
    joined[0] = conv[0]
    joined.h.size = joined.h.out = 1
    joined.w.size = joined.w.out = joined.out_h = pixels
    return True


cdef void make_plan(Plan *plan, const Convolution *conv, Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, kernel = conv.h.taps * conv.w.taps, rows
    cdef int vector = lanes(<int>itemsize)
    plan.h, plan.w = conv.h, conv.w
    plan.skips = kernel <= TAPS and not is_inside(&conv.h) and are_all_seen(&conv.h)
    plan.seen = seen_share(&conv.h) if plan.skips else 1
    plan.filters, plan.turned, plan.unpacked, plan.exact = 0, 0, False, False
    share_out(plan, conv, pixels, kernel, vector)
    plan.width = tile_width(<int>itemsize)
    plan.tiling = choose_tiling(plan, conv, vector, itemsize)
    plan.copy = plan.tiling != PLAIN
    if plan.tiling == COLUMNS:
        split_columns(&plan.w)
        set_band(&plan.band, &plan.h, &plan.w, plan.band.rows, 1)
    if plan.unpacked:
        plan.band.channel = conv.h.size * conv.w.size
    if kernel <= TAPS:
        consider_turned(plan, conv, vector, itemsize)
    plan.threads = <int>min(<Py_ssize_t>plan.threads, conv.groups * plan.image_blocks * plan.bands * plan.row_blocks)
    plan.channels = max(<Py_ssize_t>1, min(TAPS // kernel, conv.channels))
    plan.chain = min(plan.channels * kernel, <Py_ssize_t>TAPS)
    if plan.tiling == FLAT:   # each tile is left but once: all channels at once, of fewer rows if need be
        plan.channels = conv.channels
        while plan.band.rows > 1 and conv.channels * plan.band.channel * itemsize > FLAT_BYTES:
            set_band(&plan.band, &conv.h, &conv.w, (plan.band.rows + 1) // 2, plan.band.images)
        plan.bands = (conv.h.out + plan.band.rows - 1) // plan.band.rows
    if plan.tiling == TURNED:
        plan.channels, rows = conv.channels, round_up(plan.rows, vector)
        plan.filters = round_up(rows, plan.width) * conv.channels * kernel + rows
        plan.turned = plan.band.images * plan.band.rows * conv.w.out * rows
    plan.taps = plan.channels * kernel
    plan.skips = plan.exact or (plan.skips and (plan.tiling == ROWS or plan.tiling == TURNED))
    if plan.copy and not plan.exact and plan.band.images > 1 and plan.bands == 1 and (
            is_whole(&plan.h) and is_whole(&plan.w)):
        plan.band.channel = plan.band.plane
        plan.band.image = plan.channels * plan.band.plane
    plan.copy = round_up(max(plan.channels * plan.band.channel, plan.band.images * plan.band.image) + plan.width,
                         16) if plan.copy else 0
    plan.panel = plan.rows * plan.width if plan.tiling == FLAT else plan.chain * plan.width
    plan.tile = 0
    if (plan.band.images > 1 and not plan.exact) or conv.out_w != 1 or conv.out_h != conv.w.out:
        plan.tile = plan.rows * round_up(plan.band.images * plan.band.rows * conv.w.out, vector)


cdef void share_out(Plan *plan, const Convolution *conv, Py_ssize_t pixels, Py_ssize_t kernel,
                    int vector) noexcept nogil:
    """Decide on the tasks: bands of rows, or groups of images; enough for the threads, and evenly."""
    cdef double work = <double>conv.images * conv.groups * conv.rows * conv.channels * pixels * kernel
    cdef int threads = conv.threads
    cdef Py_ssize_t tasks, images
    if threads == 0:
        threads = threads_for(gemm_ns(work), conv.images * conv.groups * conv.h.out * conv.rows)
    plan.bands = min(conv.h.out, max(<Py_ssize_t>1, (pixels + PIXELS // 2) // PIXELS))
    plan.image_blocks = conv.images
    if plan.bands == 1:
        plan.image_blocks = min(conv.images, (conv.images * pixels + PIXELS - 1) // PIXELS)
        plan.image_blocks = min(conv.images, round_up(plan.image_blocks * conv.groups, threads) // conv.groups)
    images = (conv.images + plan.image_blocks - 1) // plan.image_blocks
    if not fills_vectors(conv, pixels, kernel, images, vector):
        images = 1
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
    plan.threads = threads


cdef bint fills_vectors(const Convolution *conv, Py_ssize_t pixels, Py_ssize_t kernel, Py_ssize_t images,
                        int vector) noexcept nogil:
    """Whether so many images together, whose outputs are put apart afterwards, cost less than one by one."""
    cdef double taps = conv.channels * kernel, alone = (pixels + vector - 1) // vector, together
    if conv.out_w == 1 and conv.out_h == conv.w.out:
        if pixels % vector:   # goes through a local tile
            alone += SPREAD * min(alone, <double>isa.f32.nv_max) / taps
        together = <double>((images * pixels + vector - 1) // vector) / images + SPREAD * pixels / (vector * taps)
        return together < alone
    return True


cdef Tiling choose_tiling(Plan *plan, const Convolution *conv, int vector, Py_ssize_t itemsize) noexcept nogil:
    """The cheapest, in cycles for a tap of the band: a multiply-add of vectors takes one, to gather a vector 3.5."""
    cdef Py_ssize_t images = plan.band.images, band = plan.band.rows, width = conv.w.out, rows = plan.rows
    cdef Py_ssize_t taps, across, along, height = conv.h.phases * (band + conv.h.extent)
    cdef double gathered, by_rows, flat, columns, more, slow = 1.0
    cdef Axis w = conv.w
    taps = conv.channels * conv.h.taps * conv.w.taps
    if is_plain(&conv.h) and is_plain(&conv.w) and images == 1:
        # Tall tiles leave the loads time to wait for lines that lie apart; low ones lose what packing costs, or more.
        plan.unpacked = isa.f32.mr_max[isa.f32.nv_max] >= TALL_TILE
        plan.cycles = (band * width + vector - 1) // vector * (rows + (0.0 if plan.unpacked else 2.5))
        return PLAIN
    across = (width + vector - 1) // vector
    along = ((band - 1) * plan.band.pitch + width + vector - 1) // vector
    # Where what a tile reads of the copy does not stay in L1, low tiles read it from L2 more often than that delivers.
    if rows > isa.f32.mr_max[isa.f32.nv_max] and isa.f32.mr_max[isa.f32.nv_max] < TALL_TILE and (
            taps * plan.width * itemsize >= L1_BYTES):
        slow = 1.15
    # Tiles of fewer than four accumulators wait for their own sums.
    gathered = ((images * band * width + vector - 1) // vector) * (3.5 + max(rows, 4.0 * vector / plan.width))
    by_rows = plan.seen * slow * images * band * across * max(<double>rows, 4.0 / min(across, plan.width // vector))
    if width % vector:
        by_rows += images * band * across * rows * <double>SPREAD / taps
    flat = slow * images * along * (max(rows, 4.0 * vector / plan.width) + <double>SPREAD * rows / taps)
    if conv.h.taps * conv.w.taps > TAPS:
        flat = gathered + by_rows
    plan.cycles = min(gathered, min(by_rows, flat))
    if images == 1:
        split_columns(&w)
        columns = slow * ((band * width + vector - 1) // vector) * max(<double>rows, 4.0 * vector / plan.width)
        more = (row_cycles(&w, vector) - row_cycles(&conv.w, vector)) * height * conv.channels
        if columns + more / taps < plan.cycles:
            plan.cycles = columns
            return COLUMNS
    return GATHER if plan.cycles == gathered else FLAT if flat < by_rows else ROWS


cdef double exact_cost(const WinogradTiling *s) noexcept nogil:
    cdef Axis h, w
    cdef double vectors = (s.k + lanes(s.itemsize) - 1) // lanes(s.itemsize), seen = 1, pixels = s.n * s.h * s.w
    cdef double percent = EXACT_PERCENT, kernel = s.kernel_h * s.kernel_w, pack = PACK_COST
    cdef int cycle = 1      # units
    if s.den == 1:
        pixels = s.n * s.p * s.q
        set_axis(&h, s.h, s.p, s.num, -s.pad_top, s.kernel_h, 0, 1, s.dilation_h)
        set_axis(&w, s.w, s.q, s.num, -s.pad_left, s.kernel_w, 0, 1, s.dilation_w)
        seen = seen_share(&w)
    if 2 * s.k <= lanes(s.itemsize) or ((seen * 100 > WIDE_PERCENT or s.dilation_w < LEAST_RUN)
                                        and (s.n < FEWEST_IMAGES or max(s.h * s.w, s.p * s.q) > SMALL)):
        return HUGE_VAL
    if s.den == 1:
        seen *= seen_share(&h)
    if lanes(s.itemsize) * s.itemsize < 64:
        cycle, percent = 2, SHORT_PERCENT * (1.5 if vectors == 1 else 1.0)
    if (s.flip or s.den > 1) and kernel < lanes(s.itemsize):
        pack = PACK_FLIPPED
    elif kernel * s.c * s.k * s.itemsize > CACHED_BYTES:
        pack = 2 * PACK_COST
    return vectors * (pixels * TURN_COST * cycle + kernel * s.c * (seen * pixels * percent / 100 + pack * cycle))


cdef double wide_share(const WinogradTiling *s) noexcept nogil:
    cdef Axis h, w
    cdef double seen
    set_axis(&h, s.h, s.p, s.num, -s.pad_top, s.kernel_h, 0, 1, s.dilation_h)
    set_axis(&w, s.w, s.q, s.num, -s.pad_left, s.kernel_w, 0, 1, s.dilation_w)
    seen = seen_share(&h) * seen_share(&w)
    return seen * 1.2 if s.c * s.k >= 1024 and seen * 100 < WIDE_PERCENT else 1
