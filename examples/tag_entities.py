"""Find names in tweets: python examples/tag_entities.py --data FOLDER [--text "A sentence."]

FOLDER holds WNUT-17 (L. Derczynski et al. 2017), plain or gzipped: wnut17train.conll, emerging.dev.conll and
emerging.test.annotated, a word, a tab and its tag on a line, an empty line after each sentence. A convolution over the
letters of each word and a vector for each common word feed an LSTM, which reads the sentence forward alone or in both
directions. They learn from the first two files; hardly a name of the third is in those, so dictionaries find few.
"""

import argparse
import re
from collections import Counter

import numpy as np
from common import explained, number_from, print_epoch
from seqeval.metrics import classification_report
from wnut_data import FILES, TAGS, TYPES, names_dictionary, read_sentences, words_dictionary

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.optim.lr_scheduler import OneCycleLR

TEXT = ("President Roosevelt was one of the most influential presidents in American history. "
        "However, Roosevelt Street in Manhattan was not named after him.")
NO_WORD, UNKNOWN, RARE, NO_TAG = 0, 1, 2, -1
LETTERS = 16  # of a word are read
SHAPES = (str.isupper, str.islower, str.istitle, str.isdigit, str.isalnum, lambda word: word[0] in "@#")
HIDDEN, BATCH, LR, EPOCHS = 96, 16, 3e-3, 9
FORGET = 0.3  # of the known words are taken for rare ones in training: their looks and neighbours have to do
WEIGHT = np.where(np.array(TAGS) == "O", 0.35, 1).astype(np.float32)  # to overlook a name counts three times as much


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

    fastnn.fit(model, nn.CrossEntropyLoss(WEIGHT, ignore_index=NO_TAG), optimizer, (x, y), epochs=epochs,
               batch_size=BATCH, rng=rng, clip_norm=1.0, scheduler=schedule, step_scheduler="batch",
               callbacks=[print_epoch("  ")])


def probabilities(model, vocabulary, sentences):
    """(words, 13) for each sentence."""
    parts = [sentences[start:start + 64] for start in range(0, len(sentences), 64)]
    return [p.T[:len(words)] for part in parts
            for words, p in zip(part, F.softmax(model(vocabulary.encode(part)), 1))]


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


def sentence(text):
    """The words and signs of a text."""
    if not (words := re.findall(r"\w+|[^\w\s]", text)):
        raise argparse.ArgumentTypeError(f"expected a sentence, got {text!r}")
    return words


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="where the files of WNUT-17 are")
    parser.add_argument("--text", type=sentence, default=TEXT, help="to show word by word (a sentence on Roosevelts)")
    parser.add_argument("--epochs", type=number_from(1), default=EPOCHS, help="passes over all (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, order and dropout (%(default)s)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with explained():
        first, second, held = (read_sentences(arguments.data, name) for name in FILES)
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
        (shown[name],) = probabilities(model, vocabulary, [arguments.text])
    print_scores([list(tags) for tags in wanted], found)
    print_sentence(arguments.text, shown)


if __name__ == "__main__":
    main()
