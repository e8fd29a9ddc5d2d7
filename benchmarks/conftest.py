"""Options of the benchmark suite: `pytest benchmarks --mode verify` times one case of each family."""

import cases


def pytest_addoption(parser):
    parser.addoption("--mode", choices=["full", "verify"], default="full",
                     help="verify: check every case, time the first one of each family")


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        chosen = cases.CASES
        if "benchmark" in metafunc.fixturenames and metafunc.config.getoption("--mode") == "verify":
            chosen = list({case.family: case for case in reversed(cases.CASES)}.values())
        metafunc.parametrize("case", chosen, ids=lambda case: case.name)
