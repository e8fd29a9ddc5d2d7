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


PROGRAMS = {"watch_ball": Watcher, "train_mnist": train_mnist}
LOSSES = {"binary": F.binary_cross_entropy_with_logits, "cross_entropy": F.cross_entropy}


def train(options):
    """Train one; returns {"figures": [one an epoch], "seconds": [...], "cpu": [...]}."""
    plan, arrays, weights = load(options.folder)
    torch.manual_seed(plan["seed"])
    model = PROGRAMS[options.program]()
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
