"""Runs a program of examples/ in a process of its own, as a user would."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run_example(name, *arguments, text=None):
    """What `python examples/<name> <arguments>` did, with `text` typed in; stdout and stderr are text."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}  # it imports its neighbour
    env.setdefault("OMP_NUM_THREADS", "1")  # pytest's workers already keep the cores busy
    return subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True,
                          input=text, check=False, env=env, timeout=300)
