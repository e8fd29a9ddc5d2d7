"""What conv2d promises beyond its arithmetic, on both backends."""

import numpy as np
import pytest
from tolerance import assert_contraction

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def arrays(rng, dtype):
    return [rng.standard_normal(shape).astype(dtype) for shape in ((2, 4, 9, 8), (6, 2, 3, 2), (6,))]


def explicit_same(size, kernel, stride, dilation):
    """The padding that makes ceil(size / stride) windows, as TensorFlow and ONNX (SAME_UPPER) define it."""
    total = max(0, (-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return total // 2, total - total // 2


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_conv2d_same_padding_gives_one_window_a_stride(arrays, stride, dilation):
    x, weight, bias = arrays
    y = F.conv2d(x, weight, bias, stride, "same", dilation, 2)
    assert y.shape == (2, 6, -(-9 // stride), -(-8 // stride))
    pads = explicit_same(9, 3, stride, dilation), explicit_same(8, 2, stride, dilation)
    np.testing.assert_array_equal(y, F.conv2d(x, weight, bias, stride, pads, dilation, 2))


PADDINGS = {  # an argument, and the four-sided one that it stands for
    "int": (1, ((1, 1), (1, 1))),
    "numpy-int": (np.int64(1), ((1, 1), (1, 1))),
    "pair": ((2, 1), ((2, 2), (1, 1))),
    "list": ([2, 1], ((2, 2), (1, 1))),
    "lists": ([[2, 0], [1, 3]], ((2, 0), (1, 3))),
    "valid": ("valid", ((0, 0), (0, 0))),
}


@pytest.mark.parametrize(("padding", "four_sided"), PADDINGS.values(), ids=PADDINGS)
def test_conv2d_padding_pads_with_zeros(arrays, padding, four_sided):
    x, weight, bias = arrays
    y = F.conv2d(x, weight, bias, 2, padding, groups=2)
    np.testing.assert_array_equal(y, F.conv2d(x, weight, bias, 2, four_sided, groups=2))
    padded = np.pad(x, ((0, 0), (0, 0), *four_sided)).astype(np.float64)
    exact = F.conv2d(padded, weight.astype(np.float64), bias.astype(np.float64), 2, groups=2)
    magnitude = F.conv2d(abs(padded), *(abs(array.astype(np.float64)) for array in (weight, bias)), 2, groups=2)
    assert_contraction(y, exact, magnitude, weight[0].size + 1)


def test_conv2d_forward_gives_the_bits_of_inference(arrays):
    y, ctx = F.conv2d_forward(*arrays, 2, "same", groups=2)
    np.testing.assert_array_equal(F.conv2d(*arrays, 2, "same", groups=2), y)
    assert y.dtype == arrays[0].dtype and ctx.x is arrays[0] and ctx.weight is arrays[1]


def test_conv2d_of_one_image_is_that_of_a_batch_of_one(arrays):
    x, weight, bias = arrays
    y, ctx = F.conv2d_forward(x[0], weight, bias, padding=1, groups=2)
    batch_y, batch_ctx = F.conv2d_forward(x[:1], weight, bias, padding=1, groups=2)
    np.testing.assert_array_equal(y, batch_y[0])
    dx, dweight, dbias = F.conv2d_backward(y, ctx)
    batch_dx, *batch_rest = F.conv2d_backward(batch_y, batch_ctx)
    np.testing.assert_array_equal(dx, batch_dx[0])
    for found, wanted in zip((dweight, dbias), batch_rest):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("batch", [(2,), ()], ids=["batch", "one-image"])
def test_conv2d_writes_into_out(arrays, batch):
    x, weight, bias = arrays
    x = x if batch else x[0]
    out = np.full((*batch, 6, 7, 7), np.nan, x.dtype)
    assert F.conv2d(x, weight, bias, groups=2, out=out) is out
    np.testing.assert_array_equal(out, F.conv2d(x, weight, bias, groups=2))
    assert F.conv2d_forward(x, weight, bias, groups=2, out=out)[0] is out


def test_conv2d_leaves_its_inputs_as_they_were(arrays):
    before = [array.copy() for array in arrays]
    y, ctx = F.conv2d_forward(*arrays, padding=2, groups=2)
    dy, kept = y.copy(), y.copy()
    F.conv2d_backward(dy, ctx)
    for array, was in zip((*arrays, dy), (*before, kept)):
        np.testing.assert_array_equal(array, was)


def test_conv2d_backward_runs_twice_on_one_context(arrays):
    y, ctx = F.conv2d_forward(*arrays, groups=2)
    for first, second in zip(F.conv2d_backward(y, ctx), F.conv2d_backward(y, ctx)):
        assert first is not second
        np.testing.assert_array_equal(first, second)


def test_conv2d_without_bias_has_no_bias_gradient(arrays):
    x, weight, _ = arrays
    y, ctx = F.conv2d_forward(x, weight, groups=2)
    dx, dweight, dbias = F.conv2d_backward(y, ctx)
    assert dx.shape == x.shape and dweight.shape == weight.shape and dbias is None


EMPTY = {  # x's shape, weight's shape, groups
    "no-images": ((0, 4, 5, 5), (6, 2, 3, 3), 2),
    "no-channels": ((2, 0, 5, 5), (6, 0, 3, 3), 1),
    "no-filters": ((2, 4, 5, 5), (0, 4, 3, 3), 1),
    "nothing": ((0, 0, 5, 5), (0, 0, 3, 3), 1),
}


@pytest.mark.parametrize(("x_shape", "weight_shape", "groups"), EMPTY.values(), ids=EMPTY)
def test_conv2d_of_empty_axes_is_the_bias_and_its_gradients_zero(dtype, x_shape, weight_shape, groups):
    x, weight, bias = np.ones(x_shape, dtype), np.ones(weight_shape, dtype), np.arange(weight_shape[0], dtype=dtype)
    y, ctx = F.conv2d_forward(x, weight, bias, padding=1, groups=groups)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, None, None], (x_shape[0], weight_shape[0], 5, 5)))
    dx, dweight, dbias = F.conv2d_backward(np.ones_like(y), ctx)
    np.testing.assert_array_equal(dx, np.zeros_like(x))
    np.testing.assert_array_equal(dweight, np.zeros_like(weight))
    np.testing.assert_array_equal(dbias, np.full_like(bias, 25 * x_shape[0]))


@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd"])
def test_conv2d_algorithms_agree(rng, dtype, algorithm):
    x, weight = rng.standard_normal((2, 5, 11, 9)).astype(dtype), rng.standard_normal((4, 5, 3, 3)).astype(dtype)
    y = F.conv2d(x, weight, padding=1, algorithm=algorithm).astype(np.float64)
    exact = F.conv2d(x.astype(np.float64), weight.astype(np.float64), padding=1, algorithm="direct")
    assert np.sqrt(np.mean((y - exact) ** 2)) <= 10 * np.finfo(dtype).eps * np.sqrt(np.mean(exact**2))


@pytest.mark.parametrize("wrong", [1.0, True, np.float64(1), (1.0, 1), (True, 1)], ids=repr)
@pytest.mark.parametrize("argument", ["stride", "padding", "dilation"])
def test_conv2d_refuses_what_only_equals_an_integer_though_the_integer_was_seen(arrays, argument, wrong):
    F.conv2d(*arrays, groups=2, **{argument: 1})
    F.conv2d(*arrays, groups=2, **{argument: (1, 1)})
    with pytest.raises(TypeError, match=f"{argument}: expected an integer"):
        F.conv2d(*arrays, groups=2, **{argument: wrong})


def test_conv2d_refuses_groups_that_only_equal_an_integer(arrays):
    F.conv2d(*arrays, groups=2)
    with pytest.raises(TypeError, match="groups: expected an integer"):
        F.conv2d(*arrays, groups=2.0)
