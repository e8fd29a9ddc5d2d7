"""The nets of training.py in PyTorch, from the weights and on the data that training_fastnn.py left."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from training_data import FIGURES, Batches, load


class Watcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 48), nn.ReLU())
        self.gru = nn.GRU(48, 64, batch_first=True)
        self.head = nn.Linear(64, 1)

    def forward(self, clips):
        seen = self.cnn(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        return self.head(self.gru(seen)[0])[..., 0]


def train_mnist():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))


def read(lstm, x, lengths):
    """The outputs of a bidirectional layer whose rows end at their lengths."""
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(28, 32)
        self.lstm = nn.LSTM(32, 128, batch_first=True, bidirectional=True)

    def forward(self, x):
        return read(self.lstm, self.embedding(x), (x > 0).sum(1))


class Speller(nn.Module):
    def __init__(self):
        super().__init__()
        self.reader, self.head = Reader(), nn.Linear(256, 2 * 27)

    def forward(self, x):
        as_typed = torch.stack([torch.zeros_like(x), x * (x < 27)], dim=2).flatten(1)
        return self.head(self.reader(x)).view(*as_typed.shape, 27) + 4.0 * F.one_hot(as_typed, 27)


def word_loss(scores, words):
    """As WordLoss in examples/autocorrect.py, whose gradient autograd finds."""
    p = scores.softmax(2).double()
    skip, write = p[..., :1], p.gather(2, words[:, None].expand(-1, p.shape[1], -1))
    begun = F.one_hot(torch.zeros(len(p), dtype=torch.long), words.shape[1] + 1).double()
    for k in range(p.shape[1]):
        begun = begun * skip[:, k] + F.pad(begun[:, :-1] * write[:, k], (1, 0))
    return -begun.gather(1, (words > 0).sum(1, keepdim=True)).log().mean()


class Tagger(nn.Module):
    def __init__(self, words, letters):
        super().__init__()
        self.words, self.letters = nn.Embedding(words, 64), nn.Embedding(letters, 24, padding_idx=0)
        self.spelling = nn.Sequential(nn.Conv1d(24, 64, 3, padding=1), nn.ReLU(), nn.MaxPool1d(16), nn.Flatten())
        self.drop = nn.Dropout(0.5)
        self.lstm = nn.LSTM(128 + 6, 96, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * 96, 13)

    def forward(self, x):
        lengths, longest = (x[..., 0] > 0).sum(1), x.shape[1]
        x = x[:, :lengths.max()]
        forms, place = x.flatten(0, 1).unique(dim=0, return_inverse=True)
        known = forms[:, 0]
        if self.training:
            known = torch.where(torch.rand(known.shape) < 0.3, known.clamp(max=2), known)
        spelled = self.spelling(self.letters(forms[:, 1:17]).mT)
        table = torch.cat([self.words(known), spelled, forms[:, 17:].float()], dim=1)
        h = self.drop(F.embedding(place.view(x.shape[:2]), table))
        scores = self.head(self.drop(read(self.lstm, h, lengths)))
        return F.pad(scores.mT, (0, longest - x.shape[1]))


PROGRAMS = {
    "watch_ball": lambda weights: Watcher(), "train_mnist": lambda weights: train_mnist(),
    "autocorrect": lambda weights: Speller(),
    "tag_entities": lambda weights: Tagger(len(weights["words.weight"]), len(weights["letters.weight"])),
}
LOSSES = {
    "binary": F.binary_cross_entropy_with_logits, "cross_entropy": F.cross_entropy, "words": word_loss,
    "names": lambda scores, tags: F.cross_entropy(scores, tags, torch.tensor([0.35] + [1.0] * 12), ignore_index=-1),
}


def train(options):
    """Train one; returns {"figures": [one an epoch], "seconds": [...], "cpu": [...]}."""
    plan, arrays, weights = load(options.folder)
    torch.manual_seed(plan["seed"])
    model = PROGRAMS[options.program](weights)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    batches, loss_of = Batches(plan, arrays), LOSSES[plan["loss"]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan["lr"], weight_decay=plan.get("weight_decay", 0))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan["lr"], total_steps=plan["epochs"] * len(batches), cycle_momentum=False)
    figures = []
    for _ in range(plan["epochs"]):
        model.train()
        for x, y in batches:
            optimizer.zero_grad()
            loss = loss_of(model(torch.from_numpy(x)), torch.from_numpy(y))
            loss.backward()
            if plan.get("clip_norm"):
                nn.utils.clip_grad_norm_(model.parameters(), plan["clip_norm"])
            optimizer.step()
            schedule.step()
            if not np.isfinite(loss.item()):  # as fit looks at each loss
                raise FloatingPointError(options.program)
        model.eval()
        with torch.inference_mode():
            held_x = torch.from_numpy(arrays["held_x"])
            outputs = np.concatenate([model(part).numpy() for part in held_x.split(500)])
        figures.append(float(FIGURES[plan["loss"]](outputs, arrays["held_y"])))
    return {"figures": figures, "seconds": batches.seconds, "cpu": batches.cpu}
