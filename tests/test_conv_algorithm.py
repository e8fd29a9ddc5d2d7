"""Which algorithm a convolution runs: the one that is asked for, or the one that "auto" takes for the faster."""

import numpy as np
import pytest
from conftest import on_threads
from test_parity_winograd import geometry, make, run

import fastnn
from fastnn import functional as F
from fastnn.native import backend as native


def forced(algorithm, arrays, guards, pads=(1, 1, 1, 1)):
    return [a.tobytes() for a in run(native, guards, arrays, geometry(pads, algorithm=algorithm))[:3]]


@pytest.mark.parametrize(("shape", "wanted"), [
    ((2, 64, 64, (28, 28), (1, 1, 1, 1), 1), "winograd"),
    ((1, 32, 32, (14, 14), (1, 1, 1, 1), 1), "winograd"),
    ((1, 32, 32, (14, 14), (2, 2, 2, 2), 1, (1, 1), 5), "winograd"),
    ((4, 1, 32, (28, 28), (1, 1, 1, 1), 1), "direct"),
    ((1, 2, 2, (14, 14), (1, 1, 1, 1), 1), "direct"),
    ((1, 128, 128, (3, 3), (1, 1, 1, 1), 1), "direct"),
    ((4, 3, 16, (28, 28), (2, 2, 2, 2), 1, (1, 1), 5), "direct"),
], ids=["64ch-28", "32ch-14", "32ch-14-5x5", "1ch-28", "2ch-14", "128ch-3", "3ch-28-5x5"])
def test_auto_chooses_by_shape(isa, guards, shape, wanted):
    """The choice shows in the bits: the two ways round differently."""
    arrays = make(shape, np.float32)
    y = {name: forced(name, arrays, guards, shape[4])[0] for name in ("auto", "direct", "winograd")}
    assert y["direct"] != y["winograd"]
    assert y["auto"] == y[wanted]


def test_auto_counts_the_lanes_that_a_few_pixels_leave_empty(isa, guards):
    """They cost the direct way more than the filters' transform costs Winograd's, but for the shortest vectors."""
    arrays = make((1, 128, 128, (6, 6), (1, 1, 1, 1), 1), np.float32)
    assert forced("auto", arrays, guards)[0] == forced("direct" if isa == "baseline" else "winograd", arrays, guards)[0]


def test_auto_counts_the_taps_that_small_images_do_not_have(isa, guards):
    """Five of nine, where images are as small as 2 x 2."""
    arrays = make((16, 64, 64, (2, 2), (1, 1, 1, 1), 1), np.float32)
    assert forced("auto", arrays, guards)[0] == forced("direct", arrays, guards)[0]


def test_auto_counts_the_lanes_that_a_few_filters_leave_empty(isa, guards):
    arrays = make((2, 32, 3, (56, 56), (1, 1, 1, 1), 1), np.float32)
    assert forced("auto", arrays, guards)[0] == forced("winograd" if isa == "baseline" else "direct", arrays, guards)[0]


def test_auto_gives_weight_gradients_of_16_channels_to_winograd(isa, guards):
    arrays = make((2, 16, 16, (32, 32), (2, 2, 2, 2), 1, (1, 1), 5), np.float32)
    dweight = {name: forced(name, arrays, guards, (2, 2, 2, 2))[2] for name in ("auto", "direct", "winograd")}
    assert dweight["direct"] != dweight["winograd"]
    assert dweight["auto"] == dweight["winograd"]


def test_auto_chooses_alike_on_any_number_of_threads(guards):
    arrays = make((1, 16, 16, (12, 12), (1, 1, 1, 1), 1), np.float32)
    with on_threads(1):
        alone = forced("auto", arrays, guards)
    with on_threads(3):
        assert forced("auto", arrays, guards) == alone


@pytest.fixture
def restored_algorithm():
    before = fastnn.get_conv_algorithm()
    yield
    fastnn.set_conv_algorithm(before)


def test_the_process_wide_algorithm_is_what_auto_means(guards, restored_algorithm):
    small, large = (make((1, c, c, (12, 12), (1, 1, 1, 1), 1), np.float32) for c in (4, 64))
    for name in ("direct", "winograd"):
        fastnn.set_conv_algorithm(name)
        assert fastnn.get_conv_algorithm() == name
        for arrays in (small, large):
            assert forced("auto", arrays, guards) == forced(name, arrays, guards)
    fastnn.set_conv_algorithm("direct")
    assert forced("winograd", large, guards) != forced("direct", large, guards)   # an explicit argument wins


def test_the_process_wide_winograd_leaves_other_kernels_to_the_direct_way(restored_algorithm):
    fastnn.set_conv_algorithm("winograd")
    x, weight = np.ones((1, 2, 9, 9), np.float32), np.ones((3, 2, 5, 5), np.float32)
    assert np.array_equal(F.conv2d(x, weight, stride=2), np.full((1, 3, 3, 3), 50, np.float32))


def test_the_process_wide_algorithm_must_be_one_of_three():
    with pytest.raises(ValueError, match="algorithm: expected one of 'auto', 'direct', 'winograd', got 'fft'"):
        fastnn.set_conv_algorithm("fft")


@pytest.mark.parametrize(("kernel", "arguments"), [((4, 4), {}), ((3, 5), {}), ((5, 5), {"stride": 2}),
                                                   ((3, 3), {"stride": (2, 1)}), ((1, 3), {}),
                                                   ((2, 3), {"stride": 2}), ((3, 3), {"stride": 2, "dilation": 2})],
                         ids=["4x4", "3x5", "5x5-stride", "strides", "1x3", "2x3-stride", "stride-dilation"])
def test_winograd_is_refused_where_it_cannot_be(kernel, arguments):
    x, weight = np.ones((1, 2, 9, 9), np.float32), np.ones((3, 2, *kernel), np.float32)
    with pytest.raises(ValueError, match="algorithm: 'winograd' needs a 3x3 or 5x5 kernel with stride 1, or"):
        F.conv2d(x, weight, algorithm="winograd", **arguments)
