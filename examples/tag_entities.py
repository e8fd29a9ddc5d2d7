"""Find names in tweets: python examples/tag_entities.py --data FOLDER [--text "A sentence."]

FOLDER holds WNUT-17 (L. Derczynski et al. 2017), plain or gzipped: wnut17train.conll, emerging.dev.conll and
emerging.test.annotated, a word, a tab and its tag on a line, an empty line after each sentence. A convolution over the
letters of each word and a vector for each common word feed an LSTM, which reads the sentence forward alone or in both
directions. They learn from the first two files; hardly a name of the third is in those, so dictionaries find few.
"""

import argparse
import gzip
import re
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from seqeval.metrics import classification_report

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

FILES = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
TYPES = ("corporation", "creative-work", "group", "location", "person", "product")
TAGS = ("O", *(f"{begin}-{name}" for name in TYPES for begin in "BI"))
TEXT = ("President Roosevelt was one of the most influential presidents in American history. "
        "However, Roosevelt Street in Manhattan was not named after him.")
NO_WORD, UNKNOWN, RARE, NO_TAG = 0, 1, 2, -1
LETTERS = 16  # of a word are read
SHAPES = (str.isupper, str.islower, str.istitle, str.isdigit, str.isalnum, lambda word: word[0] in "@#")
HIDDEN, BATCH, LR, EPOCHS = 96, 16, 3e-3, 9
FORGET = 0.3  # of the known words are taken for rare ones in training: their looks and neighbours have to do
WEIGHT = np.where(np.array(TAGS) == "O", 0.35, 1).astype(np.float32)  # to overlook a name counts three times as much


class DataError(Exception):
    """What is wrong with the data, in a sentence."""


def read_sentences(folder, name):
    """[(words, tags)] of one of FILES."""
    path = Path(folder, name)
    if not path.exists():
        path = path.with_name(name + ".gz")
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            text = file.read().decode("utf-8").replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{folder}: expected {name} or {name}.gz there, as WNUT-17 has it") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    sentences = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.split("\t") for line in block.split("\n")]
        for line in lines:
            if len(line) != 2 or not line[0] or line[1] not in TAGS:
                raise DataError(f"{path}: expected a word, a tab and a tag such as B-person, "
                                f"got {'<tab>'.join(line)!r}")
        sentences.append(tuple(zip(*lines)))
    if all(tag == "O" for _, tags in sentences for tag in tags):
        raise DataError(f"{path}: holds no name")
    return sentences


class Vocabulary:
    """Numbers for letters, and for words by how often they were seen outside of names: names are known by their looks.

    A sentence to learn from is read as if it were new: what it adds itself to the count of a word does not count.
    """

    def __init__(self, sentences):
        self.seen = Counter(word.lower() for words, tags in sentences for word, tag in zip(words, tags) if tag == "O")
        self.words = {word: i for i, word in enumerate((w for w, n in self.seen.items() if n > 2), RARE + 1)}
        letters = sorted({letter for words, _ in sentences for letter in "".join(words)})
        self.letters = {letter: i for i, letter in enumerate(letters, UNKNOWN + 1)}

    def encode(self, sentences, learned=None):
        """(N, longest, 1 + LETTERS + len(SHAPES)): each word's number, its letters', and its shapes, 0 or 1.

        learned: the tags of the sentences if the vocabulary was made of them.
        """
        x = np.zeros((len(sentences), max(map(len, sentences)), 1 + LETTERS + len(SHAPES)), np.int64)
        for n, words in enumerate(sentences):
            for t, word in enumerate(words):
                times = self.seen[word.lower()] - (learned is not None and learned[n][t] == "O")
                x[n, t, 0] = self.words.get(word.lower(), RARE) if times > 0 else UNKNOWN
                x[n, t, 1:1 + len(word[:LETTERS])] = [self.letters.get(c, UNKNOWN) for c in word[:LETTERS]]
                x[n, t, 1 + LETTERS:] = [shape(word) for shape in SHAPES]
        return x


