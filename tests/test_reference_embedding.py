"""embedding against its definition, on both backends; the compiled gradient on any number of threads."""

import numpy as np
import pytest
from tolerance import assert_contraction

import fastnn.functional as F
from fastnn.native import backend as native
from fastnn.reference import backend as reference


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (0,), (2, 0)], ids=str)
def test_embedding_takes_rows_and_its_gradient_adds_them(shape, backend, dtype, rng):
    weight, x = rng.standard_normal((5, 3)).astype(dtype), rng.integers(0, 5, shape)
    y, ctx = F.embedding_forward(x, weight, -2)
    dy = rng.standard_normal((*shape, 3)).astype(dtype)
    dweight = F.embedding_backward(dy, ctx)
    wanted = np.zeros((5, 3))
    assert y.shape == dy.shape
    for index in np.ndindex(shape):
        np.testing.assert_array_equal(y[index], weight[x[index]])
        if x[index] != 3:
            wanted[x[index]] += dy[index]
    assert_contraction(dweight, wanted, np.abs(dy).sum(), x.size)


@pytest.mark.parametrize("x", [[1, 0], [], np.uint8([1, 4]), np.int64([2]), np.array([[3], [0]], ">i4")],
                         ids=["list", "empty-list", "bytes", "int64", "byteswapped"])
def test_embedding_takes_any_integers(x, backend):
    np.testing.assert_array_equal(F.embedding(x, np.eye(5)), np.eye(5)[np.array(x, int)])


def test_embedding_backward_does_not_see_numbers_changed_after_forward(backend):
    x = np.array([1, 2])
    _, ctx = F.embedding_forward(x, np.ones((3, 2)))
    x[:] = 10**9
    np.testing.assert_array_equal(F.embedding_backward(np.ones((2, 2)), ctx), [[0, 0], [1, 1], [1, 1]])


@pytest.mark.parametrize("rows, width, count, padding_idx", [
    (1, 1, 9, -1), (2, 16, 40, 1), (3, 17, 40, -1), (7, 5, 0, 3), (50, 33, 400, 0), (4, 0, 6, -1)], ids=str)
def test_native_gradient_is_the_references_bit_for_bit(rows, width, count, padding_idx, dtype, threads, guards, rng):
    dy = guards.input(rng.standard_normal((count, width)).astype(dtype))
    index = guards.input(rng.integers(0, rows, count))
    found, wanted = guards.output((rows, width), dtype), np.empty((rows, width), dtype)
    native.embedding_backward_weight(dy, index, found, padding_idx)
    reference.embedding_backward_weight(dy, index, wanted, padding_idx)
    np.testing.assert_array_equal(found, wanted)


def test_native_gradient_has_the_same_bits_on_any_number_of_threads(dtype, bits_by_threads, rng):
    dy, index = rng.standard_normal((3000, 40)).astype(dtype), rng.integers(0, 70, 3000)

    def run():
        dweight = np.empty((70, 40), dtype)
        native.embedding_backward_weight(dy, index, dweight, -1)
        return [dweight]

    bits_by_threads(run)
