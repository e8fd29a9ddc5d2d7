"""Attention beside recurrence: python examples/attention.py

A transformer encoder takes the place of the LSTM in autocorrect.py; all else is the same: pairs, loss, optimiser,
epochs. Shown are how often each finds the word, by its length, and what a training step costs as sequences grow.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from autocorrect import DISTANCE, Reader, Speller, probabilities, train
from common import BLUE, RED, explained, new_file, number_from, plt
from rapidfuzz import process
from rapidfuzz.distance import OSA
from spelling import END, WordList, places, read_pairs

from fastnn import nn

WIDTH, HEADS, LAYERS, LR = 128, 4, 2, 2e-3
PAIRS, EPOCHS, HELD = 10_000, 3, 1500
LENGTHS = ((1, 6), (7, 8), (9, 10), (11, 20))  # letters typed, first to last of each group
GROWING = (8, 16, 32, 64, 128, 256, 512)  # letters of a sequence; LETTERS_A_STEP in all
LETTERS_A_STEP = 2048
COLOURS = {"LSTM": RED, "transformer": BLUE}


class Block(nn.Module):
    """x + attention(norm(x)), and then x + feed_forward(norm(x)): (N, T, WIDTH) -> (N, T, WIDTH)."""

    def __init__(self, rng):
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, rng=rng)
        self.feed_forward = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH, rng=rng), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH, rng=rng))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x, no_letter):
        y, back_norm1 = self.norm1.forward(x)
        (y, _), back_attention = self.attention.forward(y, key_padding_mask=no_letter, need_weights=False)
        x = x + y
        y, back_norm2 = self.norm2.forward(x)
        y, back_feed_forward = self.feed_forward.forward(y)

        def backprop(dx):
            dx = dx + back_norm2(back_feed_forward(dx))
            return dx + back_norm1(back_attention(dx)[0])

        return x + y, backprop


class Encoder(nn.Module):
    """(N, T) letters -> (N, T, WIDTH): a transformer's encoder with sinusoids for positions."""

    width = WIDTH

    def __init__(self, rng):
        self.embedding = nn.Embedding(END + 1, WIDTH, rng=rng)
        self.blocks = [Block(rng) for _ in range(LAYERS)]
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x):
        angles = np.arange(x.shape[1])[:, None] / 1e4 ** (np.arange(0, WIDTH, 2) / WIDTH)
        h, back_embedding = self.embedding.forward(x)
        h = h + np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
        steps = []
        for block in self.blocks:
            h, step = block.forward(h, x == 0)
            steps.append(step)
        h, back_norm = self.norm.forward(h)

        def backprop(dh):
            dh = back_norm(dh)
            for step in reversed(steps):
                dh = step(dh)
            back_embedding(dh)

        return h, backprop


def milliseconds(reader, length):
    """The time of forward and backward over LETTERS_A_STEP letters in sequences of `length`, the fastest of a few."""
    x = np.random.default_rng(0).integers(1, END, (LETTERS_A_STEP // length, length))
    times = []
    while len(times) < 3 or sum(times) < 0.1:
        start = time.perf_counter()
        h, backprop = reader.forward(x)
        backprop(np.ones_like(h))
        times.append(time.perf_counter() - start)
    reader.zero_grad()
    return 1e3 * min(times)


def draw(found, spent, path):
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    for name, colour in COLOURS.items():
        left.plot(range(len(LENGTHS)), 100 * np.array(found[name]), "o-", color=colour, label=name)
        right.plot(GROWING, spent[name], "o-", color=colour, label=name)
    left.set(xlabel="letters typed", ylabel="the word meant comes first, %", title="held-out misspellings")
    left.set_xticks(range(len(LENGTHS)), [f"{first} to {last}" for first, last in LENGTHS])
    right.set(xlabel="letters of a sequence", ylabel="ms", xscale="log", ylim=(0, None),
              title=f"a training step of {LETTERS_A_STEP} letters")
    right.set_xticks(GROWING, GROWING)
    right.minorticks_off()
    for axis in (left, right):
        axis.legend()
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--dictionary", metavar="FILE", help="lines 'misspelling->word' (those of codespell)")
    parser.add_argument("--picture", type=new_file(".png"), default=Path("attention.png"), metavar="FILE.png",
                        help="where to draw (%(default)s)")
    parser.add_argument("--epochs", type=number_from(1), default=EPOCHS, help="passes over the pairs (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, slips, held-out pairs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with explained():
        pairs = read_pairs(arguments.dictionary)
    words = WordList({word for _, word in pairs})
    count = min(HELD, len(pairs) // 10)
    order = np.random.default_rng(arguments.seed).permutation(len(pairs))[:count + PAIRS]
    (typed, meant), learned = zip(*(pairs[i] for i in order[:count])), [pairs[i] for i in order[count:]]
    letters, meant, found, spent = np.array([*map(len, typed)]), np.searchsorted(words.words, meant), {}, {}
    distance = process.cdist(typed, words.words, scorer=OSA.distance)
    print(f"{count} held-out misspellings, {len(words.words)} words; how often the one meant comes first")
    print(f"no network, edit distance: {places(distance, meant)[0]:.1%}")
    for name, kind, *rate in (("LSTM", Reader), ("transformer", Encoder, LR)):
        rng = np.random.default_rng([arguments.seed, 1])
        model = Speller(kind(rng), rng)
        start = time.perf_counter()
        train(model, learned, words.words, arguments.epochs, rng, *rate)
        seconds = time.perf_counter() - start
        costs = np.array([words.costs(p) for p in probabilities(model, typed)])
        alone, both = (places(cost, meant)[0] for cost in (costs, costs + DISTANCE * distance))
        print(f"{name}, {sum(p.data.size for p in model.parameters()):,} parameters, {seconds:.1f} s of training: "
              f"{alone:.1%}, with the edit distance {both:.1%}")
        groups = [(letters >= first) & (letters <= last) for first, last in LENGTHS]
        found[name] = [places(costs[group], meant[group])[0] for group in groups]
        spent[name] = [milliseconds(model.reader, length) for length in GROWING]
    print(f"\n{'letters typed':24}" + "".join(f"{f'{first} to {last}':>10}" for first, last in LENGTHS))
    for name, rates in found.items():
        print(f"{name + ', comes first':24}" + "".join(f"{rate:10.1%}" for rate in rates))
    print(f"\n{'letters of a sequence':24}" + "".join(f"{length:8}" for length in GROWING))
    for name, times in spent.items():
        print(f"{name + ', ms a step':24}" + "".join(f"{ms:8.1f}" for ms in times))
    draw(found, spent, arguments.picture)
    print(f"\npicture: {arguments.picture}")


if __name__ == "__main__":
    main()
