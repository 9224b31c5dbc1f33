# SPDX-License-Identifier: Apache-2.0
"""Calls by chance, legal or not, from several threads or on a loop of the caller's (abuse.c). VERDICT_SEED says which,
VERDICT_CALLS how many, VERDICT_RUNS how often."""
import os
import random
import subprocess

import pytest

import resolver_world
from waiting import PATIENCE_S

SEED = int(os.environ.get("VERDICT_SEED", random.randrange(1 << 31)))
CALLS = int(os.environ.get("VERDICT_CALLS", "1500"))
RUNS = int(os.environ.get("VERDICT_RUNS", "1"))


@pytest.fixture
def world(database, program, tmp_path):
    made = resolver_world.World(database, program("resolver/verdict-resolver"), tmp_path)
    made.lead()
    yield made
    made.close()
    made.no_errors()


@pytest.mark.parametrize("kind", ["threads", "base"])
def test_calls_by_chance(world, program, kind):
    for seed in range(SEED, SEED + RUNS):
        print("VERDICT_SEED", seed)
        done = subprocess.run([program("tests/fault/abuse"), kind, world.database.dsn(), str(seed), str(CALLS)],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert int(done.stdout.split()[1]) > 0
