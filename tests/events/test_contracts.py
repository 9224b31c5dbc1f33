# SPDX-License-Identifier: Apache-2.0
"""The contracts of the event store (contract.c), against a resolver of their own."""
import os
import subprocess

import pytest

import resolver_world
from waiting import PATIENCE_S


@pytest.fixture
def world(database, program, tmp_path):
    made = resolver_world.World(database, program("resolver/verdict-resolver"), tmp_path)
    made.lead()
    yield made
    made.close()
    made.no_errors()


def test_contracts(world, program):
    done = subprocess.run([program("tests/events/contracts")], capture_output=True, text=True, timeout=PATIENCE_S,
                          env=dict(os.environ, VERDICT_TEST_DSN=world.database.dsn()), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("[  PASSED  ]") == 3
