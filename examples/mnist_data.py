"""Handwritten digits: MNIST, read from the four IDX files that it is published as, or scikit-learn's."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from common import explained, in_parts

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
MEAN, DEVIATION = 0.1307, 0.3081  # of the training images' pixels, white being 1


def load(folder, split):
    """Return (images, labels) of `split`, "train" or "t10k": float32 (N, 1, 28, 28), standardised, and int64 (N,).

    The mean and deviation are those of the training images' pixels. Raises ValueError for a file that is missing or
    that is not what its name says.
    """
    images = _read(Path(folder) / f"{split}-images-idx3-ubyte.gz", IMAGES_MAGIC, 3)
    labels = _read(Path(folder) / f"{split}-labels-idx1-ubyte.gz", LABELS_MAGIC, 1)
    if not 0 < len(images) == len(labels) or images.shape[1:] != (28, 28) or labels.max() > 9:
        raise ValueError(f"{folder}: the {split} files do not hold 28x28 images with one digit each: "
                        f"images {images.shape}, labels {labels.shape}")
    pixels = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
    return pixels[:, None], labels.astype(np.int64)


def load_digits(folder):
    """Return (images, labels) to learn from and (images, labels) held out, as `load` does: MNIST from a folder.

    Without one (None): scikit-learn's 1,797 digits, enlarged from 8x8 to 28x28 pixels; every third is held out.
    """
    if folder is not None:
        return load(folder, "train"), load(folder, "t10k")
    from sklearn import datasets

    from fastnn import functional as F

    digits = datasets.load_digits()
    images = F.interpolate(digits.images[:, None].astype(np.float32) / 16, size=(28, 28), mode="bilinear")
    images, labels = (images - np.float32(MEAN)) / np.float32(DEVIATION), digits.target.astype(np.int64)
    held = np.arange(len(labels)) % 3 == 2
    return (images[~held], labels[~held]), (images[held], labels[held])


def digits_or_exit(arguments):
    """`load_digits` of --data, with the folder --output there; ends the program with a sentence where that fails."""
    with explained():
        digits = load_digits(arguments.data)
        arguments.output.mkdir(parents=True, exist_ok=True)
    return digits


def nearest(known, asked):
    """The baseline, no network: the number of the known image whose pixels are nearest, for each of those asked."""
    known = known.reshape(len(known), -1)
    lengths = (known**2).sum(axis=1)
    return in_parts(lambda part: (lengths - 2 * part.reshape(len(part), -1) @ known.T).argmin(axis=1), asked)


def shifted(images, most, rng):
    """The standardised images (N, 1, H, W), each moved by up to `most` pixels along both axes; black comes in."""
    edge = (most, most)
    padded = np.pad(images[:, 0], ((0, 0), edge, edge), constant_values=np.float32(-MEAN / DEVIATION))
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(1, 2))
    down, right = rng.integers(0, 2 * most + 1, (2, len(images)))
    return windows[np.arange(len(images)), down, right][:, None]


def _read(path, magic, rank):
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path}: no such file; expected the four .gz files of MNIST in the folder") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read as a gzip file: {error}") from None
    header = 4 * (1 + rank)
    if len(content) < header or struct.unpack(">I", content[:4]) != (magic,):
        raise ValueError(f"{path}: expected an IDX file with magic number {magic}")
    shape = struct.unpack(f">{rank}I", content[4:header])
    if len(content) - header != np.prod(shape, dtype=object):
        raise ValueError(f"{path}: expected {'x'.join(map(str, shape))} bytes after the header, "
                        f"got {len(content) - header}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
