"""The interface as a dependent package finds it: names, signatures, and one right call of every function and layer."""

import copy
import inspect

import numpy as np
import pytest
from layouts import LAYOUTS

import fastnn
from fastnn import functional as F

FUNCTIONS = """
conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, out=None)
conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, algorithm='auto', activation=None, out=None)
conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *, out=None)
max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *, out=None)
max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, *, out=None)
avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, *, out=None)
adaptive_avg_pool2d(x, output_size, *, out=None)
global_max_pool2d(x, *, out=None)
global_avg_pool2d(x, *, out=None)
interpolate(x, size=None, scale_factor=None, mode='nearest', align_corners=None, *, out=None)
linear(x, weight, bias=None, *, activation=None, out=None)
embedding(x, weight, padding_idx=None, *, out=None)
rnn_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity='tanh', *, out=None)
lstm_cell(x, state, weight_ih, weight_hh, bias_ih=None, bias_hh=None)
gru_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, out=None)
rnn(x, state, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False, nonlinearity='tanh')
lstm(x, state, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False)
gru(x, state, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False)
batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05, *, out=None)
group_norm(x, num_groups, weight=None, bias=None, eps=1e-05, *, out=None)
layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-05, *, out=None)
relu(x, *, out=None)
leaky_relu(x, negative_slope=0.01, *, out=None)
elu(x, alpha=1.0, *, out=None)
gelu(x, approximate='none', *, out=None)
silu(x, *, out=None)
sigmoid(x, *, out=None)
tanh(x, *, out=None)
softmax(x, dim=-1, *, out=None)
log_softmax(x, dim=-1, *, out=None)
dropout(x, p=0.5, training=True, rng=None, *, out=None)
dropout2d(x, p=0.5, training=True, rng=None, *, out=None)
cross_entropy(input, target, weight=None, ignore_index=-100, reduction='mean', label_smoothing=0.0)
nll_loss(input, target, weight=None, ignore_index=-100, reduction='mean')
mse_loss(input, target, reduction='mean')
l1_loss(input, target, reduction='mean')
huber_loss(input, target, reduction='mean', delta=1.0)
binary_cross_entropy_with_logits(input, target, weight=None, reduction='mean', pos_weight=None)
""".strip().splitlines()

def name_of(line):
    return line.partition("(")[0]


def ones(*shape):
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


def recurrent(gates, *x_shape, **state):
    """The arrays of a recurrent call with 4 inputs and 3 hidden values."""
    return {"x": ones(*x_shape), **state, "weight_ih": ones(gates * 3, 4), "weight_hh": ones(gates * 3, 3) / 3,
            "bias_ih": ones(gates * 3), "bias_hh": ones(gates * 3)}


