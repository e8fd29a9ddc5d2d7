"""The nets of training.py in fastnn: those of the programs in examples/, with their data and their settings."""

import numpy as np
from training_data import FIGURES, Batches, save

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR


def watch_ball(options):
    import watch_ball as program

    rng = np.random.default_rng(options.seed)
    (x, y, _), (held_x, held_y, _) = program.make_clips(program.CLIPS, rng), program.make_clips(program.HELD, rng)
    plan = {"loss": "binary", "lr": program.LR, "epochs": program.EPOCHS, "batch_size": program.BATCH,
            "clip_norm": 1.0}
    return program.Watcher(rng), plan, {"x": x, "y": y, "held_x": held_x, "held_y": held_y}


def train_mnist(options):
    import train_mnist as program
    from mnist_data import load

    (x, y), (held_x, held_y) = load(options.data, "train"), load(options.data, "t10k")
    plan = {"loss": "cross_entropy", "lr": program.LR, "epochs": program.EPOCHS, "batch_size": program.BATCH,
            "shift": program.SHIFT, "weight_decay": program.WEIGHT_DECAY}
    return program.make_model(options.seed), plan, {"x": x, "y": y, "held_x": held_x, "held_y": held_y}


PROGRAMS = {"watch_ball": watch_ball, "train_mnist": train_mnist}
LOSSES = {"binary": nn.BCEWithLogitsLoss, "cross_entropy": nn.CrossEntropyLoss}


def train(options):
    """Train one; returns {"figures": [one an epoch], "seconds": [...], "cpu": [...]}; leaves its data for PyTorch."""
    model, plan, arrays = PROGRAMS[options.program](options)
    plan |= {"seed": options.seed, "epochs": options.epochs or plan["epochs"]}
    save(options.folder, plan, arrays, model.state_dict())
    batches = Batches(plan, arrays)
    optimizer = optim.AdamW(model.parameters(), lr=plan["lr"], weight_decay=plan.get("weight_decay", 0))
    schedule = OneCycleLR(optimizer, plan["lr"], total_steps=plan["epochs"] * len(batches), cycle_momentum=False)
    history = fastnn.fit(
        model, LOSSES[plan["loss"]](), optimizer, batches, epochs=plan["epochs"], scheduler=schedule,
        step_scheduler="batch", clip_norm=plan.get("clip_norm"), batch_size=500,
        validation=(arrays["held_x"], arrays["held_y"]), metrics={"figure": FIGURES[plan["loss"]]})
    return {"figures": history["val_figure"], "seconds": batches.seconds, "cpu": batches.cpu}
