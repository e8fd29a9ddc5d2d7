"""Convolution as a product of matrices: where each tap of each output pixel lies in a padded copy of the images."""

from ._runtime cimport real

# One axis of a convolution, of any direction. Output i reads for its tap j < taps the source at i*step + start +
# shift(j), where shift(j) = delta*j, or delta*(taps-1-j) if reversed; that tap is the filter's tap + j*tap_step.
# In the copy the source is split by the phase of its coordinate modulo step: with unit steps inside a phase.
cdef struct Axis:
    Py_ssize_t size         # of the source
    Py_ssize_t out          # outputs
    Py_ssize_t step, start
    Py_ssize_t taps, tap, tap_step
    Py_ssize_t delta
    bint reversed           # then step is 1
    Py_ssize_t phases       # how many phases of the source are read
    Py_ssize_t extent       # the copy of n outputs has n + extent rows or columns a phase
    bint columns            # the copy has a plane of its own for each tap, in place of one for each phase

cdef enum:
    MOST_TAPS = 288         # of a list of Seen

# The taps of some channels that outputs find on the image, in rows of taps low..high-1 and columns left..right-1; the
# others would add zeros.
cdef struct Seen:
    Py_ssize_t low, high, left, right
    Py_ssize_t taps         # of a channel
    Py_ssize_t[MOST_TAPS] in_copy, in_weight, in_panel

# Whether the first output, the last one, and the first to have no tap before the image find each tap on it: these tell
# of weights that are not finite (_conv_exact.pyx).
cdef bint are_all_seen(const Axis *axis) noexcept nogil

# The share of its rows of taps that an output finds on the image, on the average.
cdef double seen_share(const Axis *axis) noexcept nogil

# What the outputs of a row see of `channels` channels, those of a column or (column < 0) of all columns of taps, in the
# order of the lists of all taps. seen.high is 0 before the first call; the next ones are for the same lists.
cdef void see_taps(const Axis *h, Py_ssize_t row, const Axis *w, Py_ssize_t column, Py_ssize_t channels,
                   const Py_ssize_t *in_copy, const Py_ssize_t *in_weight, Py_ssize_t width, Seen *seen) noexcept nogil

# The first output after this one that finds other taps on the image, or axis.out.
cdef Py_ssize_t past_alike(const Axis *axis, Py_ssize_t output) noexcept nogil

# The range of taps, low..high-1, that an output finds on the image.
cdef void find_seen(const Axis *axis, Py_ssize_t output, Py_ssize_t *low, Py_ssize_t *high) noexcept nogil

# A copy of a band of rows of some images. Strides count elements; an image has h.phases x w.phases planes.
cdef struct Band:
    Py_ssize_t rows, images
    Py_ssize_t pitch, plane, image, channel

cdef inline Py_ssize_t gcd(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a

cdef void set_axis(Axis *axis, Py_ssize_t size, Py_ssize_t out, Py_ssize_t step, Py_ssize_t first, Py_ssize_t taps,
                   Py_ssize_t tap, Py_ssize_t tap_step, Py_ssize_t delta) noexcept nogil

# Pixels first, first + stride, ... of the image: tap r reads dy, of `size`, at (pixel + pad - r*dilation) / stride.
cdef void set_phase(Axis *axis, Py_ssize_t size, Py_ssize_t image, Py_ssize_t first, Py_ssize_t taps,
                    Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation) noexcept nogil

# The same axis with a copy that is not split: output i finds its source at i*step there.
cdef inline void join_phases(Axis *axis) noexcept nogil:
    if axis.step > 1:
        axis.out, axis.extent = (axis.out - 1) * axis.step + 1, (axis.taps - 1) * axis.delta
        axis.step = axis.phases = 1

# The same axis with what each tap reads copied on its own: outputs find it one after the other, in the next row too.
cdef inline void split_columns(Axis *axis) noexcept nogil:
    axis.columns, axis.phases, axis.extent = True, axis.taps, 0

cdef inline Py_ssize_t shift(const Axis *axis, Py_ssize_t tap) noexcept nogil:
    return axis.delta * (axis.taps - 1 - tap if axis.reversed else tap)

cdef inline bint is_seen(const Axis *axis, Py_ssize_t tap, Py_ssize_t output) noexcept nogil:
    """Whether the output finds the tap on the image."""
    return 0 <= output * axis.step + axis.start + shift(axis, tap) < axis.size

cdef inline bint is_inside(const Axis *axis) noexcept nogil:
    """Whether no tap reads padding."""
    return axis.start >= 0 and axis.start + (axis.out - 1) * axis.step + (axis.taps - 1) * axis.delta < axis.size

cdef inline bint is_plain(const Axis *axis) noexcept nogil:
    """Whether output i reads the source at i and nowhere else."""
    return axis.taps == 1 and axis.step == 1 and axis.start == 0 and axis.size == axis.out

cdef inline bint is_whole(const Axis *axis) noexcept nogil:
    """Whether all of the source is read, without padding, in its own order."""
    return axis.step == 1 and axis.start == 0 and axis.size == axis.out + axis.extent

cdef void set_band(Band *band, const Axis *h, const Axis *w, Py_ssize_t rows, Py_ssize_t images) noexcept nogil

# Where the taps of `channels` channels lie in the copy, channel by channel.
cdef void tap_offsets(const Axis *h, const Axis *w, const Band *band, Py_ssize_t channels,
                      Py_ssize_t *offsets) noexcept nogil

# The copy of `rows` output rows from `row` on, of channels and images from src on. Where band.image > band.channel,
# these are whole images, and lie as they do in src.
cdef void copy_band(const Axis *h, const Axis *w, const Band *band, Py_ssize_t row, Py_ssize_t rows,
                    Py_ssize_t channels, Py_ssize_t images, const real *src, Py_ssize_t src_image,
                    real *dst) noexcept nogil

# The pieces of at most `lanes` pixels that output pixels first..first+n-1 of a band of `rows` rows consist of: for
# `gather`. Returns how many; never more than n. lane may be NULL.
cdef Py_ssize_t split_pixels(const Axis *w, const Band *band, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t n,
                             Py_ssize_t lanes, Py_ssize_t *from_, Py_ssize_t *lane) noexcept nogil