IMAGES, CLASSES, SCORES = (2, 4, 6, 5), np.array([0, 2, 1]), (3, 4)
CONV = {"bias": ones(6), "groups": 2}
CALLS = {  # op: (arguments, the arguments that have gradients, in their order)
    "conv1d": ({"x": ones(2, 4, 6), "weight": ones(6, 2, 3), **CONV}, "x weight bias"),
    "conv2d": ({"x": ones(*IMAGES), "weight": ones(6, 2, 3, 3), **CONV}, "x weight bias"),
    "conv_transpose2d": ({"x": ones(*IMAGES), "weight": ones(4, 3, 2, 2), **CONV}, "x weight bias"),
    "max_pool1d": ({"x": ones(2, 4, 6), "kernel_size": 2}, "x"),
    "max_pool2d": ({"x": ones(*IMAGES), "kernel_size": (2, 3), "padding": (1, 1)}, "x"),
    "avg_pool2d": ({"x": ones(*IMAGES), "kernel_size": 2, "ceil_mode": True}, "x"),
    "adaptive_avg_pool2d": ({"x": ones(*IMAGES), "output_size": (4, 3)}, "x"),
    "global_max_pool2d": ({"x": ones(*IMAGES)}, "x"),
    "global_avg_pool2d": ({"x": ones(*IMAGES)}, "x"),
    "interpolate": ({"x": ones(*IMAGES), "scale_factor": 2.0, "mode": "bilinear"}, "x"),
    "linear": ({"x": ones(2, 3, 4), "weight": ones(5, 4), "bias": ones(5)}, "x weight bias"),
    "embedding": ({"x": CLASSES, "weight": ones(3, 4)}, "weight"),
    "rnn_cell": (recurrent(1, 2, 4, h=ones(2, 3)), "x h weight_ih weight_hh bias_ih bias_hh"),
    "lstm_cell": (recurrent(4, 2, 4, state=(ones(2, 3), ones(2, 3))), "x state weight_ih weight_hh bias_ih bias_hh"),
    "gru_cell": (recurrent(3, 2, 4, h=ones(2, 3)), "x h weight_ih weight_hh bias_ih bias_hh"),
    "rnn": (recurrent(1, 5, 2, 4, state=ones(2, 3)), "x state weight_ih weight_hh bias_ih bias_hh"),
    "lstm": (recurrent(4, 5, 2, 4, state=(ones(2, 3), ones(2, 3))), "x state weight_ih weight_hh bias_ih bias_hh"),
    "gru": (recurrent(3, 5, 2, 4, state=ones(2, 3)), "x state weight_ih weight_hh bias_ih bias_hh"),
    "batch_norm": ({"x": ones(*IMAGES), "running_mean": ones(4), "running_var": ones(4), "weight": ones(4),
                    "bias": ones(4)}, "x weight bias"),
    "group_norm": ({"x": ones(*IMAGES), "num_groups": 2, "weight": ones(4), "bias": ones(4)}, "x weight bias"),
    "layer_norm": ({"x": ones(*IMAGES), "normalized_shape": 5, "weight": ones(5), "bias": ones(5)}, "x weight bias"),
    **{op: ({"x": ones(3, 4) - 1}, "x") for op in
       ("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softmax", "log_softmax")},
    "dropout": ({"x": ones(3, 4), "rng": 1}, "x"),
    "dropout2d": ({"x": ones(*IMAGES), "rng": 1}, "x"),
    "cross_entropy": ({"input": ones(*SCORES), "target": CLASSES}, "input"),
    "nll_loss": ({"input": -ones(*SCORES), "target": CLASSES}, "input"),
    **{op: ({"input": ones(*SCORES), "target": ones(*SCORES)[::-1].copy()}, "input") for op in
       ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits")},
}
ONE_ARRAY = [op for op in CALLS if "out" in inspect.signature(getattr(F, op)).parameters]
SEVERAL_INPUTS = [op for op, (_, inputs) in CALLS.items() if " " in inputs]
UNBATCHED = (
    "conv1d", "conv2d", "conv_transpose2d", "max_pool1d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d",
    "global_max_pool2d", "global_avg_pool2d", "linear", "rnn_cell", "lstm_cell", "gru_cell", "rnn", "lstm", "gru")


def flat(value):
    """The arrays in a nest of tuples, in their order."""
    return [array for part in value for array in flat(part)] if isinstance(value, tuple) else [value]


def each(arrays, change):
    """`arrays`, a value of a call, with `change` applied to each array in it."""
    if isinstance(arrays, tuple):
        return tuple(each(part, change) for part in arrays)
    return change(arrays) if isinstance(arrays, np.ndarray) else arrays


def train(op, arguments, module=F, **options):
    """(y, the gradients as a tuple) for a dy of ones."""
    y, ctx = getattr(module, op + "_forward")(**arguments)
    backward = getattr(module, op + "_backward")
    if op.endswith(("_loss", "entropy", "logits")):
        gradients = backward(None, ctx)
    elif op in ("rnn", "lstm", "gru"):
        gradients = backward(np.ones_like(y[0]), ctx, dstate=each(y[1], np.ones_like), **options)
    else:
        gradients = backward(each(y, np.ones_like), ctx, **options)
    return y, gradients if " " in CALLS[op][1] else (gradients,)


def assert_same_bits(found, wanted):
    for a, b in zip(flat(found), flat(wanted), strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)


def plain(function):
    """The signature without its annotations."""
    parameters = [p.replace(annotation=p.empty) for p in inspect.signature(function).parameters.values()]
    return inspect.Signature([p for p in parameters if p.name != "self"])


# -- names and signatures -----------------------------------------------------------------------------------------


def test_package_has_the_documented_names():
    for name in ("functional", "nn", "optim", "reference", "use_backend", "set_num_threads", "get_num_threads",
                 "show_config", "__version__"):
        assert name in fastnn.__all__ and hasattr(fastnn, name), name
    assert set(fastnn.__all__) <= set(dir(fastnn))


def test_functional_lists_three_functions_an_op():
    ops = {name for name in F.__all__ if not name.endswith(("_forward", "_backward"))}
    assert sorted(F.__all__) == sorted(op + part for op in ops for part in ("", "_forward", "_backward"))
    assert {name_of(line) for line in FUNCTIONS} == set(CALLS)
    assert set(CALLS) <= ops and all(hasattr(F, name) for name in F.__all__)


@pytest.mark.parametrize("line", FUNCTIONS, ids=name_of)
def test_function_has_the_documented_signature(line):
    op = name_of(line)
    assert op + str(plain(getattr(F, op))) == line
    assert plain(getattr(F, op + "_forward")) == plain(getattr(F, op))
    dy, ctx, *keywords = inspect.signature(getattr(F, op + "_backward")).parameters.values()
    assert dy.name in ("dy", "dh", "dstate") and ctx.name == "ctx"
    assert all(p.kind is p.KEYWORD_ONLY and p.default is None for p in keywords)
    assert ("need" in [p.name for p in keywords]) == (op in SEVERAL_INPUTS)


# -- functions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", CALLS)
def test_gradients_come_in_the_order_of_the_inputs(op, backend):
    arguments, inputs = CALLS[op]
    y, gradients = train(op, arguments)
    assert_same_bits(getattr(F, op)(**arguments), y)
    for name, gradient in zip(inputs.split(), gradients, strict=True):
        for part, value in zip(flat(gradient), flat(arguments[name]), strict=True):
            assert part.shape == value.shape and part.dtype == value.dtype and part.flags.c_contiguous


@pytest.mark.parametrize("op", SEVERAL_INPUTS)
def test_gradient_is_none_where_there_was_no_such_input(op, backend):
    arguments, inputs = CALLS[op]
    optional = {name for name in inputs.split() if name in ("h", "state", "bias", "bias_ih", "bias_hh")}
    _, gradients = train(op, {**arguments, **dict.fromkeys(optional)})
    assert [name for name, gradient in zip(inputs.split(), gradients) if gradient is None] == [
        name for name in inputs.split() if name in optional]


@pytest.mark.parametrize("op", SEVERAL_INPUTS)
def test_need_computes_the_gradients_asked_for_and_no_other(op, backend):
    arguments, inputs = CALLS[op]
    _, every = train(op, arguments)
    for i in range(len(every)):
        _, one = train(op, arguments, need=tuple(i == j for j in range(len(every))))
        assert [j for j, gradient in enumerate(one) if gradient is not None] == [i], inputs
        assert_same_bits(one[i], every[i])


@pytest.mark.parametrize("op", CALLS)
def test_context_is_a_named_tuple_that_no_other_op_takes(op):
    _, ctx = getattr(F, op + "_forward")(**CALLS[op][0])
    assert isinstance(ctx, tuple) and ctx._fields
    dy = (ones(1), ones(1)) if op == "lstm_cell" else ones(1)
    for other in (None, tuple(ctx), F.relu_forward(ones(1))[1] if op != "relu" else F.silu_forward(ones(1))[1]):
        with pytest.raises(TypeError, match=r"^ctx: expected "):
            getattr(F, op + "_backward")(dy, other)


@pytest.mark.parametrize("op", CALLS)
def test_reference_module_and_backend_are_one(op):
    arguments = CALLS[op][0]
    with fastnn.use_backend("reference"):
        wanted = train(op, arguments)
    assert_same_bits(train(op, arguments, fastnn.reference), wanted)
    assert_same_bits(getattr(fastnn.reference, op)(**arguments), wanted[0])


@pytest.mark.parametrize("op", CALLS)
def test_backends_agree(op):
    arguments = CALLS[op][0]
    wanted = flat(train(op, arguments, fastnn.reference))
    # Rounding of sums of less than 100 terms. Of the largest result: a normalisation's dx is the difference of sums
    # of dweight's and dbias's size.
    rounding = 100 * np.finfo(np.float64).eps * max(1, *(np.abs(b).max() for b in wanted))
    for a, b in zip(flat(train(op, arguments)), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=rounding)


@pytest.mark.parametrize("protocol", ["array-protocol", "dlpack"])
@pytest.mark.parametrize("op", CALLS)
def test_arrays_of_other_libraries_are_taken(op, protocol):
    arguments = CALLS[op][0]
    foreign = {name: each(value, LAYOUTS[protocol]) for name, value in arguments.items()}
    assert_same_bits(train(op, foreign), train(op, arguments))


@pytest.mark.parametrize("op", ONE_ARRAY)
def test_out_receives_the_result_or_is_refused_untouched(op, backend):
    arguments = CALLS[op][0]
    wanted = getattr(F, op)(**arguments)
    for function in (getattr(F, op), lambda **kwargs: getattr(F, op + "_forward")(**kwargs)[0]):
        out = np.full_like(wanted, np.nan)
        assert function(**arguments, out=out) is out
        assert_same_bits(out, wanted)
    for wrong, error in ((np.zeros_like(wanted, np.float32), TypeError), (np.zeros((*wanted.shape, 1)), ValueError),
                         ([0.0], TypeError)):
        before = copy.copy(wrong)
        with pytest.raises(error, match=r"^out: "):
            getattr(F, op)(**arguments, out=wrong)
        np.testing.assert_array_equal(wrong, before)


@pytest.mark.parametrize("op", UNBATCHED)
def test_input_without_a_batch_is_a_batch_of_one(op, backend):
    arguments, _ = CALLS[op]
    axis = 1 if op in ("rnn", "lstm", "gru") else 0

    def one(keep_axis):
        cut = {"x": arguments["x"].take([0] if keep_axis else 0, axis)}
        for name in ("h", "state"):
            if name in arguments:
                cut[name] = each(arguments[name], lambda array: array[:1] if keep_axis else array[0])
        return getattr(F, op)(**{**arguments, **cut})

    batched, single = flat(one(keep_axis=True)), flat(one(keep_axis=False))
    for i, (a, b) in enumerate(zip(single, batched, strict=True)):
        np.testing.assert_array_equal(a, b.take(0, axis if i == 0 else 0))


@pytest.mark.parametrize("op", CALLS)
def test_mixed_or_wrong_dtype_is_refused(op):
    arguments = CALLS[op][0]
    floats = [name for name, value in arguments.items() if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    for name in floats:
        for dtype in (np.int32, np.float16) if len(floats) == 1 else (np.int32, np.float16, np.float32):
            with pytest.raises(TypeError, match="dtype"):
                getattr(F, op)(**{**arguments, name: arguments[name].astype(dtype)})
