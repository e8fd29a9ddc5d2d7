"""Arrays between guard elements: a kernel that writes past an output, or uses what lies past an input, is caught."""

import numpy as np

MARGIN = 67  # elements on each side; odd, so that the data starts at no vector's alignment


class Guards:
    """Hands out guarded arrays and remembers them.

    Outputs are filled with NaN, so that an element left unwritten shows. Inputs lie between NaNs, so that a result
    that uses anything past their ends shows, and must come out unchanged.
    """

    def __init__(self):
        self._made = []

    def output(self, shape, dtype):
        """An array of NaN (or of the largest integer) to be overwritten."""
        return self._place(np.full(shape, _poison(dtype), dtype), is_input=False)

    def input(self, array):
        """A read-only copy of `array`; None stays None."""
        if array is None:
            return None
        view = self._place(np.asarray(array), is_input=True)
        view.flags.writeable = False
        return view

    def _place(self, array, is_input):
        whole = np.full(array.size + 2 * MARGIN, _poison(array.dtype), array.dtype)
        view = whole[MARGIN : MARGIN + array.size].reshape(array.shape)
        view[...] = array
        self._made.append((whole, whole.copy() if is_input else None, array.dtype))
        return view

    def check(self):
        for whole, before, dtype in self._made:
            if before is not None:
                assert whole.tobytes() == before.tobytes(), "an input was written to"
            margin = np.full(MARGIN, _poison(dtype), dtype).tobytes()
            assert whole[:MARGIN].tobytes() == margin, "written before the start of an output"
            assert whole[-MARGIN:].tobytes() == margin, "written past the end of an output"


def _poison(dtype):
    return np.nan if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
