"""The layers as a dependent package finds them: names, constructors, state dicts, copies, and a step of training."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from fastnn import nn, optim

LAYERS = """
Conv1d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, \
padding_mode='zeros')
Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, \
padding_mode='zeros')
ConvTranspose2d(in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, \
dilation=1, padding_mode='zeros')
MaxPool1d(kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)
MaxPool2d(kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)
AvgPool2d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
AdaptiveAvgPool2d(output_size)
GlobalMaxPool2d()
GlobalAvgPool2d()
Upsample(size=None, scale_factor=None, mode='nearest', align_corners=None)
Linear(in_features, out_features, bias=True)
Embedding(num_embeddings, embedding_dim, padding_idx=None)
RNNCell(input_size, hidden_size, bias=True, nonlinearity='tanh')
LSTMCell(input_size, hidden_size, bias=True)
GRUCell(input_size, hidden_size, bias=True)
RNN(input_size, hidden_size, num_layers=1, nonlinearity='tanh', bias=True, batch_first=False, dropout=0.0, \
bidirectional=False)
LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, \
proj_size=0)
GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False)
BatchNorm1d(num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
BatchNorm2d(num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
GroupNorm(num_groups, num_channels, eps=1e-05, affine=True)
LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True, bias=True)
ReLU()
LeakyReLU(negative_slope=0.01)
ELU(alpha=1.0)
GELU(approximate='none')
SiLU()
Sigmoid()
Tanh()
Softmax(dim=-1)
LogSoftmax(dim=-1)
Flatten(start_dim=1, end_dim=-1)
Unflatten(dim, unflattened_size)
Dropout(p=0.5)
Dropout2d(p=0.5)
Sequential(*layers)
CrossEntropyLoss(weight=None, ignore_index=-100, reduction='mean', label_smoothing=0.0)
NLLLoss(weight=None, ignore_index=-100, reduction='mean')
MSELoss(reduction='mean')
L1Loss(reduction='mean')
HuberLoss(reduction='mean', delta=1.0)
BCEWithLogitsLoss(weight=None, reduction='mean', pos_weight=None)
""".strip().splitlines()


def name_of(line):
    return line.partition("(")[0]


def plain(function):
    """The parameters without annotations and self."""
    parameters = inspect.signature(function).parameters.values()
    return [p.replace(annotation=p.empty) for p in parameters if p.name != "self"]


def same_bits(found, wanted):
    return found.keys() == wanted.keys() and all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("line", LAYERS, ids=name_of)
def test_layer_takes_torchs_arguments_in_torchs_order(line):
    parameters = plain(getattr(nn, name_of(line)).__init__)
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert name_of(line) + str(inspect.Signature([p for p in parameters if p.name not in own])) == line
    assert own.pop("dtype", np.float32) is np.float32 and own.pop("rng", None) is None
    assert not any(own.values()), "what torch's layers do not have is off unless it is asked for"


def test_nn_lists_its_layers_and_bases():
    assert {*map(name_of, LAYERS), "Module", "Parameter", "utils"} <= set(nn.__all__)


STATE_DICTS = {  # a layer: the names and shapes of PyTorch's state dict for it
    "Conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), groups=2), {"weight": (6, 2, 3, 2), "bias": (6,)}),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, bias=False), {"weight": (6, 4, 3)}),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), {"weight": (4, 3, 3, 3), "bias": (6,)}),
    "Linear": (lambda: nn.Linear(4, 6), {"weight": (6, 4), "bias": (6,)}),
    "Embedding": (lambda: nn.Embedding(4, 6), {"weight": (4, 6)}),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), {"weight": (4,), "bias": (4,), "running_mean": (4,),
                                                "running_var": (4,), "num_batches_tracked": ()}),
    "LayerNorm": (lambda: nn.LayerNorm((4, 5)), {"weight": (4, 5), "bias": (4, 5)}),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), {"weight": (4,), "bias": (4,)}),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), {"weight_ih": (12, 4), "weight_hh": (12, 3), "bias_ih": (12,),
                                             "bias_hh": (12,)}),
    "RNN": (lambda: nn.RNN(4, 3, bias=False), {"weight_ih_l0": (3, 4), "weight_hh_l0": (3, 3)}),
    "GRU": (lambda: nn.GRU(4, 3, 2, bias=False, bidirectional=True), {
        "weight_ih_l0": (9, 4), "weight_hh_l0": (9, 3), "weight_ih_l0_reverse": (9, 4), "weight_hh_l0_reverse": (9, 3),
        "weight_ih_l1": (9, 6), "weight_hh_l1": (9, 3), "weight_ih_l1_reverse": (9, 6), "weight_hh_l1_reverse": (9, 3),
    }),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Sequential(nn.Linear(6, 2, bias=False))),
                   {"0.weight": (6, 4), "0.bias": (6,), "2.0.weight": (2, 6)}),
}


@pytest.mark.parametrize("name", STATE_DICTS)
def test_state_dict_has_torchs_names_and_shapes(name):
    make, wanted = STATE_DICTS[name]
    layer = make()
    assert {key: array.shape for key, array in layer.state_dict().items()} == wanted
    for parameter in layer.parameters():
        assert isinstance(parameter.data, np.ndarray) and parameter.grad is None and parameter.name in wanted
        owner = layer
        for part in parameter.name.split(".")[:-1]:
            owner = owner[int(part)]
        assert getattr(owner, parameter.name.split(".")[-1]) is parameter.data


@pytest.mark.parametrize("change", ["missing", "extra", "mis-shaped"])
@pytest.mark.parametrize("name", STATE_DICTS)
def test_state_dict_that_does_not_fit_is_refused_by_name(name, change):
    layer = STATE_DICTS[name][0]()
    state = layer.state_dict()
    key = "extra" if change == "extra" else next(iter(state))
    state[key] = np.zeros((7, 7, 7), np.float32)
    if change == "missing":
        del state[key]
    before = layer.state_dict()
    with pytest.raises(ValueError, match=key):
        layer.load_state_dict(state)
    assert same_bits(layer.state_dict(), before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))],
                         ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("name", STATE_DICTS)
def test_layer_copies_and_pickles(name, duplicate):
    layer = STATE_DICTS[name][0]()
    twin = duplicate(layer)
    assert repr(twin) == repr(layer) and twin.training == layer.training
    assert same_bits(twin.state_dict(), layer.state_dict())
    assert [p.name for p in twin.parameters()] == [p.name for p in layer.parameters()]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layer_is_called_as_documented(kind, backend, rng):
    layer = getattr(nn, kind)(4, 3, num_layers=2, bidirectional=True, batch_first=True, rng=0, dtype=np.float64)
    x = rng.normal(size=(2, 5, 4))
    y, state = layer(x, state=None, lengths=None)
    assert y.shape == (2, 5, 6) and np.shape(state) == ((2, 4, 2, 3) if kind == "LSTM" else (4, 2, 3))
    (y, last), backprop = layer.forward(x, state=state, lengths=[5, 3])
    assert type(last) is type(state) and (y[1, 3:] == 0).all() and (y[1, :3] != 0).all()
    dx, dstate = backprop(y, dstate=last)
    assert type(dstate) is type(state) and np.shape(dstate) == np.shape(state)
    assert dx.shape == x.shape and (dx[1, 3:] == 0).all()
    assert all(p.grad.shape == p.data.shape for p in layer.parameters())


def test_training_goes_as_documented(backend, rng):
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3, rng=1))
    x, target = rng.random((4, 1, 6, 6), np.float32), np.array([0, 1, 2, 1])
    opt = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(5):
        logits, backprop = model.forward(x)
        loss, loss_backprop = nn.CrossEntropyLoss().forward(logits, target)
        dlogits = loss_backprop()
        assert dlogits.shape == logits.shape and loss.dtype == np.float32 and loss.shape == ()
        assert backprop(dlogits).shape == x.shape
        opt.step()
        opt.zero_grad()
        assert all(p.grad is None for p in model.parameters())
        losses.append(loss)
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(model.eval()(x), model.forward(x)[0])
