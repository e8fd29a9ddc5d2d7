"""A short training loop, with what is wanted around it: validation, early stopping, checkpoints that go on bit for bit.

    history = fit(model, nn.CrossEntropyLoss(), optimizer, (images, labels), epochs=10, validation=(held_x, held_y),
                  metrics={"accuracy": accuracy}, callbacks=[EarlyStopping(patience=3), Checkpoint("last.npz")])
    history["val_accuracy"]
"""

from .callbacks import Callback, Checkpoint, EarlyStopping
from .history import History
from .loop import accuracy, evaluate, fit
from .state import Training

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "History", "Training", "accuracy", "evaluate", "fit"]
