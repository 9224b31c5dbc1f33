# SPDX-License-Identifier: Apache-2.0
"""Who leads: elections, fast and slow failover, hand-over, stuck and frozen leaders, a server that goes and comes."""
import os
import signal
import time

import pytest

import resolver_world as rw
from resolver_world import ADD, SET


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def alone(servers, migrate, program, tmp_path):
    """A world on a server of its own, which may be stopped."""
    server = servers()
    made = rw.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    made.server = server
    yield made
    made.close()
    made.no_errors()


# Leases: of those who are to lose office soon, and such that nobody ever waits for the end of.
SHORT, LONG = {"lease-ttl": "2s"}, {"lease-ttl": "600s"}


def three(world, settings=None, faults=None):
    """Three nodes; the first one leads, with these faults."""
    leader = world.lead("a", settings, faults)
    others = [world.node(name, settings) for name in ("b", "c")]
    for other in others:
        other.wait_says("keeper is connected")
    return leader, others


def next_leader(others):
    return rw.wait_until(lambda: next((o for o in others if o.says("state=leading")), None), "nobody leads")


def epoch(world):
    return world.database.execute("SELECT epoch FROM lease")[0][0]


def test_kill_9_of_the_leader(world):
    """Nobody waits for its lease, which is much longer than our patience."""
    leader, others = three(world, LONG)
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    leader.kill()
    client.snapshot()
    assert client.commit([(ADD, b"n", b"\1\0\0\0\0\0\0\0")]).code == 0
    assert next_leader(others).says("the leader's keeper is gone from the database")
    assert epoch(world) == 2


def test_the_queue_outlives_its_leader(world):
    """Rule 13: what was pending when the leader died is decided by the next one."""
    leader, others = three(world, faults="claim.answered:1+:kill")
    client = world.client()
    client.submit([(SET, b"a", b"1")])
    rw.wait_until(lambda: not leader.is_running(), "the leader was not killed")
    assert leader.hits("claim.answered") == 1
    assert client.wait(1)[0].code == 0
    assert client.get(b"a") == b"1"


def test_hand_over(world):
    leader, others = three(world, LONG)
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    client.submit_payloads([client.request([(SET, b"k%d" % i, b"v")]) for i in range(500)])
    assert leader.stop() == 0
    assert client.commit([(SET, b"b", b"1")], at=client.snapshot()).code == 0
    assert {v.code for v in client.wait(*range(1, 503))} == {0}
    assert leader.says("released the lease")
    assert next_leader(others).says("the lease was released")


def test_a_standby_stops_at_once(world):
    """It has nothing to hand over."""
    leader, others = three(world, {"handover-timeout": "600s"})
    assert others[0].stop() == 0
    assert epoch(world) == 1
    assert leader.is_running()


def test_frozen_past_its_lease(world):
    """SIGSTOP, another leads, SIGCONT: the first one finds out and writes nothing."""
    leader, others = three(world, SHORT)
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    leader.send(signal.SIGSTOP)
    new = next_leader(others)
    assert client.commit([(SET, b"a", b"2")], at=client.snapshot()).code == 0
    leader.send(signal.SIGCONT)
    leader.wait_says("leaves office")
    rw.wait_until(lambda: leader.log().count("state=standby") >= 1, "the frozen one does not stand by")
    assert client.commit([(SET, b"a", b"3")], at=client.snapshot()).code == 0
    assert client.get(b"a") == b"3"
    assert world.leader() is new


def test_frozen_in_the_middle_of_a_pipeline(world):
    """The fence has passed, COMMIT is not sent, the process is frozen: its lock does not keep the next leader waiting."""
    leader, others = three(world, SHORT, faults="apply.middle:1:pause")
    client = world.client()
    client.submit([(SET, b"a", b"1")])
    rw.wait_until(lambda: leader.hits("apply.middle") == 1, "the fault point was not hit")
    assert client.wait(1)[0].code == 0
    leader.send(signal.SIGCONT)
    leader.wait_says("leaves office")
    assert client.get(b"a") == b"1"
    assert client.replies == 1


def test_a_stuck_loop_loses_the_lease(world):
    """The keeper is healthy, the event loop is not: no renewal without a pulse."""
    leader, others = three(world, SHORT, faults="drain.before_apply:1:sleep=8000")
    client = world.client()
    client.submit([(SET, b"a", b"1")])
    new = next_leader(others)
    assert leader.says("the event loop does not turn, so the lease is not renewed")
    assert leader.hits("drain.before_apply") == 1
    assert client.wait(1)[0].code == 0
    leader.wait_says("leaves office")
    assert world.leader() is new
    assert client.commit([(SET, b"a", b"2")], at=client.snapshot()).code == 0


def test_the_keepers_connection_is_lost_and_nobody_else_is_there(world):
    """A leader takes back its own lease, in the same term."""
    leader = world.lead("a", SHORT)
    client = world.client()
    world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'verdict-keeper/%/a'"
                           " AND datname = current_database()")
    rw.wait_until(lambda: leader.log().count("keeper is connected") == 2, "the keeper does not come back")
    renewals = world.database.execute("SELECT renewals FROM lease")[0][0]
    rw.wait_until(lambda: world.database.execute("SELECT renewals FROM lease")[0][0] > renewals, "no renewal")
    assert client.commit([(SET, b"a", b"1")]).code == 0
    assert epoch(world) == 1


