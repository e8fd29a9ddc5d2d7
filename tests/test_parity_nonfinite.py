"""NaN and infinities in a convolution go where the definition sends them: never by way of the padding."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import on_threads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_parity_conv2d import CASES, make, results
from test_parity_conv2d import case as make_case
from tolerance import assert_contraction

import fastnn
import fastnn.functional as F
from fastnn.native import backend as native
from fastnn.reference import backend as reference

FULL = {name: case for name, case in CASES.items() if 0 not in case.x + case.weight}
WAYS = [(name, way) for name, case in FULL.items() for way in ("direct", "auto", "winograd")
        if way != "winograd" or (case.weight[2:] == (3, 3) and case.geo[:2] == case.geo[6:8] == (1, 1))]


def case_of(name, way="direct"):
    case = FULL[name]
    return SimpleNamespace(x=case.x, weight=case.weight, y=case.y, geo=case.geo._replace(algorithm=way))


def poisoned(array, rng, where):
    """A copy with values that are not finite: three somewhere, or two in the corners."""
    array = array.copy()
    flat = array.reshape(-1)
    if where == "anywhere":
        flat[rng.integers(0, flat.size, 3)] = np.inf, -np.inf, np.nan
    else:
        flat[0], flat[-1] = np.inf, -np.inf
    return array


def check(guards, case, arrays):
    """Native results against the reference: the same NaN, the same infinities, and elsewhere the same sums."""
    found, wanted = (results(backend, guards, case, *arrays) for backend in (native, reference))
    clean = [np.where(np.isfinite(a), np.abs(a), 0).astype(np.float64) for a in arrays]
    scale = results(reference, guards, case, *clean)
    (k, c, r, s), pixels = case.weight, case.y[0] * case.y[2] * case.y[3]
    terms = (c * r * s + 1, k // case.geo.groups * r * s, pixels, pixels)
    for name, n, ours, theirs, size in zip(("y", "dx", "dweight", "dbias"), terms, found, wanted, scale):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
        infinite, finite = np.isinf(theirs), np.isfinite(theirs)
        np.testing.assert_array_equal(ours[infinite], theirs[infinite], err_msg=name)
        factor = 60 if case.geo.algorithm != "direct" else 2  # of Winograd's transforms
        assert_contraction(ours[finite], theirs[finite].astype(np.float64), factor * size[finite], n, name=name)


def check_threads(guards, case, arrays, numbers):
    """The same bits on each number of threads, but for those of a NaN."""
    found = []
    for n in numbers:
        with on_threads(n):
            found.append(results(native, guards, case, *arrays))
    for others in found[1:]:
        for name, first, other in zip(("y", "dx", "dweight", "dbias"), found[0], others):
            np.testing.assert_array_equal(first, other, err_msg=name)


@pytest.mark.parametrize("where", ["anywhere", "corners"])
@pytest.mark.parametrize("which", [0, 1, 3], ids=["x", "weight", "dy"])
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_conv2d_keeps_non_finite_values_where_mathematics_sends_them(guards, name, way, which, where, rng):
    case = case_of(name, way)
    arrays = make(case, np.dtype(np.float32))
    arrays[which] = poisoned(arrays[which], rng, where)
    check(guards, case, arrays)


@pytest.mark.parametrize("which", [0, 1, 3], ids=["x", "weight", "dy"])
@pytest.mark.parametrize(("name", "way"), [("row", "direct"), ("flat", "direct"), ("flat", "winograd"),
                                           ("stride_2", "direct"), ("depthwise", "auto")])
def test_every_isa_keeps_non_finite_values_in_place(isa, threads, dtype, guards, name, way, which, rng):
    case = case_of(name, way)
    arrays = make(case, dtype)
    arrays[which] = poisoned(arrays[which], rng, "anywhere")
    check(guards, case, arrays)


@pytest.mark.parametrize("value", [np.inf, np.nan], ids=["inf", "nan"])
@pytest.mark.parametrize("name", ["row", "stride_2", "stride_past_kernel", "four_sides", "dilated_and_strided",
                                  "grouped", "depthwise", "padded_1x1", "rows_skip_taps", "panels_skip_taps",
                                  "turned_skips_taps", "dilated_skips_taps", "no_row_sees_all_taps",
                                  "rows_see_no_tap"])
def test_conv2d_with_one_spoilt_tap(guards, name, value):
    case = case_of(name)
    _, _, height, width = case.weight
    for tap in range(height * width):
        arrays = make(case, np.dtype(np.float32))
        arrays[1].reshape(*case.weight[:2], -1)[case.weight[0] // 2, -1, tap] = value
        check(guards, case, arrays)


@st.composite
def configurations(draw):
    """Windows about as large as the image, and paddings up to all of a window but one tap."""
    kernel, dilation, stride, padding, image = [], [], [], [], []
    for longest in (12, 24):
        taps, gap = draw(st.integers(1, 8)), draw(st.sampled_from([1, 1, 2, 3, 6]))
        sides = tuple(draw(st.integers(0, (taps - 1) * gap)) for _ in range(2))
        kernel.append(taps)
        dilation.append(gap)
        padding.append(sides)
        stride.append(draw(st.sampled_from([1, 1, 2, 3])))
        image.append(draw(st.integers(max(1, (taps - 1) * gap + 1 - sum(sides)), (taps - 1) * gap + longest)))
    groups, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
    filters = draw(st.sampled_from([1, 2, 3, 8, 17, 33]))
    shapes = (draw(st.integers(1, 3)), groups * channels, *image), (groups * filters, channels, *kernel)
    case = make_case(*shapes, tuple(stride), tuple(padding), tuple(dilation), groups)
    case.geo = case.geo._replace(algorithm=draw(st.sampled_from(["auto", "direct"])))
    return case


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=configurations(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from("fd"))
def test_conv2d_of_any_configuration_with_spoilt_weights(guards, case, seed, dtype):
    rng, arrays = np.random.default_rng(seed), make(case, np.dtype(dtype), seed)
    arrays[1] = poisoned(arrays[1], rng, "anywhere")
    check(guards, case, arrays)
    check_threads(guards, case, arrays, (1, 2))


SHARED_OUT = {  # x, weight, stride, padding, dilation, groups, and where the weight is spoilt
    "y_in_groups": ((5, 6, 13, 7), (15, 2, 4, 4), (2, 2), ((1, 2), (1, 2)), (1, 1), 3, (2, 1, 0, 0)),
    "y_dilated": ((2, 99, 16, 12), (99, 33, 3, 5), (1, 1), ((4, 0), (4, 0)), (3, 1), 3, (2, 1, 0, 0)),
    "dx": ((5, 16, 8, 7), (33, 16, 2, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, (4, 7, 1, 0)),
    "winograd": ((1, 4, 1, 1), (17, 4, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1, (14, 3, 0, 2)),
}


@pytest.mark.parametrize("name", SHARED_OUT)
def test_conv2d_with_a_spoilt_tap_has_the_same_bits_on_any_number_of_threads(isa, dtype, guards, name):
    *shapes, tap = SHARED_OUT[name]
    case = make_case(*shapes)
    case.geo = case.geo._replace(algorithm="winograd" if name == "winograd" else "direct")
    arrays = make(case, dtype)
    arrays[1][tap] = np.inf
    check_threads(guards, case, arrays, (1, 2, 3))


@pytest.mark.parametrize("name", ["stride_2", "four_sides", "depthwise"])
def test_conv2d_with_one_spoilt_gradient(guards, name):
    case = case_of(name)
    height, width = case.y[2:]
    for p in sorted({0, 1, height // 2, height - 2, height - 1}):
        for q in sorted({0, 1, width // 2, width - 2, width - 1}):
            arrays = make(case, np.dtype(np.float32))
            arrays[3][-1, case.y[1] // 2, p, q] = -np.inf
            check(guards, case, arrays)


@pytest.mark.parametrize("way", ["direct", "winograd"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan], ids=str)
def test_conv2d_with_an_activation_keeps_a_spoilt_tap_off_the_border(way, value, rng):
    x, weight = rng.standard_normal((2, 5, 9, 11)), rng.standard_normal((7, 5, 3, 3))
    for r in range(3):
        for s in range(3):
            spoilt = weight.copy()
            spoilt[3, 2, r, s] = value
            y = F.conv2d(x, spoilt, padding=1, algorithm=way, activation="relu")
            np.testing.assert_array_equal(y, F.relu(F.conv2d(x, spoilt, padding=1, algorithm=way)))
            assert np.isfinite(np.delete(y, 3, axis=1)).all()
            for tap, rows in ((r, y[:, 3]), (s, y[:, 3].swapaxes(1, 2))):  # the row, or column, in which it is outside
                if tap != 1:
                    assert np.isfinite(rows[:, 0 if tap == 0 else -1]).all()


@pytest.mark.parametrize("op", ["conv_transpose2d", "conv1d"])
def test_other_convolutions_leave_their_padding_out_as_well(op, rng):
    weight, x = rng.standard_normal((3, 4, 3, 3)), rng.standard_normal((2, 3, 5, 5))
    weight[1, 2, 0, 0] = np.inf
    arguments = (x, weight, None, 2, 1)
    if op == "conv1d":
        arguments = (x[:, :, 0], weight[:, :, 0].swapaxes(0, 1), None, 1, 1)
    found = getattr(F, op)(*arguments)
    with fastnn.use_backend("reference"):
        wanted = getattr(F, op)(*arguments)
    assert np.isfinite(wanted).any() and not np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
