"""The one list of cases that the benchmarks verify and time: layers of real networks, and a few odd shapes.

A case says all that a contender needs: the op's name in `fastnn.functional`, the shapes of its inputs in the order of
its gradients, its keyword arguments, and what one forward pass costs in multiply-adds and in bytes.
"""

import math
import re
from dataclasses import dataclass, field

DIRECTIONS = ("forward", "training")  # training: forward and all gradients
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Case:
    name: str
    family: str
    op: str
    what: str
    shapes: dict
    output: tuple
    options: dict = field(default_factory=dict)
    flops: int = 0  # of one forward pass; 0: the op is bound by memory, not by arithmetic
    terms: dict = field(default_factory=dict)  # how many products are summed in one element of each result
    dtype: str = "float32"

    @property
    def itemsize(self):
        return 4 if self.dtype == "float32" else 8

    def work(self, direction):
        """(flops, bytes) that the direction cannot do without. Training is three times the arithmetic of forward."""
        moved = self.itemsize * (sum(map(math.prod, self.shapes.values())) + math.prod(self.output))
        return (self.flops, moved) if direction == "forward" else (3 * self.flops, 2 * moved)


def extent(size, kernel, stride, padding, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def conv(name, n, c, h, w, k, r, stride=1, padding=0, dilation=1, groups=1, dtype="float32"):
    p, q = extent(h, r, stride, padding, dilation), extent(w, r, stride, padding, dilation)
    taps = c // groups * r * r
    words = [f"N{n} C{c} {h}x{w} -> K{k}, {r}x{r}", f"s{stride}" * (stride > 1), f"p{padding}" * (padding > 0),
             f"d{dilation}" * (dilation > 1), f"g{groups}" * (groups > 1), dtype * (dtype != "float32")]
    return Case(
        f"conv-{name}", "conv2d", "conv2d", " ".join(filter(None, words)),
        {"x": (n, c, h, w), "weight": (k, c // groups, r, r), "bias": (k,)}, (n, k, p, q),
        {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
        flops=2 * n * k * p * q * taps, dtype=dtype,
        terms={"y": taps + 1, "dx": k // groups * r * r, "dweight": n * p * q, "dbias": n * p * q})


def pool(kind, name, n, c, size, kernel, stride, padding=0, dtype="float32"):
    p = extent(size, kernel, stride, padding)
    what = f"N{n} C{c} {size}x{size}, k{kernel} s{stride} p{padding}" + (f" {dtype}" if dtype != "float32" else "")
    return Case(f"{kind}pool-{name}" if kind != "max" else f"pool-{name}", f"{kind}_pool2d", f"{kind}_pool2d", what,
                {"x": (n, c, size, size)}, (n, c, p, p),
                {"kernel_size": kernel, "stride": stride, "padding": padding},
                terms={"y": kernel * kernel, "dx": kernel * kernel}, dtype=dtype)


def linear(n, i, o, dtype="float32"):
    name = f"linear-n{n}-i{i}-o{o}" + ("-f64" if dtype == "float64" else "")
    return Case(name, "linear", "linear", f"N{n} I{i} O{o}" + (f" {dtype}" if dtype != "float32" else ""),
                {"x": (n, i), "weight": (o, i), "bias": (o,)}, (n, o), flops=2 * n * i * o,
                terms={"y": i + 1, "dx": o, "dweight": n, "dbias": n}, dtype=dtype)


def recurrent(kind, t, n, i, h, dtype="float32"):
    rows, state = GATES[kind] * h, {"h": (n, h), "c": (n, h)} if kind == "lstm" else {"h": (n, h)}
    name = f"{kind}-t{t}-n{n}-i{i}-h{h}" + ("-f64" if dtype == "float64" else "")
    return Case(name, kind, kind, f"T{t} N{n} I{i} H{h}" + (f" {dtype}" if dtype != "float32" else ""),
                {"x": (t, n, i), **state, **recurrent_weights(rows, i, h)}, (t, n, h),
                flops=2 * t * n * (i + h) * rows, dtype=dtype)


def cell(kind, n, i, h):
    rows, state = GATES[kind] * h, {"h": (n, h), "c": (n, h)} if kind == "lstm" else {"h": (n, h)}
    return Case(f"{kind}_cell-n{n}-i{i}-h{h}", "cell", f"{kind}_cell", f"{kind} N{n} I{i} H{h}",
                {"x": (n, i), **state, **recurrent_weights(rows, i, h)}, (n, h), flops=2 * n * (i + h) * rows)


def recurrent_weights(rows, i, h):
    return {"weight_ih": (rows, i), "weight_hh": (rows, h), "bias_ih": (rows,), "bias_hh": (rows,)}


def norm(op, *shape, scaled=None, **options):
    scaled = (shape[1],) if scaled is None else scaled
    what = f"{op} {'x'.join(map(str, shape))}"
    scales = {"weight": scaled, "bias": scaled}
    return Case(what.replace(" ", "-"), "norm", op, what, {"x": shape, **scales}, shape, options)


def attention(n, heads, length, features):
    shape = n, heads, length, features
    return Case(f"attention-n{n}-h{heads}-l{length}-e{features}", "attention", "scaled_dot_product_attention",
                f"N{n} {heads} heads L{length} E{features}", dict.fromkeys(("query", "key", "value"), shape), shape,
                flops=4 * n * heads * length * length * features)


def conv1d(n, c, length, k, s):
    return Case(f"conv1d-c{c}-l{length}-k{k}-n{n}", "conv1d", "conv1d", f"N{n} C{c} L{length} -> K{k}, {s}",
                {"x": (n, c, length), "weight": (k, c, s), "bias": (k,)}, (n, k, length), {"padding": s // 2},
                flops=2 * n * k * length * c * s,
                terms={"y": c * s + 1, "dx": k * s, "dweight": n * length, "dbias": n * length})


def conv_transpose(n, c, size, k, r, stride, padding):
    p = (size - 1) * stride - 2 * padding + r
    return Case(f"conv_transpose-c{c}-{size}-k{k}-n{n}", "conv_transpose2d", "conv_transpose2d",
                f"N{n} C{c} {size}x{size} -> K{k} {p}x{p}, {r}x{r} s{stride}",
                {"x": (n, c, size, size), "weight": (c, k, r, r), "bias": (k,)}, (n, k, p, p),
                {"stride": stride, "padding": padding}, flops=2 * n * c * k * size * size * r * r,
                terms={"y": c * r * r + 1, "dx": k * r * r, "dweight": n * size * size, "dbias": n * p * p})


def upsample(mode, n, c, size):
    what = f"{mode} N{n} C{c} {size} -> {2 * size}"
    return Case(f"upsample-{mode}-c{c}-{size}-n{n}", "upsample", "interpolate", what,
                {"x": (n, c, size, size)}, (n, c, 2 * size, 2 * size), {"scale_factor": 2, "mode": mode},
                terms={"y": 4, "dx": 16})


def activation(op, *shape, **options):
    return Case(f"{op}-{'x'.join(map(str, shape))}", "activation", op, f"{op} {'x'.join(map(str, shape))}",
                {"x": shape}, shape, options)


CASES = [
    conv("mnist1-n1", 1, 1, 28, 28, 32, 3, padding=1),
    conv("mnist1-n32", 32, 1, 28, 28, 32, 3, padding=1),
    conv("mnist2-n32", 32, 32, 14, 14, 64, 3, padding=1),
    conv("stem7-n1", 1, 3, 224, 224, 64, 7, stride=2, padding=3),
    conv("stem7-n8", 8, 3, 224, 224, 64, 7, stride=2, padding=3),
    conv("c64-56-n1", 1, 64, 56, 56, 64, 3, padding=1),
    conv("c64-56-n8", 8, 64, 56, 56, 64, 3, padding=1),
    conv("c128-28-n8", 8, 128, 28, 28, 128, 3, padding=1),
    conv("c256-14-n8", 8, 256, 14, 14, 256, 3, padding=1),
    conv("c512-7-n8", 8, 512, 7, 7, 512, 3, padding=1),
    conv("1x1-64-256-56-n8", 8, 64, 56, 56, 256, 1),
    conv("1x1-256-128-s2-n8", 8, 256, 56, 56, 128, 1, stride=2),
    conv("3x3-s2-64-128-n8", 8, 64, 56, 56, 128, 3, stride=2, padding=1),
    conv("dw32-112-n8", 8, 32, 112, 112, 32, 3, padding=1, groups=32),
    conv("dw144-56-s2-n8", 8, 144, 56, 56, 144, 3, stride=2, padding=1, groups=144),
    conv("dw960-7-n8", 8, 960, 7, 7, 960, 3, padding=1, groups=960),
    conv("dw64-28-s2-n8", 8, 64, 28, 28, 64, 3, stride=2, padding=1, groups=64),
    conv("grouped4-n8", 8, 64, 32, 32, 64, 3, padding=1, groups=4),
    conv("5x5-c16-n4", 4, 16, 128, 128, 16, 5, padding=2),
    conv("dilated2-c64-n4", 4, 64, 48, 48, 64, 3, padding=2, dilation=2),
    conv("cifar1-n32", 32, 3, 32, 32, 64, 3, padding=1),
    conv("cifar2-n32", 32, 64, 32, 32, 64, 3, padding=1),
    conv("c64-28-f64-n4", 4, 64, 28, 28, 64, 3, padding=1, dtype="float64"),
    conv("odd-c17-k19-n3", 3, 17, 31, 29, 19, 3, stride=2, padding=1),
    conv("odd-c13-k37-p1-n5", 5, 13, 27, 33, 37, 3, padding=1),
    conv("c512-7-n1", 1, 512, 7, 7, 512, 3, padding=1),
    conv("lenet2-n64", 64, 6, 14, 14, 16, 5),
    conv("dqn1-n32", 32, 4, 84, 84, 32, 8, stride=4),
    conv("dqn2-n32", 32, 32, 20, 20, 64, 4, stride=2),
    conv("dqn2-n1", 1, 32, 20, 20, 64, 4, stride=2),
    conv("5x5-c64-28-n8", 8, 64, 28, 28, 64, 5, padding=2),
    conv("1x1-512-2048-7-n8", 8, 512, 7, 7, 2048, 1),
    conv("3x3-s2-128-256-n8", 8, 128, 28, 28, 256, 3, stride=2, padding=1),
    conv("keras1-n128", 128, 1, 28, 28, 32, 3),
    conv("lenet1-n64", 64, 1, 28, 28, 20, 5),
    conv("atari2-n8", 8, 16, 20, 20, 32, 4, stride=2),
    conv("go-c128-19-n8", 8, 128, 19, 19, 128, 3, padding=1),
    conv("unet-c192-64-n2", 2, 192, 64, 64, 64, 3, padding=1),
    conv("c512-3-n4", 4, 512, 3, 3, 512, 3, padding=1),
    conv("7x7-c48-17-n16", 16, 48, 17, 17, 64, 7, padding=3),
    conv("resnext-28-n4", 4, 256, 28, 28, 256, 3, padding=1, groups=32),
    conv("mobile-1x1-256-20-n1", 1, 256, 20, 20, 256, 1),
    conv("dw96-7x7-56-n2", 2, 96, 56, 56, 96, 7, padding=3, groups=96),
    conv("dw672-5x5-14-s2-n1", 1, 672, 14, 14, 672, 5, stride=2, padding=2, groups=672),
    conv("aspp-d12-28-n1", 1, 512, 28, 28, 256, 3, padding=12, dilation=12),
    conv("3x3-s2-256-512-14-n1", 1, 256, 14, 14, 512, 3, stride=2, padding=1),
    conv("1x1-960-160-7-n4", 4, 960, 7, 7, 160, 1),
    conv("minigrid2-n32", 32, 32, 3, 3, 64, 2),
    pool("max", "k2s2-28-n32", 32, 32, 28, 2, 2),
    pool("max", "k3s2p1-112-n8", 8, 64, 112, 3, 2, padding=1),
    pool("max", "k2s2-56-n8", 8, 64, 56, 2, 2),
    pool("max", "k3s1p1-28-n8", 8, 256, 28, 3, 1, padding=1),
    pool("max", "odd-k3s2-31-n4", 4, 33, 31, 3, 2),
    pool("max", "k2s2-14-n32", 32, 64, 14, 2, 2),
    pool("max", "k5s1p2-13-n8", 8, 256, 13, 5, 1, padding=2),
    pool("max", "k3s3-48-n8", 8, 64, 48, 3, 3),
    pool("max", "k2s2-56-f64-n4", 4, 64, 56, 2, 2, dtype="float64"),
    pool("avg", "k2s2-28-n32", 32, 32, 28, 2, 2),
    pool("avg", "k3s2p1-112-n8", 8, 64, 112, 3, 2, padding=1),
    pool("avg", "global-7-n8", 8, 512, 7, 7, 1),
    pool("avg", "k3s1p1-17-n4", 4, 128, 17, 3, 1, padding=1),
    *(recurrent(kind, t, n, i, h) for kind in GATES for t, n, i, h in [
        (1, 1, 64, 128), (32, 1, 128, 128), (64, 32, 128, 256), (28, 64, 28, 128), (128, 16, 512, 512),
        (17, 5, 33, 50), (200, 4, 13, 100), (35, 20, 200, 200)]),
    recurrent("lstm", 32, 16, 64, 128, dtype="float64"),
    *(cell(kind, 1, 64, 64) for kind in GATES),
    linear(1, 128, 10),
    linear(64, 784, 512),
    linear(64, 1024, 1024),
    linear(33, 127, 65),
    linear(1, 512, 512),
    linear(4, 4096, 1000),
    linear(16, 784, 128),
    linear(512, 512, 512),
    linear(1000, 20, 100),
    linear(2048, 64, 256),
    linear(2048, 64, 1),
    linear(64, 512, 512, dtype="float64"),
    norm("batch_norm", 32, 64, 28, 28, running_mean=None, running_var=None, training=True),
    norm("group_norm", 16, 64, 28, 28, num_groups=8),
    norm("layer_norm", 2048, 256, scaled=(256,), normalized_shape=(256,)),
    attention(16, 4, 128, 64),
    attention(32, 4, 32, 16),
    conv1d(16, 64, 128, 64, 3),
    conv1d(8, 64, 500, 64, 7),
    conv_transpose(16, 64, 14, 32, 4, 2, 1),
    upsample("nearest", 16, 32, 28),
    upsample("bilinear", 16, 32, 28),
    *(activation(op, 64, 4096) for op in ("relu", "gelu", "silu", "sigmoid", "tanh")),
    activation("softmax", 64, 1000),
    activation("log_softmax", 64, 1000),
]


def select(family=None, pattern=None):
    """The cases of one family (or all), whose name matches a regular expression (or all)."""
    chosen = [case for case in CASES if family in (None, case.family) and re.search(pattern or "", case.name)]
    if not chosen:
        raise ValueError(f"no case in family {family!r} matches {pattern!r}; "
                         f"families: {', '.join(dict.fromkeys(case.family for case in CASES))}")
    return chosen


def find(name):
    (case,) = (case for case in CASES if case.name == name)
    return case
