# SPDX-License-Identifier: Apache-2.0
"""Memory that runs out, anywhere in the library: its host lives, all calls end, and the next ones are good."""
import subprocess

import pytest
from transaction_fixtures import world  # noqa: F401 (fixture)


@pytest.mark.parametrize("first, step, run", [(1, 9, 1), (3, 23, 6), (5, 41, 60)])
def test_every_so_many_allocations(world, program, first, step, run):
    """no_memory.c; by hand with a step of 1: all of them."""
    done = subprocess.run([program("tests/integration/no_memory"), world.database.dsn(), *map(str, (first, 5000, step, run))],
                          capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[1]) > 300 // step
