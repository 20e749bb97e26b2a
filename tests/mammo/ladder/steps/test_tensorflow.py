"""What only TensorFlow must be held to; the promises of every step are in `test_choose`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]
PROGRAM = """
import resource, sys
import toy_steps
toy_steps.SHAPE = (512, 512)
stage = toy_steps.make_stage(batch=16, accumulate=int(sys.argv[1]))
toy_steps.train(stage, batches=toy_steps.make_batches(stage, steps=2))
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure_peak(accumulate: int) -> int:
    """The largest resident set of a process that trains on large pictures."""
    command = [sys.executable, "-c", PROGRAM, str(accumulate)]
    told = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True)
    return int(told.stdout.split("peak ")[1])


@pytest.mark.slow
def test_parts_are_computed_one_after_the_other_and_share_their_memory():
    none, whole, parts = (measure_peak(accumulate) for accumulate in (16, 1, 4))
    assert whole - none > 200_000  # KiB that one batch takes: else nothing could be saved
    assert parts - none < 0.5 * (whole - none)
