# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL itself is killed, or a standby is promoted in its place, while workers commit."""
import pytest

from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from waiting import wait_until

JUMP = 10 ** 13


@pytest.fixture
def server(servers):
    return servers()


@pytest.fixture
def world(server, migrate, program, tmp_path):
    made = World(program, server.migrated(migrate), tmp_path)
    yield made
    made.close()
    made.no_errors()


def test_kill_9_of_postgresql_under_load(world, server):
    """The whole server, twice. The queue is unlogged and is gone with it: what was in it is sent again."""
    leader, _ = world.three()
    world.load()
    for _ in range(2):
        world.go_on()
        (before,), = world.database.execute("SELECT pg_postmaster_start_time()")
        server.crash()
        server.start()
        assert world.database.execute("SELECT pg_postmaster_start_time()") > [(before,)]
        world.go_on()
    world.settle()
    world.balance()


def test_the_queue_is_lost_and_sent_again(world, server):
    """All requests wait in the queue when the server is killed, for there is no leader: each is committed once."""
    leader = world.lead("a")
    worker = world.worker()
    worker.wait(worker.adds(1))
    leader.kill()
    worker.adds(500)
    wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(500,)], "not all are queued")
    server.crash()
    server.start()
    assert worker.in_flight() == 500
    leader.start()
    worker.wait_all()
    world.balance([COMMITTED])


def both(server, standby, database):
    """Finds the one of the two that takes writes."""
    return (f"host={server.folder},{standby.folder} port={server.port},{standby.port} dbname={database.name} user=postgres "
            "target_session_attrs=read-write")


class Pair:
    """A primary and its standby; nodes and workers know both addresses."""

    def __init__(self, server, world):
        self.server, self.world = server, world
        self.standby = server.standby()
        world.dsn = both(server, self.standby, world.database)
        self.standby_database = type(world.database)(self.standby, world.database.name)

    def caught_up(self):
        (lsn,), = self.server.execute("SELECT pg_current_wal_lsn()")
        wait_until(lambda: self.standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [lsn]) == [(True,)],
                   "the standby does not catch up")

    def fail_over(self):
        self.server.crash()
        self.standby.promote()
        self.world.database = self.standby_database


def watermark(world):
    (term, version), = world.database.execute("SELECT term, version FROM watermark")
    return term, version


def led(world, *names):
    nodes = [world.node(name) for name in names]
    wait_until(lambda: any(n.says("state=leading") for n in nodes), "nobody leads")
    return nodes


def test_a_standby_is_promoted(world, server):
    """It had everything: nothing is lost, the term ends, the version jumps, and no stamp comes twice."""
    pair = Pair(server, world)
    led(world, "a", "b")
    workers = [world.worker() for _ in range(2)]
    for worker in workers:
        worker.wait(worker.adds(300) if worker is workers[0] else worker.increments(300, 8))
    pair.caught_up()
    old_term, old_version = watermark(world)
    pair.fail_over()
    wait_until(lambda: watermark(world)[0] != old_term, "the old term goes on")
    assert watermark(world)[1] >= old_version + JUMP
    # the first may still carry a version from before the jump: that is too old, and says how far we are
    for worker in workers:
        worker.wait(worker.adds(100))
        codes = {a["code"] for a in worker.wait(worker.adds(100))}
        assert codes == {COMMITTED}
    world.balance([COMMITTED, CONFLICT, TOO_OLD])


def test_a_lagging_standby_is_promoted(world, server):
    """It lacks the last commits, as asynchronous replication goes. What it has is whole, and no version that was told is
    ever given again: not to those that were lost, nor in any other term."""
    pair = Pair(server, world)
    led(world, "a", "b")
    worker = world.worker()
    worker.wait(worker.adds(300))
    pair.caught_up()
    pair.standby.execute("ALTER SYSTEM SET primary_conninfo = 'host=/nonexistent'")
    pair.standby.execute("SELECT pg_reload_conf()")
    wait_until(lambda: server.execute("SELECT count(*) FROM pg_stat_replication") == [(0,)], "the stream is not cut")
    old_term, _ = watermark(world)
    lost = worker.wait(worker.adds(300))
    assert {a["code"] for a in lost} == {COMMITTED}
    newest = max(a["version"] for a in lost)
    pair.fail_over()
    wait_until(lambda: watermark(world)[0] != old_term, "the old term goes on")
    assert watermark(world)[1] > newest + JUMP // 2
    worker.wait(worker.adds(100))
    after = worker.wait(worker.adds(300))
    assert {a["code"] for a in after} == {COMMITTED}
    stamps = [(a["version"], a["order"]) for a in worker.told.values() if a["code"] == COMMITTED]
    assert len(set(stamps)) == len(stamps)
    # the books balance without what the standby never had
    for answer in lost:
        assert answer["version"] < after[0]["version"] - JUMP // 2
        del worker.told[answer["id"]], worker.ordered[answer["id"]]
    world.balance([COMMITTED, TOO_OLD])
