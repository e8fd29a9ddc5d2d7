"""The numeric gradients that other tests trust: right where calculus knows the answer, and a wrong one is caught."""

import numpy as np
import pytest
from finite_differences import assert_gradients, numeric_gradients


def function(a, b):
    return np.sin(a) * b, np.exp(a).sum(axis=0)


def by_calculus(a, b, dy, dz):
    return dy * np.cos(a) * b + dz * np.exp(a), dy * np.sin(a)


@pytest.fixture
def values(rng):
    return rng.standard_normal((3, 2)), rng.standard_normal((3, 2)), rng.standard_normal((3, 2)), rng.standard_normal(2)


def test_numeric_gradients_are_those_of_calculus(values):
    a, b, dy, dz = values
    before = a.copy()
    for found, wanted in zip(numeric_gradients(function, (a, b), (dy, dz)), by_calculus(a, b, dy, dz)):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    assert_gradients(function, (a, b), (dy, dz), by_calculus(a, b, dy, dz))
    np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("which", [0, 1])
def test_a_gradient_off_in_one_element_is_caught(values, which):
    a, b, dy, dz = values
    gradients = by_calculus(a, b, dy, dz)
    gradients[which][2, 1] += 1e-6
    with pytest.raises(AssertionError, match=f"gradient {which} is off"):
        assert_gradients(function, (a, b), (dy, dz), gradients)
