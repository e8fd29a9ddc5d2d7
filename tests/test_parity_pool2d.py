"""The compiled pooling against the reference: max pooling bit for bit, average pooling within a sum's error bound."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn._geometry import pool2d
from fastnn.native import backend as native
from fastnn.reference import backend as reference

# (x's shape, kernel_size, stride, padding, dilation, ceil_mode)
POOLINGS = {
    "k2s2": ((2, 3, 28, 28), 2, 2, 0, 1, False),
    "k2s2-odd": ((1, 3, 9, 33), 2, 2, 0, 1, False),
    "k2s2-ceil": ((1, 3, 9, 35), 2, 2, 0, 1, True),
    "k2s2-1-window": ((1, 5, 2, 2), 2, 2, 0, 1, False),
    "k2s2-16-windows": ((1, 2, 6, 32), 2, 2, 0, 1, False),
    "k2s2-17-windows": ((1, 2, 6, 34), 2, 2, 0, 1, False),
    "k2s2-p1": ((1, 2, 10, 37), 2, 2, 1, 1, False),
    "k3s2p1": ((2, 3, 30, 30), 3, 2, 1, 1, False),
    "k3s2p1-odd": ((1, 3, 11, 67), 3, 2, 1, 1, False),
    "k3s2p1-ceil": ((1, 3, 12, 34), 3, 2, 1, 1, True),
    "k3s2": ((1, 3, 13, 55), 3, 2, 0, 1, False),
    "k3s1p1": ((2, 5, 14, 14), 3, 1, 1, 1, False),
    "k3s1p1-15-wide": ((1, 2, 7, 15), 3, 1, 1, 1, False),
    "k3s1p1-16-wide": ((1, 2, 7, 16), 3, 1, 1, 1, False),
    "k3s1p1-17-wide": ((1, 2, 7, 17), 3, 1, 1, 1, False),
    "k3s1p1-1-wide": ((1, 2, 9, 1), 3, 1, 1, 1, False),
    "k3s1p1-1-high": ((1, 2, 1, 40), 3, 1, 1, 1, False),
    "k3s3": ((1, 2, 20, 50), 3, 3, 0, 1, False),
    "k4s4": ((1, 2, 21, 70), 4, 4, 0, 1, False),
    "k5s4p2-ceil": ((1, 2, 21, 70), 5, 4, 2, 1, True),
    "k6s5p3": ((1, 2, 24, 90), 6, 5, 3, 1, False),
    "k2s3-many-planes": ((3, 40, 8, 8), 2, 3, 1, 1, False),
    "k5s1p2": ((1, 2, 13, 13), 5, 1, 2, 1, False),
    "k2x5-s1x2-p1x2": ((1, 2, 9, 40), (2, 5), (1, 2), (1, 2), 1, False),
    "k5x2-s2x1-p2x0": ((1, 2, 19, 20), (5, 2), (2, 1), (2, 0), 1, False),
    "k1x2-s1x2-one-row": ((2, 7, 1, 70), (1, 2), (1, 2), 0, 1, False),
    "k1x3-s1x2-p0x1-wide": ((1, 11, 1, 1500), (1, 3), (1, 2), (0, 1), 1, False),
    "k1x4-s1x4-two-rows": ((3, 4, 2, 130), (1, 4), (1, 4), 0, 1, False),
    "k1s3": ((1, 2, 10, 50), 1, 3, 0, 1, False),
    "k3s1p1-dilation2": ((1, 2, 12, 30), 3, 1, 1, 2, False),
    "k3s2p1-dilation3x2": ((1, 2, 15, 31), 3, 2, 1, (3, 2), False),
    "k3s1-dilation1x2": ((1, 2, 9, 40), 3, 1, 0, (1, 2), False),
    "k3s1p1-dilation2x1": ((1, 2, 9, 40), 3, 1, 1, (2, 1), False),
    "k2s2-dilation1x3": ((1, 2, 9, 40), 2, 2, 0, (1, 3), False),
    "k5s1p2-dilation1x2": ((1, 2, 9, 40), 5, 1, 2, (1, 2), False),
    "k16": ((1, 2, 35, 35), 16, 3, 0, 1, False),
    "k17-tap-past-a-byte": ((1, 2, 35, 35), 17, 3, 8, 1, False),
    "global-7": ((2, 9, 7, 7), 7, 7, 0, 1, False),
    "global-5x13": ((1, 3, 5, 13), (5, 13), 1, 0, 1, False),
    "global-30": ((1, 3, 30, 30), 30, 30, 0, 1, False),
    "tall": ((1, 1, 300, 9), 3, 1, 1, 1, False),
    "large-plane": ((1, 2, 112, 112), 3, 2, 1, 1, False),
    "large-plane-s1": ((1, 1, 150, 130), 3, 1, 1, 1, False),
    "no-images": ((0, 3, 8, 8), 2, 2, 0, 1, False),
    "no-channels": ((2, 0, 8, 8), 2, 2, 0, 1, False),
}
NAN_1, NAN_2 = np.array([0x7FC00001, 0xFFC00002], np.uint32).view(np.float32)  # told apart by their bits


def make(kind, shape, dtype, rng):
    if kind == "ties":
        return rng.integers(-2, 3, shape).astype(dtype) * dtype.type(-1)  # zeros of both signs
    if kind == "non-finite":
        return rng.choice(np.array([NAN_1, NAN_2, np.inf, -np.inf, 0.0, -0.0, -1]).astype(dtype), shape)
    if kind == "-inf":
        return np.full(shape, -np.inf, dtype)
    return rng.standard_normal(shape).astype(dtype)


def max_pool(backend, guards, x, dy, geo):
    """Return y without argmax, y, argmax, dx."""
    tap_dtype = np.uint8 if geo.kernel_h * geo.kernel_w <= 256 else np.int32
    x, dy = guards.input(x), guards.input(dy)
    y_alone, y, dx = (guards.output(a.shape, a.dtype) for a in (dy, dy, x))
    argmax = guards.output(dy.shape, np.dtype(tap_dtype))
    backend.max_pool2d_forward(x, y_alone, None, geo)
    backend.max_pool2d_forward(x, y, argmax, geo)
    backend.max_pool2d_backward_input(dy, guards.input(argmax), dx, geo)
    return y_alone, y, argmax, dx


def avg_pool(backend, guards, x, dy, geo, include_pad):
    """Return y, dx."""
    y, dx = guards.output(dy.shape, x.dtype), guards.output(x.shape, x.dtype)
    backend.avg_pool2d_forward(guards.input(x), y, geo, include_pad)
    backend.avg_pool2d_backward_input(guards.input(dy), dx, geo, include_pad)
    return y, dx


def check_max(guards, pooling, dtype, kind, seed=0):
    rng = np.random.default_rng(seed)
    geo, y_shape = pool2d(*pooling)
    x, dy = make(kind, pooling[0], dtype, rng), make("ties", y_shape, dtype, rng)
    found, wanted = max_pool(native, guards, x, dy, geo), max_pool(reference, guards, x, dy, geo)
    for name, ours, theirs in zip(("y without argmax", "y", "argmax", "dx"), found, wanted):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert ours.tobytes() == theirs.tobytes(), f"{name}: equal, but not the same bits"


def check_avg(guards, pooling, dtype, include_pad, seed=0):
    rng = np.random.default_rng(seed)
    geo, y_shape = pool2d(*pooling)
    x, dy = make("normal", pooling[0], dtype, rng), make("normal", y_shape, dtype, rng)
    found = avg_pool(native, guards, x, dy, geo, include_pad)
    exact = avg_pool(reference, guards, x.astype(np.float64), dy.astype(np.float64), geo, include_pad)
    bound = avg_pool(reference, guards, np.abs(x, dtype=np.float64), np.abs(dy, dtype=np.float64), geo, include_pad)
    for name, *values in zip(("y", "dx"), found, exact, bound):
        assert_contraction(*values, geo.kernel_h * geo.kernel_w + 1, name=name)


@pytest.mark.parametrize("kind", ["normal", "ties", "non-finite", "-inf"])
@pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS)
def test_max_pool2d_has_the_bits_of_the_reference(isa, dtype, guards, pooling, kind):
    check_max(guards, pooling, dtype, kind)


@pytest.mark.parametrize("include_pad", [True, False], ids=["count-pad", "skip-pad"])
@pytest.mark.parametrize("pooling", [p for p in POOLINGS.values() if p[4] == 1],
                         ids=[name for name, p in POOLINGS.items() if p[4] == 1])
def test_avg_pool2d_matches_the_reference(isa, dtype, guards, pooling, include_pad):
    check_avg(guards, pooling, dtype, include_pad)


@pytest.mark.parametrize("include_pad", [True, False], ids=["count-pad", "skip-pad"])
@pytest.mark.parametrize("name", ["k2s2", "k3s1p1", "k3s2p1", "global-7", "k3s3"])
def test_avg_pool2d_spreads_non_finite_values_as_the_reference(isa, dtype, guards, name, include_pad):
    rng = np.random.default_rng(1)
    geo, y_shape = pool2d(*POOLINGS[name])
    x, dy = (make("normal", shape, dtype, rng) for shape in (POOLINGS[name][0], y_shape))
    for a in (x, dy):
        a[rng.random(a.shape) < 0.05] = np.inf
        a[rng.random(a.shape) < 0.05] = -np.inf
        a[rng.random(a.shape) < 0.03] = np.nan
    with np.errstate(invalid="ignore"):  # inf - inf
        all_wanted = avg_pool(reference, guards, x, dy, geo, include_pad)
    for found, wanted in zip(avg_pool(native, guards, x, dy, geo, include_pad), all_wanted):
        np.testing.assert_array_equal(np.where(np.isfinite(found), 0, found), np.where(np.isfinite(wanted), 0, wanted))


@st.composite
def poolings(draw, max_dilation):
    kernel, stride = [tuple(draw(st.integers(1, 5)) for _ in range(2)) for _ in range(2)]
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = tuple(draw(st.integers(1, max_dilation)) for _ in range(2))
    # An image as large as the dilation leaves no window between two of its taps.
    smallest = [max(d, d * (k - 1) + 1 - 2 * pad) for k, d, pad in zip(kernel, dilation, padding)]
    image = [low + draw(st.integers(0, 40)) for low in smallest]
    return (1, draw(st.integers(1, 3)), *image), kernel, stride, padding, dilation, draw(st.booleans())


any_case = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_case
@given(poolings(3), st.sampled_from("fd"), st.sampled_from(["normal", "ties", "non-finite", "-inf"]),
       st.integers(0, 2**32 - 1))
def test_any_max_pool2d_has_the_bits_of_the_reference(guards, pooling, dtype, kind, seed):
    check_max(guards, pooling, np.dtype(dtype), kind, seed)


@any_case
@given(poolings(1), st.sampled_from("fd"), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_avg_pool2d_matches_the_reference(guards, pooling, dtype, include_pad, seed):
    check_avg(guards, pooling, np.dtype(dtype), include_pad, seed)


@pytest.mark.parametrize("name", ["k2s2", "k3s1p1", "k3s2p1", "global-7", "large-plane"])
def test_pool2d_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, name):
    geo, y_shape = pool2d(*POOLINGS[name])

    def run():
        rng = np.random.default_rng(2)
        x, dy = (make("normal", shape, dtype, rng) for shape in (POOLINGS[name][0], y_shape))
        return *max_pool(native, guards, x, dy, geo), *avg_pool(native, guards, x, dy, geo, True)

    bits_by_threads(run)
