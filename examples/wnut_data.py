"""The tweets of WNUT-17, and what dictionaries make of them, without a network."""

import gzip
import re
import zlib
from collections import Counter, defaultdict
from pathlib import Path

from seqeval.metrics.sequence_labeling import get_entities

FILES = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
TYPES = ("corporation", "creative-work", "group", "location", "person", "product")
TAGS = ("O", *(f"{begin}-{name}" for name in TYPES for begin in "BI"))


def read_sentences(folder, name):
    """[(words, tags)] of one of FILES."""
    path = Path(folder, name)
    if not path.exists():
        path = path.with_name(name + ".gz")
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            text = file.read().decode("utf-8").replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder}: expected {name} or {name}.gz there, as WNUT-17 has it") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    sentences = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.split("\t") for line in block.split("\n")]
        for line in lines:
            if len(line) != 2 or not line[0] or line[1] not in TAGS:
                raise ValueError(f"{path}: expected a word, a tab and a tag such as B-person, "
                                f"got {'<tab>'.join(line)!r}")
        sentences.append(tuple(zip(*lines)))
    if all(tag == "O" for _, tags in sentences for tag in tags):
        raise ValueError(f"{path}: holds no name")
    return sentences


def names_dictionary(learned, sentences):
    """Tags by the names of the learned sentences, the longest first, in small letters; each has its commonest type."""
    kinds = defaultdict(Counter)
    for words, tags in learned:
        for kind, first, last in get_entities(list(tags)):
            kinds[" ".join(words[first:last + 1]).lower()][kind] += 1
    longest, found = max(name.count(" ") + 1 for name in kinds), []
    for words in sentences:
        tags = []
        while len(tags) < len(words):
            parts = [words[len(tags):len(tags) + size] for size in range(longest, 0, -1)]
            name = next((part for part in parts if " ".join(part).lower() in kinds), None)
            kind = kinds[" ".join(name).lower()].most_common(1)[0][0] if name else None
            tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(name) - 1) if name else ["O"]
        found.append(tags)
    return found


def words_dictionary(learned, sentences):
    """Each word has its commonest tag; one that was never seen is a person if it begins with a capital."""
    counts = defaultdict(Counter)
    for words, tags in learned:
        for word, tag in zip(words, tags):
            counts[word.lower()][tag] += 1
    commonest = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    return [[commonest.get(word.lower(), "B-person" if word[0].isupper() else "O") for word in words]
            for words in sentences]
