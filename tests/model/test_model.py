# SPDX-License-Identifier: Apache-2.0
"""Random programs: what the library answers, what the leader decides and what the store holds in the end, against the model.

VERDICT_CASES and VERDICT_SEED say how many and which, VERDICT_LANES how many at a time. A program that disagrees is made as small
as it can be and printed: put the script into a file and run it alone with replay.py.
"""
import os
import random

import pytest

from conftest import build_folder
from lane import Lanes
from run import Failure, Run

CASES = int(os.environ.get("VERDICT_CASES", "10000"))
SEED = int(os.environ.get("VERDICT_SEED", random.randrange(1 << 31)))
LANES = int(os.environ.get("VERDICT_LANES", "3"))


def test_programs_agree():
    with Lanes(build_folder(), LANES) as lanes:
        run = Run(lanes, SEED, CASES)
        try:
            seconds = run.run()
        except Failure as failure:
            pytest.fail(f"VERDICT_SEED={SEED}: after {run.done} programs\n{failure.script(SEED)}", pytrace=False)
        print(f"VERDICT_SEED={SEED}: {run.done} programs, {run.operations} operations, {seconds:.0f} s")
    assert run.done == CASES
