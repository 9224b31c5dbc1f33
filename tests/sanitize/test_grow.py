# SPDX-License-Identifier: Apache-2.0
"""Long lives: neither descriptors nor memory nor sessions on the server grow with what has been done. What is held after the second
half of the work is compared with what was held after the first. VERDICT_FULL=1 does much of it and tells the figures."""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import pytest

import resolver_world
from waiting import PATIENCE_S, rest_of, wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
IS_SANITIZED = bool(os.environ.get("VERDICT_SANITIZE"))
# in all; a reconnect is a database that loses all its sessions at once, and has them again
TRANSACTIONS, DATABASES, RECONNECTS, ELECTIONS = (10000, 1000, 1000, 100) if FULL else (600, 20, 12, 6)
# Whoever is cut off again within a second waits up to a second before he connects, so many are cut off at once; and of several nodes
# that could lead, one has had its connections for long enough.
CUT_AT_ONCE, NODES = (8, 5) if FULL else (2, 2)
# Of what is allocated: by the library, counted to the byte or as a sanitizer has it; by nodes, for a leader keeps the memory of its
# second batch from when two were under way at once for the first time
SLACK_BYTES, SLACK_OF_NODES = (64 if IS_SANITIZED else 8) << 10, 256 << 10
# of what the system has given, which also depends on where pieces happen to lie, and on the window's five seconds
SLACK_KB = (6 if FULL else 16) << 10


SPARE = 1  # a connection that is made when it is wanted may be there or not


class Count:
    """Of what a program allocates, to the byte, but in a build with sanitizers, which allocate by themselves."""

    def __init__(self, program, path):
        self.path = pathlib.Path(path)
        self.environment = {} if IS_SANITIZED else {"LD_PRELOAD": program("tests/sanitize/liballocated.so"),
                                                    "VERDICT_ALLOCATED": str(path)}

    def bytes(self):
        return {"bytes": struct.unpack("<q", self.path.read_bytes())[0]} if self.environment else {}


