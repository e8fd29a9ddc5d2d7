"""The cost of the turned way of a direct convolution, and how it is cut into tasks."""

from ._convolve cimport Convolution, taps_are_rows, weights_are_rows
from ._convolve_plan cimport L1_BYTES, PIXELS, TALL_TILE, TAPS, TURNED, Plan
from ._im2col cimport Axis, find_seen, is_inside, join_phases, past_alike, seen_share, set_band
from ._kernels cimport round_up
from ._runtime cimport isa

cdef enum:
    FILTERS_BYTES = 1 << 19     # of the panels of filters, at most; twice that for
    MANY = 128                  # pixels
    LINES = 256                 # of half of L1
    TURNED_BYTES = 1 << 19      # of a task's outputs before they are transposed, at most; of several images
    IMAGES_BYTES = 1 << 21      # this, and
    TAP_BYTES = 512             # for each tap, during which they come from L2
    COPY_BYTES = 1 << 20        # of the pixels of several images
    FEWEST_IMAGES = 4           # that are worth to be the rows of a tile
    SMALL = 400                 # pixels of such images: of others too much lies between two lines of a tile
    TURN = 6                    # cycles to transpose a vector of outputs
    PACK = 5                    # and a vector of filters
    PACK_APART = 3              # times that, where those of a channel lie together only,
    PACK_FEW = 8                # and do not fill a vector
    PLACE = 15                  # to copy the outputs of an image and a filter, however few, to their place
    LIST = 1                    # to list a tap that some outputs see


cdef inline double row_cycles(const Axis *w, int vector) noexcept nogil:
    """To copy a row of the source, all phases or columns of it."""
    cdef double pixel = 1.0 if w.step == 3 or w.step > 4 else (1 + 2.5 * w.step) / vector
    return w.phases * (4 + (w.out + w.extent) * pixel)


cdef inline double total_cycles(const Plan *plan, const Convolution *conv, int vector) noexcept nogil:
    """Of the thread that has most to do: products and copies."""
    cdef Py_ssize_t tasks = conv.groups * plan.image_blocks * plan.bands * plan.row_blocks
    cdef double taps = <double>conv.channels * conv.h.taps * conv.w.taps, copy = 0
    if plan.copy and plan.exact:
        copy = 2.0 * plan.band.images * plan.band.image / vector
    elif plan.copy:
        copy = conv.channels * plan.band.images * plan.h.phases * (plan.band.plane // plan.band.pitch) * row_cycles(
            &plan.w, vector)
    if plan.band.images > 1 and not plan.exact and conv.out_w == 1:
        copy += PLACE * plan.band.images * plan.rows
    return (tasks + plan.threads - 1) // plan.threads * (taps * plan.cycles + copy)


cdef inline Py_ssize_t channels_in_l1(Py_ssize_t plane) noexcept nogil:
    """How many can have a line each in half of L1 (64 sets of 8 lines), where they lie so many bytes apart."""
    return LINES // min(<Py_ssize_t>64, (plane & -plane) // 64) if plane % 64 == 0 else LINES


