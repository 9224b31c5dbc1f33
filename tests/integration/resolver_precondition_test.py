# SPDX-License-Identifier: Apache-2.0
"""Preconditions, judged by a real leader over a real store: after each other in a batch, over a batch that is still being
applied, and by the next leader."""
import pytest

import resolver_world as rw
from resolver_world import ABSENT, ADD, CLEAR, CLEAR_RANGE, EMPTY, PRESENT, SET, STAMPED_VALUE, VALUE

FAILED = 7001


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


def demand(client, *preconditions, mutations=()):
    return client.request(mutations, extra=rw.demands(*preconditions))


def codes(client, *payloads):
    """In one batch, since they come in one statement."""
    return [verdict.code for verdict in client.wait(*client.submit_payloads(payloads))]


def test_each_kind(world):
    world.lead()
    client = world.client()
    client.commit([(SET, b"a", b"1"), (SET, b"e", b""), (SET, b"k1", b"v"), (SET, b"k2", b"v")])
    expected = [((VALUE, b"a", b"1"), 0), ((VALUE, b"a", b"2"), FAILED), ((VALUE, b"e", b""), 0),
                ((VALUE, b"none", b""), FAILED), ((PRESENT, b"e"), 0), ((PRESENT, b"none"), FAILED), ((ABSENT, b"none"), 0),
                ((ABSENT, b"a"), FAILED), ((EMPTY, b"b", b"e"), 0), ((EMPTY, b"b", b"e\0"), FAILED),
                ((EMPTY, b"k2\0", b"\xff"), 0), ((EMPTY, b"", b"\xff"), FAILED), ((EMPTY, b"x", b"x"), 0)]
    alone = [client.commit([(SET, b"0%d" % i, b"")], extra=rw.demands(one)).code for i, (one, _) in enumerate(expected)]
    assert alone == [code for _, code in expected]
    for i, (_, code) in enumerate(expected):
        assert (client.get(b"0%d" % i) is None) == (code != 0)
    together = codes(client, *[demand(client, one) for one, _ in expected])
    assert together[:-2] == alone[:-2]
    assert client.look(client.sequence - 1)[client.sequence - 1][1:4] == (2, FAILED, client.verdicts[client.sequence].version)


def test_over_earlier_winners_of_the_batch(world):
    world.lead()
    client = world.client()
    client.commit([(SET, b"k%03d" % i, b"v") for i in range(50)] + [(SET, b"n", b"\1"), (SET, b"gone", b"v")])
    client.snapshot()
    assert codes(
        client,
        client.request([(SET, b"new", b"1"), (CLEAR, b"gone"), (ADD, b"n", b"\1")]),
        demand(client, (VALUE, b"new", b"1"), (ABSENT, b"gone"), (VALUE, b"n", b"\2"), mutations=[(SET, b"seen", b"1")]),
        demand(client, (ABSENT, b"new"), mutations=[(SET, b"never", b"1")]),
        demand(client, (ABSENT, b"never"), (PRESENT, b"seen")),
        demand(client, (EMPTY, b"k", b"l")),
        client.request([(CLEAR_RANGE, b"k", b"k049")]),
        demand(client, (EMPTY, b"k", b"l")),
        client.request([(CLEAR, b"k049")]),
        demand(client, (EMPTY, b"k", b"l"), mutations=[(SET, b"k", b"")]),
        demand(client, (EMPTY, b"k", b"l")),
        client.request([(STAMPED_VALUE, b"s", bytes(14))]),
        demand(client, (VALUE, b"s", bytes(10))),
        demand(client, (PRESENT, b"s")),
    ) == [0, 0, FAILED, 0, FAILED, 0, FAILED, 0, 0, FAILED, 0, FAILED, 0]
    assert client.get(b"never") is None and client.get(b"seen") == b"1"
    assert codes(client, demand(client, (EMPTY, b"k\0", b"l")), demand(client, (VALUE, b"k", b""))) == [0, 0]


def test_over_counters(world):
    """An append that expects a number and reads nothing: the first one wins, the others are told for good."""
    world.lead()
    client = world.client()
    counter = b"\xff/counter/c"

    def append(*expected):
        return demand(client, expected, mutations=[rw.sequenced(b"c", b"p/", b"v")])
    two = (2).to_bytes(8, "big")
    assert codes(client, append(ABSENT, counter), append(ABSENT, counter), append(PRESENT, counter), append(VALUE, counter, two),
                 append(VALUE, counter, two), demand(client, (EMPTY, b"\xff/", b"\xff0"))) == [0, FAILED, 0, 0, FAILED, FAILED]
    rows = world.database.execute("SELECT key FROM kv ORDER BY key")
    assert [bytes(row[0]) for row in rows] == [b"p/" + i.to_bytes(8, "big") for i in range(3)] + [counter]


