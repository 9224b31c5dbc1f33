# SPDX-License-Identifier: Apache-2.0
"""verdict elect --handover: another leader on purpose, under load, and who may ask for it."""
import collections
import json
import time

import psycopg
import pytest
import resolver_world as rw
from cli import environment, verdict  # noqa: F401 (fixtures)
from waiting import wait_until

ADD, SET = rw.ADD, rw.SET
ONE = b"\1\0\0\0\0\0\0\0"
LONG = {"lease-ttl": "60s"}  # an election that is not asked for would take a minute


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.no_errors()
    made.close()


def connected(world, count):
    wait_until(lambda: world.database.execute("SELECT count(*) FROM nodes()") == [(count,)], "not all nodes are connected")


def lead(world, *others, settings=None):
    """a leads, the others stand by."""
    leader = world.lead("a", settings or LONG)
    for name in others:
        world.node(name, settings or LONG)
    connected(world, 1 + len(others))
    return leader


def epoch(world):
    return world.database.execute("SELECT epoch FROM lease")[0][0]


def test_it_tells_who_led_and_who_leads(world, verdict):
    lead(world, "b")
    dsn = world.database.dsn()
    assert verdict("elect", "--handover", dsn=dsn).good().stdout.startswith("a led, b leads, after ")
    told, = verdict("elect", "--handover", "--json", dsn=dsn).good().json_lines
    assert (told["from"], told["to"]) == ("b", "a") and told["took_ms"] >= 0 and set(told) == {"from", "to", "took_ms"}
    assert world.nodes["b"].says("is asked to hand over") and world.nodes["b"].is_running()
    # whoever took office was not asked: it stays
    client = world.client()
    for _ in range(3):
        assert client.commit([(ADD, b"n", ONE)], at=client.snapshot()).code == 0
    assert epoch(world) == 3 and world.leader() is world.nodes["a"]


def test_to_a_node(world, verdict):
    """The others are faster, and let it go first."""
    lead(world, *"bcdef")
    for expected, name in enumerate("fbd", 2):
        told, = verdict("elect", "--handover", "--to", name, "--json", dsn=world.database.dsn()).good().json_lines
        assert told["to"] == name and epoch(world) == expected


def test_a_node_that_cannot(world, verdict):
    """It is connected and frozen: after one lease another one leads, and the verb says so by its exit status."""
    lead(world, "b", settings={"lease-ttl": "2s"})
    world.nodes["b"].send(rw.signal.SIGSTOP)
    told, = verdict("elect", "--handover", "--to", "b", "--json", dsn=world.database.dsn()).good(1).json_lines
    assert told["from"] == told["to"] == "a"
    assert epoch(world) == 2


def test_under_load(world, verdict):
    """Nothing ends otherwise than committed, conflict or too old, and nothing is lost or applied twice."""
    lead(world, "b", "c")
    client = world.client()
    client.commit([(SET, b"n", b"")])
    asked = 0
    for turn in range(3):
        client.snapshot()
        payloads = [client.request([(ADD, b"n", ONE)]) for _ in range(200)]
        payloads += [client.request([(ADD, b"n", ONE)], reads=[rw.key_range(b"n")]) for _ in range(50)]
        client.submit_payloads(payloads)
        told = verdict("elect", "--handover", dsn=world.database.dsn()).good()
        asked += len(payloads)
        assert told.stdout and epoch(world) == turn + 2
    verdicts = collections.Counter(verdict.code for verdict in client.wait(*range(2, asked + 2)))
    assert set(verdicts) <= {rw.COMMITTED, rw.CONFLICT, rw.TOO_OLD} and verdicts[rw.COMMITTED] >= 600
    assert client.get(b"n") == verdicts[rw.COMMITTED].to_bytes(8, "little")


# ---- what does not go ----

def test_nobody_could_take_over(world, verdict):
    dsn = world.database.dsn()
    verdict("elect", "--handover", dsn=dsn).wrong("nobody leads", "resolver running")
    lead(world)
    verdict("elect", "--handover", dsn=dsn).wrong("no other node", "another resolver")
    verdict("elect", "--handover", "--to", "b", dsn=dsn).wrong("no node b", "verdict status")
    verdict("elect", "--handover", "--to", "a", dsn=dsn).wrong("a leads already")
    verdict("elect", dsn=dsn).wrong("nothing is asked for", "--handover")
    assert epoch(world) == 1 and world.database.execute("SELECT hand_over_of FROM lease") == [(None,)]


def test_a_leader_that_does_not_answer(world, verdict):
    """The request is taken back: it does not come true an hour later."""
    leader = lead(world, "b")
    leader.send(rw.signal.SIGSTOP)
    verdict("elect", "--handover", "--timeout", "1s", dsn=world.database.dsn()).wrong("a has not handed over.*taken back", "handover-timeout")
    assert world.database.execute("SELECT hand_over_of, successor FROM lease") == [(None, "")]
    leader.send(rw.signal.SIGCONT)
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0 and epoch(world) == 1


def test_only_a_resolver_may_ask(world, verdict):
    """A follower, an observer and a stranger may write NOTIFY as often as they like: the leader stays."""
    lead(world, "b", settings={"lease-ttl": "60s"})
    world.database.execute("CREATE ROLE asker LOGIN IN ROLE verdict_follower, verdict_observer")
    try:
        dsn = world.database.dsn(user="asker")
        verdict("elect", "--handover", dsn=dsn).wrong("permission denied", "not a member of the role")
        (term, renewals), = world.database.execute("SELECT term, renewals FROM lease")
        with world.database.connect(user="asker") as stranger:
            for sql in ("UPDATE verdict.lease SET hand_over_of = term", "SELECT verdict.ask_to_hand_over(term, '') FROM verdict.lease"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    stranger.execute(sql)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                stranger.execute("SELECT pg_notify('verdict_lease', 'hand over'), pg_notify('verdict_lease', %s)", (str(term),))
        client = world.client()
        assert client.commit([(SET, b"a", b"1")]).code == 0
        (now, more), = world.database.execute("SELECT term, renewals FROM lease")
        assert now == term and epoch(world) == 1
        assert more - renewals < 100, "a flood of notifications makes as many renewals"
    finally:
        world.database.execute("DROP ROLE asker")


def test_what_was_asked_of_another_term(world, verdict):
    """Means nothing."""
    lead(world, "b")
    assert world.database.execute("SELECT ask_to_hand_over(gen_random_uuid(), '')") == [(False,)]
    world.database.execute("UPDATE lease SET hand_over_of = gen_random_uuid(), successor = 'nobody'")
    told = json.loads(verdict("elect", "--handover", "--json", dsn=world.database.dsn()).good().stdout)
    assert told["to"] == "b"
