"""What the annotations promise a user. mypy --strict reads each `assert_type`; running them shows that it is so."""

import inspect
import typing
from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import fastnn
from fastnn import functional as F
from fastnn import nn, optim

Array = np.ndarray[Any, np.dtype[Any]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Scalar = np.floating[Any]

IMAGES: npt.NDArray[np.float64] = np.ones((2, 3, 6, 6))
ROWS: npt.NDArray[np.float64] = np.ones((4, 5))
STEPS: npt.NDArray[np.float64] = np.ones((7, 4, 5))
CLASSES = np.array([0, 1, 2, 3])


class Tensor:
    """Another library's array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[np.float64]:
        return ROWS


def arrays(*values: object) -> bool:
    return all(isinstance(value, np.ndarray) for value in values)


def test_functions_return_arrays_and_contexts() -> None:
    weight = np.ones((4, 3, 3, 3))
    y, ctx = F.conv2d_forward(IMAGES, weight, padding="same", stride=(1, 1))
    assert arrays(assert_type(y, Array), assert_type(F.conv2d(IMAGES, weight, padding=((1, 0), (2, 1))), Array))
    dx, dweight, dbias = F.conv2d_backward(y, ctx, need=(True, True, False))
    weight -= 0.1 * dweight
    assert arrays(dx, dweight)
    assert dbias is None
    as_float64: npt.NDArray[np.float64] = F.relu(Tensor())
    assert arrays(as_float64, fastnn.reference.relu(ROWS), assert_type(fastnn.reference.linear(ROWS, ROWS), Array))


def test_a_second_result_shows_in_the_type() -> None:
    assert arrays(assert_type(F.max_pool2d(IMAGES, 2), Array))
    assert arrays(*assert_type(F.max_pool2d(IMAGES, 2, return_indices=True), tuple[Array, IntArray]))
    y, ctx = F.max_pool2d_forward(IMAGES, (2, 3))
    assert arrays(assert_type(y, Array), assert_type(F.max_pool2d_backward(y, ctx), Array))
    (y, indices), ctx = F.max_pool2d_forward(IMAGES, 2, return_indices=True)
    assert arrays(assert_type(indices, IntArray))


def test_reduction_shows_in_the_type() -> None:
    assert float(assert_type(F.cross_entropy(ROWS, CLASSES), Scalar)) > 0
    assert arrays(assert_type(F.cross_entropy(ROWS, [0, 1, 2, 3], reduction="none"), Array))
    loss, ctx = F.mse_loss_forward(ROWS, ROWS, "sum")
    assert assert_type(loss, Scalar) == 0
    assert arrays(assert_type(F.mse_loss_backward(1.0, ctx), Array), assert_type(F.mse_loss(ROWS, ROWS, "none"), Array))


def test_recurrent_functions_return_states() -> None:
    w_ih, w_hh = np.ones((24, 5)), np.ones((24, 6))
    y, (h, c) = F.lstm(STEPS, None, w_ih, w_hh, lengths=[7, 6, 5, 4])
    assert arrays(assert_type(y, Array), assert_type(h, Array), assert_type(c, Array))
    assert arrays(*assert_type(F.lstm_cell(ROWS, (h, c), w_ih, w_hh), tuple[Array, Array]))
    (y, state), ctx = F.gru_forward(STEPS, None, w_ih[:18], w_hh[:18])
    assert arrays(assert_type(state, Array), assert_type(F.rnn_cell(ROWS, h, w_ih[:6], w_hh[:6], out=c), Array))
    dx, dstate, *dparameters = F.gru_backward(y, ctx, dstate=state)
    assert arrays(dx, *dparameters[:2])
    assert dstate is None


def test_layers_return_arrays_and_closures() -> None:
    conv = nn.Conv2d(3, 4, (3, 3), padding="valid", dtype=np.float64, rng=np.random.default_rng(0))
    y, backprop = conv.forward(IMAGES)
    assert arrays(assert_type(conv(IMAGES), Array), assert_type(conv.weight, Array), conv.bias)
    assert arrays(assert_type(y, Array), assert_type(backprop(y), Array))
    assert backprop(y, need_dx=False) is None
    y, step = nn.Softmax(dim=1).forward(ROWS)
    assert arrays(assert_type(step(y), Array), assert_type(nn.MaxPool2d(2)(IMAGES), Array | Any))


def test_recurrent_layers_return_states() -> None:
    lstm = nn.LSTM(5, 6, bidirectional=True, dtype="float64")
    (y, state), backprop = lstm.forward(STEPS, lengths=CLASSES)
    assert arrays(assert_type(y, Array), *assert_type(state, tuple[Array, Array]))
    assert arrays(assert_type(lstm.weight_ih_l0_reverse, Array | Any))
    dx, (dh, dc) = lstm.forward(STEPS, state)[1](y, (None, state[1]))
    assert arrays(dx, dh, dc)
    assert backprop(None, state)[1] is None
    assert arrays(*assert_type(nn.GRU(5, 6, zoneout=0.1, dtype=np.float64)(STEPS), tuple[Array, Array]))
    y_t, state_t = nn.LSTM(5, 6, proj_size=3, layer_norm=True, zoneout=(0.1, 0.2), dtype="float64").step(ROWS)
    assert arrays(assert_type(y_t, Array), *assert_type(state_t, tuple[Array, Array]))
    assert arrays(assert_type(nn.RNNCell(5, 6, dtype=np.float64)(ROWS), Array))


def test_a_net_of_ones_own_and_its_training_step() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.body = nn.Sequential(nn.Linear(5, 8, dtype=np.float64), nn.ReLU())
            self.head = nn.Linear(8, 4, dtype=np.float64)

        def forward(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
            y, backprop_body = self.body.forward(x)
            y, backprop_head = self.head.forward(y)
            return y, lambda dy: backprop_body(backprop_head(dy))

    net = Net().train()
    opt = optim.AdamW(assert_type(net, Net).parameters(), lr=1e-3)
    y, backprop = net.forward(ROWS)
    loss, backprop_loss = nn.CrossEntropyLoss(label_smoothing=0.1).forward(y, CLASSES)
    assert arrays(backprop(backprop_loss()))
    assert float(loss) > 0
    opt.step()
    opt.zero_grad()
    net.load_state_dict(assert_type(net.state_dict(), dict[str, Array]))


def test_settings_are_typed() -> None:
    with fastnn.use_backend("reference"):
        assert assert_type(fastnn.show_config(), dict[str, Any])["backend"] == "reference"
    fastnn.set_num_threads(assert_type(fastnn.get_num_threads(), int))


def test_every_public_function_is_annotated_in_full() -> None:
    modules = [fastnn, F, nn, optim, optim.lr_scheduler]
    public = [getattr(module, name) for module in modules for name in module.__all__]
    public += [value for name, value in vars(nn.utils).items() if name[0] != "_"]
    for owner in [value for value in public if inspect.isclass(value)]:
        public += [value for name, value in vars(owner).items() if name[0] != "_" or name in ("__init__", "__call__")]
    functions = [value for value in public if inspect.isfunction(value)]
    assert len(functions) > len(F.__all__) + len(nn.__all__)
    for function in functions:
        names = [*inspect.signature(function).parameters, "return"]
        assert set(names) - {"self"} <= typing.get_type_hints(function).keys(), function
