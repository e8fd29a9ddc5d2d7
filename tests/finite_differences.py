"""Numeric gradients of any function of arrays, by central differences in float64.

A derivative (f(x + h) - f(x - h)) / 2h is off by h^2 f'''/6, and by eps |f| / h for the rounding of f. With
h = eps^(1/3) both are of the size eps^(2/3), 4e-11, relative to f and its third derivative.
"""

import numpy as np

EPS = np.finfo(np.float64).eps
STEP = EPS ** (1 / 3)


def numeric_gradients(function, arrays, dys):
    """Return the gradient of sum(dy * y) with respect to each of `arrays`, for y = function(*arrays).

    function: returns an array or a tuple of them; it is called twice for each element of `arrays`.
    arrays: float64 arrays. dys: what y is weighted with, an array of y's shape or a tuple of them.
    """
    arrays = [np.array(array, np.float64) for array in arrays]
    gradients = [np.empty_like(array) for array in arrays]
    for array, gradient in zip(arrays, gradients):
        for index in np.ndindex(array.shape):
            middle = array[index]
            high, low = middle + STEP, middle - STEP
            array[index] = high
            above = _tuple(function(*arrays), copy=True)
            array[index] = low
            below = _tuple(function(*arrays))
            array[index] = middle
            rise = sum(np.sum(dy * (a - b)) for dy, a, b in zip(_tuple(dys), above, below, strict=True))
            gradient[index] = rise / (high - low)  # the step as it was rounded
    return gradients


def assert_gradients(function, arrays, dys, gradients, slack=10.0):
    """Check the gradients of sum(dy * function(*arrays)), one for each of `arrays`, against the numeric ones.

    slack: how far the third derivatives and the number of roundings may exceed the size of the function itself.
    """
    ys = _tuple(function(*arrays))
    size = sum(np.sum(np.abs(dy) * np.maximum(1, np.abs(y))) for dy, y in zip(_tuple(dys), ys, strict=True))
    for index, (found, wanted) in enumerate(zip(gradients, numeric_gradients(function, arrays, dys), strict=True)):
        assert found.shape == wanted.shape, f"gradient {index} has shape {found.shape}, not {wanted.shape}"
        error = np.max(np.abs(found - wanted), initial=0)
        assert error <= slack * EPS ** (2 / 3) * size, f"gradient {index} is off by {error} at a size of {size}"


def _tuple(value, copy=False):
    values = value if isinstance(value, tuple) else (value,)
    return tuple(np.array(v) for v in values) if copy else values
