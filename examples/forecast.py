"""Forecast carbon dioxide or sunspots with GRUs: python examples/forecast.py [--series sunspots]

The GRUs read a window of the series and correct a linear regression on it, for one step ahead to many at once. The
errors on the held-out years stand beside those of the regression alone, of persistence (all stays as it is) and of the
season (all comes again, and what grew grows on). The series come with statsmodels.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import BLUE, GREEN, GREY, RED, YELLOW, explained, new_file, number_from, plt
from tqdm import tqdm

import fastnn
from fastnn import nn, optim
from fastnn.training import EarlyStopping

HIDDEN, NETS, BATCH, LR = 32, 5, 32, 1e-3  # the mean of NETS nets is forecast
COLOURS = {"persistence": GREY, "season": YELLOW, "regression": GREEN, "GRU": BLUE}


class Series(NamedTuple):
    """A series and how it is cut: the last `held` values are not learned from, the `checked` before end training."""

    title: str
    unit: str
    step: str
    time: np.ndarray
    value: np.ndarray
    period: int
    grows: bool
    window: int
    horizon: int
    checked: int
    held: int


def sunspots():
    from statsmodels.datasets import sunspots

    data = sunspots.load_pandas().data
    return Series("Sunspots", "sunspot number", "year", data.YEAR.to_numpy(), data.SUNACTIVITY.to_numpy(),
                  period=11, grows=False, window=33, horizon=11, checked=44, held=66)


def co2():
    from statsmodels.datasets import co2

    monthly = co2.load_pandas().data.co2.resample("MS").mean().interpolate()
    time = monthly.index.year + (monthly.index.month - 0.5) / 12
    return Series("Carbon dioxide at Mauna Loa", "ppm", "month", time.to_numpy(), monthly.to_numpy(),
                  period=12, grows=True, window=36, horizon=24, checked=60, held=120)


SERIES = {"co2": co2, "sunspots": sunspots}


def ahead(series):
    """The next values (T, horizon) of each moment; NaN beyond the end."""
    padded = np.append(series.value, np.full(series.horizon, np.nan))
    return np.lib.stride_tricks.sliding_window_view(padded[1:], series.horizon)[:len(series.value)]


def growth(series):
    """How much more each value is than that a period ago."""
    return series.value - np.append(np.full(series.period, np.nan), series.value[:-series.period])


def baselines(series):
    """Two forecasts (T, horizon) of each moment; NaN where not enough has gone by."""
    steps, moment = np.arange(1, series.horizon + 1), np.arange(len(series.value))[:, None]
    periods = -(-steps // series.period)
    before = moment + steps - periods * series.period
    season = np.where(before >= 0, series.value[np.maximum(before, 0)], np.nan)
    if series.grows:
        season = season + periods * growth(series)[:, None]
    return {"persistence": np.repeat(series.value[:, None], series.horizon, axis=1), "season": season}


class Forecaster(nn.Module):
    """(N, window, 1) -> (N, horizon), from a GRU's last step."""

    def __init__(self, horizon, rng):
        self.gru = nn.GRU(1, HIDDEN, batch_first=True, rng=rng)
        self.head = nn.Linear(HIDDEN, horizon, rng=rng)

    def forward(self, x):
        (y, _), back_gru = self.gru.forward(x)
        forecast, back_head = self.head.forward(y[:, -1])

        def backprop(dforecast):
            dy = np.zeros_like(y)
            dy[:, -1] = back_head(dforecast)
            back_gru(dy, need_dx=False)

        return forecast, backprop


