"""How the weight gradient of a convolution is cut into tasks and blocks."""

from ._convolve cimport Convolution
from ._im2col cimport Band, is_plain, seen_share, set_band
from ._kernels cimport lanes, round_up, tile_width
from ._runtime cimport fnn_share, gemm_ns, threads_for

cdef enum:
    PIXELS = 256            # of a block
    TAPS = 288              # of a block, at most, unless a single channel has more
    COPY_BYTES = 1 << 18    # of a task's copy, roughly
    TASKS = 16              # at least so many should be there for the threads
    TASK_TAPS = 64          # of a task, at least
    PART_PIXELS = 1024      # of a part, at least: fewer cost less than it costs to hand their sums on
    FEW_CHANNELS = 5        # so few do not fill a tile
    LISTED = 32             # vectors of sums, at least, for which the pixels that a tap sees are listed

cdef enum Source:
    COPY        # rows of a tile: the channels of a tap in the copy
    GATHER      # rows of a tile: the taps of all channels, gathered from the copy
    PLAIN       # 1x1: rows of a tile: the channels of x

cdef struct Plan:
    Band band
    Py_ssize_t bands, image_blocks
    Py_ssize_t pixels                       # of a block, at most
    Py_ssize_t parts                        # of the sum over pixels
    Py_ssize_t tasks_c, channels            # channels are shared out among so many tasks,
    Py_ssize_t tasks_k, task_filters        # or filters, in whole panels
    Py_ssize_t block_channels, block_taps   # what one copy holds
    Py_ssize_t filters                      # of a group, rounded up to whole vectors
    Source source
    bint skips                              # pixels at which a tap is not on the image, for all channels or none
    Py_ssize_t width                        # of a panel of dy^T; the last one may be wider than its filters
    int threads
    fnn_share *shares
    Py_ssize_t *in_copy                     # of the taps
    Py_ssize_t *pixel_in_copy               # of the band's pixels
    Py_ssize_t *in_panel                    # of the pixels of a panel of dy^T
    Py_ssize_t copy, panel, dy_t            # elements of a thread's scratch memory
    Py_ssize_t part_sums                    # elements of dweight^T


cdef inline void make_plan(Plan *plan, const Convolution *conv, Py_ssize_t itemsize, bint weights) noexcept nogil:
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, kernel = conv.h.taps * conv.w.taps, rows, images, units
    cdef double work = <double>conv.images * conv.groups * conv.rows * pixels * (conv.channels * kernel + 4)
    cdef int threads
    images = max(<Py_ssize_t>1, min(conv.images, PIXELS // pixels))
    plan.bands = 1 if images > 1 else min(conv.h.out, (pixels + PIXELS - 1) // PIXELS)
    rows = (conv.h.out + plan.bands - 1) // plan.bands
    plan.bands = (conv.h.out + rows - 1) // rows
    plan.image_blocks = (conv.images + images - 1) // images
    set_band(&plan.band, &conv.h, &conv.w, rows, images)
    plan.pixels = round_up(min(images * rows * conv.w.out, <Py_ssize_t>PIXELS), lanes(<int>itemsize))
    plan.filters = round_up(conv.rows, lanes(<int>itemsize))

    units = conv.groups * max(<Py_ssize_t>1, conv.channels * kernel // TASK_TAPS)
    plan.parts = min((TASKS + units - 1) // units, plan.bands * plan.image_blocks)
    plan.parts = max(<Py_ssize_t>1, min(plan.parts, conv.images * pixels // PART_PIXELS))
    threads = threads_for(gemm_ns(work), plan.parts * conv.groups * max(<Py_ssize_t>1, conv.channels))
    plan.channels = conv.channels if weights else 0
    plan.tasks_c = 1
    # dy^T is packed by each task: as few as keep all threads busy.
    while plan.tasks_c < plan.channels and (plan.parts * conv.groups * plan.tasks_c < 4 * threads
                                            and plan.parts * conv.groups * plan.tasks_c % threads):
        plan.tasks_c += 1
    if plan.channels:
        plan.channels = (plan.channels + plan.tasks_c - 1) // plan.tasks_c
        plan.tasks_c = (conv.channels + plan.channels - 1) // plan.channels
    plan.width = min(<Py_ssize_t>tile_width(<int>itemsize), plan.filters)
    plan.tasks_k, plan.task_filters = 1, plan.filters
    # Or each packs a part of dy^T alone, and all read all channels, where these are fewer.
    if plan.tasks_c > 1 and plan.filters >= max(2 * conv.channels, plan.width * plan.tasks_c):
        plan.task_filters = round_up((plan.filters + plan.tasks_c - 1) // plan.tasks_c, plan.width)
        plan.tasks_k = (plan.filters + plan.task_filters - 1) // plan.task_filters
        plan.tasks_c, plan.channels = 1, conv.channels
    plan.threads = <int>min(<Py_ssize_t>threads, plan.parts * conv.groups * plan.tasks_c * plan.tasks_k)
    plan.source = GATHER if conv.channels <= FEW_CHANNELS else COPY
    if is_plain(&conv.h) and is_plain(&conv.w) and images == 1:
        plan.source = PLAIN
    plan.skips = (conv.channels * plan.width >= LISTED * lanes(<int>itemsize)
                  and seen_share(&conv.h) * seen_share(&conv.w) < 0.95)
    plan.dy_t = plan.pixels * round_up(plan.filters, plan.width)
    plan.block_channels = COPY_BYTES // (plan.band.channel * itemsize)
    if plan.source == GATHER:
        plan.block_channels = min(plan.block_channels, TAPS // kernel)
    plan.block_channels = max(<Py_ssize_t>1, min(plan.block_channels, plan.channels))
    plan.block_taps = plan.block_channels * kernel
    plan.copy = plan.panel = 0
    if weights and plan.source != PLAIN:
        plan.copy = round_up(plan.block_channels * plan.band.channel + lanes(<int>itemsize), 16)
    if weights and plan.source == GATHER:
        plan.panel = plan.block_taps * plan.pixels
    plan.part_sums = conv.groups * conv.channels * kernel * plan.filters if weights else 0
