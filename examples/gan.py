"""Two nets play against each other until one of them draws digits (a GAN): python examples/gan.py --data FOLDER

FOLDER holds MNIST's four .gz files; without it the digits are scikit-learn's. The generator turns 64 random numbers
into an image, the discriminator tells its images from real ones. A digit classifier, the net of train_mnist.py, judges
the drawings as the epochs go by, beside real digits and beside draws from a Gaussian fitted to the images, no network.
"""

import argparse
from pathlib import Path

import numpy as np
from common import in_parts, number_from, plt, show_image
from mnist_data import digits_or_exit
from tqdm import tqdm
from train_mnist import make_model

import fastnn
from fastnn import functional as F
from fastnn import nn, optim
from fastnn.training import accuracy

NOISE, BATCH, LR = 64, 64, 5e-4
WHITE, BLACK = 2.8215, -0.4242  # of the standardised images


def make_generator(rng):
    """Random numbers (N, NOISE) -> images (N, 1, 28, 28) from -1 (black) to 1."""
    return nn.Sequential(
        nn.Linear(NOISE, 64 * 7 * 7, rng=rng), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1, rng=rng), nn.BatchNorm2d(32), nn.ReLU(),  # (32, 14, 14)
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1, rng=rng), nn.Tanh())


def make_discriminator(rng):
    """Images from -1 to 1 -> logits that they are real (N, 1)"""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, stride=2, padding=1, rng=rng), nn.LeakyReLU(0.2), nn.Dropout(0.3, rng=rng),
        nn.Conv2d(32, 64, 4, stride=2, padding=1, rng=rng), nn.LeakyReLU(0.2), nn.Dropout(0.3, rng=rng),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 1, rng=rng))


class Game:
    """The two nets and a step of each. Source: Goodfellow et al. 2014; nets after Radford et al. 2015 (DCGAN)."""

    def __init__(self, rng):
        self.rng, self.generator, self.discriminator = rng, make_generator(rng), make_discriminator(rng)
        self.optimizers = [optim.Adam(net.parameters(), lr=LR, betas=(0.5, 0.999))
                           for net in (self.generator, self.discriminator)]
        self.criterion = nn.BCEWithLogitsLoss()

    def noise(self, n):
        return self.rng.standard_normal((n, NOISE), np.float32)

    def against(self, images, answer, need_dx):
        """The discriminator's loss if `answer` is right, and the gradient of the images; adds to its gradients."""
        logits, backprop = self.discriminator.forward(images)
        loss, backprop_loss = self.criterion.forward(logits, np.full_like(logits, answer))
        return float(loss), backprop(backprop_loss(), need_dx=need_dx)

    def step(self, real):
        """One step of the discriminator, then one of the generator: its images shall pass as real."""
        drawn, back_generator = self.generator.forward(self.noise(len(real)))
        told = self.against(real, 0.9, False)[0] + self.against(drawn, 0.0, False)[0]  # 0.9: not too sure of itself
        self.optimizers[1].step()
        self.optimizers[1].zero_grad()
        fooled, dimages = self.against(drawn, 1.0, True)
        back_generator(dimages, need_dx=False)
        self.optimizers[0].step()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        return told / 2, fooled

    def draw(self, noise):
        images = self.generator.eval()(noise)
        self.generator.train()
        return images


