"""Train the model, pickle it, restore it; print what happened as JSON. Run where the package is installed."""

import copy
import json
import pickle

import numpy as np
from digitnet import RowReader, probabilities, train_step

import fastnn
from fastnn import optim


def main():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((32, 1, 8, 8)).astype(np.float32)
    labels = rng.integers(0, 4, 32)
    model = RowReader(width=8, channels=4, hidden=16, classes=4, seed=1)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    before = model(images)
    losses = [train_step(model, optimizer, images, labels) for _ in range(20)]
    logits = model(images)
    restored, copied = pickle.loads(pickle.dumps(model)), copy.deepcopy(model)
    print(json.dumps({
        "file": fastnn.__file__,
        "losses": losses,
        "probabilities_sum_to_one": bool(np.allclose(probabilities(model, images).sum(axis=1), 1, rtol=1e-5)),
        "changed": bool((before != logits).any()),
        "restored_bit_for_bit": bool((restored(images) == logits).all()),
        "copied_bit_for_bit": bool((copied(images) == logits).all()),
        "restored_trains_alike": train_step(restored, optim.Adam(restored.parameters()), images, labels)
        == train_step(copied, optim.Adam(copied.parameters()), images, labels),
    }))


if __name__ == "__main__":
    main()
