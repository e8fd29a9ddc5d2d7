"""Correct spelling with a character LSTM: python examples/autocorrect.py [WORD ...], or type words line by line.

It learns from the pairs "misspelling->word" of the package codespell, and from made-up slips. For each letter typed
the net says what should stand there (a letter or nothing), and what is missing before it. So any word has a
probability: the sum over all ways to write it. That and the edit distance rank the words of codespell's dictionary.
"""

import argparse
import re
import sys

import numpy as np
from common import explained, new_file, number_from, print_epoch
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler
from spelling import CLASSES, END, LETTERS, LONGEST, NOTHING, Batches, WordList, alignments, encode, places, read_pairs
from tqdm import tqdm

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

KEEP = 4.0  # added to the score of leaving a place as it was typed: what the net learns is to deviate
DISTANCE = 2.0  # what a slip costs beside -log P(word), so that a far word needs much evidence
HIDDEN, BATCH, LR, HELD = 128, 128, 8e-3, 3000  # HELD misspellings are not learned from, a tenth where there are few


class Reader(nn.Module):
    """(N, T) letters -> (N, T, 2 * HIDDEN): an LSTM reads them in both directions."""

    width = 2 * HIDDEN

    def __init__(self, rng):
        self.embedding = nn.Embedding(END + 1, 32, rng=rng)
        self.lstm = nn.LSTM(32, HIDDEN, batch_first=True, bidirectional=True, rng=rng)

    def forward(self, x):
        letters, back_embedding = self.embedding.forward(x)
        (h, _), back_lstm = self.lstm.forward(letters, lengths=np.count_nonzero(x, axis=1))
        return h, lambda dh: back_embedding(back_lstm(dh)[0])


class Speller(nn.Module):
    """(N, T) letters -> (N, 2 * T, 27) scores: for each letter, what is missing before it, and what it should be."""

    def __init__(self, reader, rng):
        self.reader, self.head = reader, nn.Linear(reader.width, 2 * CLASSES, rng=rng)

    def forward(self, x):
        h, back_reader = self.reader.forward(x)
        scores, back_head = self.head.forward(h)
        as_typed = np.stack([np.zeros_like(x), np.where(x == END, NOTHING, x)], axis=2).reshape(len(x), -1)
        return (scores.reshape(*as_typed.shape, CLASSES) + KEEP * np.eye(CLASSES, dtype=np.float32)[as_typed],
                lambda dscores: back_reader(back_head(dscores.reshape(scores.shape))))


class WordLoss(nn.Module):
    """The mean of -log P(word); its gradient is that of the cross-entropy with each step's letters given the word."""

    def forward(self, scores, words):
        p = F.softmax(scores, -1).astype(float)
        likelihood, given_word = alignments(p, words)
        return -np.log(likelihood).mean(), lambda: ((p - given_word) / len(p)).astype(scores.dtype)


def train(model, pairs, words, epochs, rng, lr=LR):
    """Learn the pairs, and made-up slips in the words."""
    batches = Batches(pairs, words, BATCH, rng)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = OneCycleLR(optimizer, lr, epochs=epochs, steps_per_epoch=len(batches), cycle_momentum=False)
    fastnn.fit(model, WordLoss(), optimizer, batches, epochs=epochs, clip_norm=1.0, scheduler=schedule,
               step_scheduler="batch", callbacks=[print_epoch()])


def probabilities(model, typed):
    """What the net would put where: the steps (K, 27) of each typed word."""
    parts = [typed[start:start + 100] for start in range(0, len(typed), 100)]
    return [steps for part in parts for steps in F.softmax(model(encode(part, END)), -1).astype(float)]


