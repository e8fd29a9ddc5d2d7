"""Correct spelling with a character LSTM: python examples/autocorrect.py [WORD ...], or type words line by line.

It learns from the pairs "misspelling->word" of the package codespell, and from made-up slips. For each letter typed
the net says what should stand there (a letter or nothing), and what is missing before it. So any word has a
probability: the sum over all ways to write it. That and the edit distance rank the words of codespell's dictionary.
"""

import argparse
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler
from tqdm import tqdm

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

LETTERS, LONGEST = "abcdefghijklmnopqrstuvwxyz", 20
NOTHING, END, CLASSES = 0, 27, 27  # letters are 1 to 26; END stands behind a typed word
KEEP = 4.0  # added to the score of leaving a place as it was typed: what the net learns is to deviate
TINY = 1e-300
DISTANCE = 2.0  # what a slip costs beside -log P(word), so that a far word needs much evidence
HIDDEN, BATCH, LR, HELD = 128, 128, 8e-3, 3000  # HELD misspellings are not learned from, a tenth where there are few


class DataError(Exception):
    """What is wrong with the data, in a sentence."""


def read_pairs(path):
    """[(misspelling, word)]: the lines of codespell's dictionary that name one word, of a to z as the misspelling."""
    if path is None:
        package = importlib.util.find_spec("codespell_lib")
        if package is None:
            raise DataError("codespell is not installed: pip install codespell, or name a --dictionary")
        path = Path(package.origin).parent / "data" / "dictionary.txt"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    pairs = re.findall(rf"^([a-z]{{1,{LONGEST}}})->([a-z]{{1,{LONGEST}}})$", text, re.MULTILINE)
    if len(pairs) < 100:
        raise DataError(f"{path}: expected at least 100 lines 'misspelling->word', found {len(pairs)}")
    return pairs


def encode(words, end=NOTHING):
    """(N, longest + 1) int64: the letters' numbers, `end`, zeros."""
    numbers = np.zeros((len(words), max(map(len, words)) + 1), np.int64)
    for row, word in zip(numbers, words):
        row[:len(word)] = np.frombuffer(word.encode(), np.uint8) - 96
        row[len(word)] = end
    return numbers


def slips(words, count, rng):
    """[(misspelling, word)]: random words with two letters swapped, one too many, one missing, or a wrong one."""
    made = []
    for word, kind, where, letter in zip(rng.choice(words, count).tolist(), rng.integers(4, size=count),
                                         rng.random(count), rng.choice(list(LETTERS), count).tolist()):
        i = int(where * len(word))
        instead = (word[i + 1:i + 2] + word[i], letter + word[i], "", letter)[kind]
        made.append((word[:i] + instead + word[i + 1 + (kind == 0):], word))
    return made


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


def alignments(p, words):
    """P(word) for p (N, steps, 27) and words (N, letters), and the probability of each step's letters given the word.

    The forward-backward algorithm: a step writes one letter of the word or nothing, so that after `step` steps
    begun[step, :, j] is the probability of j letters written, and left[step, :, j] that of then writing the others.
    """
    (n, steps, _), length, rows = p.shape, np.count_nonzero(words, axis=1), np.arange(len(p))
    skip, write = p[..., :1], np.take_along_axis(p, np.repeat(words[:, None], steps, axis=1), axis=2)
    begun = np.zeros((steps + 1, n, words.shape[1] + 1))
    left = np.zeros_like(begun)
    begun[0, :, 0] = left[-1, rows, length] = 1
    for k in range(steps):
        begun[k + 1] = begun[k] * skip[:, k]
        begun[k + 1, :, 1:] += begun[k, :, :-1] * write[:, k]
        left[-k - 2] = left[-k - 1] * skip[:, -k - 1]
        left[-k - 2, :, :-1] += left[-k - 1, :, 1:] * write[:, -k - 1]
    likelihood = np.maximum(begun[-1, rows, length], TINY)  # 0 where the steps are too few for the word
    written = ((begun[:-1, :, :-1] * left[1:, :, 1:]).swapaxes(0, 1) * write) @ np.eye(CLASSES)[words]
    written[..., NOTHING] = (begun[:-1] * left[1:]).sum(axis=2).T * skip[..., 0]
    return likelihood, written / likelihood[:, None, None]


class WordLoss(nn.Module):
    """The mean of -log P(word); its gradient is that of the cross-entropy with each step's letters given the word."""

    def forward(self, scores, words):
        p = F.softmax(scores, -1).astype(float)
        likelihood, given_word = alignments(p, words)
        return -np.log(likelihood).mean(), lambda: ((p - given_word) / len(p)).astype(scores.dtype)


