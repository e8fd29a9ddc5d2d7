"""Tables of a comparison: every case with its ratios, and the geometric mean of each family."""

import math

PEERS = ("torch", "onnxruntime", "jax")


def line(row):
    times = "  ".join(f"{name} {milliseconds(seconds)}" for name, seconds in row["seconds"].items())
    return f"{row['case']} {row['direction']}: {times} (ms)"


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}"


def ratio(row, other):
    """How many times faster fastnn is than `other`: a contender, or "best" for the fastest peer."""
    seconds = row["seconds"]
    if other == "best":
        peers = [seconds[name] for name in PEERS if name in seconds]
        return min(peers) / seconds["fastnn"] if peers and "fastnn" in seconds else None
    return seconds[other] / seconds["fastnn"] if other in seconds and "fastnn" in seconds else None


def share(row, limits):
    """The fraction of the machine's limit that fastnn reaches: of arithmetic where the op has any, else of memory."""
    if "fastnn" not in row["seconds"] or not limits:
        return None
    if row["flops"]:
        return row["flops"] * 1e-9 / row["seconds"]["fastnn"] / limits[f"{row['dtype']}_gflops"]
    return row["bytes"] * 1e-9 / row["seconds"]["fastnn"] / limits["copy_gbytes"]


def geometric_means(rows, other):
    """{(family, direction): (mean ratio, number of cases)}"""
    groups = {}
    for row in rows:
        if value := ratio(row, other):
            groups.setdefault((row["family"], row["direction"]), []).append(value)
    return {key: (math.exp(sum(map(math.log, values)) / len(values)), len(values)) for key, values in groups.items()}


def markdown(results):
    rows = results["rows"]
    present = {name for row in rows for name in row["seconds"]}
    others = [name for name in ("reference", *PEERS) if name in present]
    return "\n".join([_conditions(results), "", *_cases(rows, others, results), "",
                      *_families(rows, [*others, "best"] if set(others) & set(PEERS) else others), ""])


def _conditions(results):
    machine, limits = results["machine"], results["limits"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    measured = (f"; measured limits: {limits['float32_gflops']:.0f} GF/s float32, {limits['float64_gflops']:.0f} GF/s "
                f"float64, {limits['copy_gbytes']:.0f} GB/s copy" if limits else "")
    return (f"{results['date']}, {machine['processor']}, {results['threads']} threads, ISA {results['isa']}, "
            f"{machine['system']}{measured}. {versions}. "
            f"Medians of {results['rounds']} rounds in turn, a process each. "
            "Ratios: the other's time divided by fastnn's, above 1 where fastnn is faster. Training is forward and all "
            "gradients. Rates count the arithmetic of the direct algorithm (training: three times forward) or, for ops "
            "without, the bytes of inputs and results. * : other processes kept the machine busy meanwhile.")


def _cases(rows, others, results):
    head = ["case", "what", "direction", "fastnn, ms", "rate", "of limit"]
    for name in others:
        head += [f"{name}, ms", "x"]
    lines = [_cells(head), _cells(["---"] * len(head))]
    for row in rows:
        seconds = row["seconds"]
        mine, part = seconds.get("fastnn"), share(row, results["limits"])
        mark = "*" if row["disturbance"] > results["quiet"] else ""
        rate = "" if not mine else _rate(row, mine)
        cells = [row["case"] + mark, row["what"], row["direction"], milliseconds(mine) if mine else "", rate,
                 f"{part:.0%}" if part else ""]
        for name in others:
            value = ratio(row, name)
            cells += [milliseconds(seconds[name]) if name in seconds else "", f"{value:.2f}" if value else ""]
        lines.append(_cells(cells))
    return lines


def _rate(row, seconds):
    if row["flops"]:
        return f"{row['flops'] * 1e-9 / seconds:.3g} GF/s"
    return f"{row['bytes'] * 1e-9 / seconds:.3g} GB/s"


def _families(rows, others):
    means = {name: geometric_means(rows, name) for name in others}
    keys = dict.fromkeys((row["family"], row["direction"]) for row in rows)
    titles = ["best peer" if name == "best" else name for name in others]
    lines = ["Geometric means of the ratios (number of cases):", "", _cells(["family", "direction", *titles]),
             _cells(["---"] * (len(others) + 2))]
    for key in keys:
        found = [means[name].get(key) for name in others]
        lines.append(_cells([*key, *(f"{mean[0]:.2f} ({mean[1]})" if mean else "" for mean in found)]))
    return lines


def _cells(cells):
    return "| " + " | ".join(cells) + " |"
