"""conv2d's direct path against the reference: every ISA, number of threads and dtype, every way of tiling."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tolerance import assert_contraction

from fastnn import _geometry
from fastnn.native import backend as native
from fastnn.reference import backend as reference


def case(x, weight, stride=1, padding=0, dilation=1, groups=1):
    """Shapes (N, C, H, W) and (K, C/groups, R, S), and the geometry that conv2d makes of them."""
    geo, y = _geometry.conv2d(x, weight, weight[:1], stride, padding, dilation, groups, "direct")
    return SimpleNamespace(x=x, weight=weight, y=y, geo=geo)


# A panel has up to 64 pixels (4 vectors of 16), a tile up to 12 filters, a block of channels up to 576 taps.
CASES = {
    "single": case((1, 1, 1, 1), (1, 1, 1, 1)),
    "few_pixels": case((1, 5, 3, 4), (7, 5, 2, 3)),
    "filters_minus_1": case((2, 3, 9, 9), (11, 3, 3, 3), padding=1),
    "filters_plus_1": case((2, 3, 9, 9), (13, 3, 3, 3), padding=1),
    "row_minus_1": case((1, 4, 6, 63), (40, 4, 1, 1), padding=((1, 0), (0, 0))),
    "row": case((1, 4, 6, 64), (40, 4, 3, 3), padding=1),
    "row_plus_1": case((1, 4, 6, 65), (40, 4, 3, 3), padding=1),
    "flat": case((2, 6, 20, 28), (1, 6, 3, 3), padding=1),
    "flat_in_bands_of_whole_images": case((17, 80, 4, 13), (3, 80, 2, 3), dilation=(1, 2)),
    "gathered": case((9, 8, 6, 7), (20, 8, 3, 3), padding=1),
    "columns": case((2, 1, 28, 27), (32, 1, 3, 3), padding=1),
    "columns_strided": case((2, 3, 37, 41), (20, 3, 7, 5), stride=(2, 3), padding=(3, 1)),
    "columns_dilated": case((2, 2, 30, 29), (24, 2, 3, 4), padding=(2, 5), dilation=(2, 3)),
    "columns_of_gradient": case((2, 40, 21, 30), (3, 40, 5, 3), padding=(1, 2)),
    "turned": case((3, 4, 40, 36), (32, 4, 8, 8), stride=4),
    "turned_padded": case((2, 12, 14, 15), (48, 12, 5, 5), padding=2),
    "turned_in_panels": case((2, 34, 11, 10), (72, 34, 3, 3)),
    "turned_in_groups": case((2, 24, 9, 10), (62, 12, 4, 4), stride=2, padding=1, groups=2),
    "channels_minus_1": case((1, 63, 5, 6), (9, 63, 3, 3), padding=1),
    "channels_plus_1": case((1, 65, 5, 6), (9, 65, 3, 3), padding=1),
    "two_blocks_of_small_images": case((5, 130, 4, 4), (20, 130, 3, 3), padding=1),
    "filters_in_tasks": case((2, 9, 6, 7), (205, 9, 1, 1)),
    "filters_in_tasks_of_groups": case((2, 12, 5, 6), (402, 6, 2, 2), groups=2),
    "many_small_images": case((37, 3, 5, 5), (6, 3, 3, 3), padding=1),
    "one_pixel_out": case((9, 6, 5, 7), (10, 6, 5, 7)),
    "one_pixel_out_of_two_filters": case((37, 6, 3, 3), (2, 6, 3, 3)),
    "one_pixel_out_of_more_images": case((9, 130, 2, 2), (70, 130, 2, 2), stride=2),
    "rows_skip_taps": case((1, 8, 12, 64), (24, 8, 5, 3), padding=(2, 1)),
    "panels_skip_taps": case((2, 20, 17, 40), (70, 20, 7, 3), padding=((4, 3), (1, 1)), stride=(2, 1)),
    "images_skip_taps": case((9, 8, 7, 6), (24, 8, 5, 3), padding=(2, 1)),
    "turned_skips_taps": case((2, 24, 17, 17), (48, 24, 7, 2), padding=(3, 1)),
    "turned_skips_taps_of_chains": case((1, 130, 9, 10), (33, 130, 5, 3), padding=((0, 4), (1, 1)), stride=(1, 2)),
    "dilated_skips_taps": case((1, 12, 20, 21), (32, 12, 3, 3), padding=9, dilation=9),
    "no_row_sees_all_taps": case((1, 12, 13, 14), (32, 12, 3, 3), padding=7, dilation=7),
    "columns_see_their_own_taps": case((2, 20, 28, 28), (36, 20, 3, 3), padding=12, dilation=12),
    "images_are_rows": case((8, 32, 3, 3), (64, 32, 2, 2)),
    "images_are_rows_and_see_their_own_taps": case((13, 34, 5, 7), (50, 34, 3, 5), padding=(1, 2)),
    "images_are_rows_of_groups": case((6, 24, 6, 4), (72, 12, 3, 3), stride=(2, 1), padding=1, groups=2),
    "images_are_rows_of_chains_and_blocks": case((5, 70, 4, 4), (140, 70, 3, 3), padding=1),
    "pixels_see_no_tap": case((4, 20, 5, 5), (40, 20, 2, 2), padding=4, dilation=9),
    "rows_see_no_tap": case((3, 4, 5, 14), (2, 4, 2, 5), padding=(2, 0), dilation=(6, 1)),
    "window_past_the_image": case((2, 3, 2, 1), (3, 3, 2, 1), stride=(2, 1), padding=((0, 1), (0, 0)), dilation=(2, 1)),
    "wide_kernel": case((1, 2, 30, 31), (3, 2, 25, 27), padding=4),
    "plain": case((2, 33, 11, 13), (17, 33, 1, 1)),
    "plain_wide": case((1, 300, 30, 31), (13, 300, 1, 1)),
    "padded_1x1": case((2, 3, 6, 5), (4, 3, 1, 1), padding=2),
    "strided_1x1": case((2, 20, 15, 16), (18, 20, 1, 1), stride=2),
    "stem": case((2, 3, 40, 46), (16, 3, 7, 7), stride=2, padding=3),
    "stride_2": case((2, 10, 15, 36), (21, 10, 3, 3), stride=2, padding=1),
    "stride_past_kernel": case((2, 3, 23, 17), (5, 3, 2, 2), stride=(5, 3), padding=1),
    "stride_3_by_1": case((1, 4, 20, 21), (6, 4, 4, 3), stride=(3, 1), padding=(2, 0)),
    "dilated": case((2, 7, 19, 18), (12, 7, 3, 3), padding=2, dilation=2),
    "dilated_and_strided": case((2, 5, 21, 22), (6, 5, 3, 3), stride=2, padding=3, dilation=(2, 3)),
    "taps_off_the_image": case((1, 2, 3, 3), (3, 2, 3, 3), padding=9, dilation=6),
    "four_sides": case((2, 3, 8, 9), (4, 3, 3, 4), padding=((0, 3), (2, 1))),
    "grouped": case((3, 24, 12, 16), (36, 8, 3, 3), padding=1, groups=3),
    "grouped_by_one_channel": case((2, 4, 9, 10), (12, 1, 3, 3), padding=1, groups=4),
    "depthwise": case((2, 19, 11, 12), (19, 1, 3, 3), stride=2, padding=1, groups=19),
    "one_column": case((2, 3, 50, 1), (8, 3, 5, 1), padding=((2, 2), (0, 0))),
    "no_images": case((0, 3, 8, 8), (4, 3, 3, 3)),
    "no_channels": case((2, 0, 8, 8), (4, 0, 3, 3)),
    "no_filters": case((2, 3, 8, 8), (0, 3, 3, 3)),
}


def make(shapes, dtype, seed=0):
    """x, weight, bias, dy."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(dtype) for s in (shapes.x, shapes.weight, shapes.weight[:1], shapes.y)]


