"""Let optuna look for a small CNN that reads digits well, then let several of its kind vote.

    python examples/search.py                            # scikit-learn's digits
    python examples/search.py --data FOLDER              # MNIST: the folder of its four .gz files; 6,000 images of it

The search chooses depth, widths, filter sizes, dropout and learning rate by accuracy on images set aside for it, and
gives up early on trials that lag behind. The voters have the best design, each trained on a bootstrap of the images:
as many, drawn with replacement. Figures are of held-out images that neither has seen.
"""

import argparse
from pathlib import Path

import numpy as np
import optuna
from common import BLUE, RED, YELLOW, in_parts, number_from, plt
from mnist_data import digits_or_exit, nearest
from tqdm import tqdm

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR
from fastnn.training import accuracy

TRAIN, BATCH = 6000, 50
GUESS = {"convolutions": 1, "width": 8, "kernel": 3, "hidden": 32, "dropout": 0.0, "lr": 1e-3}  # what one types first
COLOURS = {1: YELLOW, 2: BLUE, 3: RED}


def suggest(trial):
    """A design out of the space that is searched."""
    return {"convolutions": trial.suggest_int("convolutions", 1, 3), "width": trial.suggest_categorical(
                "width", [4, 8, 16, 24]), "kernel": trial.suggest_categorical("kernel", [3, 5]),
            "hidden": trial.suggest_categorical("hidden", [32, 64, 128]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5), "lr": trial.suggest_float("lr", 3e-4, 2e-2, log=True)}


