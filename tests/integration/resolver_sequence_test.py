# SPDX-License-Identifier: Apache-2.0
"""Sequenced keys at the leader: numbers without gaps in the order of the commits, told once and the same for ever."""
import struct

import pytest

import resolver_world as rw
from resolver_world import ADD, CLEAR, CLEAR_RANGE, SEQUENCED_VALUE, SET, sequenced

COUNTERS = b"\xff/counter/"
STAMP = b"\0" * 10 + struct.pack("<I", 0)


def be(number):
    return struct.pack(">Q", number)


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


def stored(world, prefix):
    """(number, value) below a prefix."""
    rows = world.database.execute("SELECT key, value FROM kv WHERE starts_with(encode(key, 'escape'), encode(%s, 'escape'))"
                                  " ORDER BY key", [prefix])
    return [(struct.unpack(">Q", bytes(k)[len(prefix):])[0], bytes(v)) for k, v in rows]


def counter(client, name):
    value = client.get(COUNTERS + name)
    return None if value is None else struct.unpack(">Q", value)[0]


def looked(client, sequence):
    """The first number of each counter, as the outcome has them."""
    row = client.look(sequence)[sequence]
    assert row[1:3] == (2, 0) and row[5] == 0
    return [row[6]] + [number for _, number in struct.iter_unpack(">IQ", bytes(row[8]))]


def test_numbers_are_told_and_stored(world):
    world.lead()
    client = world.client()
    first = client.commit([sequenced(b"c", b"p/", b"0")])
    assert (first.code, first.b, first.further) == (0, 0, 0)
    second = client.commit([sequenced(b"c", b"p/", b"1"), sequenced(b"d", b"q/", b"0"), sequenced(b"c", b"r/", b"2"),
                            sequenced(b"e", b"q/", b"0")])
    assert (second.code, second.b, second.further, client.numbers[2]) == (0, 1, 2, [0, 0])
    assert stored(world, b"p/") == [(0, b"0"), (1, b"1")]
    assert stored(world, b"r/") == [(2, b"2")]
    assert (counter(client, b"c"), counter(client, b"d"), counter(client, b"e")) == (3, 1, 1)
    assert looked(client, 1) == [0] and looked(client, 2) == [1, 0, 0]
    # a commit without them, and one that lost, say nothing of the kind
    plain = client.commit([(SET, b"a", b"1")])
    assert (plain.a, plain.b, plain.further) == (0, 0, 0)
    assert client.look(3)[3][5:] == (None, None, None, None)


def test_more_counters_than_a_reply_has_room_for(world):
    world.lead()
    client = world.client()
    client.commit([sequenced(b"%d" % i, b"p", b"") for i in range(0, 200, 2)])
    at_most, too_many = [client.commit([sequenced(b"%d" % i, b"p", b"") for i in range(count)]) for count in (64, 65)]
    expected = [int(i % 2 == 0) for i in range(65)]
    assert (at_most.b, at_most.further, client.numbers[2]) == (1, 63, expected[1:64])
    assert (too_many.b, too_many.further) == (2, 64) and 3 not in client.numbers
    assert looked(client, 2) == expected[:64]
    assert looked(client, 3) == [number + 1 for number in expected[:64]] + [expected[64]]


@pytest.mark.parametrize("who", ["the same leader", "the next leader"])
def test_copies_keep_their_numbers(world, who):
    leader = world.lead("a")
    client = world.client()
    one, two = (client.request([sequenced(b"c", b"p/", b"x")]),
                client.request([sequenced(b"c", b"p/", b"y"), sequenced(b"d", b"q/", b"y")]))
    told = client.wait(*client.submit_payloads([one, two]))
    assert [v.b for v in told] == [0, 1]
    if who == "the next leader":
        leader.kill()
        world.lead("b")
    other = world.client()
    assert other.commit([sequenced(b"c", b"p/", b"z"), sequenced(b"d", b"q/", b"z")]).b == 2
    replies = client.replies
    client.submit_payloads([one, two], sequences=[1, 2])
    rw.wait_until(lambda: client.hear() or client.replies == replies + 2, "the copies are not answered")
    assert client.wait(1, 2) == told  # the copy of the second says how many there are, and a look which
    assert looked(client, 1) == [0] and looked(client, 2) == [1, 0]
    assert stored(world, b"p/") == [(0, b"x"), (1, b"y"), (2, b"z")]
    assert stored(world, b"q/") == [(0, b"y"), (1, b"z")]


