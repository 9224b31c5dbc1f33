# SPDX-License-Identifier: Apache-2.0
"""Very many worker processes: all start at once, are killed at once, start again; and more than PostgreSQL has connections for."""
import concurrent.futures
import os
import re
import time

import pytest

import transaction_world
from fault_world import COMMITTED, CONFLICT, TOO_OLD, UNKNOWN, Worker, World
from memory import Peaks, backends_of
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
MANY = 200 if FULL else 24
WORKER_CONNECTIONS = 4  # docs/operations.md
RESOLVER_CONNECTIONS = 4


@pytest.fixture
def worlds(servers, migrate, program, tmp_path):
    made = []

    def make(max_connections, **params):
        server = servers(max_connections=max_connections, **params)
        made.append(World(program, server.migrated(migrate), tmp_path))
        made[0].server = server
        return made[0]
    yield make
    for world in made:
        world.close()
        world.no_errors()


def start(world, count, dsn=None, **options):
    """So many at once; those that are ready."""
    first = len(world.workers)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        made = list(pool.map(lambda i: Worker(world.find, dsn or world.database.dsn(), first=(first + i) * 100_000, **options),
                             range(count)))
    world.workers += made
    return made


def kill_all(workers):
    """What they had in flight nobody was told of."""
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.wait()
        worker.reader.join()
        for number in worker.ordered:
            worker.told.setdefault(number, {"id": number, "code": UNKNOWN})


def rounds(workers, count):
    """Each has a few in flight, again and again; the slowest of them in ms."""
    slowest = 0
    for _ in range(count):
        told = [(worker, worker.adds(4), worker.increments(2, 8)) for worker in workers]
        for worker, blind, reading in told:
            slowest = max([slowest, *(a["us"] for a in worker.wait(blind) + worker.wait(reading))])
    return slowest / 1000


def test_many_workers(worlds):
    """All start at once, are killed in the middle of their commits, and start again."""
    world = worlds(MANY * WORKER_CONNECTIONS + RESOLVER_CONNECTIONS + 10)
    leader = world.lead("a")
    for _ in range(2):
        with Peaks(workers=lambda: [w.process.pid for w in world.workers], resolver=lambda: [leader.process.pid],
                   backends=lambda: backends_of(world.server)) as peaks:
            began = time.monotonic()
            workers = start(world, MANY)
            ready = time.monotonic() - began
            slowest = rounds(workers, 5)
            (connections,), = world.database.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        print(f"{MANY} workers are ready after {ready:.1f} s, slowest commit {slowest:.0f} ms, {connections} connections; {peaks}, "
              f"backends in all {peaks.sum_kb['backends'] // 1024} MB")
        for worker in workers:
            worker.adds(20)
        began = time.monotonic()
        kill_all(workers)
        wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "the queue does not empty")
        wait_until(lambda: world.database.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'verdict-follower/%' "
                                                  "OR application_name LIKE 'verdict-inbox/%'") == [(0,)], "sessions of the dead stay")
        print(f"all is clean {time.monotonic() - began:.1f} s after all were killed")
    world.balance([COMMITTED, CONFLICT, TOO_OLD, UNKNOWN])


def account(world, limit):
    """A connection string of an account that may have so many connections."""
    world.server.execute(f"CREATE ROLE app LOGIN CONNECTION LIMIT {limit}")
    world.server.execute("GRANT verdict_follower TO app")
    return world.database.dsn(user="app")


def test_fewer_connections_than_workers_want(worlds, program):
    """What there are serve as many workers as they can: nobody keeps one of the two that commits take while it waits for the
    other. The rest is told what is missing, and comes in when there is room. The leader has its own."""
    workers_served = MANY // 4
    world = worlds(MANY * WORKER_CONNECTIONS)
    dsn = account(world, MANY * WORKER_CONNECTIONS)
    leader = world.lead("a")
    workers = start(world, 2 * workers_served, dsn)
    world.server.execute(f"ALTER ROLE app CONNECTION LIMIT {2 * workers_served}")
    world.server.restart()
    began = time.monotonic()
    told = {worker: worker.adds(3) for worker in workers}

    def served():
        return sum(all(n in worker.told for n in numbers) for worker, numbers in told.items())
    wait_until(lambda: served() >= workers_served - 1, lambda: f"only {served()} of {workers_served} are served")
    print(f"{workers_served - 1} of {2 * workers_served} workers are served after {time.monotonic() - began:.1f} s")
    world.server.execute("ALTER ROLE app CONNECTION LIMIT 0")  # whoever rests leaves room for a while
    late = transaction_world.Worker(program, dsn, connect_timeout=2000)
    assert re.match(r"failed 1031 .*too many connections for role", late.opening), late.opening
    late.kill()
    world.server.execute(f"ALTER ROLE app CONNECTION LIMIT {MANY * WORKER_CONNECTIONS}")
    for worker, numbers in told.items():
        worker.wait(numbers)
    rounds(workers, 2)
    world.balance()
    assert leader.log().count("state=leading") == 1
