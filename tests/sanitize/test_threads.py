# SPDX-License-Identifier: Apache-2.0
"""All that has threads, at work under ThreadSanitizer: the resolver's two, and the library's loop beside its callers.

VERDICT_ROUNDS says how long."""
import os
import signal
import subprocess

import pytest

from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from waiting import PATIENCE_S, wait_until

ROUNDS = int(os.environ.get("VERDICT_ROUNDS", "1"))
# Leases: that end while a process is frozen, and that nobody waits for the end of.
SHORT, LONG = {"lease-ttl": "2s"}, {"lease-ttl": "600s"}


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


def taken_over(world, old):
    return wait_until(lambda: world.leader() not in (None, old) and world.leader(), "nobody else leads")


def cut(world, name):
    """The server ends the sessions of this name."""
    return world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                  " WHERE datname = current_database() AND application_name LIKE %s", [name])


def test_hand_over_and_lost_sessions(world):
    """Elections, renewals, backends entered in the lease, release: all that the two threads tell each other."""
    leader, _ = world.three(LONG)
    world.load(1, in_flight=32)
    for _ in range(2 * ROUNDS):
        world.go_on(30)
        assert leader.stop() == 0
        new = taken_over(world, leader)
        leader.start()
        leader = new
        world.go_on(30)
        assert cut(world, "verdict-keeper/verdict/" + leader.name)
        world.go_on(30)
        assert cut(world, "verdict-resolver/%")
        world.go_on(30)
        leader = wait_until(world.leader, "nobody leads")
    world.settle()
    world.balance([COMMITTED, CONFLICT, TOO_OLD])
    for node in world.nodes.values():
        assert node.stop() == 0


def test_a_lease_lost_by_time(world):
    leader, _ = world.three(SHORT)
    world.load(1, in_flight=32)
    for _ in range(ROUNDS):
        leader = wait_until(world.leader, "nobody leads")
        world.go_on(30)
        leader.send(signal.SIGSTOP)
        new = taken_over(world, leader)
        leader.send(signal.SIGCONT)
        leader.wait_says("leaves office")
        assert new.is_running()
        world.go_on(30)
    world.settle()
    world.balance([COMMITTED, CONFLICT, TOO_OLD])
    for node in world.nodes.values():
        assert node.stop() == 0


def test_many_threads_of_one_program(world, program):
    world.lead()
    for seed in range(ROUNDS):
        done = subprocess.run([program("tests/sanitize/hammer"), world.database.dsn(), str(seed), "6", "200"],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
