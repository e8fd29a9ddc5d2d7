"""The training loop: it is the loop a person would write, and goes on from checkpoints bit for bit."""

import math
import sys

import numpy as np
import pytest
from fit_cases import make_data, make_net, train

import fastnn
from fastnn import nn, optim
from fastnn.optim import lr_scheduler
from fastnn.training import Callback, Checkpoint, EarlyStopping, accuracy, evaluate


def weights(net):
    return np.concatenate([array.ravel() for array in net.state_dict().values()])


def test_fit_learns_and_says_how():
    net, history = train(epochs=15, validation=make_data(100, seed=1), metrics={"accuracy": accuracy})
    assert len(history) == 15 and history["epoch"] == list(range(1, 16))
    assert list(history[-1]) == ["epoch", "loss", "lr", "seconds", "val_loss", "val_accuracy"]
    assert history["loss"][-1] < history["loss"][0] and history["val_accuracy"][-1] > 0.95
    assert "val_accuracy 0.9" in repr(history) or "val_accuracy 1" in repr(history)
    assert not net.training  # ready for use
    with pytest.raises(KeyError, match="'f1' is not among epoch, loss"):
        history["f1"]


def test_fit_is_the_loop_written_out():
    net, history = train(clip_norm=0.5)
    wanted, rng, criterion = make_net(), np.random.default_rng(1), nn.CrossEntropyLoss()
    x, y = make_data()
    optimizer = optim.Adam(wanted.parameters(), lr=0.01)
    for epoch in range(2):
        order, total = rng.permutation(50), 0.0
        for start in range(0, 50, 8):
            batch = order[start:start + 8]
            output, backprop = wanted.forward(x[batch])
            loss, backprop_loss = criterion.forward(output, y[batch])
            backprop(backprop_loss())
            nn.utils.clip_grad_norm_(wanted.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
            total += float(loss) * len(batch)
        assert history["loss"][epoch] == pytest.approx(total / 50, rel=1e-14)
    np.testing.assert_array_equal(weights(net), weights(wanted))


def test_batches_of_an_iterable_are_those_of_the_arrays_in_order():
    x, y = make_data()
    batches = [(x[start:start + 8], y[start:start + 8]) for start in range(0, 50, 8)]
    results = [weights(train(data=data, shuffle=False)[0]) for data in ((x, y), batches, tuple(batches))]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_evaluate_is_the_mean_over_all_samples_in_evaluation_mode():
    net, (x, y) = make_net(), make_data()
    found = evaluate(net, nn.CrossEntropyLoss(), (x, y), metrics={"right": accuracy}, batch_size=7)
    assert net.training
    net.eval()
    assert found["loss"] == pytest.approx(float(nn.CrossEntropyLoss()(net(x), y)), rel=1e-6)
    assert found["right"] == pytest.approx(np.mean(net(x).argmax(axis=1) == y))


def test_net_whose_backprop_has_no_need_dx_is_trained():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 3, rng=0)

        def forward(self, x):
            y, step = self.layer.forward(x)
            return y, lambda dy: step(dy)

    net, other = Net(), nn.Linear(2, 3, rng=0)
    train(net)
    train(other)
    np.testing.assert_array_equal(net.layer.weight, other.weight)


def test_frozen_layer_keeps_its_weights_and_gathers_no_gradient():
    net = make_net()
    before = net[0].weight.copy()
    train(net, optimizer=optim.SGD(net[4].parameters(), lr=0.1))
    np.testing.assert_array_equal(net[0].weight, before)
    assert all(p.grad is None for p in net.parameters())


# -- checkpoints --------------------------------------------------------------------------------------------------

SCHEDULES = {
    "none": lambda optimizer: {},
    "one_cycle": lambda optimizer: {"scheduler": lr_scheduler.OneCycleLR(optimizer, 0.05, 6 * 7, cycle_momentum=False),
                                    "step_scheduler": "batch"},
    "cosine": lambda optimizer: {"scheduler": lr_scheduler.CosineAnnealingLR(optimizer, 6)},
    "plateau": lambda optimizer: {"scheduler": lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.3)},
}
OPTIMIZERS = {"adam": optim.Adam, "sgd": lambda params, lr: optim.SGD(params, lr, momentum=0.9, nesterov=True)}


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937], ids=["pcg64", "mt19937"])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, ending, kind, schedule, bits):
    path = tmp_path / f"last.{ending}"

    def run(seed, **options):
        net = make_net(seed)
        optimizer = kind(net.parameters(), lr=0.01)
        return train(net, optimizer=optimizer, **schedule(optimizer), validation=make_data(seed=1),
                     **({"rng": np.random.Generator(bits(seed))} | options))

    wanted, wanted_history = run(0, epochs=6)
    run(0, epochs=4, callbacks=[Checkpoint(path)])
    net, history = run(5, epochs=6, callbacks=[Checkpoint(path)], resume=path)
    np.testing.assert_array_equal(weights(net), weights(wanted))
    for name in ("epoch", "loss", "lr", "val_loss"):
        assert history[name] == wanted_history[name]