def encode_tags(sentences):
    y = np.full((len(sentences), max(map(len, sentences))), NO_TAG)
    for row, tags in zip(y, sentences):
        row[:len(tags)] = [TAGS.index(tag) for tag in tags]
    return y


class Tagger(nn.Module):
    """(N, T, features) of `Vocabulary.encode` -> (N, 13, T) scores of TAGS."""

    def __init__(self, vocabulary, bidirectional, rng):
        self.rng = rng
        self.words = nn.Embedding(len(vocabulary.words) + RARE + 1, 64, rng=rng)
        self.words.weight *= 0.3
        self.letters = nn.Embedding(len(vocabulary.letters) + UNKNOWN + 1, 24, padding_idx=0, rng=rng)
        self.spelling = nn.Sequential(
            nn.Conv1d(24, 64, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool1d(LETTERS), nn.Flatten())
        self.drop_in, self.drop_out = nn.Dropout(0.5, rng=rng), nn.Dropout(0.5, rng=rng)
        self.lstm = nn.LSTM(128 + len(SHAPES), HIDDEN, bidirectional=bidirectional, batch_first=True, rng=rng)
        self.head = nn.Linear(HIDDEN * (1 + bidirectional), len(TAGS), rng=rng)

    def forward(self, x):
        lengths, longest = np.count_nonzero(x[..., 0], axis=1), x.shape[1]
        x = x[:, :lengths.max()]
        forms, place = np.unique(x.reshape(-1, x.shape[2]), axis=0, return_inverse=True)  # each word of the batch once
        known = forms[:, 0]
        if self.training:
            known = np.where(self.rng.random(len(known)) < FORGET, np.minimum(known, RARE), known)
        known, back_words = self.words.forward(known)
        letters, back_letters = self.letters.forward(forms[:, 1:1 + LETTERS])
        spelled, back_spelling = self.spelling.forward(letters.swapaxes(1, 2))
        table = np.concatenate([known, spelled, forms[:, 1 + LETTERS:].astype(np.float32)], axis=1)
        h, looked_up = F.embedding_forward(place.reshape(x.shape[:2]), table)
        h, back_in = self.drop_in.forward(h)
        (h, _), back_lstm = self.lstm.forward(h, lengths=lengths)
        h, back_out = self.drop_out.forward(h)
        scores, back_head = self.head.forward(h)

        def backprop(dscores):
            dh, _ = back_lstm(back_out(back_head(dscores[..., :lengths.max()].swapaxes(1, 2))))
            dtable = F.embedding_backward(back_in(dh), looked_up)
            back_words(dtable[:, :64])
            back_letters(back_spelling(dtable[:, 64:128]).swapaxes(1, 2))

        return np.pad(scores.swapaxes(1, 2), ((0, 0), (0, 0), (0, longest - lengths.max()))), backprop


def train(model, vocabulary, sentences, epochs, rng):
    words, tags = zip(*sentences)
    x, y = vocabulary.encode(words, tags), encode_tags(tags)
    optimizer = optim.Adam(model.parameters(), lr=LR)
    schedule = OneCycleLR(optimizer, LR, epochs=epochs, steps_per_epoch=-(-len(x) // BATCH), cycle_momentum=False)

    def report(run):
        row = run.history[-1]
        print(f"  epoch {row['epoch']}/{epochs}: loss {row['loss']:.3f}, {row['seconds']:.1f} s", flush=True)

    fastnn.fit(model, nn.CrossEntropyLoss(WEIGHT, ignore_index=NO_TAG), optimizer, (x, y), epochs=epochs,
               batch_size=BATCH, rng=rng, clip_norm=1.0, scheduler=schedule, step_scheduler="batch",
               callbacks=[report])


def probabilities(model, vocabulary, sentences):
    """(words, 13) for each sentence."""
    found = []
    for start in range(0, len(sentences), 64):
        part = sentences[start:start + 64]
        p = F.softmax(model(vocabulary.encode(part)), 1)
        found += [row.T[:len(words)] for row, words in zip(p, part)]
    return found


def names_dictionary(learned, sentences):
    """Tags by the names of the learned sentences, the longest first, in small letters; each has its commonest type."""
    types = {}
    for words, tags in learned:
        text = " ".join(f"{tag[0]}{tag[2:]}" for tag in tags)
        for match in re.finditer(r"B(\S+)( I\S+)*", text):
            first = text[:match.start()].count(" ")
            name = tuple(word.lower() for word in words[first:first + match[0].count(" ") + 1])
            types.setdefault(name, Counter())[match[1]] += 1
    longest, found = max(map(len, types)), []
    for words in sentences:
        tags, n = ["O"] * len(words), 0
        while n < len(words):
            sizes = range(min(longest, len(words) - n), 0, -1)
            size = next((k for k in sizes if tuple(word.lower() for word in words[n:n + k]) in types), 0)
            if size:
                kind = types[tuple(word.lower() for word in words[n:n + size])].most_common(1)[0][0]
                tags[n:n + size] = [f"B-{kind}"] + [f"I-{kind}"] * (size - 1)
            n += max(size, 1)
        found.append(tags)
    return found


def words_dictionary(learned, sentences):
    """Each word has its commonest tag; one that was never seen is a person if it begins with a capital."""
    counts = {}
    for words, tags in learned:
        for word, tag in zip(words, tags):
            counts.setdefault(word.lower(), Counter())[tag] += 1
    commonest = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    return [[commonest.get(word.lower(), "B-person" if word[0].isupper() else "O") for word in words]
            for words in sentences]


def print_scores(wanted, found):
    """The F1 of each type and of all, counted by whole names, for {title: tags}."""
    reports = {name: classification_report(wanted, tags, output_dict=True, zero_division=0)
               for name, tags in found.items()}
    print(f"\n{'F1, %':16}{'names':>7}" + "".join(f"{name:>20}" for name in found))
    for kind in (*TYPES, "micro avg"):
        rows = [report.get(kind, {"support": 0, "f1-score": 0}) for report in reports.values()]
        print(f"{kind.replace('micro avg', 'all'):16}{rows[0]['support']:7}"
              + "".join(f"{100 * row['f1-score']:20.1f}" for row in rows))


def print_sentence(words, found):
    """Each word with its tag and the tag's probability, for {title: (words, 13)}."""
    print(f"\n{'':16}" + "".join(f"{name:>30}" for name in found))
    for n, word in enumerate(words):
        print(f"{word:16}" + "".join(f"{TAGS[p[n].argmax()]:>24}{p[n].max():6.0%}" for p in found.values()))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where the files of WNUT-17 are")
    parser.add_argument("--text", default=TEXT, help="what to show word by word (a sentence about Roosevelts)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="passes over the sentences (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and dropout (%(default)s)")
    arguments = parser.parse_args()
    for name, least in (("epochs", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(f"argument --{name}: expected a number from {least}, got {getattr(arguments, name)}")
    arguments.words = re.findall(r"\w+|[^\w\s]", arguments.text)
    if not arguments.words:
        parser.error(f"argument --text: expected a sentence, got {arguments.text!r}")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        first, second, held = (read_sentences(arguments.data, name) for name in FILES)
    except DataError as error:
        sys.exit(f"tag_entities.py: {error}")
    learned = first + second
    vocabulary, (sentences, wanted) = Vocabulary(learned), zip(*held)
    found = {"dictionary: names": names_dictionary(learned, sentences),
             "dictionary: words": words_dictionary(learned, sentences)}
    shown = {}
    for name, bidirectional in (("forward only", False), ("both directions", True)):
        print(f"{name}:")
        rng = np.random.default_rng(arguments.seed)
        model = Tagger(vocabulary, bidirectional, rng)
        train(model, vocabulary, learned, arguments.epochs, rng)
        found[name] = [[TAGS[i] for i in p.argmax(axis=1)] for p in probabilities(model, vocabulary, sentences)]
        (shown[name],) = probabilities(model, vocabulary, [arguments.words])
    print_scores([list(tags) for tags in wanted], found)
    print_sentence(arguments.words, shown)


if __name__ == "__main__":
    main()
