from numpy import ndarray as Array

def sgd_step(
    data: Array, grad: Array, buffer: Array | None, lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, is_first: bool,
) -> None: ...
def adam_step(
    data: Array, grad: Array, mean: Array, mean_sq: Array, step: int, lr: float, betas: tuple[float, float], eps: float,
    weight_decay: float, is_decoupled: bool,
) -> None: ...
