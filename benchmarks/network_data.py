"""What the networks of end_to_end.py learn. Needs NumPy only, since every contender reads it."""

import numpy as np

SEED = 7


def data(name):
    """The batch that a network learns: the same numbers for every contender."""
    rng = np.random.default_rng(SEED)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    return {
        "mnist_cnn": lambda: (normal(64, 1, 28, 28), rng.integers(0, 10, 64)),
        "resnet_block": lambda: (normal(8, 64, 56, 56), normal(8, 64, 56, 56)),
        "char_lstm": lambda: (rng.integers(0, 96, (64, 32)), rng.integers(0, 96, (64, 32))),
        "speech_gru": lambda: (normal(160, 32, 80), rng.integers(0, 40, (160, 32))),
    }[name]()
