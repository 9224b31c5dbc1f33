# SPDX-License-Identifier: Apache-2.0
"""Real resolvers, real workers: their histories are strictly serializable. VERDICT_FULL=1 makes them long."""
import os
import signal

import pytest

import resolver_world as rw
from history_world import Run
from waiting import wait_until

FULL = os.environ.get("VERDICT_FULL") == "1"


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def run(database, program, tmp_path):
    made = Run(program, database.dsn(), tmp_path)
    yield made
    made.close()


def passes(told):
    assert told["ok"], "\n".join(f"{one['kind']}: {one['text']}" for one in told["explained"])
    assert told["lost_by_schedule"] == 0 and told["not_comparable"] == 0
    print({name: value for name, value in told.items() if isinstance(value, int)})
    return told


def test_three_workers(world, run):
    each = 34_000 if FULL else 1_000
    world.lead("a")
    world.node("b")
    for _ in range(3):
        run.recorder(transactions=each, in_flight=64 if FULL else 16)
    for recorder in run.recorders:
        recorder.wait(3000)
    told = passes(run.check(timeout_s=3000))
    assert told["transactions"] == 3 * each
    assert told["committed"] > each and told["conflicts"] > 100 and told["cancelled"] > 20 and told["reads"] > each
    assert told["unknown"] == 0, "nothing failed, and yet an outcome is unknown"


def test_leaders_and_workers_are_killed(world, run):
    """What a killed worker had submitted is unknown to it, and there or not."""
    settings = {"lease-ttl": "600s"}
    nodes = [world.lead("a", settings), world.node("b", settings)]
    for _ in range(3):
        run.recorder(in_flight=16)
    for turn in range(10 if FULL else 2):
        run.go_on(300)
        run.note(f"kill -9 worker {turn + 1}")
        run.recorders[turn].kill()
        run.recorder(in_flight=16)
        old = world.leader()
        run.note(f"kill -9 leader {old.name}")
        old.kill()
        wait_until(lambda: world.leader() not in (None, old), "nobody else leads")
        old.start()
    run.go_on(300)
    for recorder in run.recorders[-3:]:
        recorder.stop()
    told = passes(run.check(timeout_s=3000))
    assert told["unknown"] > 0 and told["unknown_committed"] + told["unknown_never"] == told["unknown"]
    assert all(node.is_running() for node in nodes)


def test_a_worker_without_a_server_goes_on_and_stops(world, run):
    """It waits for a database that is not there, and ends when it is told to; what was recorded is a history."""
    recorder = run.recorder(dsn="host=127.0.0.1 port=1 dbname=none", drain=1, in_flight=4, option="connect_timeout=500")
    wait_until(lambda: recorder.path.exists() and recorder.path.read_bytes().count(b"\n") > 1, "nothing is recorded")
    recorder.process.send_signal(signal.SIGINT)
    recorder.wait()
    assert b"# " in recorder.path.read_bytes()
    world.lead("a")
    told = passes(run.check())
    assert told["committed"] == told["unknown_committed"] == 0
