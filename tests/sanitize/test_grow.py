# SPDX-License-Identifier: Apache-2.0
"""Long lives: neither descriptors nor memory nor sessions on the server grow with what has been done. What is held after the second
half of the work is compared with what was held after the first. VERDICT_FULL=1 does much of it and tells the figures."""
import json
import os
import pathlib
import re
import subprocess

import pytest

import resolver_world
from waiting import PATIENCE_S, rest_of, wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
# in all
TRANSACTIONS, DATABASES, RECONNECTS, ELECTIONS = (10000, 1000, 1000, 100) if FULL else (600, 20, 12, 6)
SLACK_BYTES = 64 << 10  # of what is allocated
# of what the system has given, which also depends on where pieces happen to lie, and on the window's five seconds
SLACK_KB = (6 if FULL else 16) << 10


SPARE = 1  # a connection that is made when it is wanted may be there or not


class Program:
    def __init__(self, program, dsn):
        self.process = subprocess.Popen([program("tests/sanitize/grow"), dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def does(self, what, count):
        self.process.stdin.write(f"{what} {count}\n")
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        rest_of(self.process)
        assert self.process.returncode == 0


@pytest.fixture
def world(database, program, tmp_path, monkeypatch):
    # AddressSanitizer keeps what was freed, up to so many megabytes
    monkeypatch.setenv("ASAN_OPTIONS", os.environ["ASAN_OPTIONS"] + ":quarantine_size_mb=1")
    made = resolver_world.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def grow(world, program):
    made = Program(program, world.database.dsn())
    yield made
    made.close()


def sessions(world):
    """Of ours on the server, by name. Those that end take a moment."""
    return dict(world.database.execute("SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                       " AND application_name LIKE 'verdict-%%' GROUP BY 1", []))


def same_sessions(world, before):
    def are_no_more():
        return all(count <= before.get(name, 0) + SPARE for name, count in sessions(world).items())
    wait_until(are_no_more, lambda: f"{before} has become {sessions(world)}")


def held_by(*nodes):
    """Of all of them together: who leads has more connections than who stands by."""
    folders = [pathlib.Path("/proc", str(node.process.pid)) for node in nodes]
    statuses = "".join((folder / "status").read_text() for folder in folders)
    return {"descriptors": sum(len(list((folder / "fd").iterdir())) for folder in folders),
            "kb": sum(map(int, re.findall(r"VmRSS:\s*(\d+)", statuses)))}


def is_flat(name, first, second):
    print(name, first, second)
    assert second["descriptors"] <= first["descriptors"] + SPARE, (name, first, second)
    assert second.get("bytes", 0) <= first.get("bytes", 0) + SLACK_BYTES, (name, first, second)
    assert second.get("kb", 0) <= first.get("kb", 0) + SLACK_KB, (name, first, second)


def stay_flat(name, first, *nodes):
    """Connections that are given up are closed a moment later."""
    wait_until(lambda: held_by(*nodes)["descriptors"] <= first["descriptors"] + SPARE, lambda: f"{first}, {held_by(*nodes)}")
    is_flat(name, first, held_by(*nodes))


def test_transactions(world, grow):
    leader = world.lead()
    grow.does("transactions", TRANSACTIONS // 10)
    first, leads, before = grow.does("transactions", TRANSACTIONS // 2), held_by(leader), sessions(world)
    is_flat("transactions", first, grow.does("transactions", TRANSACTIONS // 2))
    stay_flat("their leader", leads, leader)
    same_sessions(world, before)


def test_databases(world, grow):
    world.lead()
    grow.does("transactions", 10)
    grow.does("databases", 4)
    before = sessions(world)
    first = grow.does("databases", DATABASES // 2)
    is_flat("databases", first, grow.does("databases", DATABASES // 2))
    same_sessions(world, before)


def cut(world, names):
    world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE datname = current_database() AND application_name LIKE %s", [names])


def test_reconnects(world, grow):
    """All sessions of the library and those by which the leader claims and applies are cut by the server, and come back."""
    leader = world.lead()
    grow.does("transactions", 20)
    before = sessions(world)

    def half():
        for _ in range(RECONNECTS // 2):
            cut(world, "verdict-follower/%")
            cut(world, "verdict-inbox/%")
            cut(world, "verdict-resolver/%")
            grow.does("transactions", 2)
        same_sessions(world, before)
        return grow.does("transactions", 100)
    half()
    first, leads = half(), held_by(leader)
    is_flat("reconnects", first, half())
    stay_flat("reconnects of the leader", leads, leader)


def test_elections(world, grow):
    """The keeper's session is cut: the standby takes over, and the leader before stands by. Both processes stay."""
    nodes = [world.lead("a"), world.node("b")]
    nodes[1].wait_says("keeper is connected")
    grow.does("transactions", 20)
    before = sessions(world)

    def epoch():
        return world.database.execute("SELECT epoch FROM lease")[0][0]

    def half():
        end = epoch() + ELECTIONS // 2
        while epoch() < end:
            cut(world, f"verdict-keeper/%/{wait_until(world.leader, 'nobody leads').name}")
            grow.does("transactions", 2)  # (now and then it takes its own lease back in time)
        same_sessions(world, before)
        grow.does("transactions", 20)
    half()
    first = held_by(*nodes)
    half()
    stay_flat("elections", first, *nodes)
    for node in nodes:
        assert node.stop(PATIENCE_S) == 0
