"""The accuracy that convolution promises for the algorithm that "auto" chooses, against the same sums in float64."""

import numpy as np
import pytest

from fastnn import functional as F
from fastnn._geometry import Conv2dGeometry
from fastnn.reference import backend as reference

# The promise: RMS(error) / RMS(y) and max|error| / max|y| for standard normal images and He-scaled filters.
RMS, WORST = 1.2e-6, 3e-6

LAYERS = {  # images, channels, filters, height and width, then stride, dilation and kernel if not 3x3
    "16ch-112": (1, 16, 16, 112),
    "64ch-56": (1, 64, 64, 56),
    "128ch-28": (1, 128, 128, 28),
    "256ch-14": (2, 256, 256, 14),
    "512ch-7": (4, 512, 512, 7),
    "64ch-32-n16": (16, 64, 64, 32),
    "3to64-32": (2, 3, 64, 32),
    "40to72-13": (3, 40, 72, 13),
    "64to128-56-stride2": (1, 64, 128, 56, 2),
    "256to512-14-stride2": (4, 256, 512, 14, 2),
    "64ch-48-dilation2": (1, 64, 64, 48, 1, 2),
    "16ch-112-5x5": (1, 16, 16, 112, 1, 1, 5),
    "64ch-28-5x5": (2, 64, 64, 28, 1, 1, 5),
    "256ch-14-5x5": (1, 256, 256, 14, 1, 1, 5),
    "64ch-24-5x5-dilation2": (1, 64, 64, 24, 1, 2, 5),
}


def make(layer, dtype):
    n, channels, filters, size = layer[:4]
    stride, _, kernel = (*layer[4:], *(1, 1, 3)[len(layer) - 4:])
    out = -(-size // stride)
    rng = np.random.default_rng(sum(layer))
    x = rng.standard_normal((n, channels, size, size))
    weight = rng.standard_normal((filters, channels, kernel, kernel)) * np.sqrt(2 / (kernel**2 * channels))
    dy = rng.standard_normal((n, filters, out, out))
    return x.astype(dtype), weight.astype(dtype), dy.astype(dtype)


def all_directions(x, weight, dy, algorithm, stride=1, dilation=1, kernel=3):
    y, ctx = F.conv2d_forward(x, weight, stride=stride, padding=kernel // 2 * dilation, dilation=dilation,
                              algorithm=algorithm)
    return y, *F.conv2d_backward(dy, ctx, need=(True, True, False))[:2]


def errors(actual, exact):
    """(RMS, worst) of the error, each relative to that of the exact values."""
    error = actual - exact
    return np.sqrt(np.mean(error**2) / np.mean(exact**2)), np.abs(error).max() / np.abs(exact).max()


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_conv2d_in_float32_keeps_its_promise(isa, layer):
    arrays = make(layer, np.float32)
    exact = all_directions(*(a.astype(np.float64) for a in arrays), "direct", *layer[4:])
    for name, actual, wanted in zip(("y", "dx", "dweight"), all_directions(*arrays, "auto", *layer[4:]), exact):
        rms, worst = errors(actual, wanted)
        assert rms < RMS, name
        assert worst < WORST, name


@pytest.mark.parametrize("layer", [(1, 16, 16, 40), (1, 70, 24, 14), (3, 130, 64, 7)], ids=str)
def test_conv2d_in_float64_keeps_the_same_promise_in_its_own_precision(isa, layer):
    scale = np.finfo(np.float64).eps / np.finfo(np.float32).eps
    arrays = make(layer, np.float64)
    exact = in_long_double(*(a.astype(np.longdouble) for a in arrays))
    for name, actual, wanted in zip(("y", "dx", "dweight"), all_directions(*arrays, "auto"), exact):
        rms, worst = errors(actual, wanted)
        assert rms < RMS * scale, name
        assert worst < WORST * scale, name


def in_long_double(x, weight, dy):
    """(y, dx, dweight) by the reference, which computes in whatever type it is given."""
    geo = Conv2dGeometry(1, 1, 1, 1, 1, 1, 1, 1, 1)
    y, dx, dweight = (np.empty(a.shape, a.dtype) for a in (dy, x, weight))
    reference.conv2d_forward(x, weight, None, y, geo)
    reference.conv2d_backward_input(dy, weight, dx, geo)
    reference.conv2d_backward_weight(dy, x, dweight, None, geo)
    return y, dx, dweight