def forecasts(series, epochs, seed):
    """{name: (T, horizon)}, NaN where the windows before are not full. Nothing is learned from the held-out part."""
    target, found, size = ahead(series), baselines(series), len(series.value)
    known = np.arange(size) < size - series.held - series.horizon  # even the last value to be forecast is known
    signal, base = series.value, np.full(target.shape, series.value[known].mean())
    if series.grows:  # read the growth over a period, and forecast what it leaves to say
        signal, base = growth(series), found["season"]
    signal = (signal - np.nanmean(signal[known])) / np.nanstd(signal[known])
    padded = np.append(np.full(series.window - 1, np.nan), signal)
    x = np.lib.stride_tricks.sliding_window_view(padded, series.window).astype(np.float32)
    full = np.isfinite(x).all(axis=1) & np.isfinite(base).all(axis=1)
    learned = np.flatnonzero(full & known)
    learned, checked = learned[:-series.checked], learned[-series.checked:]

    inputs = np.column_stack([x, np.ones(size)])
    slopes = np.linalg.lstsq(inputs[learned], (target - base)[learned], rcond=None)[0]
    found["regression"] = base + inputs @ slopes
    rest = target - found["regression"]  # that is what the nets learn
    scale = rest[learned].std()
    x, y, outputs = x[..., None], (rest / scale).astype(np.float32), []
    for net in tqdm(range(NETS), "nets", disable=None):
        rng = np.random.default_rng([seed, net])
        model, stop = Forecaster(series.horizon, rng), EarlyStopping(patience=20, restore_best=True)
        history = fastnn.fit(
            model, nn.MSELoss(), optim.AdamW(model.parameters(), lr=LR), (x[learned], y[learned]), epochs=epochs,
            batch_size=BATCH, rng=rng, clip_norm=1.0, validation=(x[checked], y[checked]), callbacks=[stop],
            progress=False)
        tqdm.write(f"net {net + 1}: {len(history)} epochs, the best was {stop.best_epoch}")
        outputs.append(model(x[full]))
    found["GRU"] = np.full(target.shape, np.nan)
    found["GRU"][full] = found["regression"][full] + scale * np.mean(outputs, axis=0)
    return found


def errors(series, found):
    """{name: the root of the mean squared error on the held-out part, by steps ahead}."""
    target = ahead(series)
    moments = slice(len(series.value) - series.held - 1, len(series.value) - 1)
    return {name: np.sqrt(np.nanmean((forecast[moments] - target[moments]) ** 2, axis=0))
            for name, forecast in found.items()}


def draw(series, found, wrong, path):
    """The held-out years with forecasts from some moments, and the errors by how far ahead they look."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.6), height_ratios=[1.5, 1])
    time, value, gru, steps = series.time, series.value, found["GRU"], np.arange(1, series.horizon + 1)
    first = len(value) - series.held
    above.plot(time[first - series.window:], value[first - series.window:], color="black", linewidth=1,
               label="observed")
    above.plot(time[first:], gru[first - 1:-1, 0], ".", color=RED, label=f"GRU, one {series.step} ahead")
    starts = range(first - 1, len(value) - 1, series.horizon)
    above.plot(np.transpose([time[start] + (time[1] - time[0]) * steps for start in starts]),
               np.transpose([gru[start] for start in starts]), color=COLOURS["GRU"], linewidth=2, alpha=0.7,
               label=[f"GRU, {series.horizon} {series.step}s at once", *["_"] * (len(starts) - 1)])
    above.axvline(time[first], color=GREY, linewidth=0.8, linestyle=":")
    above.set(title=f"{series.title}: what is right of the dotted line was not learned from", ylabel=series.unit)
    for name, error in wrong.items():
        below.plot(steps, error, color=COLOURS[name], marker="o", label=name)
    below.set(xlabel=f"{series.step}s ahead", ylabel=f"error (RMS), {series.unit}", ylim=(0, None))
    for axis in (above, below):
        axis.legend()
    figure.savefig(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--series", choices=SERIES, default="co2", help="what to forecast (%(default)s)")
    parser.add_argument("--picture", type=new_file(".png"), default=Path("forecast.png"), metavar="FILE.png",
                        help="where to draw (%(default)s)")
    parser.add_argument("--epochs", type=number_from(1), default=300, help="at most, for each net (%(default)s)")
    parser.add_argument("--seed", type=number_from(0), default=0, help="of weights and order (%(default)s)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with explained():  # the series come with statsmodels
        series = SERIES[arguments.series]()
    found = forecasts(series, arguments.epochs, arguments.seed)
    wrong = errors(series, found)
    shown = sorted({1, series.period // 2, series.period, series.horizon})
    print(f"\n{series.title}, {series.held} held-out {series.step}s from {series.time[-series.held]:.0f}: "
          f"error (RMS) in {series.unit}")
    print(f"{series.step + 's ahead':14}" + "".join(f"{step:8}" for step in shown) + f"{'mean':>8}")
    for name, error in wrong.items():
        print(f"{name:14}" + "".join(f"{error[step - 1]:8.2f}" for step in shown) + f"{error.mean():8.2f}")
    draw(series, found, wrong, arguments.picture)
    print(f"picture: {arguments.picture}")


if __name__ == "__main__":
    main()
