"""examples/forecast.py with a few epochs: it beats persistence, draws, and explains wrong arguments."""

import pytest
from example_runs import run_example

pytestmark = pytest.mark.examples


@pytest.mark.parametrize("series", ["co2", "sunspots"])
def test_forecast_one_step_ahead_beats_persistence_and_season(series, tmp_path):
    picture = tmp_path / "forecast.png"
    result = run_example("forecast.py", "--series", series, "--epochs", 2, "--picture", picture)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    one_ahead = {row[0]: float(row[1]) for row in rows if row and row[0] in ("persistence", "season", "GRU")}
    assert one_ahead["GRU"] < min(one_ahead["persistence"], one_ahead["season"])
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments, message", [
    (["--series", "tides"], "--series"), (["--epochs", "0"], "--epochs"), (["--seed", "-1"], "--seed"),
    (["--picture", "missing/forecast.png"], "--picture"), (["--picture", "forecast.txt"], "--picture"),
], ids=["series", "epochs", "seed", "folder", "ending"])  # fmt: skip
def test_bad_argument_is_named(arguments, message):
    result = run_example("forecast.py", *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr.splitlines()[-1] and "Traceback" not in result.stderr
