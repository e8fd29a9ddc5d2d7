"""What a training left behind, epoch by epoch."""

from collections.abc import Iterable, Mapping

Row = dict[str, float]


class History:
    """The epochs of a training: `history["val_loss"]` is a column, `history[-1]` a row, iteration yields the rows.

    A row has "epoch" (from 1), "loss" (the mean over the epoch's samples, while the weights moved), "lr", "seconds"
    and, with validation, "val_loss" and "val_" with the name of each metric.
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self.rows: list[Row] = [dict(row) for row in rows]

    def __getitem__(self, key: str | int) -> list[float] | Row:
        if isinstance(key, str):
            if self.rows and key not in self.rows[-1]:
                raise KeyError(f"{key!r} is not among {', '.join(self.rows[-1])}")
            return [row[key] for row in self.rows]
        return self.rows[key]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return "\n".join(", ".join(f"{name} {value:.4g}" for name, value in row.items()) for row in self.rows)
