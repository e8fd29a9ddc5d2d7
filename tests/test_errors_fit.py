"""What the training loop refuses: values that are not finite, by the layer they came from, and wrong arguments."""

import math

import numpy as np
import pytest
from fit_cases import make_data, make_net, train

import fastnn
from fastnn import nn, optim
from fastnn.optim import lr_scheduler
from fastnn.training import Checkpoint, EarlyStopping, accuracy


class Broken(nn.Module):
    """Passes everything on, with a NaN in the result or the gradient once a value is above `limit`."""

    def __init__(self, where, limit=-math.inf):
        self.where, self.limit = where, limit

    def forward(self, x):
        def spoil(array, where):
            return np.where((x > self.limit).any() and where == self.where, np.float32(np.nan), array)

        return spoil(x, "forward"), lambda dx: spoil(dx, "gradient")


def broken_net(layer):
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Sequential(nn.Dropout(0.5, rng=rng), layer, nn.ReLU()),
                         nn.Linear(8, 3, rng=rng))


def net_with(**values):
    net = nn.Sequential(nn.Linear(2, 8, rng=0), nn.ReLU(), nn.Linear(8, 3, rng=0))
    for name, value in values.items():
        net.get_parameter(name.replace("_", ".")).data[...] = value
    return net


def data_with(value):
    x, y = make_data()
    x[17, 1] = value
    return x, y


class BrokenLoss(nn.CrossEntropyLoss):
    def forward(self, input, target):
        return np.float32(np.inf), None


NONFINITE = {
    "forward": (lambda: (broken_net(Broken("forward")), None, None),
                r"in the forward pass: layer '1\.1' \(Broken\) gives a result"),
    "gradient": (lambda: (broken_net(Broken("gradient")), None, None),
                 r"in the gradient: layer '1\.1' \(Broken\) gives one of its input"),
    "overflow": (lambda: (net_with(**{"2_weight": 3e38, "0_bias": 9}), None, None),
                 r"in the forward pass: layer '2' \(Linear\) gives a result"),
    "loss": (lambda: (None, None, BrokenLoss()), r"in the loss: BrokenLoss\(.*\) gives inf for finite input"),
    "weight": (lambda: (net_with(**{"2_bias": math.nan}), None, None), "before the step, parameter '2.bias' is not fi"),
    "input": (lambda: (None, data_with(math.nan), None), "the batch's input is not finite"),
}


@pytest.mark.parametrize("make, message", NONFINITE.values(), ids=NONFINITE)
def test_nonfinite_step_is_not_taken_and_names_the_layer(make, message):
    net, data, criterion = make()
    net = make_net() if net is None else net
    before = net.state_dict()
    with np.errstate(all="ignore"):
        with pytest.raises(FloatingPointError, match=rf"^epoch 1, step 1: {message}"):
            train(net, data, criterion=criterion, batch_size=50)
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(parameter.data, before[name])
        assert parameter.grad is None
    assert not any("forward" in vars(module) for module in net.modules())


def test_gradient_of_a_parameter_is_named():
    class Layer(nn.Linear):
        def forward(self, x):
            y, backprop = super().forward(x)

            def spoiled(dy, *, need_dx=True):
                dx = backprop(dy, need_dx=need_dx)
                self.get_parameter("bias").grad[0] = np.inf
                return dx

            return y, spoiled

    with pytest.raises(FloatingPointError, match=r"in the gradient: layer '0' \(Layer\) gives one of bias that is not"):
        train(nn.Sequential(Layer(2, 3, rng=0)))


