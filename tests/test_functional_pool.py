"""What the pooling functions promise beyond their arithmetic, on both backends."""

import numpy as np
import pytest

import fastnn.functional as F

pytestmark = pytest.mark.usefixtures("backend")

OPS = {
    "max_pool2d": (F.max_pool2d, F.max_pool2d_forward, F.max_pool2d_backward, (3, 2, 1)),
    "avg_pool2d": (F.avg_pool2d, F.avg_pool2d_forward, F.avg_pool2d_backward, (3, 2, 1)),
    "global_max_pool2d": (F.global_max_pool2d, F.global_max_pool2d_forward, F.global_max_pool2d_backward, ()),
    "global_avg_pool2d": (F.global_avg_pool2d, F.global_avg_pool2d_forward, F.global_avg_pool2d_backward, ()),
}


@pytest.fixture(params=OPS.values(), ids=OPS)
def op(request):
    """(op, forward, backward, arguments after x)."""
    return request.param


@pytest.fixture
def x(rng, dtype):
    return rng.standard_normal((2, 3, 7, 8)).astype(dtype)


def test_pool2d_forward_gives_the_bits_of_inference(op, x):
    function, forward, backward, arguments = op
    y, ctx = forward(x, *arguments)
    np.testing.assert_array_equal(function(x, *arguments), y)
    dx = backward(y, ctx)
    assert y.dtype == dx.dtype == x.dtype and dx.shape == x.shape


def test_pool2d_of_one_image_is_that_of_a_batch_of_one(op, x):
    _, forward, backward, arguments = op
    (y, ctx), (batch_y, batch_ctx) = forward(x[0], *arguments), forward(x[:1], *arguments)
    np.testing.assert_array_equal(y, batch_y[0])
    np.testing.assert_array_equal(backward(y, ctx), backward(batch_y, batch_ctx)[0])


def test_pool2d_writes_into_out(op, x):
    function, forward, _, arguments = op
    wanted = function(x, *arguments)
    out = np.full_like(wanted, np.nan)
    assert function(x, *arguments, out=out) is out
    np.testing.assert_array_equal(out, wanted)
    assert forward(x, *arguments, out=out)[0] is out


@pytest.mark.parametrize("shape", [(0, 3, 5, 5), (2, 0, 5, 5), (0, 5, 5)], ids=["no-images", "no-channels", "neither"])
def test_pool2d_of_empty_batches_and_channels_is_empty(op, dtype, shape):
    _, forward, backward, arguments = op
    y, ctx = forward(np.ones(shape, dtype), *arguments)
    assert y.shape[:-2] == shape[:-2] and y.size == 0
    assert backward(y, ctx).shape == shape


def test_pool2d_of_nothing_but_nan_is_nan(op, x):
    function, *_, arguments = op
    assert np.isnan(function(np.full_like(x, np.nan), *arguments)).all()


def test_pool2d_stride_defaults_to_the_kernel(x):
    np.testing.assert_array_equal(F.max_pool2d(x, (2, 3)), F.max_pool2d(x, (2, 3), (2, 3)))
    np.testing.assert_array_equal(F.avg_pool2d(x, (2, 3)), F.avg_pool2d(x, (2, 3), (2, 3)))


def test_max_pool2d_padding_never_wins(dtype):
    y, indices = F.max_pool2d(np.full((1, 3, 3), -np.inf, dtype), 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, np.full((1, 2, 2), -np.inf))
    np.testing.assert_array_equal(indices, [[[0, 1], [3, 4]]])


def test_max_pool2d_first_of_equals_wins_and_nan_wins_over_numbers(dtype):
    x = np.array([[[1, 3, 5, np.nan], [3, 3, np.inf, 5]]], dtype)
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    np.testing.assert_array_equal(y, [[[3, np.nan]]])
    np.testing.assert_array_equal(indices, [[[1, 3]]])
    assert indices.dtype == np.int64


@pytest.mark.parametrize("kernel_size", [3, (16, 16), (16, 17), (40, 41)],
                         ids=["small", "256-taps", "257-taps", "1640-taps"])
def test_max_pool2d_indices_point_at_the_values_and_take_the_gradient(rng, dtype, kernel_size):
    x = rng.standard_normal((2, 2, 43, 45)).astype(dtype)
    (y, indices), ctx = F.max_pool2d_forward(x, kernel_size, 2, 1, return_indices=True)
    planes = x.reshape(2, 2, -1)
    np.testing.assert_array_equal(np.take_along_axis(planes, indices.reshape(2, 2, -1), 2).reshape(y.shape), y)
    assert ctx.argmax.dtype == (np.uint8 if np.prod(kernel_size) <= 256 else np.int32)
    wanted = np.zeros_like(planes)
    for n, c in np.ndindex(2, 2):
        np.add.at(wanted[n, c], indices[n, c].ravel(), 1)
    np.testing.assert_array_equal(F.max_pool2d_backward(np.ones_like(y), ctx), wanted.reshape(x.shape))


def test_global_pool2d_is_numpy_over_the_plane(x):
    np.testing.assert_array_equal(F.global_max_pool2d(x), x.max(axis=(2, 3), keepdims=True))
    bound = np.finfo(x.dtype).eps * 56 * np.abs(x).mean(axis=(2, 3), keepdims=True)
    exact = x.astype(np.float64).mean(axis=(2, 3), keepdims=True)
    assert np.all(np.abs(F.global_avg_pool2d(x) - exact) <= bound)


@pytest.mark.parametrize("wrong", [2.0, True, (2.0, 2), (True, 2)], ids=repr)
def test_pool2d_refuses_what_only_equals_an_integer_though_the_integer_was_seen(x, wrong):
    for function in (F.max_pool2d, F.avg_pool2d):
        function(x, 2), function(x, (2, 2)), function(x, 1, 1), function(x, (1, 2))
        with pytest.raises(TypeError, match="kernel_size: expected an integer"):
            function(x, wrong)
