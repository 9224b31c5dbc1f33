# SPDX-License-Identifier: Apache-2.0
"""What the leader remembers is bounded: recent writes by raising the floor, clients by dropping those that idle."""
import os
import time

import pytest

from fault_world import COMMITTED, TOO_OLD, World
from memory import MB, Peaks
from resolver_world import ADD, CLEAR, SET, key_range
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
COMMITS = 300_000 if FULL else 12_000
CLIENTS, EACH = (10_000, 30) if FULL else (1_000, 5)


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


def flood(world, workers, commits):
    for worker in workers:
        worker.adds(4000)
    while sum(len(w.ordered) for w in workers) < commits:
        for worker in workers:
            if worker.in_flight() < 2000:
                worker.adds(2000)
        time.sleep(0.001)
    for worker in workers:
        worker.wait_all()


@pytest.mark.parametrize("window, ends", [("1MB", TOO_OLD), ("256MB", COMMITTED)])
def test_the_window_at_its_limit(world, window, ends):
    """Each commit writes keys that none wrote before. What is older than the window reaches is too old, not forgotten."""
    leader = world.lead("a", {"window-bytes": window, "window-age": "10min"})
    client = world.client()
    workers = [world.worker(), world.worker()]
    client.commit([(SET, b"x", b"1")])
    before = client.snapshot()
    with Peaks(resolver=lambda: [leader.process.pid]) as peaks:
        began = time.monotonic()
        flood(world, workers, COMMITS)
        seconds = time.monotonic() - began
    print(f"window of {window}: {COMMITS} commits, {COMMITS / seconds:.0f}/s; {peaks}")
    assert client.commit([(SET, b"y", b"1")], reads=[key_range(b"x")], at=before).code == ends
    assert client.commit([(SET, b"y", b"1")], reads=[key_range(b"x")], at=client.snapshot()).code == COMMITTED
    client.commit([(CLEAR, b"y"), (CLEAR, b"x")])
    world.balance([COMMITTED])


def test_very_many_clients(world):
    """None of them acknowledges anything. All are known to the database, some to the leader; copies of all are told apart."""
    leader = world.lead("a")
    world.database.execute("CREATE TABLE known AS SELECT c AS client, (register(c, i)).generation, i "
                           "FROM (SELECT gen_random_uuid() AS c, i FROM generate_series(1, %s) i) s", [CLIENTS])
    payload = world.client().request([(ADD, b"count", b"\1" + b"\0" * 7)])
    for _ in range(3):
        with Peaks(resolver=lambda: [leader.process.pid]) as peaks:
            began = time.monotonic()
            for sequence in range(1, EACH + 1):
                world.database.execute("WITH sent AS (INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload) "
                                       "SELECT client, %s, generation, 0, i, %s FROM known) SELECT pg_notify('verdict_doorbell', '')",
                                       [sequence, payload])
            wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "the queue does not empty")
            seconds = time.monotonic() - began
        print(f"{CLIENTS} clients x {EACH}: {CLIENTS * EACH / seconds:.0f}/s; {peaks}")
        (value,), = world.database.execute("SELECT value FROM kv WHERE key = 'count'")
        assert int.from_bytes(value, "little") == CLIENTS * EACH
    assert leader.log().count("state=leading") == 1
