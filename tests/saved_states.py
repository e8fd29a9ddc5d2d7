"""State dicts to be saved, and what it means that one came back."""

import numpy as np

ENDINGS = ["npz", "safetensors"]
SMALL = {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}
NESTED = {"model": SMALL, "epoch": 3, "lr": 0.1, "betas": (0.9, 0.99), "names": ["a", None, True, "ü"], "empty": {}}


def assert_same(found, wanted):
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            assert_same(found[key], wanted[key])
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted):
            assert_same(*pair)
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()
        assert found.flags.c_contiguous and found.flags.writeable
    else:
        assert found == wanted or (found != found and wanted != wanted)
