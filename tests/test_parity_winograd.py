"""Winograd convolution against the reference: every ISA, number of threads and dtype, at sizes around its tiles."""

import numpy as np
import pytest
from conftest import on_threads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastnn import _geometry
from fastnn import functional as F
from fastnn.native import backend as native
from fastnn.reference import backend as reference

# images, channels, filters, (height, width), padding (top, bottom, left, right), groups, then dilation if not 1 and
# kernel if not 3x3; tiles are 4x4 outputs (2x2 of a 5x5 kernel), chains 64 channels or tiles, panels up to 64 filters,
# units up to 32 tiles of one row
SHAPES = {
    "one_output": (1, 1, 1, (3, 3), (0, 0, 0, 0), 1),
    "one_pixel": (1, 1, 1, (1, 1), (1, 1, 1, 1), 1),
    "tile_minus_1": (2, 3, 5, (5, 5), (0, 0, 0, 0), 1),
    "tile": (2, 15, 16, (4, 4), (1, 1, 1, 1), 1),
    "tile_plus_1": (1, 16, 17, (5, 9), (1, 1, 1, 1), 1),
    "lanes_plus_1": (3, 17, 33, (7, 6), (1, 1, 1, 1), 1),
    "no_padding": (1, 4, 6, (12, 13), (0, 0, 0, 0), 1),
    "padding_of_2": (1, 5, 7, (6, 3), (2, 2, 2, 2), 1),
    "padding_past_the_kernel": (1, 3, 4, (5, 4), (3, 4, 5, 3), 1),
    "padding_four_sided": (2, 6, 5, (9, 8), (0, 2, 1, 0), 1),
    "chain_plus_1": (1, 65, 20, (8, 8), (1, 1, 1, 1), 1),
    "two_chains_two_panels": (1, 130, 70, (6, 7), (1, 1, 1, 1), 1),
    "many_images": (9, 8, 12, (14, 14), (1, 1, 1, 1), 1),
    "several_blocks_of_tiles": (2, 9, 10, (30, 31), (1, 1, 1, 1), 1),
    "segments_of_a_long_row": (1, 2, 3, (3, 131), (1, 1, 1, 1), 1),
    "groups": (2, 12, 9, (7, 7), (1, 1, 1, 1), 3),
    "depthwise": (1, 5, 10, (6, 6), (1, 1, 1, 1), 5),
    "dilation": (2, 17, 18, (16, 16), (2, 2, 2, 2), 1, (2, 2)),
    "dilation_of_rows": (1, 5, 7, (21, 9), (3, 3, 1, 1), 1, (3, 1)),
    "dilation_of_columns": (1, 5, 7, (7, 30), (1, 1, 0, 0), 1, (1, 5)),
    "dilation_uneven_phases": (2, 9, 6, (19, 18), (2, 1, 3, 2), 3, (2, 3)),
    "dilation_past_the_image": (1, 3, 4, (5, 4), (7, 7, 9, 9), 1, (7, 9)),
    "dilation_of_most_columns": (1, 2, 3, (3, 140), (1, 1, 64, 64), 1, (1, 64)),
    "dilation_past_all_columns": (1, 2, 3, (5, 140), (1, 1, 65, 65), 1, (1, 65)),
    "dilation_segments": (1, 2, 3, (5, 150), (1, 1, 2, 2), 1, (1, 2)),
    "5x5_one_output": (1, 1, 1, (5, 5), (0, 0, 0, 0), 1, (1, 1), 5),
    "5x5_one_pixel": (1, 1, 1, (1, 1), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_tile": (2, 15, 16, (2, 2), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_tile_plus_1": (1, 16, 17, (3, 5), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_lanes_plus_1": (3, 17, 33, (7, 6), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_no_padding": (1, 4, 6, (12, 13), (0, 0, 0, 0), 1, (1, 1), 5),
    "5x5_padding_past_the_kernel": (1, 3, 4, (5, 4), (5, 6, 7, 5), 1, (1, 1), 5),
    "5x5_padding_four_sided": (2, 6, 5, (9, 8), (0, 3, 1, 2), 1, (1, 1), 5),
    "5x5_two_chains_two_panels": (1, 130, 70, (6, 7), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_several_blocks_of_tiles": (2, 9, 10, (30, 31), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_segments_of_a_long_row": (1, 2, 3, (3, 67), (2, 2, 2, 2), 1, (1, 1), 5),
    "5x5_groups": (2, 12, 9, (7, 7), (2, 2, 2, 2), 3, (1, 1), 5),
    "5x5_dilation": (2, 17, 18, (16, 16), (4, 4, 4, 4), 1, (2, 2), 5),
    "5x5_dilation_uneven_phases": (2, 9, 6, (19, 18), (3, 4, 5, 4), 3, (2, 3), 5),
    "5x5_dilation_past_the_image": (1, 3, 4, (5, 4), (14, 14, 18, 18), 1, (7, 9), 5),
}


def geometry(pads, groups=1, dilation=(1, 1), algorithm="winograd"):
    return _geometry.Conv2dGeometry(1, 1, *pads, *dilation, groups, algorithm)


def make(shape, dtype, seed=0):
    n, channels, filters, (height, width), pads, groups = shape[:6]
    (down, across), kernel = (*shape[6:], *((1, 1), 3)[len(shape) - 6:])
    rng = np.random.default_rng(seed)
    out = height + pads[0] + pads[1] - (kernel - 1) * down, width + pads[2] + pads[3] - (kernel - 1) * across
    sizes = ((n, channels, height, width), (filters, channels // groups, kernel, kernel), (filters,),
             (n, filters, *out))
    return [rng.standard_normal(size).astype(dtype) for size in sizes]


def run(backend, guards, arrays, geo):
    """y, dx, dweight, dbias by the backend, from and to guarded arrays."""
    x, weight, bias, dy = map(guards.input, arrays)
    y, dx, dweight, dbias = (guards.output(a.shape, a.dtype) for a in (dy, x, weight, bias))
    backend.conv2d_forward(x, weight, bias, y, geo)
    backend.conv2d_backward_input(dy, weight, dx, geo)
    backend.conv2d_backward_weight(dy, x, dweight, dbias, geo)
    return y, dx, dweight, dbias


def assert_close(actual, exact, scale, terms, name, growth=5.41**2):
    """|error| <= 2 growth eps sqrt(terms) scale, scale being the root of the sum of the squared products.

    Winograd's error at an output depends on all of its tile, so the scale is the largest of the result. growth is how
    much larger the products are that it sums: along one axis A' (G g . B' d) has terms of 5.13 times the size of those
    of the direct sum for independent g and d, 5.41 times with 5 taps (the largest root of the rows of
    A'^2 (G^2 1 . B'^2 1), and of G'^2 (A^2 1 . B'^2 1)). Their roundings add up as a random walk; the 2 is for the
    transforms' own roundings.
    """
    error = np.abs(actual - exact)
    bound = 2 * growth * np.finfo(actual.dtype).eps * np.sqrt(terms) * scale
    assert np.all(np.isfinite(actual)), name
    assert error.max(initial=0) <= bound, f"{name}: off by {error.max()}, allowed {bound}"


def check(guards, shape, dtype):
    arrays = make(shape, dtype)
    geo = geometry(*shape[4:7])
    exact = run(reference, guards, [a.astype(np.float64) for a in arrays], geo)
    squares = run(reference, guards, [a.astype(np.float64) ** 2 for a in arrays], geo)
    n_pixels = arrays[3][0, 0].size * shape[0]
    terms = shape[1] // shape[5], shape[2] // shape[5], n_pixels, n_pixels
    for name, actual, wanted, square, n in zip(("y", "dx", "dweight", "dbias"), run(native, guards, arrays, geo), exact,
                                               squares, terms):
        assert_close(actual, wanted, np.sqrt(square.max(initial=0)), n, name)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_winograd_matches_the_reference(isa, threads, dtype, guards, shape):
    check(guards, shape, dtype)


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    pads = tuple(draw(st.integers(0, 3)) for _ in range(4))
    dilation = draw(st.sampled_from([(1, 1), (2, 2), (1, 3), (4, 1)]))
    kernel = draw(st.sampled_from([3, 5]))
    image = tuple(draw(st.integers(max(1, (kernel - 1) * d + 1 - a - b), 19))
                  for a, b, d in zip(pads[::2], pads[1::2], dilation))
    return (draw(st.integers(1, 4)), groups * draw(st.integers(1, 40)), groups * draw(st.integers(1, 40)), image, pads,
            groups, dilation, kernel)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=convolutions(), dtype=st.sampled_from("fd"))
def test_winograd_matches_the_reference_in_any_configuration(guards, shape, dtype):
    check(guards, shape, np.dtype(dtype))


@pytest.mark.parametrize("shape", [SHAPES[name] for name in ("two_chains_two_panels", "several_blocks_of_tiles")]
                         + [(3, 70, 150, (9, 9), (1, 1, 1, 1), 1), (40, 40, 24, (30, 30), (1, 1, 1, 1), 1),
                            (4, 40, 24, (31, 30), (2, 2, 2, 2), 1, (2, 2)),
                            (9, 40, 24, (30, 30), (2, 2, 2, 2), 1, (1, 1), 5),
                            (6, 40, 35, (17, 16), (1, 1, 1, 1), 5)],
                         ids=["two_chains_two_panels", "several_blocks_of_tiles", "few_tiles", "several_spans",
                              "dilation", "5x5", "small_groups"])
def test_winograd_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, shape):
    bits_by_threads(lambda: run(native, guards, make(shape, dtype), geometry(*shape[4:7])))


@pytest.mark.parametrize("shape", [(3, 20, 150, (7, 7), (1, 1, 1, 1), 1), (1, 130, 70, (9, 9), (2, 2, 2, 2), 1, (2, 2)),
                                   (2, 40, 90, (17, 16), (1, 1, 1, 1), 1, (1, 1), 5),
                                   (40, 40, 24, (30, 30), (1, 1, 1, 1), 1), (6, 40, 35, (17, 16), (1, 1, 1, 1), 5)],
                         ids=["few_tiles", "dilation", "5x5", "several_spans", "small_groups"])
def test_winograd_gives_the_same_bits_on_a_grid_of_threads(dtype, guards, shape):
    """Of so many threads, some share a column of filters, some a row of tiles, some the sums of spans of tiles."""
    arrays, geo = make(shape, dtype), geometry(*shape[4:7])
    alone = [a.tobytes() for a in run(native, guards, arrays, geo)]
    for n in (4, 6, 7):
        with on_threads(n):
            assert [a.tobytes() for a in run(native, guards, arrays, geo)] == alone, f"{n} threads"


def test_winograd_gives_the_same_bits_with_filters_too_many_for_each_thread():
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal(s, dtype=np.float32) for s in ((1, 200, 146, 146), (200, 200, 3, 3)))
    alone = F.conv2d(x, weight, algorithm="winograd")
    with on_threads(6):
        assert np.array_equal(F.conv2d(x, weight, algorithm="winograd"), alone)


@pytest.mark.parametrize("kernel", [3, 5])
def test_winograd_of_a_batch_gives_the_bits_of_its_images(isa, dtype, guards, kernel):
    shape = (5, 20, 70, (13, 10), (1, 1, 1, 1), 1, (1, 1), kernel)
    x, weight, bias, dy = make(shape, dtype)
    whole = run(native, guards, (x, weight, bias, dy), geometry(shape[4]))
    for i in range(5):
        one = run(native, guards, (x[i:i + 1], weight, bias, dy[i:i + 1]), geometry(shape[4]))
        assert one[0].tobytes() == whole[0][i].tobytes()
        assert one[1].tobytes() == whole[1][i].tobytes()


# ---- NaN and infinity


def poison(arrays, where):
    x, weight, _, dy = arrays
    if where == "image":
        x[0, 1, 5, 6], x[1, 2, 0, 0], x[1, 0, 8, 9] = np.nan, np.inf, -np.inf
    elif where == "filter":
        weight[3, 2, 0, 1], weight[4, 1, 2, 2] = np.inf, np.nan
    elif where == "gradient":
        dy[0, 1, 5, 6], dy[1, 7, 0, 0], dy[1, 0, 8, 9] = np.nan, np.inf, -np.inf
    elif where == "overflow_inside":   # the sums fit the type, their transforms do not
        x[0, 0, 4, 4] = dy[0, 0, 4, 4] = np.finfo(x.dtype).max / 4
        weight[...] = np.clip(weight, -1, 1)
    elif where == "opposite_infinities":
        x[0, 0, 3, 3], x[0, 0, 3, 4], dy[1, 0, 3, 3], dy[1, 0, 3, 4] = np.inf, -np.inf, np.inf, -np.inf


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 2), (5, 1), (5, 2)],
                         ids=["3x3", "3x3-dilation2", "5x5", "5x5-dilation2"])
