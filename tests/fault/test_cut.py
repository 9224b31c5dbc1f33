# SPDX-License-Identifier: Apache-2.0
"""A connection is cut after each byte, in each direction: those of a worker, those of the leader. Each commit then ends in its
one true verdict; what is stored says so. VERDICT_FULL=1 tries every byte."""
import concurrent.futures
import os
import signal
import statistics

import pytest

from fault_world import COMMITTED, TIMED_OUT, UNKNOWN, World
from proxy import CLOSE, RESET, SWALLOW, TO_CLIENT, TO_SERVER, Proxy
from waiting import wait_until

DESK, INBOX, CLAIM, APPLY = "verdict-follower/verdict", "verdict-inbox/verdict", "the leader's claims", "the leader's applies"
SIDE_BY_SIDE = 4
TRIALS = 60  # in a usual run, for each connection and direction


class Cell:
    """A database with one leader and one worker, one of which is behind a proxy."""

    def __init__(self, program, database, folder, is_leader_behind):
        self.world = World(program, database, folder)
        self.proxy = Proxy(database.server.port)
        self.proxy.rename(b"SELECT fence(", APPLY)
        self.proxy.rename(b"ORDER BY arrival", CLAIM)
        behind = self.proxy.dsn(database)
        self.leader = self.world.node("a", dsn=behind if is_leader_behind else None)
        self.leader.wait_says("state=leading")
        self.worker = self.world.worker(None if is_leader_behind else behind, max_connections=2)

    def commit(self):
        answer, = self.worker.wait(self.worker.adds(1))
        assert answer["code"] == COMMITTED, answer

    def length(self, name, direction):
        """How many bytes one commit sends that way, on a connection that has done it before. Other things are sent at times,
        and what is told may be ahead of what the proxy has passed on: so the middle one of many."""
        lengths = []
        for _ in range(16):
            before = self.proxy.bytes_passed(name, direction)
            self.commit()
            lengths.append(self.proxy.bytes_passed(name, direction) - before)
        return statistics.median_low(lengths[1:])

    def cut(self, name, direction, offset, how):
        self.commit()  # all connections are there, and have done it before
        cuts = self.proxy.cut(name, direction, offset, how)
        self.commit()
        if self.proxy.cuts == cuts:
            self.commit()  # the first was shorter
        self.proxy.disarm()

    def close(self):
        self.world.close()
        self.proxy.close()
        self.world.no_errors()


@pytest.fixture
def cells(postgres, migrate, program, tmp_path):
    """make(is_leader_behind): several side by side, for each spends its time waiting to connect again."""
    databases, made = [], []

    def make(is_leader_behind, count=SIDE_BY_SIDE):
        for place in range(count):
            databases.append(postgres.migrated(migrate))
            (tmp_path / str(place)).mkdir()
            made.append(Cell(program, databases[-1], tmp_path / str(place), is_leader_behind))
        return made
    yield make
    for cell in made:
        cell.close()
    for database in databases:
        database.drop()


@pytest.mark.parametrize("name,direction,how", [
    (DESK, TO_SERVER, RESET), (DESK, TO_CLIENT, CLOSE), (INBOX, TO_CLIENT, RESET),
    (CLAIM, TO_SERVER, CLOSE), (CLAIM, TO_CLIENT, RESET), (APPLY, TO_SERVER, RESET), (APPLY, TO_CLIENT, CLOSE)],
    ids=["the submit", "its answer", "the reply", "the claim", "its rows", "the apply", "its answers"])
def test_cut_after_each_byte(cells, name, direction, how):
    made = cells(name in (CLAIM, APPLY))
    length = made[0].length(name, direction)
    assert length > 20
    stride = 1 if os.environ.get("VERDICT_FULL") else max(1, length // TRIALS)
    offsets = range(0, length + 1, stride)

    def run(place):
        for offset in offsets[place::len(made)]:
            made[place].cut(name, direction, offset, how)
    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(run, range(len(made))))
    cuts = sum(cell.proxy.cuts for cell in made)
    assert cuts > len(offsets) * 0.8, f"{cuts} cuts at {len(offsets)} offsets"
    for cell in made:
        cell.world.balance([COMMITTED])
        # a lost connection is no reason to lose the office
        assert cell.leader.log().count("took office") == 1
        cell.worker.close()


@pytest.mark.parametrize("name", [DESK, INBOX])
def test_a_connection_that_swallows_everything(cells, name):
    """It is acknowledged by the network and never answers. Time-outs hold all the same: what the other connection can find out
    is the truth, and with the inbox dead the result is unknown (1021), which is never told otherwise."""
    cell, = cells(False, 1)
    cell.commit()
    patient = cell.worker
    cell.worker = cell.world.worker(cell.proxy.dsn(cell.world.database), max_connections=2, transaction_timeout=4000)
    patient.close()
    cell.commit()
    cell.proxy.cut(name, TO_CLIENT, 0, SWALLOW)
    cell.worker.adds(20)
    wait_until(lambda: cell.proxy.cuts == 1, "nothing is swallowed")
    for _ in range(2):
        cell.worker.adds(20)
    cell.worker.wait_all()
    codes = {answer["code"] for answer in cell.worker.told.values()}
    assert codes & {TIMED_OUT, UNKNOWN}, codes
    cell.world.balance([COMMITTED, TIMED_OUT] if name == DESK else [COMMITTED, TIMED_OUT, UNKNOWN])


def test_a_silent_connection_is_given_up(cells):
    """Without any time-out of a caller's: whichever connection has fallen silent, and wherever it froze, is given up for one
    that answers."""
    made = cells(False, 3)
    for cell in made:
        cell.commit()
    made[0].proxy.cut(DESK, TO_CLIENT, 0, SWALLOW)
    made[1].proxy.cut(INBOX, TO_CLIENT, 0, SWALLOW)
    database = made[2].world.database
    (stopped,), = database.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                   " AND application_name = %s", [INBOX])
    database.server.signal_backend(stopped, signal.SIGSTOP)
    try:
        for cell in made:
            for _ in range(3):
                cell.worker.adds(20)
        for cell in made:
            cell.worker.wait_all()
            cell.world.balance([COMMITTED])
        assert [cell.proxy.cuts for cell in made] == [1, 1, 0]
    finally:
        database.server.signal_backend(stopped, signal.SIGCONT)


def test_a_slow_network(cells):
    """Each packet of the worker's takes 20 ms more: slower, and nothing else."""
    cell, = cells(False, 1)
    for name in (DESK, INBOX):
        cell.proxy.hold(name, 0.02)
    cell.worker.wait(cell.worker.adds(500))
    cell.worker.wait(cell.worker.increments(100, 10))
    cell.world.balance()
