"""examples/watch_ball.py: its clips are fair and its captions true; it runs, draws, and explains wrong arguments."""

import re
import sys

import numpy as np
import pytest
from example_runs import EXAMPLES, run_example

pytestmark = pytest.mark.examples


@pytest.fixture
def watch_ball(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import watch_ball

    yield watch_ball
    sys.modules.pop("watch_ball")


def test_clips_rise_and_fall_alike_and_captions_say_what_the_moments_say(watch_ball):
    clips, rising, captions = watch_ball.make_clips(200, np.random.default_rng(3))
    assert clips.shape == (200, watch_ball.FRAMES, 1, watch_ball.SIZE, watch_ball.SIZE) and clips.dtype == np.float32
    assert abs(rising.mean() - 0.5) < 0.05
    for moments, caption in zip(rising, captions):
        turns = 1 + np.count_nonzero(np.diff(moments))
        words = watch_ball.in_words(caption)
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
