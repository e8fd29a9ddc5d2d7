from typing import Literal

SPLITS: tuple[str, str, str]

def force(split: Literal["alone", "rows", "units"] | None) -> None: ...
def planned(
    kind: Literal["rnn", "lstm", "gru"], steps: int, rows: int, inputs: int, hidden: int, itemsize: int,
) -> tuple[str, int, int, bool]: ...