def make_model(design, rng):
    """The net of a design, and how many multiply-adds an image takes; each convolution but the last is halved."""
    layers, channels, size, cost = [], 1, 28, 0
    for k in range(design["convolutions"]):
        wide = design["width"] * 2**k
        layers += [nn.Conv2d(channels, wide, design["kernel"], padding=design["kernel"] // 2, rng=rng), nn.ReLU()]
        cost += size**2 * wide * channels * design["kernel"]**2
        layers += [nn.MaxPool2d(2)]
        channels, size = wide, size // 2
    features = channels * size**2
    layers += [nn.Flatten(), nn.Linear(features, design["hidden"], rng=rng), nn.ReLU(),
               nn.Dropout(design["dropout"], rng=rng), nn.Linear(design["hidden"], 10, rng=rng)]
    return nn.Sequential(*layers), cost + features * design["hidden"] + design["hidden"] * 10


def train(design, x, y, epochs, seed, **options):
    model, _ = make_model(design, np.random.default_rng(seed))
    optimizer = optim.Adam(model.parameters(), lr=design["lr"])
    history = fastnn.fit(
        model, nn.CrossEntropyLoss(), optimizer, (x, y), epochs=epochs, batch_size=BATCH, rng=seed, progress=False,
        scheduler=OneCycleLR(optimizer, design["lr"], total_steps=epochs * -(-len(x) // BATCH), cycle_momentum=False),
        step_scheduler="batch", metrics={"accuracy": accuracy} if options.get("validation") else None, **options)
    return model, history


def search(x, y, aside, trials, epochs, seed):
    """Returns optuna's study, and [(multiply-adds, error on the images set aside, convolutions)] of the full trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed),
                                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2))
    study.enqueue_trial(GUESS)
    finished = []

    def objective(trial):
        def report(training):
            trial.report(training.history[-1]["val_accuracy"], training.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        design = suggest(trial)
        _, history = train(design, x, y, epochs, [seed, trial.number], validation=aside, callbacks=[report])
        finished.append((make_model(design, 0)[1], 1 - history["val_accuracy"][-1], design["convolutions"]))
        return history["val_accuracy"][-1]

    with tqdm(total=trials, desc="trials", leave=False, disable=None) as bar:
        study.optimize(objective, n_trials=trials, callbacks=[lambda study, trial: bar.update()])
    return study, finished


def probabilities(model, x):
    return F.softmax(in_parts(model, x), 1)


def calibration(chances, labels, bins=10):
    """[(mean confidence, part that is right, answers)] by tenths of the answers from the least sure to the surest.

    Also the expected calibration error: the mean distance of the two, weighted by the answers.
    """
    sure, correct = chances.max(axis=1), chances.argmax(axis=1) == labels
    groups = [group for group in np.array_split(np.argsort(sure), bins) if len(group)]
    points = np.array([(sure[group].mean(), correct[group].mean(), len(group)) for group in groups])
    return points, np.average(abs(points[:, 0] - points[:, 1]), weights=points[:, 2])


def draw(finished, singles, votes, reached, path):
    """The trials by cost and error; the error as voters join; confidence against truth, of one net and of all."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4))
    costs, errors, depths = np.array(finished).T
    for depth, colour in COLOURS.items():
        axes[0].scatter(costs[depths == depth] / 1e6, 100 * errors[depths == depth], color=colour, s=28,
                        label=f"{depth} convolution{'s' if depth > 1 else ''}")
    axes[0].scatter(costs[0] / 1e6, 100 * errors[0], s=110, facecolors="none", edgecolors="black", label="first guess")
    axes[0].set(xscale="log", yscale="log", xlabel="millions of multiply-adds an image", ylabel="error, %",
                title="the search: each finished trial")
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_formatter("{x:g}")
    voters = np.arange(1, len(votes) + 1)
    axes[1].scatter(voters, 100 * (1 - np.array(singles)), color=RED, s=20, label="voter k alone")
    axes[1].plot(voters, 100 * (1 - np.array(votes)), color=BLUE, marker="o", label="vote of the first k")
    axes[1].set(xlabel="k", ylabel="held-out error, %", title="the vote")
    for name, points in reached.items():
        axes[2].plot(100 * points[:, 0], 100 * points[:, 1], marker="o", label=name,
                     color=BLUE if "vote" in name else RED)
    low = 100 * min(points[:, :2].min() for points in reached.values()) - 2
    axes[2].plot([low, 100], [low, 100], color="#999999", linewidth=1, linestyle=":")
    axes[2].set(xlabel="how sure, % (tenths of the answers)", ylabel="how often right, %", title="calibration")
    for axis in axes:
        axis.legend(fontsize=8)
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="FOLDER", help="of MNIST's four .gz files (without: scikit-learn's digits)")
    parser.add_argument("--trials", type=number_from(1), default=30, help="designs to try (%(default)s)")
    parser.add_argument("--voters", type=number_from(1), default=8, help="nets that vote (%(default)s)")
    parser.add_argument("--epochs", type=number_from(1), default=6,
                        help="of a trial; the others take twice as many (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of search, weights and draws (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    parser.add_argument("--small", action="store_true", help="few images, trials and voters, to see that it runs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    (x, y), (held_x, held_y) = digits_or_exit(arguments)
    if arguments.small:
        x, y, held_x, held_y = x[:200], y[:200], held_x[:100], held_y[:100]
        arguments.trials, arguments.voters, arguments.epochs = 2, 2, 1
    rng, epochs = np.random.default_rng(arguments.seed), arguments.epochs
    chosen = rng.permutation(len(x))[:TRAIN]
    x, y, quarter = x[chosen], y[chosen], len(chosen) // 4

    study, finished = search(x[quarter:], y[quarter:], (x[:quarter], y[:quarter]), arguments.trials, epochs,
                             arguments.seed)
    best = study.best_params
    print(f"{arguments.trials} designs tried, {len(finished)} to the end; the best has {study.best_value:.2%} of the "
          "images set aside right:\n  " + ", ".join(f"{name} {value:.3g}" for name, value in best.items()))

    print(f"\nheld-out digits right, {len(held_x)} of them, after learning from {len(x)}\n"
          f"  no network, the nearest image      {np.mean(y[nearest(x, held_x)] == held_y):.2%}")
    for name, design in (("the first guess", GUESS), ("the best design", best)):
        one = probabilities(train(design, x, y, 2 * epochs, arguments.seed)[0], held_x)
        error = calibration(one, held_y)[1]
        print(f"  {name:34} {accuracy(one, held_y):.2%}, calibration error {error:.2%}", flush=True)

    votes, singles, total = [], [], 0
    for voter in tqdm(range(arguments.voters), desc="voters", leave=False, disable=None):
        drawn = rng.integers(0, len(x), len(x))
        own = probabilities(train(best, x[drawn], y[drawn], 2 * epochs, [arguments.seed, 99, voter])[0], held_x)
        total = total + own
        singles.append(accuracy(own, held_y))
        votes.append(accuracy(total, held_y))
    points, error = calibration(total / arguments.voters, held_y)
    print(f"  a voter alone, mean of {arguments.voters:<11} {np.mean(singles):.2%}\n"
          f"  the vote of {arguments.voters:<22} {votes[-1]:.2%}, calibration error {error:.2%}")
    path = arguments.output / "search.png"
    draw(finished, singles, votes, {"the best design, alone": calibration(one, held_y)[0], "the vote": points}, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