def forward(backend, guards, shapes, x, weight, bias):
    y = guards.output(shapes.y, x.dtype)
    backend.conv2d_forward(guards.input(x), guards.input(weight), guards.input(bias), y, shapes.geo)
    return y


def gradients(backend, guards, shapes, x, weight, dy):
    dx, dweight, dbias = (guards.output(s, x.dtype) for s in (shapes.x, shapes.weight, shapes.weight[:1]))
    dy = guards.input(dy)
    backend.conv2d_backward_input(dy, guards.input(weight), dx, shapes.geo)
    backend.conv2d_backward_weight(dy, guards.input(x), dweight, dbias, shapes.geo)
    return dx, dweight, dbias


def results(backend, guards, shapes, x, weight, bias, dy):
    return forward(backend, guards, shapes, x, weight, bias), *gradients(backend, guards, shapes, x, weight, dy)


def check(guards, shapes, dtype):
    arrays = make(shapes, dtype)
    exact = [a.astype(np.float64) for a in arrays]
    (k, c, r, s), pixels = shapes.weight, shapes.y[0] * shapes.y[2] * shapes.y[3]
    terms = (c * r * s + 1, k // shapes.geo.groups * r * s, pixels, pixels)
    for name, n, *values in zip(("y", "dx", "dweight", "dbias"), terms, results(native, guards, shapes, *arrays),
                                results(reference, guards, shapes, *exact),
                                results(reference, guards, shapes, *map(np.abs, exact))):
        assert_contraction(*values, n, name=name)


@pytest.mark.parametrize("shapes", CASES.values(), ids=CASES.keys())
def test_conv2d_matches_the_reference(isa, threads, dtype, guards, shapes):
    check(guards, shapes, dtype)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_conv2d_matches_the_reference_for_any_configuration(guards, data):
    pick = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    groups, channels = pick(1, 3), pick(0, 20)
    kernel, image = (pick(1, 5), pick(1, 5)), (pick(1, 24), pick(1, 40))
    padding = ((pick(0, 4), pick(0, 4)), (pick(0, 4), pick(0, 4)))
    try:
        shapes = case((pick(0, 5), groups * channels, *image), (groups * pick(0, 30), channels, *kernel),
                      (pick(1, 4), pick(1, 4)), padding, (pick(1, 6), pick(1, 6)), groups)
    except ValueError:
        assume(False)
    check(guards, shapes, np.dtype(data.draw(st.sampled_from("fd"))))


@pytest.mark.parametrize("name", ["gathered", "flat", "row", "plain_wide", "many_small_images", "stem", "stride_2",
                                  "images_are_rows_of_chains_and_blocks", "columns_see_their_own_taps",
                                  "two_blocks_of_small_images", "grouped", "depthwise"])
def test_conv2d_gives_the_same_bits_at_every_number_of_threads(isa, dtype, guards, bits_by_threads, name):
    shapes = CASES[name]
    bits_by_threads(lambda: results(native, guards, shapes, *make(shapes, dtype)))


@pytest.mark.parametrize("name", ["gathered", "plain", "stem", "grouped"])
def test_conv2d_gradients_alone_are_those_computed_together(isa, dtype, guards, name):
    shapes = CASES[name]
    x, weight, _, dy = make(shapes, dtype)
    _, dweight, dbias = gradients(native, guards, shapes, x, weight, dy)
    only_weight, only_bias = guards.output(shapes.weight, dtype), guards.output(shapes.weight[:1], dtype)
    native.conv2d_backward_weight(dy, x, only_weight, None, shapes.geo)
    native.conv2d_backward_weight(dy, x, None, only_bias, shapes.geo)
    np.testing.assert_array_equal(only_weight, dweight)
    assert_contraction(only_bias, dbias.astype(np.float64), np.abs(dy).sum((0, 2, 3)), dy[:, 0].size, name="dbias")


@pytest.mark.parametrize("name", ["gathered", "row", "plain", "stride_2"])
def test_conv2d_without_bias_adds_nothing(isa, dtype, guards, name):
    shapes = CASES[name]
    x, weight, bias, _ = make(shapes, dtype)
    y = guards.output(shapes.y, dtype)
    native.conv2d_forward(x, weight, None, y, shapes.geo)
    np.testing.assert_array_equal(y, forward(native, guards, shapes, x, weight, np.zeros_like(bias)))