@pytest.mark.parametrize("where", ["image", "filter", "gradient", "overflow_inside", "opposite_infinities"])
def test_winograd_keeps_nan_and_infinity_where_mathematics_sends_them(isa, threads, dtype, guards, where, dilation,
                                                                      kernel):
    shape = (2, 6, 9, (11, 10), (kernel // 2 * dilation,) * 4, 1, (dilation, dilation), kernel)
    arrays = make(shape, dtype)
    poison(arrays, where)
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = run(reference, guards, arrays, geometry(*shape[4:7]))
    clean = [np.where(np.abs(a) < 1e9, a, 0) for a in arrays]
    near = run(reference, guards, [np.abs(a).astype(np.float64) for a in clean], geometry(*shape[4:7]))
    for name, actual, expected, scale in zip(("y", "dx", "dweight", "dbias"),
                                             run(native, guards, arrays, geometry(*shape[4:7])), wanted, near):
        assert np.array_equal(np.isnan(actual), np.isnan(expected)), name
        infinite = np.isinf(expected)
        assert np.array_equal(actual[infinite], expected[infinite]), name
        small = np.isfinite(expected) & (np.abs(expected) < 1e9)   # what the huge value did not reach
        assert np.all(np.isfinite(actual[small]))
        if where != "overflow_inside":
            error = np.abs(actual[small] - expected[small])
            assert np.all(error <= 200 * np.finfo(dtype).eps * scale.max()), name


@pytest.mark.parametrize("kernel", [3, 5])
def test_winograd_of_nan_alone_is_nan(isa, dtype, guards, kernel):
    shape = (1, 20, 30, (9, 9), (1, 1, 1, 1), 1, (1, 1), kernel)
    arrays = [np.full_like(a, np.nan) for a in make(shape, dtype)]
    for result in run(native, guards, arrays, geometry(shape[4])):
        assert np.all(np.isnan(result))
