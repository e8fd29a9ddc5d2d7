"""examples/watch_ball.py: its clips are fair and its captions true; it runs, draws, and explains wrong arguments."""

import re
import sys

import numpy as np
import pytest
from example_runs import EXAMPLES, run_example

pytestmark = pytest.mark.examples


@pytest.fixture
def ball_clips(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import ball_clips

    yield ball_clips
    sys.modules.pop("ball_clips")


def test_clips_rise_and_fall_alike_and_captions_say_what_the_moments_say(ball_clips):
    clips, rising, captions = ball_clips.make_clips(200, np.random.default_rng(3))
    assert clips.shape == (200, ball_clips.FRAMES, 1, ball_clips.SIZE, ball_clips.SIZE) and clips.dtype == np.float32
    assert abs(rising.mean() - 0.5) < 0.05
    for moments, caption in zip(rising, captions):
        turns = 1 + np.count_nonzero(np.diff(moments))
        words = ball_clips.in_words(caption)
        assert words.count("rises") + words.count("falls") == turns
        assert ("the ball rises" in words) == bool(moments[0])


def test_example_runs_and_draws(tmp_path):
    result = run_example("watch_ball.py", "--small", "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    shares = dict(re.findall(r"^  (CNN and GRU|CNN alone|no network)\b.*?([\d.]+)% +[\d.]+%$", result.stdout,
                             re.MULTILINE))
    assert len(shares) == 3 and float(shares["no network"]) > 70
    assert (tmp_path / "watch_ball.png").stat().st_size > 10_000


@pytest.mark.parametrize("arguments, status, message", [
    (["--clips", "0"], 2, "--clips"), (["--seed", "-1"], 2, "--seed"), (["--epochs", "many"], 2, "--epochs"),
    (["--output", __file__], 1, "File exists"),
], ids=["clips", "seed", "epochs", "output"])  # fmt: skip
def test_wrong_argument_is_a_sentence_not_a_traceback(arguments, status, message):
    result = run_example("watch_ball.py", *arguments)
    assert result.returncode == status and result.stdout == ""
    assert message in result.stderr.splitlines()[-1] and "Traceback" not in result.stderr
