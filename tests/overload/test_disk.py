# SPDX-License-Identifier: Apache-2.0
"""A disk fills up under load: PostgreSQL's tables, its log, or the resolver's own log. Nobody's commit ends otherwise than in its
verdict, and all goes on by itself as soon as there is room."""
import os
import re

import pytest

from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from private_pg import Server
from small_disk import small_disk
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
NO_SPACE = "No space left on device"


@pytest.fixture
def server():
    """Neither initialized nor started yet."""
    made = Server()
    yield made
    made.destroy()


@pytest.fixture
def disk(server):
    with small_disk(server.folder / "small", 48) as made:
        server._give(made.folder)
        yield made


@pytest.fixture
def worlds(program, tmp_path):
    made = []

    def make(database):
        made.append(World(program, database, tmp_path))
        return made[0]
    yield make
    for world in made:
        world.close()
        world.no_errors()


@pytest.fixture
def tablespace(postgres, database):
    """On a small disk, for tables of this database."""
    with small_disk(postgres.folder / "small", 16) as made:
        postgres._give(made.folder)
        postgres.execute(f"CREATE TABLESPACE small LOCATION '{made.folder}'")
        yield made
        made.relieve()
        database.drop()
        postgres.execute("DROP TABLESPACE small")


def wait_still(world):
    """All that may be in flight is, and nothing is told any more."""
    def told():
        return sum(len(worker.told) for worker in world.workers)
    seen = [-1, 0]

    def still():
        seen[1] = seen[1] + 1 if told() == seen[0] else 0
        seen[0] = told()
        return seen[1] == 3
    wait_until(still, "commits go on", step_s=0.5)


@pytest.mark.parametrize("table, index", [("kv", "kv_key"), ("commit_requests", "commit_requests_pkey")])
def test_no_room_for_tables(postgres, database, worlds, tablespace, table, index):
    """The keys, or the queue, cannot grow: what was refused is tried again until there is room; the leader stays in office."""
    database.execute(f"ALTER TABLE {table} SET TABLESPACE small")
    database.execute(f"ALTER INDEX {index} SET TABLESPACE small")
    world = worlds(database)
    leader = world.lead("a", {"lease-ttl": "3s"})
    world.load()
    world.go_on()
    said = len(postgres.log())
    tablespace.fill()
    if table == "kv":
        leader.wait_says(NO_SPACE)
    else:
        world.workers[0].large("values", 2, 5_000_000)
    wait_still(world)
    assert NO_SPACE in postgres.log()[said:]
    tablespace.relieve()
    world.go_on()
    world.settle()
    world.balance()
    refusals = [line for line in leader.log().splitlines() if NO_SPACE in line]
    assert all("failed by no fault of its own" in line and "make room on the disk of the server" in line for line in refusals)
    assert leader.log().count("state=leading") == 1 and not leader.says("a request is rejected")


def test_no_room_for_the_log_of_postgresql(server, migrate, worlds, disk):
    """It ends with a PANIC, and does not start until there is room."""
    server.params["restart_after_crash"] = "off"
    server.init("--waldir", disk.folder / "wal").start()
    world = worlds(server.migrated(migrate))
    world.lead("a")
    world.load()
    world.go_on()
    disk.fill()
    wait_until(lambda: server.process.poll() is not None, "the server goes on")
    assert re.search(f"PANIC: .*{NO_SPACE}", server.log())
    disk.fill()
    before = len(server.log())
    server.start(wait=False)
    wait_until(lambda: server.process.poll() is not None, "the server starts without room for its log")
    assert NO_SPACE in server.log()[before:]
    disk.relieve()
    server.start()
    world.go_on()
    world.settle()
    world.balance()


if not FULL:
    del test_no_room_for_the_log_of_postgresql  # half a minute: under the label `long` only


def test_no_room_for_the_log_of_the_resolver(database, worlds, tmp_path):
    """What it has to say is lost, and nothing else; the next line that fits is whole."""
    with small_disk(tmp_path / "small", 1) as disk:
        world = worlds(database)
        world.folder = disk.folder
        leader = world.lead("a")
        world.load()
        world.go_on()
        disk.fill()
        size = leader.log_path.stat().st_size
        for _ in range(4):  # each costs it some lines
            database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             "WHERE datname = current_database() AND application_name LIKE 'verdict-resolver/%'")
            world.go_on(20)
        assert leader.log_path.stat().st_size < size + 4096, "the disk was not full"
        disk.relieve()
        world.settle()
        assert leader.stop() == 0
        lines = leader.log().splitlines()
    assert "has stopped" in lines[-1]
    assert all(re.match(r"[\d-]+ [\d:.]+ \w+ +verdict-resolver\[\d+\] ", line) for line in lines)
    world.balance()