def is_resolved_over_it(world):
    """The leader has read what a range has to be empty for, and has its answer."""
    return world.database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'verdict-resolver/%' AND state = 'idle'"
        " AND query LIKE '%LIMIT r.n%'")[0][0]


def test_over_a_batch_that_is_being_applied(world):
    """Its apply waits for a row that this test holds, so the next batch reads what is stored from before it."""
    world.lead()
    client, other = world.client(), world.client()
    client.commit([(SET, b"k1", b"v"), (SET, b"k2", b"v"), (SET, b"gone", b"v"), (SET, b"held", b"v")])
    holder = world.database.connect(autocommit=False)
    holder.execute("SET search_path = verdict, pg_temp")
    holder.execute("SELECT * FROM kv WHERE key = 'held' FOR UPDATE")
    first = client.submit([(SET, b"held", b"2"), (CLEAR, b"gone"), (SET, b"new", b"1"), (CLEAR_RANGE, b"k", b"l")])
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0],
                  "the apply does not wait")
    payloads = [demand(other, *one) for one in
                ([(ABSENT, b"gone")], [(PRESENT, b"gone")], [(VALUE, b"new", b"1"), (VALUE, b"held", b"2")],
                 [(VALUE, b"held", b"v")], [(EMPTY, b"k", b"l")], [(EMPTY, b"g", b"h"), (EMPTY, b"k1", b"k9")],
                 [(EMPTY, b"i", b"o")])]
    sequences = other.submit_payloads(payloads)
    rw.wait_until(lambda: is_resolved_over_it(world), "the next batch is not resolved")
    holder.rollback()
    holder.close()
    assert client.wait(first)[0].code == 0
    assert [v.code for v in other.wait(*sequences)] == [0, FAILED, 0, FAILED, 0, 0, FAILED]


def test_only_demands_is_a_commit(world):
    world.lead()
    client = world.client()
    verdict = client.commit(extra=rw.demands((ABSENT, b"a")))
    assert verdict.code == 0 and client.snapshot()[1] == verdict.version
    assert client.look(1)[1][1:5] == (2, 0, verdict.version, 0)


@pytest.mark.parametrize("place", ["drain.before_apply", "apply.middle", "apply.after_commit", "drain.before_publish"])
def test_a_leader_dies_and_copies_come(world, place):
    """What was decided stays so, although by now the precondition would be judged otherwise."""
    leader = world.lead("a", faults=f"{place}:2:kill")
    client = world.client()
    client.commit([(SET, b"old", b"1")])
    client.snapshot()
    payloads = [demand(client, (ABSENT, b"x"), mutations=[(SET, b"x", b"1"), (ADD, b"n", b"\1")]),
                demand(client, (ABSENT, b"old"), mutations=[(ADD, b"n", b"\1")])]
    first, second = client.submit_payloads(payloads)
    rw.wait_until(lambda: not leader.is_running(), "not killed")
    world.lead("b")
    stored = client.settle(first, payloads[0])
    assert stored[0] == 0 and client.settle(second, payloads[1])[:2] == (FAILED, stored[1])
    client.commit([(CLEAR, b"old")])
    client.verdicts.clear()
    for sequence, payload in ((first, payloads[0]), (second, payloads[1])):
        client.resend(sequence, payload)
    client.submit([])
    copies = client.wait(first, second)
    assert [(v.code, v.version) for v in copies] == [(0, stored[1]), (FAILED, stored[1])]
    assert client.get(b"n") == b"\1"


def test_a_range_of_many_rows(world):
    """However many there are, a key more than can be cleared is read."""
    world.lead()
    client = world.client()
    world.database.execute("INSERT INTO kv SELECT convert_to('r' || lpad(i::text, 6, '0'), 'UTF8'), ''"
                           " FROM generate_series(0, 99999) i")
    keys = [b"r%06d" % i for i in range(100)]
    assert codes(client,
                 demand(client, (EMPTY, b"r", b"s")),
                 client.request([(CLEAR, key) for key in keys]),
                 demand(client, (EMPTY, b"r", b"r000100")),
                 demand(client, (EMPTY, b"r", b"s")),
                 client.request([(CLEAR_RANGE, b"r0001", b"r099999")]),
                 demand(client, (EMPTY, b"r", b"s")),
                 demand(client, (EMPTY, b"r", b"r099999")),
                 client.request([(CLEAR, b"r099999")]),
                 demand(client, (EMPTY, b"r", b"s"))) == [FAILED, 0, 0, FAILED, 0, FAILED, 0, 0, 0]
    assert world.database.execute("SELECT count(*) FROM kv")[0][0] == 0
