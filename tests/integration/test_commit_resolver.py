# SPDX-License-Identifier: Apache-2.0
"""The commit path with real leaders: each request leaves a stamped key, so that what is stored can be held against what was told."""
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pytest

from commit_player import CANCELLED, TOO_OLD, Driver
from waiting import PATIENCE_S, wait_until

DESK, INBOX = "verdict-follower/verdict", "verdict-inbox/verdict"


class Node:
    def __init__(self, program, dsn, name, folder):
        self.command = [program("resolver/verdict-resolver"), "--dsn", dsn, "--node", name, "--lease-ttl", "10s"]
        self.log = open(folder / f"{name}.log", "ab")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        self.name = name

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()


class World:
    def __init__(self, program, database, folder):
        self.program, self.database, self.folder = program, database, folder
        self.nodes, self.workers = {}, []

    def node(self, name):
        self.nodes[name] = Node(self.program, self.database.dsn(), name, self.folder)

    def lead(self, *names):
        for name in names:
            self.node(name)
        wait_until(self.leader, "a leader")

    def worker(self, **options):
        self.workers.append(Driver(self.program, self.database.dsn(), **options).ready())
        return self.workers[-1]

    def leader(self):
        (name, serving), = self.database.execute("SELECT node, NOT released FROM lease")
        return self.nodes.get(name) if serving else None

    def end(self):
        for worker in self.workers:
            worker.kill()
        for node in self.nodes.values():
            node.end()

    def stored(self):
        """The stamped keys: (id, version, order); and the counter."""
        rows = self.database.execute(r"SELECT key FROM kv WHERE key >= 's' AND key < 't'")
        stamps = [struct.unpack(">IQH", bytes(row[0])[1:]) for row in rows]
        counter = self.database.execute("SELECT value FROM kv WHERE key = 'count'")
        return stamps, struct.unpack("<Q", bytes(counter[0][0]))[0] if counter else 0

    def told_is_stored(self, worker):
        stamps, counter = self.stored()
        told = sorted((number, v[1], v[2]) for number, v in worker.told.items() if v[0] == 0)
        assert sorted(stamps) == told
        assert counter == len(told)


@pytest.fixture
def world(program, database, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.end()


def test_thousands_of_commits(world):
    world.lead("a")
    worker = world.worker()
    worker.order("stamps 0 5000")
    assert {v[0] for v in worker.verdicts(range(5000))} == {0}
    world.told_is_stored(worker)
    assert worker.numbers("statements")["desk"] < 40
    wait_until(lambda: world.database.execute("SELECT count(*) FROM outcomes") == [(0,)], "all acknowledged and forgotten")
    worker.close()


def test_commits_wait_for_a_leader(world):
    world.lead("a")
    world.nodes["a"].kill()
    worker = world.worker()
    worker.order("stamps 0 1000")
    time.sleep(1)
    assert worker.told == {}
    world.node("b")
    assert {v[0] for v in worker.verdicts(range(1000))} == {0}
    world.told_is_stored(worker)


def test_a_version_from_before_a_jump_is_left_behind(world):
    """The first takeover ever lets the version jump: what carries an older one is too old, and its verdict says how far we are."""
    worker = world.worker()
    worker.order("stamps 0 1")
    world.lead("a")
    assert worker.verdict(0)[0] == TOO_OLD
    worker.order("stamps 1 1")
    assert worker.verdict(1)[0] == 0


def test_given_up_under_load(world):
    world.lead("a")
    worker = world.worker()
    for start in range(0, 3000, 100):
        worker.order(f"stamps {start} 100")
        for number in range(start, start + 100, 7):
            worker.order(f"give_up {number}")
    codes = {v[0] for v in worker.verdicts(range(3000))}
    assert codes <= {0, CANCELLED}
    world.told_is_stored(worker)


@pytest.mark.parametrize("seed", [1, 2])
def test_leaders_and_connections_are_lost(world, seed):
    rng = random.Random(int(os.environ.get("VERDICT_SEED", seed)))
    world.lead("a", "b", "c")
    worker = world.worker(max_in_flight=500)
    total, done, lost = 6000, threading.Event(), []

    def trouble():
        while not done.wait(rng.uniform(0.1, 0.4)):
            what = [DESK, INBOX, "leader"][len(lost) % 3] if len(lost) < 6 else rng.choice([DESK, INBOX, "leader"])
            leader = world.leader()
            if what != "leader":
                world.database.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = %s",
                    [world.database.name, what])
            elif leader is not None:
                leader.kill()
                world.node(leader.name)
            lost.append(what)
    troublemaker = threading.Thread(target=trouble)
    troublemaker.start()
    try:
        submitted, end = 0, time.monotonic() + 5 * PATIENCE_S
        while len(worker.told) < total:
            assert time.monotonic() < end, f"{len(worker.told)} of {total} told: {worker.numbers('counts')}"
            if submitted < total and submitted - len(worker.told) < 400:
                count = min(rng.randint(1, 40), total - submitted)
                worker.order(f"stamps {submitted} {count}")
                submitted += count
            if rng.random() < 0.05 and submitted:
                worker.order(f"give_up {rng.randrange(max(0, submitted - 50), submitted)}")
            time.sleep(0.01)
    finally:
        done.set()
        troublemaker.join()
    assert {v[0] for v in worker.told.values()} <= {0, CANCELLED}
    assert {"leader", DESK, INBOX} <= set(lost)
    world.told_is_stored(worker)
    worker.close()


def test_postgresql_crashes_under_load(servers, migrate, program, tmp_path):
    server = servers()
    world = World(program, server.migrated(migrate), tmp_path)
    try:
        world.lead("a", "b")
        worker = world.worker(max_in_flight=500)
        for start in range(0, 3000, 300):
            worker.order(f"stamps {start} 300")
            if start == 1500:
                server.crash()
                time.sleep(0.3)
                server.start()
        assert {v[0] for v in worker.verdicts(range(3000))} == {0}
        world.told_is_stored(worker)
    finally:
        world.end()