class Judge:
    """The classifier of train_mnist.py: how digit-like images are, and how like the held-out ones as a whole."""

    def __init__(self, x, y, held_x, held_y, seed, epochs):
        self.net = make_model(seed)
        history = fastnn.fit(self.net, nn.CrossEntropyLoss(), optim.Adam(self.net.parameters(), lr=1e-3), (x, y),
                             epochs=epochs, batch_size=64, rng=seed, validation=(held_x, held_y),
                             metrics={"accuracy": accuracy})
        print(f"the judge: {history['val_accuracy'][-1]:.2%} of the held-out digits right", flush=True)
        self.real = self._moments(self._features(held_x))

    def _features(self, x):
        return in_parts(self.net[:-2], x).astype(float)

    @staticmethod
    def _moments(features):
        return features.mean(axis=0), np.cov(features.T)

    def __call__(self, images):
        """{"sure": ..., "kinds": ..., "distance": ...} of standardised images.

        sure: the part to which the judge gives one digit with 90% or more; kinds: how many digits they are evenly
        spread over, at most 10 (the exponential of the entropy); distance: Frechet's, between Gaussians fitted to the
        judge's features of these images and of the held-out ones (Heusel et al. 2017).
        """
        features = self._features(images)
        chances = F.softmax(self.net[-1](features.astype(np.float32)), 1)
        counts = np.bincount(chances.argmax(axis=1), minlength=10)
        shares = counts[counts > 0] / len(images)
        (mean, spread), (real_mean, real_spread) = self._moments(features), self.real
        # The trace of a root is the sum of the eigenvalues' roots.
        common = np.sqrt(np.linalg.eigvals(real_spread @ spread).real.clip(0)).sum()
        return {"sure": np.mean(chances.max(axis=1) >= 0.9), "kinds": np.exp(-(shares * np.log(shares)).sum()),
                "distance": ((mean - real_mean)**2).sum() + np.trace(spread) + np.trace(real_spread) - 2 * common}


def gaussian(images, n, rng):
    """The baseline: n draws from a Gaussian with the mean and the covariance of the images' pixels."""
    flat = images.reshape(len(images), -1)
    drawn = rng.multivariate_normal(flat.mean(axis=0), np.cov(flat.T), n, method="eigh")
    return drawn.clip(BLACK, WHITE).reshape(-1, 1, 28, 28).astype(np.float32)


def show(rows, path):
    """rows: {title: twelve images (12, 1, 28, 28)}"""
    figure, axes = plt.subplots(len(rows), 1, figsize=(9.4, 0.72 * len(rows)))
    for axis, (title, images) in zip(axes, rows.items()):
        show_image(axis, np.concatenate(images[:, 0], axis=1), vmin=BLACK, vmax=WHITE)
        axis.text(-0.01, 0.5, title, transform=axis.transAxes, ha="right", va="center")
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].partition(":")[0])
    parser.add_argument("--data", metavar="FOLDER", help="of MNIST's four .gz files (without: scikit-learn's digits)")
    parser.add_argument("--epochs", type=number_from(1), help="passes over the images (MNIST 6, scikit-learn's 100)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights, order and noise (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("pictures"), help="folder for the picture (%(default)s)")
    parser.add_argument("--small", action="store_true", help="few images and epochs, to see that it runs")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    (x, y), (held_x, held_y) = digits_or_exit(arguments)
    epochs = arguments.epochs or (6 if arguments.data else 100)
    if arguments.small:
        x, y, held_x, held_y, epochs = x[:192], y[:192], held_x[:100], held_y[:100], 1
    n = min(2000, len(held_x))
    rng = np.random.default_rng(arguments.seed)
    middle, half = (WHITE + BLACK) / 2, (WHITE - BLACK) / 2
    judge, game = Judge(x, y, held_x, held_y, arguments.seed, 2 if arguments.data else 15), Game(rng)

    def tell(name, images):
        found = judge(images)
        print(f"{name:28} {found['sure']:7.1%} {found['kinds']:13.1f} {found['distance']:10.1f}", flush=True)

    print(f"{'':28} {'sure':>7} {'of 10 digits':>13} {'distance':>10}")
    plain = gaussian(x, n, rng)
    tell("real digits", x[rng.permutation(len(x))[:n]])
    tell("no network: a Gaussian", plain)
    noise = game.noise(n)
    rows = {"before": game.draw(noise[:12]) * half + middle}
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(x))[:len(x) // BATCH * BATCH].reshape(-1, BATCH)
        with tqdm(order, desc=f"epoch {epoch}/{epochs}", leave=False, disable=None) as bar:
            for rows_of_batch in bar:
                told, fooled = game.step((x[rows_of_batch] - middle) / half)
                bar.set_postfix_str(f"loss {told:.2f} against {fooled:.2f}", refresh=False)
        drawn = game.draw(noise) * half + middle
        if epoch in np.unique(np.geomspace(1, epochs, 6).round()):
            tell(f"GAN, epoch {epoch}", drawn)
            rows[f"epoch {epoch}"] = drawn[:12]
    rows |= {"Gaussian": plain[:12], "real": held_x[:12]}
    path = arguments.output / "gan.png"
    show(rows, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