BAD = {
    "a counter that is set": ([(SET, COUNTERS + b"c", be(7))], 2004),
    "a counter that is cleared": ([(CLEAR, COUNTERS + b"c")], 2004),
    "a counter that is added to": ([(ADD, COUNTERS + b"c", be(1))], 2004),
    "a range of counters that is cleared": ([(CLEAR_RANGE, b"\xff", b"\xff\xff")], 2004),
    "a counter that is a user's key": ([(128, b"p/", b"", False, b"counter", False)], 2004),
    "a counter without a name": ([(128, b"p/", b"", False, b"", False)], 2004),
    "a counter that is too long": ([sequenced(b"c" * 2039, b"p/")], 2102),
    "a prefix that is too long": ([sequenced(b"c", b"p" * 2041)], 2102),
    "a prefix that is the system's": ([sequenced(b"c", b"\xff")], 2004),
    "a value without room for its stamp": ([sequenced(b"c", b"p/", b"short", True)], 2000),
    "a value without room for its number": ([sequenced(b"c", b"p/"), (SEQUENCED_VALUE, b"k", b"x", False, COUNTERS + b"c")],
                                            2000),
    "a number before there is one": ([(SEQUENCED_VALUE, b"k", b"\0" * 12, False, COUNTERS + b"c")], 2000),
    "a set with a counter": ([(SET, b"k", b"", False, COUNTERS + b"c")], 2000),
    "a counter that holds something else": ([sequenced(b"c", b"p/"), sequenced(b"odd", b"p/")], 7006),
    "a counter that has given its last number": ([sequenced(b"c", b"p/"), sequenced(b"last", b"p/"),
                                                  sequenced(b"last", b"p/")], 7006),
}


@pytest.mark.parametrize("kind", BAD)
def test_poison(world, kind):
    """It is rejected with its number, takes none, and its neighbours follow each other."""
    leader = world.lead()
    client = world.client()
    world.database.execute("INSERT INTO kv VALUES (%s, 'odd'), (%s, %s)",
                           [COUNTERS + b"odd", COUNTERS + b"last", be(2**63 - 2)])
    mutations, code = BAD[kind]
    good = client.request([sequenced(b"c", b"p/", b"good")])
    verdicts = client.wait(*client.submit_payloads([good, client.request(mutations), good]))
    assert [(v.code, v.b) for v in verdicts] == [(0, 0), (code, 0), (0, 1)]
    assert stored(world, b"p/") == [(0, b"good"), (1, b"good")]
    assert client.get(COUNTERS + b"odd") == b"odd" and counter(client, b"last") == 2**63 - 2
    assert counter(client, b"c") == 2
    assert leader.log().count("took office") == 1


def test_the_last_number(world):
    world.lead()
    client = world.client()
    world.database.execute("INSERT INTO kv VALUES (%s, %s)", [COUNTERS + b"c", be(2**63 - 2)])
    last = client.commit([sequenced(b"c", b"p/", b"v")])
    assert (last.code, last.b) == (0, 2**63 - 2)
    assert client.commit([sequenced(b"c", b"p/", b"v")]).code == 7006
    assert stored(world, b"p/") == [(2**63 - 2, b"v")]


def test_what_a_halved_batch_leaves_gets_its_numbers_later(world):
    """PostgreSQL refuses some values: they are found by halving, and take no number."""
    world.lead()
    world.database.execute("ALTER TABLE kv ADD CONSTRAINT no_evil CHECK (position('evil'::bytea IN value) = 0)")
    client = world.client()
    payloads = [client.request([sequenced(b"c", b"p/", b"evil" if i in (7, 30) else b"%d" % i)]) for i in range(40)]
    verdicts = client.wait(*client.submit_payloads(payloads))
    assert [i for i, v in enumerate(verdicts) if v.code != 0] == [7, 30]
    kept = [(i, v.b) for i, v in enumerate(verdicts) if v.code == 0]
    assert [number for _, number in kept] == list(range(38))
    assert stored(world, b"p/") == [(number, b"%d" % i) for i, number in kept]


@pytest.mark.parametrize("place", ["claim.answered", "apply.before_send", "apply.middle", "apply.after_commit",
                                   "drain.before_publish"])
def test_the_leader_is_killed(world, place):
    """… at a point, in the middle of a stream of appends by four clients: no gap, no number twice, and each is told the
    number under which its value stands."""
    leader = world.lead("a", {"batch-requests": 20}, faults=f"{place}:5:kill")
    clients = [world.client() for _ in range(4)]
    payloads = {}
    for client in clients:
        payloads[client] = [client.request([sequenced(b"c", b"p/", client.id.bytes + b"%d/" % i),
                                            sequenced(b"s", b"s/", STAMP, True)]) for i in range(100)]
        client.submit_payloads(payloads[client])
    rw.wait_until(lambda: not leader.is_running(), "the fault point was not passed five times")
    world.lead("b")
    told = {}
    for client in clients:
        for i, payload in enumerate(payloads[client]):
            if client.verdicts.get(i + 1) is None:
                assert client.settle(i + 1, payload)[0] == 0
            told[client.id.bytes + b"%d/" % i] = looked(client, i + 1)[0]
            client.hear(0)
            if i + 1 in client.verdicts:
                assert client.verdicts[i + 1].b == told[client.id.bytes + b"%d/" % i]
    rows = stored(world, b"p/")
    assert [number for number, _ in rows] == list(range(400))
    assert {value: number for number, value in rows} == told
    stamps = [value for _, value in stored(world, b"s/")]
    assert len(set(stamps)) == 400 and stamps == sorted(stamps)
