"""Cost models of the direct convolution. Only the length of a chain decides about bits, and only the shape about it."""

from ._convolve cimport Convolution
from ._im2col cimport is_plain, set_band
from ._kernels cimport lanes, round_up, tile_width
from ._runtime cimport gemm_ns, isa, threads_for

cdef enum:
    PIXELS = 768            # of a task, roughly
    TAPS = 288              # of a chain, at most: shorter ones round less, longer ones save a percent of the time
    FLAT_BYTES = 1 << 19    # of a task's copy of all channels, which FLAT needs, roughly
    L1_BYTES = 24 << 10     # of the first cache, for what a tile reads again and again
    TALL_TILE = 6           # rows


cdef void make_plan(Plan *plan, const Convolution *conv, Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, kernel = conv.h.taps * conv.w.taps
    cdef int vector = lanes(<int>itemsize)
    share_out(plan, conv, pixels, kernel)
    plan.width = tile_width(<int>itemsize)
    plan.tiling = choose_tiling(plan, conv, vector, itemsize)
    plan.channels = max(<Py_ssize_t>1, min(TAPS // kernel, conv.channels))
    plan.chain = min(plan.channels * kernel, <Py_ssize_t>TAPS)
    if plan.tiling == FLAT:   # each tile is left but once: all channels at once, of fewer rows if need be
        plan.channels = conv.channels
        while plan.band.rows > 1 and conv.channels * plan.band.channel * itemsize > FLAT_BYTES:
            set_band(&plan.band, &conv.h, &conv.w, (plan.band.rows + 1) // 2, plan.band.images)
        plan.bands = (conv.h.out + plan.band.rows - 1) // plan.band.rows
    plan.taps = plan.channels * kernel
    plan.copy = round_up(plan.channels * plan.band.channel + plan.width, 16) if plan.tiling != PLAIN else 0
    plan.panel = plan.rows * plan.width if plan.tiling == FLAT else plan.chain * plan.width
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
    return FLAT if flat < by_rows and conv.h.taps * conv.w.taps <= TAPS else ROWS