class WordList:
    """The words as a tree of their beginnings: each node has a parent and the letter that it adds."""

    def __init__(self, words):
        self.words = sorted(words)
        starts = sorted({word[:i] for word in self.words for i in range(len(word) + 1)}, key=len)
        number = {start: i for i, start in enumerate(starts)}
        self.parent = np.array([number[start[:-1]] for start in starts])
        self.letter = np.array([LETTERS.find(start[-1:] or "?") + 1 for start in starts])
        self.node = np.array([number[word] for word in self.words])

    def costs(self, steps):
        """-log P(word) of each word, for the steps (K, 27) of one typed word."""
        p = np.zeros(len(self.parent))
        p[0] = 1
        for step in steps:
            written = p[self.parent] * step[self.letter]
            written[0] = 0  # nothing leads to the empty beginning
            p = p * step[NOTHING] + written
        return -np.log(np.maximum(p[self.node], TINY))


class Batches:
    """The pairs and as many slips, others each epoch, in batches (typed, meant)."""

    def __init__(self, pairs, words, rng):
        self.pairs, self.words, self.rng = pairs, words, rng

    def __len__(self):
        return -(-2 * len(self.pairs) // BATCH)

    def __iter__(self):
        pairs = self.pairs + slips(self.words, len(self.pairs), self.rng)
        order = self.rng.permutation(len(pairs))
        for start in range(0, len(pairs), BATCH):
            typed, meant = zip(*(pairs[i] for i in order[start:start + BATCH]))
            yield encode(typed, END), encode(meant)


def train(model, pairs, words, epochs, rng, lr=LR):
    """Learn the pairs, and made-up slips in the words."""
    batches = Batches(pairs, words, rng)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = OneCycleLR(optimizer, lr, total_steps=epochs * len(batches), cycle_momentum=False)

    def report(run):
        row = run.history[-1]
        print(f"epoch {row['epoch']}/{epochs}: -log P(word) {row['loss']:.3f}, {row['seconds']:.1f} s", flush=True)

    fastnn.fit(model, WordLoss(), optimizer, batches, epochs=epochs, clip_norm=1.0, scheduler=schedule,
               step_scheduler="batch", callbacks=[report])


def places(costs, meant):
    """How often the meant word, a column of costs (N, words), comes first; among five. Equals share their places."""
    own = costs[np.arange(len(meant)), meant][:, None]
    before, equal = (costs < own).sum(axis=1), (costs == own).sum(axis=1)
    return [np.clip((wanted - before) / equal, 0, 1).mean() for wanted in (1, 5)]


def probabilities(model, typed):
    """What the net would put where: the steps (K, 27) of each typed word."""
    found = []
    for start in range(0, len(typed), 100):
        found += list(F.softmax(model(encode(typed[start:start + 100], END)), -1).astype(float))
    return found


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
    """The word that a line holds. Raises ValueError with a sentence for anything else."""
    word = text.strip().lower()
    if not re.fullmatch(f"[a-z]{{1,{LONGEST}}}", word):
        raise ValueError(f"expected a word of 1 to {LONGEST} letters, a to z, got {text.strip()!r}")
    return word


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("words", nargs="*", metavar="WORD", help="to correct; without any, lines are read")
    parser.add_argument("--dictionary", metavar="FILE", help="lines 'misspelling->word' (those of codespell)")
    parser.add_argument("--weights", metavar="FILE.npz", type=Path, help="read it, or train and write it")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the pairs and the slips (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, slips and held-out pairs (%(default)s)")
    arguments = parser.parse_args()
    for name, least in (("epochs", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(f"argument --{name}: expected a number from {least}, got {getattr(arguments, name)}")
    if arguments.weights and not (arguments.weights.suffix == ".npz" and arguments.weights.parent.is_dir()):
        parser.error(f"argument --weights: expected a name that ends in .npz, in a folder that is there, "
                     f"got {arguments.weights}")
    try:
        arguments.words = [read_word(text) for text in arguments.words]
    except ValueError as error:
        parser.error(str(error))
    return arguments


def main():
    arguments = parse_arguments()
    rng = np.random.default_rng(arguments.seed)
    model = Speller(Reader(rng), rng)
    trained = arguments.weights is not None and arguments.weights.exists()
    try:
        pairs = read_pairs(arguments.dictionary)
        if trained:
            model.load_state_dict(fastnn.load(arguments.weights))
    except (DataError, OSError, ValueError) as error:
        sys.exit(f"autocorrect.py: {error}")
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
        except ValueError as error:
            print(f"autocorrect.py: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