cdef inline double tile_cycles(Py_ssize_t rows, Py_ssize_t nv, double line) noexcept nogil:
    """Of a tap of so many rows of nv vectors: multiply-adds, loads, or the wait for its own sums; and for a line."""
    cdef Py_ssize_t blocks = (rows + isa.f32.mr_max[nv] - 1) // isa.f32.mr_max[nv]
    cdef double loads = max(rows + blocks * nv, blocks * nv * isa.f32.lanes / 8.0)   # of filters: 32 bytes a cycle
    return max(rows * nv, max(<double>blocks * min(8, 64 // isa.f32.lanes), loads)) + blocks * line


cdef inline double row_of_tiles(const Plan *plan, const Convolution *conv, Py_ssize_t nv, double line) noexcept nogil:
    """Cycles for a tap of a row of outputs, of all images of a task."""
    cdef Py_ssize_t images = plan.band.images, column = 0, past, low, high
    cdef double cycles = 0, short = 1 if isa.f32.mr_max[isa.f32.nv_max] < TALL_TILE else 0     # filters come from L2
    if not plan.exact:
        return tile_cycles(conv.w.out, nv, line)
    if images > 1:
        return conv.w.out * seen_share(&conv.w) * (tile_cycles(images, nv, 0) + images * line + short * nv)
    while column < conv.w.out:
        past = past_alike(&conv.w, column)
        find_seen(&conv.w, column, &low, &high)
        cycles += tile_cycles(past - column, nv, line) * (high - low) / conv.w.taps
        column = past
    return cycles


cdef inline double cut_turned(Plan *plan, const Convolution *conv, int vector, Py_ssize_t vectors, Py_ssize_t rows,
                              Py_ssize_t images) noexcept nogil:
    """Tasks of so many rows of outputs of some images by so many vectors of filters; returns the cycles of all."""
    cdef Py_ssize_t pixels = rows * conv.w.out, taps = conv.channels * conv.h.taps * conv.w.taps, nv
    cdef Py_ssize_t left, width
    cdef double tile, cycles, shuffle, line = 0, lists = 0
    plan.rows = min(conv.rows, vectors * vector)
    plan.row_blocks = (conv.rows + plan.rows - 1) // plan.rows
    plan.bands = (conv.h.out + rows - 1) // rows
    set_band(&plan.band, &plan.h, &plan.w, (rows - 1) * conv.h.step + 1, images)
    if plan.exact or not plan.copy:
        plan.band.pitch, plan.band.plane = conv.w.size, conv.h.size * conv.w.size
        plan.band.channel = plan.band.plane
        plan.band.image = round_up(conv.channels * plan.band.plane + 1, 16) | 16    # an odd number of lines
    plan.band.rows = rows
    plan.cycles = 1e300
    # Short vectors, of low tiles, are multiplied in half a cycle, but not moved.
    shuffle = 2 if isa.f32.mr_max[isa.f32.nv_max] < TALL_TILE else 1
    if images > 1:   # one each, most of them in L1
        line = 0.15 * shuffle
    elif conv.channels * conv.h.taps > LINES:   # each tile reads them from L2
        line = 2.0 * shuffle / conv.w.taps
    if plan.exact:
        lists = LIST * plan.seen * min(rows, 2 * conv.h.taps - 1)
        lists *= seen_share(&conv.w) * min(conv.w.out, 2 * conv.w.taps - 1)
    for nv in range(1, min(vectors, isa.f32.nv_max) + 1):
        tile, left, width = 0, vectors, nv
        while left > 0:   # the last panel is narrower
            tile += row_of_tiles(plan, conv, width, line) * (left // width)
            left %= width
            width = left
        tile = plan.seen * rows * tile + lists * vectors / nv
        if tile < plan.cycles:
            plan.cycles, plan.width = tile, nv * vector
    cycles = TURN * round_up(pixels, vector) * vectors if pixels >= vector else 2 * pixels * plan.rows
    plan.cycles += images * shuffle * cycles / taps
    cycles = shuffle * PACK * vectors * taps * (
        1 if weights_are_rows(conv) else vector if not taps_are_rows(conv)
        else PACK_APART if conv.h.taps * conv.w.taps >= vector else PACK_FEW)   # of a block of rows
    return total_cycles(plan, conv, vector) + cycles * ((conv.groups * plan.row_blocks - 1) // plan.threads + 1)


cdef inline void try_turned(Plan *plan, Plan *own, const Convolution *conv, Py_ssize_t images, int vector,
                            Py_ssize_t itemsize, double *best) noexcept nogil:
    """Whether some blocks of filters and bands of rows, of so many images a task, cost less than the best."""
    cdef Py_ssize_t taps = conv.channels * conv.h.taps * conv.w.taps, vectors = (conv.rows + vector - 1) // vector
    cdef Py_ssize_t pixels = conv.h.out * conv.w.out, most = FILTERS_BYTES if pixels < MANY else 2 * FILTERS_BYTES
    cdef Py_ssize_t fewest = (vectors * vector * taps * itemsize + most - 1) // most, blocks = fewest
    cdef Py_ssize_t least = max(<Py_ssize_t>1, pixels // PIXELS), tasks, bands
    cdef Py_ssize_t room = (TURNED_BYTES if images == 1 else min(IMAGES_BYTES, TAP_BYTES * taps)) // (
        images * conv.w.out * itemsize)
    cdef double cycles
    if fewest > vectors:
        return
    own.image_blocks = (conv.images + images - 1) // images
    tasks = own.image_blocks * conv.groups
    while blocks == fewest or (blocks <= min(vectors, max(plan.threads, 2 * fewest if fewest > 1 else 1))
                               and tasks < 8 * plan.threads):
        bands = least
        while bands == least or (bands <= conv.h.out and images == 1 and bands * blocks * tasks < 8 * plan.threads):
            cycles = cut_turned(own, conv, vector, (vectors + blocks - 1) // blocks, (conv.h.out + bands - 1) // bands,
                                images)
            if cycles < best[0] and own.band.rows * own.rows <= room and (
                    images == 1 or images * own.band.image * itemsize <= COPY_BYTES):
                best[0] = cycles
                plan[0] = own[0]
            bands *= 2
        blocks *= 2


cdef inline void consider_turned(Plan *plan, const Convolution *conv, int vector, Py_ssize_t itemsize) noexcept nogil:
    """Take TURNED where it is cheaper: no panels of pixels, no split of strides, no vectors that pixels do not fill."""
    cdef Plan own = plan[0]
    cdef Py_ssize_t images = conv.images
    cdef double best = total_cycles(plan, conv, vector)
    cdef bint inside = is_inside(&conv.h) and is_inside(&conv.w)
    if 2 * conv.rows <= vector or conv.channels * conv.h.taps * conv.w.taps <= 2 * TURN:
        return
    own.tiling = TURNED
    own.h, own.w = conv.h, conv.w
    join_phases(&own.h)
    join_phases(&own.w)
    own.copy = not (inside and conv.channels <= channels_in_l1(conv.h.size * conv.w.size * itemsize))
    try_turned(plan, &own, conv, 1, vector, itemsize, &best)
    own.exact, own.copy, own.seen = True, False, seen_share(&conv.h)
    if not inside and seen_share(&conv.w) < 0.95:   # else too few products to save
        try_turned(plan, &own, conv, 1, vector, itemsize, &best)
    own.copy = True
    if conv.h.taps * conv.w.taps == 1:   # nothing to leave out for the copy
        return
    while images >= FEWEST_IMAGES and max(conv.h.size * conv.w.size, conv.h.out * conv.w.out) <= SMALL:
        try_turned(plan, &own, conv, images, vector, itemsize, &best)
        images = (images + 1) // 2
