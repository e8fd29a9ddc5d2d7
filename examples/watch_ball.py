"""Watch a ball that is thrown and bounces: a CNN reads each frame of a clip, a GRU reads the frames.

    python examples/watch_ball.py

The clips are rendered here. A ball under gravity that loses nothing when it bounces moves alike forwards and
backwards in time, so one frame, however clear, cannot tell whether it rises or falls: the same CNN without the GRU
stays at chance. Two more GRUs then put the clip into words; all nets learn end to end.
"""

import argparse
from pathlib import Path

import numpy as np
from ball_clips import FRAMES, LONGEST, SIZE, WORDS, in_words, make_clips, track
from common import BLUE, GREY, RED, explained, number_from, plt, print_epoch

import fastnn
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

CLIPS, HELD, EPOCHS, BATCH, LR = 2000, 500, 10, 25, 2e-3  # HELD clips are not learned from


class Watcher(nn.Module):
    """Clips (N, T, 1, H, W) -> logits of rising (N, T). Without `memory` each frame is judged on its own."""

    def __init__(self, rng, memory=True):
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * (SIZE // 4)**2, 48, rng=rng), nn.ReLU())
        self.gru = nn.GRU(48, 64, batch_first=True, rng=rng) if memory else None
        self.head = nn.Linear(64 if memory else 48, 1, rng=rng)

    def encode(self, clips):
        """The features of each moment (N, T, 64), and the function for their gradients."""
        n, t = clips.shape[:2]
        seen, back_cnn = self.cnn.forward(clips.reshape(n * t, *clips.shape[2:]))
        features, back_gru = seen.reshape(n, t, -1), None
        if self.gru is not None:
            (features, _), back_gru = self.gru.forward(features)

        def backprop(dy):
            dy = dy if back_gru is None else back_gru(dy)[0]
            back_cnn(dy.reshape(n * t, -1), need_dx=False)

        return features, backprop

    def forward(self, clips):
        features, back_encode = self.encode(clips)
        logits, back_head = self.head.forward(features)
        return logits[..., 0], lambda dy: back_encode(back_head(dy[..., None]))


class Captioner(nn.Module):
    """(clips, words so far (N, L)) -> logits of the next words (N, len(WORDS), L).

    What the watcher makes of each frame goes through a GRU that keeps the story, and its last state starts one that
    tells it.
    """

    def __init__(self, watcher, rng):
        self.watcher, self.story = watcher, nn.GRU(64, 64, batch_first=True, rng=rng)
        self.embedding = nn.Embedding(len(WORDS), 16, rng=rng)
        self.gru = nn.GRU(16, 64, batch_first=True, rng=rng)
        self.head = nn.Linear(64, len(WORDS), rng=rng)

    def forward(self, batch):
        clips, words = batch
        seen, back_encode = self.watcher.encode(clips)
        (_, state), back_story = self.story.forward(seen)
        x, back_embedding = self.embedding.forward(words)
        (y, _), back_gru = self.gru.forward(x, state)
        logits, back_head = self.head.forward(y)

        def backprop(dy):
            dx, dstate = back_gru(back_head(np.ascontiguousarray(dy.swapaxes(1, 2))))
            back_embedding(dx)
            back_encode(back_story(None, dstate)[0])

        return np.ascontiguousarray(logits.swapaxes(1, 2)), backprop

    def describe(self, clips):
        """The likeliest next word, one after the other: (N, LONGEST) word numbers."""
        state = self.story(self.watcher.encode(clips)[0])[1]
        words = [np.zeros(len(clips), np.int64)]  # <end> also begins
        for _ in range(LONGEST):
            y, state = self.gru(self.embedding(words[-1][:, None]), state)
            words.append(self.head(y[:, 0]).argmax(axis=1))
        return np.stack(words[1:], axis=1)


def train(title, model, criterion, data, held_out, metric, arguments, epochs):
    """Adam, the learning rate rising and then falling to nothing; no single batch may throw a recurrent net far."""
    optimizer = optim.Adam(model.parameters(), lr=LR)
    schedule = OneCycleLR(optimizer, LR, total_steps=epochs * -(-arguments.clips // BATCH), cycle_momentum=False)
    fastnn.fit(model, criterion, optimizer, data, epochs=epochs, batch_size=BATCH, rng=arguments.seed,
               scheduler=schedule, step_scheduler="batch", clip_norm=1.0, validation=held_out,
               metrics={"right": metric}, callbacks=[print_epoch(f"{title}, ")])


def moments_right(logits, rising):
    return np.mean((logits > 0) == rising)


def captions_right(logits, words):
    return np.mean((logits.argmax(axis=1) == words).all(axis=1))


def caption_batches(clips, words):
    """[((clips, the words so far), the words)]: each word is to be told from those before it."""
    so_far = np.pad(words, ((0, 0), (1, 0)))[:, :-1]  # <end> also begins
    cuts = [slice(start, start + BATCH) for start in range(0, len(clips), BATCH)]
    return [((clips[cut], so_far[cut]), words[cut]) for cut in cuts]


def draw(clips, rising, captions, chances, right, path):
    """Three clips frame by frame with the nets' words and chances; below, how often each is right, by frame."""
    figure, axes = plt.subplots(7, 1, figsize=(10, 8.6), height_ratios=[1.1, 1.6] * 3 + [3.6])
    frames = np.arange(FRAMES)
    for k in range(3):
        film, chart = axes[2 * k:2 * k + 2]
        film.imshow(np.concatenate(clips[k, :, 0], axis=1), cmap="gray", vmin=-0.2, vmax=1.2, aspect="auto",
                    extent=(-0.5, FRAMES - 0.5, 0, 1))
        film.vlines(frames[1:] - 0.5, 0, 1, color="white", linewidth=1)
        film.set(xticks=[], yticks=[], title=f"“{captions[k]}”")
        chart.bar(frames, rising[k], width=1, color="#f1d9a6", label="it does rise")
        for name, (chance, colour) in chances.items():
            chart.plot(frames, chance[k], color=colour, label=f"says the {name}")
        chart.set(xlim=(-0.5, FRAMES - 0.5), ylim=(-0.05, 1.05), xticks=[])
        chart.set_yticks([0, 1], ["falls", "rises"])
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", fontsize=9, ncols=3)
    for name, (share, colour) in right.items():
        axes[6].plot(frames, 100 * share, color=colour, marker="o", markersize=3, label=name)
    axes[6].set(xlim=(-0.5, FRAMES - 0.5), ylim=(40, 102), xlabel="frame", ylabel="held-out moments right, %")
    axes[6].legend(loc=(0.62, 0.22))
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=number_from(1), default=CLIPS, help="to learn from (%(default)s)")
    parser.add_argument("--epochs", type=number_from(1), default=EPOCHS, help="passes over them (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of clips, weights and order (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    parser.add_argument("--small", action="store_true", help="a few clips and epochs, to see that it runs")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.clips, arguments.epochs = 100, 2
    return arguments


def main():
    arguments = parse_arguments()
    with explained():
        arguments.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(arguments.seed)
    clips, rising, words = make_clips(arguments.clips, rng)
    held_clips, held_rising, held_words = make_clips(50 if arguments.small else HELD, rng)

    with_gru, alone = Watcher(rng), Watcher(rng, memory=False)
    logits = {}
    for name, model in (("CNN and GRU", with_gru), ("CNN alone", alone)):
        train(name, model, nn.BCEWithLogitsLoss(), (clips, rising), (held_clips, held_rising), moments_right, arguments,
              arguments.epochs)
        logits[name] = model(held_clips)
    captioner = Captioner(with_gru, rng)
    train("captions", captioner, nn.CrossEntropyLoss(), caption_batches(clips, words),
          caption_batches(held_clips, held_words), captions_right, arguments, -(-arguments.epochs // 2))
    told = captioner.describe(held_clips)

    tracked = track(held_clips)
    right = {name: (((logit > 0) == held_rising).mean(axis=0), colour)
             for (name, logit), colour in zip(logits.items(), (BLUE, RED))}
    right["no network: where it got brighter"] = ((1 - abs(tracked - held_rising)).mean(axis=0), GREY)
    print(f"\nrising or falling, {held_rising.size} held-out moments:       all  from the fifth frame")
    for name, (share, _) in right.items():
        print(f"  {name:44} {share.mean():6.1%} {share[4:].mean():8.1%}")
    usual = np.unique(words, axis=0, return_counts=True)
    usual = usual[0][usual[1].argmax()]
    print(f"the right words, {len(told)} held-out clips:\n  {'CNN, then GRUs':44} "
          f"{(told == held_words).all(axis=1).mean():6.1%}\n  always “{in_words(usual) + '”':37} "
          f"{(held_words == usual).all(axis=1).mean():6.1%}")
    _, first, count = np.unique(held_words, axis=0, return_index=True, return_counts=True)
    shown = first[np.argsort(-count)[:3]]  # a clip of each of the commonest stories
    for k in shown:
        print(f"clip {k}: “{in_words(held_words[k])}”, told as “{in_words(told[k])}”")
    chances = {name: (1 / (1 + np.exp(-logit[shown])), right[name][1]) for name, logit in logits.items()}
    path = arguments.output / "watch_ball.png"
    draw(held_clips[shown], held_rising[shown], [in_words(told[k]) for k in shown], chances, right, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