def test_interrupted_training_goes_on_from_its_last_epoch(tmp_path):
    path = tmp_path / "last.npz"

    class Interrupt(Callback):
        def on_step_end(self, training):
            if training.step == 18:  # in the third epoch
                raise InterruptedError

    wanted, _ = train(epochs=4)
    with pytest.raises(InterruptedError):
        train(epochs=4, callbacks=[Checkpoint(path), Interrupt()])
    net, history = train(make_net(3), epochs=4, callbacks=[Checkpoint(path)], resume=path)
    np.testing.assert_array_equal(weights(net), weights(wanted))
    assert len(history) == 4


def test_checkpoint_is_written_every_so_often_and_at_the_end(tmp_path):
    train(epochs=5, callbacks=[Checkpoint(tmp_path / "at_{epoch}.npz", every=2)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at_2.npz", "at_4.npz", "at_5.npz"]
    state = fastnn.load(tmp_path / "at_4.npz")
    assert state["epoch"] == 4 and state["step"] == 28
    make_net().load_state_dict(state["model"])


def test_finished_training_is_resumed_to_nothing_more(tmp_path):
    net, _ = train(epochs=3, callbacks=[Checkpoint(tmp_path / "last.npz")])
    again, history = train(make_net(4), epochs=3, resume=tmp_path / "last.npz")
    np.testing.assert_array_equal(weights(again), weights(net))
    assert len(history) == 3


# -- callbacks ----------------------------------------------------------------------------------------------------


def test_callbacks_hear_of_everything_in_order():
    heard = []

    class Listener(Callback):
        def on_fit_begin(self, training):
            heard.append("begin")

        def on_step_end(self, training):
            heard.append(training.step)

        def on_fit_end(self, training):
            heard.append("end")

    train(epochs=2, batch_size=25, callbacks=[Listener(), lambda training: heard.append(f"epoch {training.epoch}")])
    assert heard == ["begin", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]


def test_function_may_stop_the_training():
    def stop(training):
        training.stop = training.epoch == 3

    assert len(train(epochs=9, callbacks=[stop])[1]) == 3


class Scripted(Callback):
    """Puts these numbers into the history."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, training):
        training.history[-1]["score"] = self.values[training.epoch - 1]


@pytest.mark.parametrize("mode, sign", [("max", 1), ("min", -1)])
def test_early_stopping_waits_for_patience_and_restores_the_best(mode, sign):
    values = [sign * v for v in (1, 3, math.nan, 3.4, 3, 9)]
    seen = []
    stopping = EarlyStopping(patience=3, min_delta=0.5, restore_best=True, monitor="score", mode=mode)
    net, history = train(epochs=6, callbacks=[Scripted(values), lambda t: seen.append(weights(t.model)), stopping])
    assert len(history) == 5 and stopping.best == 3 * sign and stopping.best_epoch == 2
    np.testing.assert_array_equal(weights(net), seen[1])
    net, _ = train(epochs=6, callbacks=[Scripted(values), EarlyStopping(3, 0.5, False, "score", mode)])
    np.testing.assert_array_equal(weights(net), seen[4])


def test_early_stopping_begins_anew_with_each_fit():
    stopping = EarlyStopping(patience=1, monitor="score")
    for _ in range(2):
        _, history = train(epochs=3, callbacks=[Scripted([1, 2, 3]), stopping])
        assert len(history) == 2


@pytest.mark.parametrize("interrupted_after", [1, 3, 4], ids=["before_best", "while_waiting", "when_stopped"])
def test_early_stopping_is_resumed_with_its_best_weights(tmp_path, interrupted_after):
    def run(epochs, seed=0, **options):
        stopping = EarlyStopping(patience=2, restore_best=True, monitor="score")
        checkpoint = Checkpoint(tmp_path / "last.npz")  # first, but called last
        return train(make_net(seed), epochs=epochs, callbacks=[checkpoint, Scripted([3, 1, 2, 2, 0, 0]), stopping],
                     **options)

    wanted, wanted_history = run(6)
    assert len(wanted_history) == 4
    run(interrupted_after)
    net, history = run(6, seed=2, resume=tmp_path / "last.npz")
    np.testing.assert_array_equal(weights(net), weights(wanted))
    assert history["score"] == wanted_history["score"]


# -- progress -----------------------------------------------------------------------------------------------------


def test_progress_bar_is_shown_where_asked_for(capsys):
    train(progress=True)
    assert "epoch 2/2: " in capsys.readouterr().err
    train(progress=None)  # no terminal
    assert capsys.readouterr() == ("", "")


def test_fit_is_quiet_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(progress=True)
    assert capsys.readouterr() == ("", "")
