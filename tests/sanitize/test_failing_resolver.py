# SPDX-License-Identifier: Apache-2.0
"""Whatever fails in a resolver, an allocation or a call of libpq, while it starts, campaigns, leads under load, settles and hands
over: the others go on, and the books agree. Without memory it may die, by its own rule (abort, or an error at its start) and not
otherwise; of a call of libpq that fails it does not die at all. VERDICT_FULL=1 tries each one; else one in so many."""
import os
import signal

import pytest

from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from resolver_world import Node
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
SAMPLES = 25  # in a usual run, of each kind
LEASE = {"lease-ttl": "600s"}
ADDS, INCREMENTS = 30, 10
# of a process that could not go on: abort() of a failed check, or an error that was told at the start
DEATHS = (-signal.SIGABRT, 1, 2)


class Turns:
    """One database and one worker; in each turn a resolver in which something fails takes over from a healthy one, leads, and
    hands over to the next."""

    def __init__(self, program, database, folder, deaths_are_meant):
        self.world = World(program, database, folder)
        self.failing = program("tests/sanitize/failing_resolver")
        self.deaths_are_meant = deaths_are_meant
        self.number = 0
        self.healthy = None
        self.new_healthy()
        self.healthy.wait_says("state=leading")
        self.worker = self.world.worker()

    def new_healthy(self):
        self.number += 1
        self.healthy = self.world.node(f"healthy{self.number}", LEASE)

    def turn(self, **environment):
        """Returns what the failing one ended with."""
        name = f"failing{self.number}"
        node = self.world.nodes[name] = Node(self.failing, self.world.database.dsn(), name, self.world.folder, LEASE)
        node.environment.update(environment, **self.deaths_are_meant)
        node.start()
        wait_until(lambda: node.says("keeper is connected") or not node.is_running(), node.log)
        assert self.healthy.stop() == 0
        self.worker.adds(ADDS)
        self.worker.increments(INCREMENTS, 4)
        wait_until(lambda: self.worker.in_flight() == 0 or not node.is_running(), node.log)
        self.new_healthy()
        if node.is_running():
            self.healthy.wait_says("keeper is connected")
            node.send(signal.SIGTERM)
        self.worker.adds(ADDS)
        self.worker.wait_all()
        ended = node.process.wait(120)
        wait_until(lambda: self.world.leader() is self.healthy, "the healthy one does not lead")
        return ended, node

    def close(self):
        self.worker.close()
        self.world.close()


@pytest.fixture
def turns(program, database, tmp_path, request):
    made = Turns(program, database, tmp_path, request.config.reports.deaths_are_meant())
    yield made
    made.close()


def numbers(count):
    """Of `count`: all, or some."""
    return range(1, count + 1, 1 if FULL else max(1, count // SAMPLES))


def count_of(path):
    return int(path.read_text())


def test_without_memory(turns, tmp_path):
    counted = tmp_path / "count"
    ended, _ = turns.turn(VERDICT_NO_MEMORY_COUNT=str(counted))
    assert ended == 0
    died = 0
    for n in numbers(count_of(counted)):
        ended, node = turns.turn(VERDICT_NO_MEMORY=str(n))
        assert ended == 0 or ended in DEATHS, f"allocation {n}: {ended}\n{node.log()[-3000:]}"
        died += ended != 0
        if n % 50 == 0:
            turns.world.balance([COMMITTED, CONFLICT, TOO_OLD])
    assert died > 0
    turns.world.balance([COMMITTED, CONFLICT, TOO_OLD])


def test_calls_of_libpq_fail(turns, tmp_path):
    log = tmp_path / "calls"
    ended, _ = turns.turn(VERDICT_FAULT="none:1:fail", VERDICT_FAULT_LOG=str(log))
    assert ended == 0
    count = sum(line.startswith("pg.call ") for line in log.read_text().splitlines())
    for n in numbers(count):
        ended, node = turns.turn(VERDICT_FAULT=f"pg.call:{n}:fail")
        at_start = n == 1 and ended == 2 and node.says("out of memory")  # the connection string is read
        assert ended == 0 or at_start, f"call {n}: {ended}\n{node.log()[-3000:]}"
        if n % 50 == 0:
            turns.world.balance([COMMITTED, CONFLICT, TOO_OLD])
    turns.world.balance([COMMITTED, CONFLICT, TOO_OLD])
