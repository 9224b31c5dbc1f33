# SPDX-License-Identifier: Apache-2.0
"""What must not happen: idle processes that keep PostgreSQL from cleaning up, and children that use their parent's database."""
import time

import pytest

from fault_world import COMMITTED, World
from waiting import PATIENCE_S, wait_until

INVALID = 2000


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


def test_idle_processes_hold_no_old_snapshot(world):
    """Three nodes and two workers, idle, over four seconds: no transaction of theirs is older than a moment, and so is no
    snapshot and no transaction id that they hold."""
    world.three()
    for _ in range(2):
        worker = world.worker()
        worker.wait(worker.increments(50, 5))
    (horizon,), = world.database.execute("SELECT txid_current()")
    seen, old = set(), []
    end = time.monotonic() + 4
    with world.database.connect() as watch:
        while time.monotonic() < end:
            rows = watch.execute(
                "SELECT application_name, clock_timestamp() - xact_start > interval '2 s', backend_xmin, backend_xid"
                " FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'verdict-%%'").fetchall()
            seen |= {row[0] for row in rows}
            old += [row for row in rows if row[1] and (row[2] is not None or row[3] is not None)]
            time.sleep(0.02)
    assert old == []
    assert {"verdict-follower/verdict", "verdict-inbox/verdict"} | {f"verdict-keeper/verdict/{n}" for n in "abc"} <= seen
    # and so the horizon moves: a dead row of a moment ago can be cleaned away

    def moved():
        return world.database.execute(
            "SELECT bool_and(backend_xmin IS NULL OR backend_xmin::text::bigint > %s %% 4294967296) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'verdict-%%'", [horizon]) == [(True,)]
    wait_until(moved, "somebody still holds a snapshot from before")
    world.balance()


def test_a_child_of_fork(world):
    """Everything of the parent's is refused in the child, which may open a database of its own; the parent goes on."""
    world.lead("a")
    worker = world.worker()
    worker.wait(worker.adds(10))
    for _ in range(3):
        worker.order("fork")
        answer = worker.answers.get(timeout=PATIENCE_S)
        assert answer == {"fork": {"ready": INVALID, "get": INVALID, "commit": INVALID, "run": INVALID, "new": INVALID, "own": 0},
                          "parent": 0}
        worker.wait(worker.adds(10))
    assert world.stored()[b"child"] == world.stored()[b"parent"] == b"1"
    world.balance([COMMITTED])
    worker.close()