def test_nan_that_dropout_let_through_is_found_again():
    """The second run drops what the first one dropped, so that it meets the same NaN."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        net = nn.Sequential(nn.Dropout(0.9, rng=rng), Broken("forward", limit=14), nn.Linear(2, 3, rng=0))
        with pytest.raises(FloatingPointError, match=r"epoch \d+, step \d+: in the forward pass: layer '1'"):
            train(net, epochs=500, rng=seed)


# -- wrong calls --------------------------------------------------------------------------------------------------

x, y = make_data()


def other_schedule():
    return lr_scheduler.StepLR(optim.SGD(make_net().parameters()), 3)


def resume_with(folder, change=lambda state: state, **options):
    train(epochs=1, callbacks=[Checkpoint(folder / "old.npz")])
    fastnn.save(change(fastnn.load(folder / "old.npz")), folder / "old.npz")
    return train(resume=folder / "old.npz", **options)


def plateau_per_batch():
    net = make_net()
    optimizer = optim.SGD(net.parameters())
    train(net, optimizer=optimizer, scheduler=lr_scheduler.ReduceLROnPlateau(optimizer), step_scheduler="batch")


ERRORS = {
    "model": (lambda _: train(lambda x: x, optimizer=optim.SGD(make_net().parameters())), TypeError,
              "model: expected a Module, got function"),
    "criterion": (lambda _: train(criterion=lambda x, y: 0), TypeError, "criterion: expected a Module"),
    "reduction": (lambda _: train(criterion=nn.CrossEntropyLoss(reduction="none")), ValueError,
                  r"criterion: expected one number, got an array of shape \(8,\)"),
    "optimizer": (lambda _: train(optimizer="adam"), TypeError, "optimizer: expected a Optimizer, got str"),
    "scheduler": (lambda _: train(scheduler=0.1), TypeError, "scheduler: expected a LRScheduler, got float"),
    "scheduler-other": (lambda _: train(scheduler=other_schedule()), ValueError, "scheduler: expected one of this opt"),
    "scheduler-when": (lambda _: train(step_scheduler="day"), ValueError, "step_scheduler: expected one of 'epoch', "),
    "scheduler-plateau": (lambda _: plateau_per_batch(), ValueError, "step_scheduler: expected 'epoch' for Reduce"),
    "lengths": (lambda _: train(data=(x, y[1:])), ValueError, r"data: expected as many targets as inputs, got shapes"),
    "no_data": (lambda _: train(data=(x[:0], y[:0])), ValueError, "data: expected at least one batch"),
    "no_batches": (lambda _: train(data=[]), ValueError, "data: expected at least one batch"),
    "data-kind": (lambda _: train(data=7), TypeError, "data: expected a pair of arrays or an iterable of batches"),
    "data-batch": (lambda _: train(data=[x]), ValueError, r"data: expected batches \(input, target\), got ndarray"),
    "data-iterator": (lambda _: train(data=iter([(x, y)])), ValueError, "data: expected an iterable that can be gone"),
    "validation": (lambda _: train(validation=7), TypeError, "validation: expected a pair of arrays or an iterable"),
    "metrics": (lambda _: train(metrics={"accuracy": accuracy}), ValueError, "metrics: expected validation data"),
    "metric": (lambda _: train(validation=(x, y), metrics={"a": lambda output, target: output}), ValueError,
               r"metrics\['a'\]: expected one number, got an array of shape"),
    "epochs": (lambda _: train(epochs=-1), ValueError, "epochs: expected an integer in"),
    "batch_size": (lambda _: train(batch_size=0), ValueError, "batch_size: expected an integer in"),
    "clip_norm": (lambda _: train(clip_norm=-1), ValueError, "clip_norm: expected a number in"),
    "shuffle": (lambda _: train(shuffle=1), TypeError, "shuffle: expected True or False"),
    "rng": (lambda _: train(rng="seed"), TypeError, "rng: expected a numpy.random.Generator"),
    "callback": (lambda _: train(callbacks=[3]), TypeError, r"callbacks\[0\]: expected a Callback or a function"),
    "monitor": (lambda _: train(callbacks=[EarlyStopping()]), ValueError, "monitor: expected one of epoch, loss, lr, "),
    "patience": (lambda _: EarlyStopping(patience=0), ValueError, "patience: expected an integer in"),
    "checkpoint-ending": (lambda _: Checkpoint("model.pkl"), ValueError, "path: expected a name that ends in .npz or"),
    "resume-missing": (lambda folder: train(resume=folder / "no.npz"), FileNotFoundError, ".*no.npz"),
    "resume-other": (lambda folder: resume_with(folder, lambda state: state["model"]), ValueError,
                     "resume: .*old.npz does not fit this call: expected a checkpoint with the entries model"),
    "resume-net": (lambda folder: resume_with(folder, net=nn.Linear(2, 3)), ValueError,
                   "resume: .*old.npz does not fit this call: state_dict: missing weight, bias; unknown 0.weight"),
    "resume-callbacks": (lambda folder: resume_with(folder, callbacks=[EarlyStopping()]), ValueError,
                         "resume: .*old.npz does not fit this call: callbacks: expected 1 of them, got 0"),
    "resume-generator": (lambda folder: resume_with(folder, rng=np.random.Generator(np.random.Philox(1))), ValueError,
                         "resume: .*old.npz does not fit"),
    "resume-epoch": (lambda folder: resume_with(folder, lambda state: state | {"epoch": "one"}),
                     ValueError, "resume: .*old.npz does not fit this call: epoch: expected an integer"),
    "resume-history": (lambda folder: resume_with(folder, lambda state: state | {"history": 3}),
                       ValueError, "resume: .*old.npz does not fit this call"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, message", ERRORS.values(), ids=ERRORS)
def test_wrong_call_names_the_argument(tmp_path, call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call(tmp_path)