def test_office_is_taken_and_nobody_knows(world):
    """Killed between the takeover and its answer: the next one takes over from it."""
    first = world.node("a", faults="keeper.after_take_office:1:kill")
    rw.wait_until(lambda: not first.is_running(), "not killed")
    assert first.hits("keeper.after_take_office") == 1
    second = world.lead("b")
    assert world.client().commit([(SET, b"a", b"1")]).code == 0
    assert epoch(world) == 2
    assert second.is_running()


@pytest.mark.parametrize("place", ["claim.answered", "drain.before_apply", "apply.before_send", "apply.middle",
                                   "apply.after_commit", "drain.before_publish"])
def test_killed_at_each_point(world, place):
    """Wherever the leader dies, the request is applied once, and its verdict is the true one."""
    leader, others = three(world, faults=f"{place}:2:kill")
    client = world.client()
    one = b"\1\0\0\0\0\0\0\0"
    payloads = {}
    for _ in range(4):
        payload = client.request([(ADD, b"n", one)], at=client.snapshot())
        sequence = client.submit_payloads([payload])[0]
        payloads[sequence] = payload
        code, version, _ = client.settle(sequence, payload)
        assert code == 0
        client.hear(0.01)
        if sequence in client.verdicts:
            assert client.verdicts[sequence].version == version
    assert leader.hits(place) == 1
    assert not leader.is_running()
    assert client.get(b"n") == b"\4" + b"\0" * 7


def test_postgresql_crashes_and_restarts(alone):
    leader, others = three(alone)
    client = alone.client()
    one = b"\1\0\0\0\0\0\0\0"
    assert client.commit([(ADD, b"n", one)]).code == 0
    client.snapshot()
    payload = client.request([(ADD, b"n", one)])
    alone.server.crash()
    alone.server.start()
    client.reconnect()
    sequence = client.submit_payloads([payload])[0]
    code, _, _ = client.settle(sequence, payload)
    assert code in (rw.COMMITTED, rw.TOO_OLD)
    payload = client.request([(ADD, b"n", one)], at=client.snapshot())
    sequence = client.submit_payloads([payload])[0]
    assert client.settle(sequence, payload)[0] == rw.COMMITTED
    assert client.get(b"n")[0] == (3 if code == rw.COMMITTED else 2)


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_leader_alone_meets_a_restarted_server(alone, mode):
    """Its term goes on, and everything is read anew: rule 8. (The queue's arrivals may begin anew, too.)"""
    leader = alone.lead("a", LONG)
    client = alone.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    at = client.snapshot()
    alone.server.restart(mode)
    client.reconnect()
    leader.wait_says("the server was restarted, so all is read anew")
    client.sequence = 2
    payload = client.request([(SET, b"a", b"2")], reads=[rw.key_range(b"a")], at=at)
    client.submit_payloads([payload], sequences=[2])
    assert client.settle(2, payload)[0] == 0
    assert client.commit([(SET, b"a", b"3")]).code == 0
    assert client.verdicts[3].version > at[1]


def test_nothing_is_applied_over_a_connection_that_the_lease_does_not_name(world):
    """Rule 9, with a keeper that is slow to renew."""
    leader = world.lead("a", faults="keeper.before_renew:*:sleep=700")
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND application_name LIKE 'verdict-resolver/%%'")
    lock = world.database.connect(autocommit=False)
    lock.execute("SELECT version FROM verdict.watermark ORDER BY version DESC LIMIT 1 FOR SHARE")
    client.submit([(SET, b"a", b"2")])
    pid, = rw.wait_until(lambda: world.database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND query LIKE '%%fence(%%'"), "no apply")[0]
    named = world.database.execute("SELECT pids FROM lease")[0][0]
    lock.rollback()
    lock.close()
    assert pid in named
    assert leader.hits("keeper.before_renew") > 0
    assert client.wait(2)[0].code == 0


def test_idle_nodes_hold_nothing(world):
    """Three idle nodes hold no old snapshot, and no lock that anybody waits for."""
    three(world)
    ours = " FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'verdict-%%'"
    # by 3 nodes: keeper, claim, apply, sweep
    rw.wait_until(lambda: world.database.execute(f"SELECT count(*) {ours}") == [(12,)], "not four connections a node")
    for _ in range(3):
        (now,), = world.database.execute("SELECT clock_timestamp()")
        old = f"SELECT application_name, query {ours} AND xact_start < %s"
        rw.wait_until(lambda: world.database.execute(old, [now]) == [], lambda: world.database.execute(old, [now]))


def test_a_leader_alone_again_after_it_lost_every_connection(world):
    leader = world.lead("a")
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    for _ in range(3):
        world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                               " AND application_name ~ '^verdict-(keeper|resolver)'")
        payload = client.request([(SET, b"a", b"2")], at=client.snapshot())
        sequence = client.submit_payloads([payload])[0]
        assert client.settle(sequence, payload)[0] == rw.COMMITTED
    assert leader.is_running()
