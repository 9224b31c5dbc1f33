# SPDX-License-Identifier: Apache-2.0
"""The connections over which the leader claims and applies stop without a sign, while its keeper's is well: the lease is renewed and
nobody would commit. What only takes its time is left alone."""
import socket
import time

import pytest

from fault_world import World
from proxy import TO_SERVER
from rough_proxy import RoughProxy
from waiting import wait_until

SHORT = {"lease-ttl": "2s"}
RESOLVER = "verdict-resolver/"
DEAD, DESERTS = "the connection is dead", "another node is to lead"
RENEWALS = 6  # in a lease


class Wire(RoughProxy):
    """Also: a wire that takes nothing and goes on telling; and a thin one."""

    def __init__(self, port):
        self.muted, self.is_thin, self.next_s = set(), False, {}
        super().__init__(port)

    def bury(self, ports):
        """Nothing passes any more by the connections that the server knows by these ports; fresh ones are good."""
        for pair in self.matching(RESOLVER):
            pair.swallows |= pair.sockets[TO_SERVER][1].getsockname()[1] in ports

    def mute(self, prefix):
        """What the present connections send is lost from now on, what is sent to them is not."""
        self.muted = set(self.matching(prefix))

    def _take(self, pair, way):
        if way == TO_SERVER and pair in self.muted and pair.sockets[way][0].recv(65536):
            return
        if way == TO_SERVER and self.is_thin and pair.is_called(RESOLVER):
            if time.monotonic() < self.next_s.get(pair, 0):
                time.sleep(0.001)
                return
            self.next_s[pair] = time.monotonic() + 0.06
        super()._take(pair, way)


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    made.wire = Wire(database.server.port)
    yield made
    made.close()
    made.wire.close()
    made.no_errors()


def leader_behind(world):
    node = world.node("a", SHORT, dsn=world.wire.dsn(world.database))
    node.wait_says("state=leading")
    return node


def standby(world, name):
    node = world.node(name, SHORT)
    node.wait_says("keeper is connected")
    return node


def epoch(world):
    return world.database.execute("SELECT epoch FROM lease")[0][0]


def leases_pass(world, count):
    """The keeper renews, for so many leases."""
    def renewals():
        return world.database.execute("SELECT renewals FROM lease")[0][0]
    end = renewals() + count * RENEWALS
    wait_until(lambda: renewals() >= end, lambda: f"the lease is not renewed: {renewals()} of {end}")


def balanced(world):
    world.go_on()
    world.settle()
    world.balance()


def test_another_node_leads(world):
    """Neither its connections nor fresh ones pass anything: another node takes over. Once they do, it may lead as any other."""
    leader, others = leader_behind(world), [standby(world, name) for name in "bc"]
    world.load()
    world.go_on()
    world.wire.stall(RESOLVER)
    new = wait_until(lambda: world.leader() not in (None, leader) and world.leader(), leader.log)
    world.go_on()
    assert epoch(world) == 2
    assert new.says("the leader's keeper is gone from the database")  # it has not been waited for the end of a lease
    log = leader.log()
    assert 0 < log.find(DEAD) < log.find(DESERTS) < log.find("leaves office")
    world.wire.lift(RESOLVER)
    leader.wait_says("state=standby")
    for other in others:
        other.kill()
    wait_until(lambda: world.leader() is leader, "it does not lead again")
    balanced(world)


@pytest.mark.parametrize("first, last", [(2, 2), (3, 3), (2, 4)], ids=["claim", "apply", "all"])
def test_dead_connections_are_replaced(world, first, last):
    """Fresh connections are good, so nobody else leads."""
    leader, other = leader_behind(world), standby(world, "b")
    world.load()
    world.go_on()
    ports = world.database.execute("SELECT client_port FROM pg_stat_activity a, lease l WHERE a.pid = ANY (l.pids[%s:%s])", [first, last])
    world.wire.bury({port for port, in ports})
    balanced(world)
    assert leader.says(DEAD)
    assert epoch(world) == 1


def test_doorbells_are_no_answers(world):
    """A connection by which nothing reaches the server, and notifications go on coming."""
    leader, other = leader_behind(world), standby(world, "b")
    world.load()
    world.go_on()
    world.wire.mute(RESOLVER)

    def is_dead():
        world.database.execute("SELECT pg_notify('verdict_doorbell', '')")
        return leader.says(DEAD)
    wait_until(is_dead, leader.log)
    balanced(world)
    assert epoch(world) == 1


def test_alone_it_keeps_office(world):
    """An election would not help."""
    leader = leader_behind(world)
    world.load()
    world.go_on()
    world.wire.stall(RESOLVER)
    leader.wait_says(DEAD)
    leases_pass(world, 3)
    world.wire.lift(RESOLVER)
    balanced(world)
    assert not leader.says(DESERTS)
    assert epoch(world) == 1


def test_connections_that_are_refused(world):
    """It has none, its keeper has: another node leads."""
    leader, other = leader_behind(world), standby(world, "b")
    world.load()
    world.go_on()
    world.wire.refuse(True)
    world.wire.end_now(RESOLVER, "reset")
    wait_until(lambda: world.leader() is other, leader.log)
    balanced(world)
    assert leader.says(DESERTS)
    assert epoch(world) == 2


SLEEP = ("CREATE FUNCTION verdict.sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " PERFORM pg_sleep(5) WHERE EXISTS (SELECT FROM verdict.slow); RETURN NULL; END $$")


@pytest.mark.parametrize("why", ["it waits for a lock", "it is busy"])
def test_a_slow_server_is_not_a_dead_connection(world, why):
    """What the server works at, or waits for, has time-outs of its own."""
    leader, other = leader_behind(world), standby(world, "b")
    execute = world.database.execute
    execute("CREATE TABLE verdict.slow AS SELECT")
    execute("GRANT SELECT ON verdict.slow TO PUBLIC")
    if why == "it is busy":
        execute(SLEEP)
        execute("CREATE TRIGGER sleep AFTER INSERT ON verdict.outcomes EXECUTE FUNCTION verdict.sleep()")
    with world.database.connect() as session:
        if why == "it waits for a lock":
            session.execute("BEGIN")
            session.execute("LOCK TABLE verdict.outcomes IN EXCLUSIVE MODE")
        world.load(workers=1)
        wait_until(lambda: execute("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'verdict-resolver/%%/a'"
                                   " AND wait_event IN ('relation', 'PgSleep')", []), "no batch is being applied")
        leases_pass(world, 2)
        session.rollback()
    execute("TRUNCATE verdict.slow")
    balanced(world)
    assert not leader.says(DEAD)
    assert epoch(world) == 1


def test_a_thin_wire_is_not_a_dead_one(world):
    """A batch that takes many leases to be sent arrives, as long as some of it is taken now and then."""
    world.wire.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    leader, other = leader_behind(world), standby(world, "b")
    worker = world.worker()
    world.wire.is_thin = True
    renewals = world.database.execute("SELECT renewals FROM lease")[0][0]
    worker.wait(worker.large("values", 1, 8_000_000))
    assert world.database.execute("SELECT renewals FROM lease")[0][0] > renewals + 2 * RENEWALS  # it did take as long
    assert not leader.says(DEAD)
    assert epoch(world) == 1
