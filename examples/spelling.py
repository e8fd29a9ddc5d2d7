"""The task of autocorrect.py and attention.py: misspellings, what is made up beside them, and how words are ranked."""

import importlib.util
import re
from pathlib import Path

import numpy as np

LETTERS, LONGEST = "abcdefghijklmnopqrstuvwxyz", 20
NOTHING, END, CLASSES = 0, 27, 27  # letters are 1 to 26; END stands behind a typed word
TINY = 1e-300


def read_pairs(path):
    """[(misspelling, word)]: the lines of codespell's dictionary that name one word, of a to z as the misspelling."""
    if path is None:
        package = importlib.util.find_spec("codespell_lib")
        if package is None:
            raise ValueError("codespell is not installed: pip install codespell, or name a --dictionary")
        path = Path(package.origin).parent / "data" / "dictionary.txt"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    pairs = re.findall(rf"^([a-z]{{1,{LONGEST}}})->([a-z]{{1,{LONGEST}}})$", text, re.MULTILINE)
    if len(pairs) < 100:
        raise ValueError(f"{path}: expected at least 100 lines 'misspelling->word', found {len(pairs)}")
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


class Batches:
    """The pairs and as many slips, others each epoch, in batches (typed, meant)."""

    def __init__(self, pairs, words, batch_size, rng):
        self.pairs, self.words, self.size, self.rng = pairs, words, batch_size, rng

    def __len__(self):
        return -(-2 * len(self.pairs) // self.size)

    def __iter__(self):
        pairs = self.pairs + slips(self.words, len(self.pairs), self.rng)
        order = self.rng.permutation(len(pairs))
        for start in range(0, len(pairs), self.size):
            typed, meant = zip(*(pairs[i] for i in order[start:start + self.size]))
            yield encode(typed, END), encode(meant)


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


def places(costs, meant):
    """How often the meant word, a column of costs (N, words), comes first; among five. Equals share their places."""
    own = costs[np.arange(len(meant)), meant][:, None]
    before, equal = (costs < own).sum(axis=1), (costs == own).sum(axis=1)
    return [np.clip((wanted - before) / equal, 0, 1).mean() for wanted in (1, 5)]
