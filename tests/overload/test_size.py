# SPDX-License-Identifier: Apache-2.0
"""Transactions and batches of the greatest size: each ends in its verdict, the leader stays in office, memory is bounded."""
import os
import re
import time

import pytest

from fault_world import COMMITTED, World
from memory import MB, Peaks, backends_of

FULL = bool(os.environ.get("VERDICT_FULL"))
CLEAR_TOO_LARGE = 7004


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.mark.parametrize("how, count, most, resolver_mb", [
    ("values", 24 if FULL else 3, 9_900_000, 300),
    ("keys", 8 if FULL else 2, 190_000 if FULL else 10_000, 600),
    ("ranges", 8 if FULL else 2, 100_000 if FULL else 10_000, 300),
])
def test_large_transactions_at_once(world, postgres, how, count, most, resolver_mb):
    leader = world.lead("a", {"lease-ttl": "3s"})
    worker = world.worker()
    for _ in range(2):
        with Peaks(worker=lambda: [worker.process.pid], resolver=lambda: [leader.process.pid],
                   backends=lambda: backends_of(postgres)) as peaks:
            began = time.monotonic()
            answers = worker.wait(worker.large(how, count, most))
            seconds = time.monotonic() - began
        print(f"{count} with {most} {how} in {seconds:.1f} s, the longest {max(a['us'] for a in answers) / 1e6:.1f} s; {peaks}")
        assert peaks.kb["resolver"] < resolver_mb * MB
    world.balance([COMMITTED])
    assert leader.log().count("state=leading") == 1 and not re.search("halved|not been applied|rejected", leader.log())
