"""Winograd convolution with stride 2 against the reference: every ISA, dtype and number of threads."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_parity_winograd import assert_close, poison, run

from fastnn._geometry import Conv2dGeometry
from fastnn.native import backend as native
from fastnn.reference import backend as reference

# images, channels, filters, (height, width), kernel, padding (top, bottom, left, right), groups; tiles are 4x4 outputs
# (of dx: 8x8), chains 64 channels or tiles, panels up to 64 filters, units up to 16 tiles of one row
SHAPES = {
    "one_output": (1, 1, 1, (3, 3), (3, 3), (0, 0, 0, 0), 1),
    "one_pixel": (1, 1, 1, (1, 1), (3, 3), (1, 1, 1, 1), 1),
    "one_row": (2, 3, 4, (1, 9), (4, 3), (2, 1, 1, 1), 1),
    "one_column": (2, 3, 4, (9, 1), (3, 4), (1, 1, 1, 2), 1),
    "tile_minus_1": (2, 3, 5, (7, 7), (3, 3), (0, 0, 0, 0), 1),
    "tile": (2, 15, 16, (8, 8), (3, 3), (1, 1, 1, 1), 1),
    "tile_plus_1": (1, 16, 17, (9, 17), (3, 3), (1, 1, 1, 1), 1),
    "lanes_plus_1": (3, 17, 33, (14, 12), (3, 3), (1, 1, 1, 1), 1),
    "4x4": (2, 17, 18, (14, 14), (4, 4), (1, 1, 1, 1), 1),
    "4x3": (2, 5, 18, (13, 12), (4, 3), (1, 1, 1, 1), 1),
    "3x4_no_padding": (1, 18, 5, (12, 15), (3, 4), (0, 0, 0, 0), 1),
    "padding_of_2": (1, 5, 7, (10, 5), (3, 3), (2, 2, 2, 2), 1),
    "padding_past_the_kernel": (1, 3, 4, (5, 4), (3, 4), (5, 4, 4, 6), 1),
    "padding_four_sided": (2, 6, 5, (18, 17), (3, 3), (0, 2, 1, 0), 1),
    "pixels_that_are_not_read": (1, 4, 5, (12, 12), (3, 3), (0, 0, 0, 0), 1),
    "chain_plus_1": (1, 65, 20, (12, 12), (3, 3), (1, 1, 1, 1), 1),
    "two_chains_two_panels": (1, 130, 70, (10, 11), (3, 3), (1, 1, 1, 1), 1),
    "several_blocks_of_tiles": (2, 9, 10, (60, 61), (3, 3), (1, 1, 1, 1), 1),
    "segments_of_a_long_row": (1, 2, 3, (5, 140), (3, 3), (1, 1, 1, 1), 1),
    "groups": (2, 12, 9, (13, 13), (3, 3), (1, 1, 1, 1), 3),
}


def geometry(pads, groups=1, algorithm="winograd"):
    return Conv2dGeometry(2, 2, *pads, 1, 1, groups, algorithm)


def make(shape, dtype, seed=0):
    n, channels, filters, (height, width), (r, s), pads, groups = shape
    rng = np.random.default_rng(seed)
    out = (height + pads[0] + pads[1] - r) // 2 + 1, (width + pads[2] + pads[3] - s) // 2 + 1
    sizes = ((n, channels, height, width), (filters, channels // groups, r, s), (filters,), (n, filters, *out))
    return [rng.standard_normal(size).astype(dtype) for size in sizes]


def check(guards, shape, dtype):
    """As for stride 1; the terms of F(4,2) are 3.62 times the size of those of the direct sum."""
    arrays = make(shape, dtype)
    geo = geometry(*shape[5:])
    exact = run(reference, guards, [a.astype(np.float64) for a in arrays], geo)
    squares = run(reference, guards, [a.astype(np.float64) ** 2 for a in arrays], geo)
    n_pixels = arrays[3][0, 0].size * shape[0]
    terms = shape[1] // shape[6], shape[2] // shape[6], n_pixels, n_pixels
    for name, actual, wanted, square, n in zip(("y", "dx", "dweight", "dbias"), run(native, guards, arrays, geo), exact,
                                               squares, terms):
        assert_close(actual, wanted, np.sqrt(square.max(initial=0)), 4 * n, name, growth=3.62**2)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_winograd_with_stride_matches_the_reference(isa, threads, dtype, guards, shape):
    check(guards, shape, dtype)


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(3, 4), st.integers(3, 4)))
    pads = tuple(draw(st.integers(0, 3)) for _ in range(4))
    image = tuple(draw(st.integers(max(1, k - a - b), 21)) for a, b, k in zip(pads[::2], pads[1::2], kernel))
    return (draw(st.integers(1, 4)), groups * draw(st.integers(1, 40)), groups * draw(st.integers(1, 40)), image,
            kernel, pads, groups)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=convolutions(), dtype=st.sampled_from("fd"))
def test_winograd_with_stride_matches_the_reference_in_any_configuration(guards, shape, dtype):
    check(guards, shape, np.dtype(dtype))


@pytest.mark.parametrize("shape", [SHAPES["two_chains_two_panels"], SHAPES["several_blocks_of_tiles"],
                                   (3, 70, 150, (13, 13), (3, 3), (1, 1, 1, 1), 1),
                                   (12, 40, 24, (57, 58), (4, 3), (1, 1, 1, 1), 1)],
                         ids=["two_chains_two_panels", "several_blocks_of_tiles", "few_tiles", "several_spans"])
def test_winograd_with_stride_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads,
                                                                             shape):
    bits_by_threads(lambda: run(native, guards, make(shape, dtype), geometry(*shape[5:])))


@pytest.mark.parametrize("kernel", [(3, 3), (4, 4)], ids=["3x3", "4x4"])
@pytest.mark.parametrize("where", ["image", "filter", "gradient", "overflow_inside", "opposite_infinities"])
def test_winograd_with_stride_keeps_nan_and_infinity_where_mathematics_sends_them(isa, threads, dtype, guards, where,
                                                                                  kernel):
    shape = (2, 6, 9, (22, 20), kernel, (1, 1, 1, 1), 1)
    arrays = make(shape, dtype)
    poison(arrays, where)
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = run(reference, guards, arrays, geometry(shape[5]))
    clean = [np.where(np.abs(a) < 1e9, a, 0) for a in arrays]
    near = run(reference, guards, [np.abs(a).astype(np.float64) for a in clean], geometry(shape[5]))
    for name, actual, expected, scale in zip(("y", "dx", "dweight", "dbias"),
                                             run(native, guards, arrays, geometry(shape[5])), wanted, near):
        assert np.array_equal(np.isnan(actual), np.isnan(expected)), name
        infinite = np.isinf(expected)
        assert np.array_equal(actual[infinite], expected[infinite]), name
        small = np.isfinite(expected) & (np.abs(expected) < 1e9)   # what the huge value did not reach
        assert np.all(np.isfinite(actual[small]))
        if where != "overflow_inside":
            error = np.abs(actual[small] - expected[small])
            assert np.all(error <= 200 * np.finfo(dtype).eps * scale.max()), name


@pytest.mark.parametrize(("shape", "wanted"), [
    ((2, 64, 128, (56, 56), (3, 3), (1, 1, 1, 1), 1), "WWW"),
    ((2, 64, 64, (32, 32), (4, 4), (1, 1, 1, 1), 1), "WWW"),
    ((2, 1, 8, (56, 56), (3, 3), (1, 1, 1, 1), 1), "DDD"),
    ((2, 32, 32, (20, 20), (3, 3), (1, 1, 1, 1), 1), "DWD"),
    ((1, 64, 64, (6, 6), (3, 3), (1, 1, 1, 1), 1), "DDD"),
    ((8, 4, 96, (14, 14), (3, 3), (1, 1, 1, 1), 1), "DWD"),
], ids=["64ch-56", "64ch-32-4x4", "1ch-56", "32ch-20", "64ch-6", "4ch-14"])
def test_auto_with_stride_chooses_by_shape_and_direction(isa, guards, shape, wanted):
    """The choice shows in the bits: the two ways round differently."""
    arrays = make(shape, np.float32)
    bits = {name[0].upper(): [a.tobytes() for a in run(native, guards, arrays, geometry(shape[5], algorithm=name))[:3]]
            for name in ("auto", "direct", "winograd")}
    assert all(direct != winograd for direct, winograd in zip(bits["D"], bits["W"]))
    assert "".join("D" if bits["A"][i] == bits["D"][i] else "W" for i in range(3)) == wanted