def print_held_out(model, words, held):
    """The net beside the edit distance, on misspellings that it has not seen, over the same words."""
    typed, meant = zip(*held)
    p, column = probabilities(model, typed), np.searchsorted(words.words, meant)
    costs = np.array([words.costs(steps) for steps in tqdm(p, "held out", leave=False, disable=None)])
    exact = ["".join(LETTERS[c - 1] for c in steps.argmax(axis=1) if c) for steps in p]
    distance = process.cdist(typed, words.words, scorer=OSA.distance, dtype=np.float32)
    similarity = process.cdist(typed, words.words, scorer=JaroWinkler.similarity, dtype=np.float32)
    print(f"\n{f'{len(held)} held-out misspellings, {len(words.words)} words':44} first  among five")
    for name, cost in (("edit distance (swaps count one)", distance),
                       ("edit distance, ties by Jaro and Winkler", distance - similarity),
                       ("character LSTM", costs), ("character LSTM and edit distance", costs + DISTANCE * distance)):
        print("{:42}{:8.1%}{:12.1%}".format(name, *places(cost, column)))
    print(f"{'character LSTM, without the list':42}{np.mean(np.array(exact) == meant):8.1%}")


def correct(model, words, typed):
    """Print the likeliest words, and the letters that the net would have put: the ten likeliest weighed together."""
    (p,) = probabilities(model, [typed])
    costs = words.costs(p) + DISTANCE * process.cdist([typed], words.words, scorer=OSA.distance)[0]
    best = np.argsort(costs, kind="stable")[:10]
    names, parts = [words.words[i] for i in best], np.exp(costs[best[0]] - costs[best])
    parts /= np.exp(costs[best[0]] - costs).sum()
    print(f"{typed}: " + ", ".join(f"{word} {part:.1%}" for word, part in list(zip(names, parts))[:3]))
    _, given_word = alignments(np.repeat(p[None], len(best), axis=0), encode(names))
    weighed = np.einsum("n,nkc->kc", parts / parts.sum(), given_word)[:2 * len(typed) + 1]
    put = [(LETTERS[letter - 1] if letter else "", p) for letter, p in zip(weighed.argmax(axis=1), weighed.max(axis=1))]
    for k, here in enumerate(typed):
        at, around = 2 * k + 1, (2 * k + 2, 2 * k)
        if not put[at][0] and (beside := next((i for i in around if put[i][0]), None)) is not None:
            put[at], put[beside] = put[beside], ("", 1.0)  # one too many and one missing: a wrong one
        if put[at - 1][0]:
            print(f"  {put[at - 1][0]} is missing before {here} ({put[at - 1][1]:.0%})")
        if put[at][0] != here:
            print(f"  {put[at][0] or 'nothing'} in place of {here}, letter {k + 1} ({put[at][1]:.0%})")
    if put[-1][0]:
        print(f"  {put[-1][0]} is missing at the end ({put[-1][1]:.0%})")


def read_word(text):
    """The word that a line holds."""
    word = text.strip().lower()
    if not re.fullmatch(f"[a-z]{{1,{LONGEST}}}", word):
        raise argparse.ArgumentTypeError(f"expected a word of 1 to {LONGEST} letters, a to z, got {text.strip()!r}")
    return word


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("words", nargs="*", type=read_word, metavar="WORD", help="to correct; else lines are read")
    parser.add_argument("--dictionary", metavar="FILE", help="lines 'misspelling->word' (those of codespell)")
    parser.add_argument("--weights", type=new_file(".npz"), metavar="FILE.npz", help="read it, or train and write it")
    parser.add_argument("--epochs", type=number_from(1), default=4, help="passes over pairs and slips (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, slips, held-out pairs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    rng = np.random.default_rng(arguments.seed)
    model = Speller(Reader(rng), rng)
    trained = arguments.weights is not None and arguments.weights.exists()
    with explained():
        pairs = read_pairs(arguments.dictionary)
        if trained:
            model.load_state_dict(fastnn.load(arguments.weights))
    words = WordList({word for _, word in pairs})
    if not trained:
        pairs = [pairs[i] for i in rng.permutation(len(pairs))]
        held = min(HELD, len(pairs) // 10)
        train(model, pairs[held:], words.words, arguments.epochs, rng)
        print_held_out(model, words, pairs[:held])
        if arguments.weights:
            fastnn.save(model.state_dict(), arguments.weights)
    model.eval()
    print("" if arguments.words else "\nType a word, or Ctrl-D to end.", flush=True)
    for text in arguments.words or sys.stdin:
        try:
            correct(model, words, read_word(text))
        except argparse.ArgumentTypeError as error:
            print(f"autocorrect.py: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
