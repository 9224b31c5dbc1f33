# SPDX-License-Identifier: Apache-2.0
"""The leader is killed, frozen or asked to go while workers commit: nothing is lost or doubled, and work goes on."""
import signal

import pytest

from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from waiting import wait_until


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


# Leases: of those who are to lose office soon, and such that nobody ever waits for the end of.
SHORT, LONG = {"lease-ttl": "2s"}, {"lease-ttl": "600s"}


def taken_over(world, old):
    """Waits until another node than this one holds the lease."""
    return wait_until(lambda: world.leader() not in (None, old) and world.leader(), "nobody else leads")


def test_kill_9_under_load(world):
    """Three times: whoever leads is killed, and started again."""
    leader, _ = world.three(LONG)
    world.load()
    for _ in range(3):
        world.go_on()
        leader.kill()
        new = taken_over(world, leader)
        leader.start()
        leader = new
    world.go_on()
    world.settle()
    world.balance()
    assert world.database.execute("SELECT epoch FROM lease")[0][0] == 4


# before COMMIT: the transaction is open behind its fence, or not sent; behind it: committed, and nobody told
@pytest.mark.parametrize("place", ["claim.answered", "apply.before_send", "apply.middle", "apply.after_commit", "drain.before_publish"])
def test_killed_at_a_point(world, place):
    leader, _ = world.three(LONG, faults=f"{place}:20:kill")
    world.load()
    wait_until(lambda: not leader.is_running(), "the fault point was not passed 20 times")
    assert leader.hits(place) == 1
    taken_over(world, leader)
    world.go_on()
    world.settle()
    world.balance()


def test_frozen_while_idle(world):
    """SIGSTOP until another leads; then it goes on, finds out, and stands by."""
    leader, _ = world.three(SHORT)
    worker = world.worker()
    worker.wait(worker.adds(10))
    leader.send(signal.SIGSTOP)
    taken_over(world, leader)
    worker.wait(worker.adds(100))
    leader.send(signal.SIGCONT)
    worker.wait(worker.adds(100))
    leader.wait_says("leaves office")
    worker.wait(worker.adds(100))
    world.balance([COMMITTED])
    assert len(worker.told) == 310


# apply.middle: its transaction is open and holds the watermark's lock; before_send: what it would send is a batch of the past
@pytest.mark.parametrize("place", ["apply.before_send", "apply.middle", "apply.after_commit"])
def test_frozen_inside_a_pipeline(world, place):
    leader, _ = world.three(SHORT, faults=f"{place}:20:pause")
    world.load()
    wait_until(lambda: leader.hits(place) == 1, "the fault point was not passed 20 times")
    taken_over(world, leader)
    world.go_on()
    leader.send(signal.SIGCONT)
    leader.wait_says("leaves office")
    world.go_on()
    world.settle()
    world.balance()


def test_a_frozen_pipeline_lands_late(world, postgres):
    """What ends the frozen leader's sessions is taken away (an account may lack the right to): the fence alone must hold. Its
    batch is sent after another leader has committed, and is refused; the requests in it were decided by the other."""
    (takeover,), = world.database.execute("SELECT pg_get_functiondef('take_office'::regproc)")
    assert "PERFORM pg_terminate_backend(a.pid)" in takeover
    world.database.execute(takeover.replace("PERFORM pg_terminate_backend(a.pid)", "PERFORM a.pid"))
    leader, _ = world.three(SHORT, faults="apply.before_send:20:pause")
    world.load()
    wait_until(lambda: leader.hits("apply.before_send") == 1, "the fault point was not passed 20 times")
    taken_over(world, leader)
    world.go_on()
    refusals = postgres.log().count("ERROR:  fenced")
    leader.send(signal.SIGCONT)
    leader.wait_says("leaves office")
    world.go_on()
    world.settle()
    world.balance()
    assert postgres.log().count("ERROR:  fenced") > refusals, "the late batch did not meet the fence"


def test_hand_over_under_load(world):
    """SIGTERM, each in turn: only true verdicts, and no request is lost."""
    leader, _ = world.three(LONG)
    world.load()
    for _ in range(3):
        world.go_on()
        assert leader.stop() == 0
        assert leader.says("released the lease")
        new = taken_over(world, leader)
        leader.start()
        leader = new
    world.go_on()
    world.settle()
    world.balance([COMMITTED, CONFLICT, TOO_OLD])
