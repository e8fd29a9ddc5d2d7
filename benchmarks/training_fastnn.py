"""The nets of training.py in fastnn: those of the programs in examples/, with their data and their settings."""

import numpy as np
from training_data import FIGURES, Batches, save

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

PAIRS, HELD = 20_000, 2000  # of codespell's


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


def autocorrect(options):
    """The first PAIRS of codespell's, without the made-up slips."""
    import autocorrect as program
    import spelling

    pairs = spelling.read_pairs(None)
    order = np.random.default_rng(0).permutation(len(pairs))[:HELD + PAIRS]
    parts = {"held_": order[:HELD], "": order[HELD:]}
    arrays = {name + axis: spelling.encode([pairs[i][axis == "y"] for i in part], end)
              for name, part in parts.items() for axis, end in (("x", spelling.END), ("y", spelling.NOTHING))}
    rng = np.random.default_rng(options.seed)
    plan = {"loss": "words", "lr": program.LR, "epochs": 3, "batch_size": program.BATCH, "clip_norm": 1.0}
    return program.Speller(program.Reader(rng), rng), plan, arrays


def tag_entities(options):
    import tag_entities as program

    train_part, dev_part, held = (program.read_sentences(options.data, name) for name in program.FILES)
    (words, tags), (held_words, held_tags) = zip(*train_part, *dev_part), zip(*held)
    vocabulary = program.Vocabulary(list(zip(words, tags)))
    arrays = {"x": vocabulary.encode(words, tags), "y": program.encode_tags(tags),
              "held_x": vocabulary.encode(held_words), "held_y": program.encode_tags(held_tags)}
    plan = {"loss": "names", "lr": program.LR, "epochs": program.EPOCHS, "batch_size": program.BATCH, "clip_norm": 1.0}
    return program.Tagger(vocabulary, True, np.random.default_rng(options.seed)), plan, arrays


def word_loss():
    from autocorrect import WordLoss

    return WordLoss()


def name_loss():
    from tag_entities import NO_TAG, WEIGHT

    return nn.CrossEntropyLoss(WEIGHT, ignore_index=NO_TAG)


PROGRAMS = {"watch_ball": watch_ball, "train_mnist": train_mnist, "autocorrect": autocorrect,
            "tag_entities": tag_entities}
LOSSES = {"binary": nn.BCEWithLogitsLoss, "cross_entropy": nn.CrossEntropyLoss, "words": word_loss, "names": name_loss}


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
        step_scheduler="batch", clip_norm=plan.get("clip_norm"), batch_size=HELD,
        validation=(arrays["held_x"], arrays["held_y"]), metrics={"figure": FIGURES[plan["loss"]]})
    return {"figures": history["val_figure"], "seconds": batches.seconds, "cpu": batches.cpu}
