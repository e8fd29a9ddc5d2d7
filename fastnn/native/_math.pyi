from typing import Literal

from numpy import ndarray as Array

def evaluate(name: Literal["exp", "tanh", "sigmoid"], x: Array, y: Array) -> None: ...
