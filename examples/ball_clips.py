"""Clips of a ball that is thrown and bounces, with captions; and a baseline that tracks it without a network."""

import numpy as np

SIZE, FRAMES, FLOOR = 28, 24, 3.0  # pixels, frames of a clip, where the ball's centre bounces
WORDS = ["<end>", "the", "ball", "rises", "stops", "falls", "bounces"]
LONGEST = 12  # words of a caption, <end> included


def make_clips(n, rng):
    """n clips: float32 (n, FRAMES, 1, SIZE, SIZE), rising (n, FRAMES) 0 or 1, captions (n, LONGEST) of word numbers.

    Each starts at a random moment of the bouncing, to a random height; still discs of all sizes stand about.
    """
    apex, gravity = rng.uniform(10, SIZE - 7, (n, 1)), rng.uniform(0.06, 0.3, (n, 1))
    half = np.sqrt(2 * apex / gravity)  # frames from the floor to the top, and from there to the floor
    time = rng.uniform(-1, 1, (n, 1)) * half + np.arange(FRAMES)
    since_top = (time + half) % (2 * half) - half
    height = FLOOR + apex - gravity * since_top**2 / 2
    left, speed = rng.uniform(8, SIZE - 9, (n, 1)), rng.uniform(-0.3, 0.3, (n, 1))
    x = left + speed * np.arange(FRAMES)
    grid = np.arange(SIZE, dtype=np.float32)

    def discs(rows, columns, radius):
        """Discs with soft edges: (...) -> (..., SIZE, SIZE)"""
        distance = np.hypot((grid - rows[..., None])[..., :, None], (grid - columns[..., None])[..., None, :])
        return np.clip(radius[..., None, None] + 0.5 - distance, 0, 1).astype(np.float32)

    clutter = discs(*rng.uniform(0, SIZE, (2, n, 5)), rng.uniform(1, 4, (n, 5)))
    still = (clutter * rng.uniform(0.2, 0.9, (n, 5, 1, 1))).max(axis=1)
    clips = np.maximum(still[:, None], discs(SIZE - 1 - height, x, np.full((n, FRAMES), 1.6)))
    clips += 0.15 * rng.standard_normal(clips.shape, np.float32)
    return clips[:, :, None].astype(np.float32), (since_top < 0).astype(np.float32), np.array(
        [caption(t, h) for t, h in zip(time, half[:, 0])])


def caption(time, half):
    """What happens between the first frame and the last, in word numbers; 0 fills up."""
    events = [(t, "stops" if k % 2 == 0 else "bounces") for k in range(-2, 20)
              if time[0] < (t := k * half) < time[-1]]
    words = ["the", "ball", "rises" if (time[0] + half) % (2 * half) < half else "falls"]
    for _, event in events:
        words += [event, "falls" if event == "stops" else "rises"]
    return [WORDS.index(word) for word in words] + [0] * (LONGEST - len(words))


def in_words(numbers):
    """'the ball rises, stops, falls'"""
    words = [WORDS[number] for number in numbers]
    words = words[:words.index("<end>")] if "<end>" in words else words
    return " ".join([*words[:2], ", ".join(words[2:])])


def track(clips, lag=2):
    """The baseline, no network: is the spot that brightened most since `lag` frames before above the one that dimmed?

    The chance that the ball rises, (N, T): 1, 0, or 1/2 where that says nothing. (A lag of 2 does best.)
    """
    change = clips[:, lag:, 0] - clips[:, :-lag, 0]
    change = sum(np.roll(change, shift, (2, 3)) for shift in np.ndindex(3, 3))
    flat = change.reshape(*change.shape[:2], -1)
    up = np.sign(flat.argmin(axis=2) // SIZE - flat.argmax(axis=2) // SIZE)
    return np.pad((1 + up) / 2, ((0, 0), (lag, 0)), constant_values=0.5)