class Program:
    def __init__(self, program, dsn, folder, databases):
        self.count = Count(program, folder / "program.allocated")
        self.process = subprocess.Popen([program("tests/sanitize/grow"), dsn, str(databases)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1, env={**os.environ, **self.count.environment})

    def does(self, what, count):
        self.process.stdin.write(f"{what} {count}\n")
        return {**json.loads(self.process.stdout.readline()), **self.count.bytes()}

    def close(self):
        self.process.stdin.close()
        rest_of(self.process)
        assert self.process.returncode == 0


class World(resolver_world.World):
    """What its nodes allocate is counted."""

    def __init__(self, database, program, folder):
        super().__init__(database, program("resolver/verdict-resolver"), folder)
        self.find = program

    def node(self, name, settings=None, faults=None):
        node = resolver_world.Node(self.program, self.dsn, name, self.folder, settings, faults)
        node.count = Count(self.find, pathlib.Path(self.folder, f"{name}.allocated"))
        node.environment |= node.count.environment
        self.nodes[name] = node
        return node.start()


@pytest.fixture
def world(database, program, tmp_path, monkeypatch):
    # AddressSanitizer keeps what was freed, up to so many megabytes
    monkeypatch.setenv("ASAN_OPTIONS", os.environ["ASAN_OPTIONS"] + ":quarantine_size_mb=1")
    made = World(database, program, tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def programs(world, program, tmp_path):
    """programs(n): a program that holds n databases."""
    made = []

    def make(databases=1):
        made.append(Program(program, world.database.dsn(), tmp_path, databases))
        return made[-1]
    yield make
    for each in made:
        each.close()


def sessions(world):
    """Of ours on the server, by name. Those that end take a moment."""
    return dict(world.database.execute("SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                       " AND application_name LIKE 'verdict-%%' GROUP BY 1", []))


def same_sessions(world, before):
    """A node has all of its sessions at any time, the library some when they are wanted."""
    def are_the_same():
        now = sessions(world)
        return all(now.get(name, 0) == before.get(name, 0) if "follower" not in name and "inbox" not in name
                   else now.get(name, 0) <= before.get(name, 0) + SPARE for name in {*before, *now})
    wait_until(are_the_same, lambda: f"{before} has become {sessions(world)}")


def held_by(*nodes):
    """Of all of them together: who leads has more connections than who stands by."""
    folders = [pathlib.Path("/proc", str(node.process.pid)) for node in nodes]
    statuses = "".join((folder / "status").read_text() for folder in folders)
    return {"descriptors": sum(len(list((folder / "fd").iterdir())) for folder in folders),
            "kb": sum(map(int, re.findall(r"VmRSS:\s*(\d+)", statuses))),
            "bytes": sum(node.count.bytes().get("bytes", 0) for node in nodes)}


def at_rest(*nodes):
    """What they hold once it stands still: what is given up is let go of a moment later."""
    seen = [held_by(*nodes)]

    def stands_still():
        seen.append(held_by(*nodes))
        return seen[-2]["descriptors"] == seen[-1]["descriptors"] and abs(seen[-2]["bytes"] - seen[-1]["bytes"]) < 1024
    wait_until(stands_still, lambda: f"it changes all the time: {seen[-5:]}", step_s=0.3)
    return seen[-1]


def is_flat(name, first, second, slack=SLACK_BYTES):
    print(f"{name}: {first} {second}", file=sys.stderr)
    assert second["descriptors"] <= first["descriptors"] + SPARE, (name, first, second)
    assert second.get("bytes", 0) <= first.get("bytes", 0) + slack, (name, first, second)
    assert second.get("kb", 0) <= first.get("kb", 0) + SLACK_KB, (name, first, second)


def stay_flat(name, first, *nodes):
    is_flat(name, first, at_rest(*nodes), SLACK_OF_NODES)


def test_transactions(world, programs):
    leader, grow = world.lead(), programs()
    grow.does("transactions", TRANSACTIONS // 10)
    first, leads, before = grow.does("transactions", TRANSACTIONS // 2), at_rest(leader), sessions(world)
    is_flat("transactions", first, grow.does("transactions", TRANSACTIONS // 2))
    stay_flat("their leader", leads, leader)
    same_sessions(world, before)


def test_databases(world, programs):
    world.lead()
    grow = programs()
    grow.does("transactions", 10)
    grow.does("databases", 4)
    before = sessions(world)
    first = grow.does("databases", DATABASES // 2)
    is_flat("databases", first, grow.does("databases", DATABASES // 2))
    same_sessions(world, before)


def cut(world, *names):
    """How many there were."""
    return sum(ended for ended, in world.database.execute(
        "SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE ANY (%s)", [list(names)]))


def test_reconnects(world, programs):
    """All sessions of the library and those by which the leader claims and applies are cut by the server, and come back."""
    leader, grow = world.lead(), programs(CUT_AT_ONCE)
    grow.does("transactions", 20 * CUT_AT_ONCE)
    before = sessions(world)

    def rounds(count):
        """A transaction needs each of the three sessions of its database."""
        ended = of_leader = 0
        for _ in range(count):
            ended += cut(world, "verdict-follower/%", "verdict-inbox/%")
            of_leader += cut(world, "verdict-resolver/%")
            grow.does("transactions", CUT_AT_ONCE)
        print(f"{count * CUT_AT_ONCE} databases have lost {ended} sessions, the leader {of_leader}", file=sys.stderr)
        assert ended >= 2 * count * CUT_AT_ONCE
        same_sessions(world, before)
        return grow.does("transactions", 20 * CUT_AT_ONCE)
    half = RECONNECTS // 2 // CUT_AT_ONCE + 1
    rounds(half // 4 + 1)
    first, leads = rounds(half), at_rest(leader)
    is_flat("reconnects", first, rounds(half))
    stay_flat("reconnects of the leader", leads, leader)


def test_elections(world, programs):
    """The keeper's session is cut: a standby takes over, and the leader before stands by. All processes stay."""
    nodes = [world.lead("a"), *(world.node(name) for name in "bcdef"[:NODES - 1])]
    for node in nodes[1:]:
        node.wait_says("keeper is connected")
    grow = programs()
    grow.does("transactions", 20)
    before = sessions(world)

    def epoch():
        return world.database.execute("SELECT epoch FROM lease")[0][0]

    def elections(count):
        end = epoch() + count
        while epoch() < end:
            cut(world, f"verdict-keeper/%/{wait_until(world.leader, 'nobody leads').name}")
            grow.does("transactions", 2)  # (now and then it takes its own lease back in time)
        same_sessions(world, before)
        grow.does("transactions", 20)
    elections(ELECTIONS // 10 + NODES)
    elections(ELECTIONS // 2)
    first = at_rest(*nodes)
    elections(ELECTIONS // 2)
    stay_flat("elections", first, *nodes)
    for node in nodes:
        assert node.stop(PATIENCE_S) == 0
