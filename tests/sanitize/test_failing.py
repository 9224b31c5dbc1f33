# SPDX-License-Identifier: Apache-2.0
"""Whatever fails in the library, an allocation or a call of libpq: its host lives, all calls end once, the next ones are good, and
what was told of commits is true. VERDICT_FULL=1 tries each one; else one in so many (failing.c, by hand, takes any)."""
import os
import subprocess

import pytest
from transaction_fixtures import world  # noqa: F401 (fixture)

FULL = bool(os.environ.get("VERDICT_FULL"))


def run(world, program, *words):
    done = subprocess.run([program("tests/sanitize/failing"), world.database.dsn(), *map(str, words)],
                          capture_output=True, text=True, timeout=14400 if FULL else 600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[1])


@pytest.mark.parametrize("first, step, run_of", [(1, 19, 1), (3, 47, 6), (5, 83, 60)])
def test_every_so_many_allocations(world, program, first, step, run_of):
    step = 1 if FULL else step
    assert run(world, program, "memory", first, 20000, step, run_of) > 300 // step


@pytest.mark.parametrize("first, step, run_of", [(1, 17, 1), (2, 61, 5)])
def test_every_so_many_calls_of_libpq(world, program, first, step, run_of):
    step = 1 if FULL else step
    assert run(world, program, "calls", first, 20000, step, run_of) > 200 // step
