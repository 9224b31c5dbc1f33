# SPDX-License-Identifier: Apache-2.0
"""One resolver and the queue: every kind of request gets its one verdict, and what it says is what is stored."""
import struct
import time

import psycopg
import pytest

import resolver_world as rw
from resolver_world import ADD, CLEAR, CLEAR_RANGE, MAX, SET, STAMPED_KEY, STAMPED_VALUE


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


def test_a_commit(world):
    world.lead()
    client = world.client()
    verdict = client.commit([(SET, b"a", b"1")])
    assert verdict.code == rw.COMMITTED and verdict.a == 0
    assert client.get(b"a") == b"1"
    assert client.snapshot()[1] == verdict.version
    # the outcome is durable, and says the same
    _, state, code, version, place, *_ = client.look(1)[1]
    assert (state, code, version, place) == (2, 0, verdict.version, 0)


def le(number, size=8):
    return number.to_bytes(size, "little", signed=number < 0)


def kv(client):
    return {bytes(k): bytes(v) for k, v in client.session.execute("SELECT key, value FROM kv ORDER BY key").fetchall()}


def encode_reads(client, at, keys, extra):
    return client.request([(SET, b"x", b"1")], reads=[rw.key_range(key) for key in keys], at=at, extra=extra)


def further(row):
    return list(struct.iter_unpack(">IQ", bytes(row[8])))


def test_a_conflict_names_range_and_version(world):
    world.lead()
    client, other = world.client(), world.client()
    at = client.snapshot()
    first = other.commit([(SET, b"m", b"1")])
    verdict = client.commit([(SET, b"x", b"1")], reads=[rw.key_range(b"a"), (b"k", b"p")], at=at)
    assert (verdict.code, verdict.a, verdict.b) == (rw.CONFLICT, 1, first.version)
    assert client.get(b"x") is None
    _, state, code, _, _, detail_range, detail_version, *_ = client.look(1)[1]
    assert (state, code, detail_range, detail_version) == (2, rw.CONFLICT, 1, first.version)
    assert verdict.further == 0 and further(client.look(1)[1]) == []
    # a writer that reads nothing does not conflict, and a reader does not harm a writer
    assert client.commit([(SET, b"m", b"2")], at=at).code == 0
    assert client.commit([(SET, b"y", b"1")], reads=[(b"a", b"z")], at=client.snapshot()).code == 0


def test_a_conflict_names_all_ranges_if_it_is_asked_to(world):
    """The first with its version in the reply, with how many more there are; all of them in the outcome, up to 100, also for
    a copy and by the next leader."""
    leader = world.lead()
    client, other = world.client(), world.client()
    at = client.snapshot()
    older = other.commit([(SET, b"k%03d" % i, b"") for i in range(0, 300, 2)])
    newer = other.commit([(SET, b"k004", b"")])
    report = rw.field(7, 1)
    payload = encode_reads(client, at, [b"k000", b"k001", b"k002", b"k003", b"k004"], report)
    many = encode_reads(client, at, [b"k%03d" % i for i in range(300)], report)
    sequence, large = client.submit_payloads([payload, many])
    verdict = client.wait(sequence)[0]
    assert (verdict.code, verdict.a, verdict.b, verdict.further) == (rw.CONFLICT, 0, older.version, 2)
    assert client.wait(large)[0].further == 99
    stored = client.look(sequence, large)
    assert stored[sequence][5:7] == (0, older.version)
    assert further(stored[sequence]) == [(2, older.version), (4, newer.version)]
    assert further(stored[large]) == [(i, newer.version if i == 4 else older.version) for i in range(2, 200, 2)]
    leader.kill()
    world.lead("b")
    client.verdicts.clear()
    client.resend(sequence, payload)
    client.submit([])
    assert client.wait(sequence)[0] == verdict
    assert client.look(sequence)[sequence] == stored[sequence]


def test_an_earlier_winner_of_the_same_batch(world):
    world.lead()
    client = world.client()
    payloads = [client.request([(SET, b"a", b"1")]),
                client.request([(SET, b"b", b"1")], reads=[rw.key_range(b"a")]),
                client.request([(SET, b"c", b"1")], reads=[rw.key_range(b"b")])]
    sequences = client.submit_payloads(payloads)
    verdicts = client.wait(*sequences)
    assert [v.code for v in verdicts] == [0, rw.CONFLICT, 0]
    assert verdicts[1].b == verdicts[0].version
    assert (verdicts[0].a, verdicts[2].a) == (0, 1)


def test_atomic_ops_clears_and_stamps(world):
    world.lead()
    client = world.client()
    client.commit([(SET, b"r%d" % i, b"v") for i in range(5)] + [(SET, b"n", le(40)), (SET, b"gone", b"v")])
    payloads = [client.request([(ADD, b"n", le(1))]), client.request([(ADD, b"n", le(1)), (ADD, b"new", le(7))]),
                client.request([(MAX, b"n", le(41))]), client.request([(CLEAR, b"gone")]),
                client.request([(CLEAR_RANGE, b"r1", b"r4"), (SET, b"r2", b"again")]),
                client.request([(STAMPED_KEY, b"s/" + b"\0" * 10 + struct.pack("<I", 2), b"k")]),
                client.request([(STAMPED_VALUE, b"t", b"\0" * 10 + struct.pack("<I", 0))])]
    sequences = client.submit_payloads(payloads)
    verdicts = client.wait(*sequences)
    assert [v.code for v in verdicts] == [0] * 7
    stamp = [struct.pack(">QH", v.version, v.a) for v in verdicts]
    assert kv(client) == {b"n": le(42), b"new": le(7), b"r0": b"v", b"r2": b"again", b"r4": b"v", b"s/" + stamp[5]: b"k",
                          b"t": stamp[6]}
    # the stamped key stands in the window under its final name
    at = client.term, verdicts[0].version - 1
    assert client.commit([(SET, b"q", b"1")], reads=[rw.key_range(b"s/" + stamp[5])], at=at).code == rw.CONFLICT


def test_duplicates(world):
    """The same identity again: while queued, after the verdict, with other content; the verdict is told again."""
    world.lead()
    client = world.client()
    payload = client.request([(ADD, b"n", le(1))])
    sequence = client.submit_payloads([payload])[0]
    verdict = client.wait(sequence)[0]
    for _ in range(3):
        before = client.replies
        client.resend(sequence, payload)
        client.submit([], ring=True)
        rw.wait_until(lambda: client.hear() or client.replies >= before + 2, "the copy is not answered")
    assert client.verdicts[sequence] == verdict
    assert client.get(b"n") == le(1)
    other = client.request([(ADD, b"n", le(2))])
    client.verdicts.clear()
    client.resend(sequence, other)
    client.submit([])
    assert client.wait(sequence)[0].code == 2000
    assert client.get(b"n") == le(1)
    assert client.look(sequence)[sequence][2:4] == (0, verdict.version)


def test_told_long_ago_and_unregistered(world):
    """At or below the low-water, and of nobody: dropped silently, never applied."""
    world.lead()
    client = world.client()
    payload = client.request([(ADD, b"n", le(1))])
    sequence = client.submit_payloads([payload])[0]
    client.wait(sequence)
    client.acknowledged = sequence  # as the next request tells
    client.commit([(SET, b"a", b"1")])
    before = client.replies
    client.acknowledged = 0  # a copy that a dying connection delivers late
    client.resend(sequence, payload)
    client.generation += 1
    client.submit([(ADD, b"n", le(1))])
    rw.wait_until(lambda: client.session.execute("SELECT count(*) FROM commit_requests").fetchone()[0] == 0, "still queued")
    client.hear(0.2)
    assert client.replies == before
    assert client.get(b"n") == le(1)


def test_too_old_and_future(world):
    world.lead("a", {"window-age": "2s"})
    client = world.client()
    read = [rw.key_range(b"a")]
    at = client.snapshot()
    assert client.commit([(SET, b"b", b"1")], reads=read, at=at).code == 0

    def too_old():
        assert client.commit([(SET, b"c", b"1")], at=client.snapshot()).code == 0
        return client.commit([(SET, b"b", b"2")], reads=read, at=at).code == rw.TOO_OLD
    rw.wait_until(too_old, "it never gets too old", step_s=0.1)
    assert client.commit([(SET, b"b", b"2")], reads=read, at=at).code == rw.TOO_OLD
    assert client.commit([(SET, b"b", b"2")], at=at).code == 0
    term, version = client.snapshot()
    assert client.commit([(SET, b"b", b"3")], reads=read, at=(term, version + 10**9)).code == rw.FUTURE
    assert client.commit([(SET, b"b", b"3")], reads=read, at=(b"x" * 16, version)).code == rw.TOO_OLD


POISON = {
    "undecodable": (b"\xff\xff\xff", 2000),
    "unknown field": (rw.encode([(SET, b"p", b"1")], extra=rw.field(99, b"demand")), 2000),
    "other format": (rw.field(1, 2), 2000),
    "unknown op": (rw.encode([(77, b"p", b"1")]), 2018),
    "bad stamp offset": (rw.encode([(STAMPED_KEY, b"p" + struct.pack("<I", 900), b"1")]), 2000),
    "stamp over the end": (rw.encode([(STAMPED_KEY, b"p" * 20 + struct.pack("<I", 11), b"1")]), 2000),
    "short stamp": (rw.encode([(STAMPED_VALUE, b"p", b"x")]), 2000),
    "inverted range": (rw.encode([(CLEAR_RANGE, b"z", b"a")]), 2005),
    "inverted read": (rw.encode([(SET, b"p", b"1")], reads=[(b"z", b"a")]), 2005),
    "long key": (rw.encode([(SET, b"p" * 2049, b"1")]), 2102),
    "long value": (rw.encode([(SET, b"p", b"1" * 100001)]), 2103),
    "long operand": (rw.encode([(ADD, b"p", b"1" * 100001)]), 2103),
    "system key": (rw.encode([(SET, b"\xff/p", b"1")]), 2004),
    "unknown precondition": (rw.encode([(SET, b"p", b"1")], extra=rw.demands((5, b"p"))), 2000),
    "precondition without a kind": (rw.encode([(SET, b"p", b"1")], extra=rw.message(8, b"")), 2000),
    "unknown field of a precondition": (rw.encode(extra=rw.message(8, rw.field(1, 3) + rw.field(4, b"demand"))), 2000),
    "value that no precondition takes": (rw.encode(extra=rw.demands((rw.ABSENT, b"p", b"1"))), 2000),
    "inverted precondition": (rw.encode(extra=rw.demands((rw.EMPTY, b"z", b"a"))), 2005),
    "precondition on a special key": (rw.encode(extra=rw.demands((rw.PRESENT, b"\xff\xff/p"))), 2004),
    "precondition beyond all keys": (rw.encode(extra=rw.demands((rw.EMPTY, b"p", b"\xff\xff\0"))), 2004),
    "precondition on a long key": (rw.encode(extra=rw.demands((rw.ABSENT, b"p" * 2049))), 2102),
    "precondition of a long value": (rw.encode(extra=rw.demands((rw.VALUE, b"p", b"1" * 100001))), 2103),
    "too many preconditions": (rw.encode(extra=rw.demands(*[(rw.VALUE, b"p", b"1" * 99000)] * 105)), 2101),
    "too large": (rw.encode([(SET, b"p%d" % i, b"1" * 99000) for i in range(105)]), 2101),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison(world, kind):
    """It is rejected with its number; its neighbours and the term go on."""
    leader = world.lead()
    client = world.client()
    payload, code = POISON[kind]
    good = [client.request([(ADD, b"n", le(1))]) for _ in range(3)]
    sequences = client.submit_payloads([good[0], payload, good[1]])
    assert [v.code for v in client.wait(*sequences)] == [0, code, 0]
    assert client.submit_payloads([good[2]]) == [4]
    assert client.wait(4)[0].code == 0
    assert kv(client) == {b"n": le(3)}
    assert leader.log().count("took office") == 1
    assert client.look(2)[2][2] == code


def test_content_that_only_postgresql_refuses(world):
    """Found by halving; rejected with its message; the others of its batch are committed, and the term goes on."""
    leader = world.lead()
    world.database.execute("ALTER TABLE kv ADD CONSTRAINT no_evil CHECK (position('evil'::bytea IN value) = 0)")
    client = world.client()
    began = time.monotonic()
    for _ in range(20):
        assert client.commit([(SET, b"before", b"good")]).code == 0
    twenty = time.monotonic() - began
    payloads = [client.request([(SET, b"k%03d" % i, b"evil" if i in (37, 80) else b"good")]) for i in range(100)]
    began = time.monotonic()
    sequences = client.submit_payloads(payloads)
    verdicts = client.wait(*sequences)
    assert time.monotonic() - began < 2 + 20 * twenty, "what a halved batch left in the queue was not looked for at once"
    assert [i for i, v in enumerate(verdicts) if v.code != 0] == [37, 80]
    assert {verdicts[i].code for i in (37, 80)} == {7002}
    assert len(kv(client)) == 99
    assert "no_evil" in client.look(sequences[37])[sequences[37]][7]
    assert leader.log().count("took office") == 1
    assert client.commit([(SET, b"after", b"good")], at=client.snapshot()).code == 0


def test_a_clear_of_too_many_rows(world):
    leader = world.lead("a", {"clear-max-rows": 10})
    client = world.client()
    client.commit([(SET, b"k%02d" % i, b"v") for i in range(20)])
    payloads = [client.request([(SET, b"x", b"1")]), client.request([(CLEAR_RANGE, b"k", b"l")]),
                client.request([(CLEAR_RANGE, b"k00", b"k05")])]
    assert [v.code for v in client.wait(*client.submit_payloads(payloads))] == [0, 7004, 0]
    assert len(kv(client)) == 16
    # many legal clears: in one request they are too many together, in several requests they are not
    clears = [(CLEAR_RANGE, b"m%d" % i, b"m%d~" % i) for i in range(5)]
    rows = [(SET, b"m%d-%d" % (i, j), b"v") for i in range(5) for j in range(9)]
    client.commit(rows)
    assert client.commit(clears).code == 7004
    assert len(kv(client)) == 16 + 45
    payloads = [client.request([clear]) for clear in clears]
    assert [v.code for v in client.wait(*client.submit_payloads(payloads))] == [0] * 5
    assert len(kv(client)) == 16
    assert leader.log().count("took office") == 1


def test_a_clear_at_its_limit_and_one_above(world):
    """Exactly as many as are allowed go; one more is refused, and nobody can tell that it was ever asked for."""
    leader = world.lead("a", {"clear-max-rows": 10})
    client = world.client()
    client.commit([(SET, b"a%02d" % i, b"v") for i in range(10)] + [(SET, b"b%02d" % i, b"v") for i in range(11)])
    before = client.snapshot()
    assert client.commit([(CLEAR_RANGE, b"a", b"b")]).code == 0
    assert client.commit([(CLEAR_RANGE, b"b", b"c"), (SET, b"trace", b"1")]).code == 7004
    assert client.look(client.sequence)[client.sequence][1:3] == (2, 7004)
    assert sorted(kv(client)) == [b"b%02d" % i for i in range(11)]
    assert client.commit([(SET, b"x", b"1")], reads=[(b"a", b"b")], at=before).code == rw.CONFLICT
    assert client.commit([(SET, b"x", b"1")], reads=[(b"b", b"c"), rw.key_range(b"trace")], at=before).code == 0
    # all clears of a request together: four times as many
    rows = [(SET, b"m%d-%d" % (i, j), b"v") for i in range(5) for j in range(8)]
    clears = [(CLEAR_RANGE, b"m%d" % i, b"m%d~" % i) for i in range(5)]
    client.commit(rows)
    assert client.commit(clears).code == 0
    client.commit([*rows, (SET, b"m0-x", b"v")])
    assert client.commit(clears).code == 7004
    assert len(kv(client)) == 11 + 1 + 41
    assert leader.log().count("took office") == 1


def test_a_clear_of_rows_that_a_stranger_has_locked(world):
    """Nobody's content is to blame for that: the batch is tried again until the stranger lets go, in the same term."""
    leader = world.lead()
    client = world.client()
    client.commit([(SET, b"a%02d" % i, b"v") for i in range(10)])
    with world.database.connect(autocommit=False) as stranger:
        stranger.execute("SELECT key FROM verdict.kv ORDER BY key LIMIT 1 OFFSET 5 FOR UPDATE")
        payloads = [client.request([(CLEAR_RANGE, b"a", b"b")]), client.request([(ADD, b"n", le(1))])]
        sequences = client.submit_payloads(payloads)
        leader.wait_says("55P03", 30)
        client.hear(0)
        assert not set(sequences) & set(client.verdicts)
        stranger.rollback()
    assert [v.code for v in client.wait(*sequences)] == [0, 0]
    assert kv(client) == {b"n": le(1)}
    assert leader.log().count("took office") == 1


def test_a_cancelled_request_is_certainly_not_committed(world):
    """Cancelled while its batch is on its way: the fence refuses, the others go on."""
    leader = world.lead("a", faults="claim.answered:1:pause")
    client, other = world.client(), world.client()
    payload = client.request([(SET, b"a", b"1")])
    client.submit_payloads([payload])
    rw.wait_until(lambda: leader.hits("claim.answered") == 1, "the fault point was not hit")
    assert client.cancel(1)[:3] == (1, 2, rw.CANCELLED)
    other.submit([(SET, b"b", b"1")])
    leader.send(18)
    assert other.wait(1)[0].code == 0
    assert client.commit([(SET, b"c", b"1")]).code == 0
    assert kv(client) == {b"b": b"1", b"c": b"1"}
    client.resend(1, payload)
    assert client.commit([(SET, b"d", b"1")]).code == 0
    assert client.get(b"a") is None
    assert client.cancel(1)[:3] == (1, 2, rw.CANCELLED)


def test_cancelled_and_acknowledged_in_the_middle_of_a_fence(world):
    """Told as cancelled, and acknowledged between two statements of the fence of a batch that would commit it: each of them
    has a snapshot of its own, and the low-water that comes must be seen by one that runs after the tombstone that goes."""
    leader = world.lead("a", faults="drain.before_apply:1:pause")
    client, other = world.client(), world.client()
    client.submit([(SET, b"a", b"1")])
    rw.wait_until(lambda: leader.hits("drain.before_apply") == 1, "the fault point was not hit")
    assert client.cancel(1)[:3] == (1, 2, rw.CANCELLED)
    between = world.database.connect(autocommit=False)
    between.execute("SET search_path = verdict, pg_temp")
    between.execute("LOCK TABLE tombstones IN ACCESS EXCLUSIVE MODE")
    leader.send(18)
    rw.wait_until(lambda: world.database.execute("SELECT 1 FROM pg_locks WHERE relation = 'verdict.tombstones'::regclass AND NOT granted"),
                  "the fence does not look for tombstones")
    between.execute("SELECT acknowledge(%s, %s, 1)", (client.id, client.generation))
    between.commit()
    between.close()
    assert other.commit([(SET, b"b", b"1")]).code == 0
    assert leader.says("was refused: the database knows more of a client than this leader")
    assert kv(client) == {b"b": b"1"}


def test_a_cancel_that_meets_a_full_batch(world):
    """Many clients in one batch, one of them cancelled: the refused batch makes progress."""
    leader = world.lead("a", faults="drain.before_apply:1:pause")
    clients = [world.client() for _ in range(5)]
    # that client first, so that it is in the batch whenever the leader looks
    for client in sorted(clients, key=lambda c: c is not clients[2]):
        client.submit_payloads([client.request([(ADD, b"n", le(1))]) for _ in range(20)], ring=False)
    clients[0].session.execute("SELECT pg_notify('verdict_doorbell', '')")
    rw.wait_until(lambda: leader.hits("drain.before_apply") == 1, "the fault point was not hit")
    assert clients[2].cancel(7)[2] == rw.CANCELLED
    leader.send(18)
    for i, client in enumerate(clients):
        expected = [s for s in range(1, 21) if (i, s) != (2, 7)]
        assert {v.code for v in client.wait(*expected)} == {0}
    assert clients[0].get(b"n") == le(99)
    assert leader.says("was refused: the database knows more of a client than this leader")
    assert not leader.says("fresh connection")  # it is resolved again where it is


def test_a_purged_client_is_refused(world):
    leader = world.lead("a", faults="drain.before_apply:2:pause")
    client, other = world.client(), world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    client.submit([(SET, b"b", b"1")])
    rw.wait_until(lambda: leader.hits("drain.before_apply") == 1, "the fault point was not hit")
    world.database.execute("DELETE FROM clients WHERE client = %s", (client.id,))
    other.submit([(SET, b"c", b"1")])
    leader.send(18)
    assert other.wait(1)[0].code == 0
    assert kv(other) == {b"a": b"1", b"c": b"1"}
    assert client.look(2)[2][1] == 4


def test_statements_do_not_grow_with_the_batch(servers, migrate, program, tmp_path):
    """Mixed batches of 1, 100 and 1,000 requests of 8 followers (ranges, atomic ops, stamps, sequenced keys, reads,
    preconditions): the same number of statements on the wire, by PostgreSQL's own count."""
    server = servers(log_min_duration_statement=0, log_line_prefix="%a|%p|")
    world = rw.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    try:
        leader = world.lead()
        clients = [world.client() for _ in range(8)]

        def one(client, i):
            return client.request([(SET, b"k%d" % i, b"v"), (ADD, b"n%d" % (i % 50), le(1)), (CLEAR, b"d%d" % i),
                                   (CLEAR_RANGE, b"r%d" % i, b"r%d\xff" % i),
                                   (STAMPED_KEY, b"s" + b"\0" * 10 + struct.pack("<I", 1), b"v"),
                                   rw.sequenced(b"%d" % (i % 50), b"q%d/" % (i % 50), b"v")],
                                  reads=[rw.key_range(b"other%d" % i)],
                                  extra=rw.demands((rw.ABSENT, b"a%d" % i), (rw.VALUE, b"x", b"1"),
                                                   (rw.EMPTY, b"e%04d" % i, b"e%04d~" % (i + i % 3))))
        for client in clients:  # known to the leader
            client.commit([(SET, b"x", b"1")])

        def statements_of_a_batch(size):
            """None if a look that was on its way when the leader was stopped has found some of them."""
            leader.send(19)
            for c, client in enumerate(clients):
                client.snapshot()
                share = [one(client, i) for i in range(size) if i % len(clients) == c]
                if share:
                    client.submit_payloads(share, ring=c == 0)
            start = len(server.log())
            batches = world.database.execute("SELECT version FROM watermark")[0][0]
            leader.send(18)
            for client in clients:
                client.wait(*range(1, client.sequence + 1))
            assert {v.code for client in clients for v in client.verdicts.values()} == {0}
            versions = {v.version for client in clients for v in client.verdicts.values() if v.version > batches}
            if len(versions) > 1:
                return None
            executed = [line.split("|") for line in server.log()[start:].splitlines()
                        if line.startswith("verdict-resolver/") and ("execute" in line or "statement:" in line)]
            sessions = {line[1] for line in executed if "fence(" in line[2] or "FROM kv" in line[2]}
            others = ("SELECT client, sequence", "end_holders", "queue_usage", "purge", "VACUUM")  # claims, and chores
            return sum(line[1] in sessions and not any(other in line[2] for other in others) for line in executed)
        counts = {size: rw.wait_until(lambda: statements_of_a_batch(size), "always more than one batch")
                  for size in (1, 100, 1000)}
        assert len(set(counts.values())) == 1, counts
        assert counts[1] <= 12, counts
    finally:
        world.close()


@pytest.mark.parametrize("bound, size", [(("batch-bytes", "64kB"), 30000), (("batch-requests", 2), 1)])
def test_a_claim_is_bounded(world, bound, size):
    """In bytes, and in number: two of these fit into a batch, so no batch has more."""
    leader = world.lead("a", dict([bound]))
    client = world.client()
    client.commit([(SET, b"a", b"1")])
    leader.send(19)
    sequences = client.submit_payloads([client.request([(SET, b"k%d" % i, b"v" * size)]) for i in range(12)])
    leader.send(18)
    versions = [verdict.version for verdict in client.wait(*sequences)]
    assert versions == sorted(versions) and max(versions.count(v) for v in versions) <= 2, versions


def test_batches_at_and_over_the_limits(world):
    """More requests, and more bytes, than one batch takes: all are decided, in order of arrival."""
    world.lead("a", {"batch-requests": 50, "batch-bytes": "64kB"})
    client = world.client()
    payloads = [client.request([(SET, b"k%03d" % i, b"v" * 3000)]) for i in range(170)]
    payloads.append(client.request([(SET, b"large", b"v" * 90000)]))
    verdicts = client.wait(*client.submit_payloads(payloads))
    assert {v.code for v in verdicts} == {0}
    stamps = [(v.version, v.a) for v in verdicts]
    assert stamps == sorted(stamps)
    assert len({v.version for v in verdicts}) > 3


def test_a_request_whose_base_is_larger_than_a_batch(world):
    """Rule 18: short keys with long values are not all fetched into the leader's memory."""
    leader = world.lead()
    client = world.client()
    world.database.execute("INSERT INTO kv SELECT convert_to(i::text, 'UTF8'), repeat('x', 100000)::bytea"
                           " FROM generate_series(1, 4000) i")
    verdict = client.commit([(ADD, b"%d" % i, b"\1") for i in range(1, 4001)])
    assert verdict.code == 2101 and client.commit([(ADD, b"1", b"\1")]).code == 0
    with open(f"/proc/{leader.process.pid}/status", encoding="ascii") as status:
        peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    assert peak_kb < 256 * 1024


def test_doorbells_are_hints(world):
    """Without any doorbell requests are found; a flood of them for nothing costs a bounded number of looks."""
    world.lead()
    client = world.client()
    client.wait(client.submit([(SET, b"a", b"1")], ring=False))
    ring = world.database.connect()
    scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'commit_requests_arrival'"
    time.sleep(1.2)  # looks are counted once a second
    before = world.database.execute(scans)[0][0]
    began = time.monotonic()
    for _ in range(3000):
        ring.execute("SELECT pg_notify('verdict_doorbell', '')")
        ring.execute("SELECT pg_notify('verdict_doorbell', 'some nonsense')")
    ring.close()
    took = time.monotonic() - began
    time.sleep(1.5)
    looks = world.database.execute(scans)[0][0] - before
    total = time.monotonic() - began
    assert looks < 150 + 20 * total + 600 * took, f"{looks} looks for 6000 doorbells in {took:.1f} s"
    assert client.commit([(SET, b"a", b"2")], at=client.snapshot()).code == 0


def test_observers_see_batches_and_verdicts(world):
    world.lead()
    client = world.client()
    watch = world.database.connect()
    watch.execute("LISTEN verdict_verdicts")
    heard = []
    watch.add_notify_handler(lambda n: heard.append(n.payload))
    watch.execute("SELECT pg_notify('verdict_doorbell', 'observe')")

    def hears(text):
        watch.execute("SELECT 1")
        return any(h.startswith(text) for h in heard)

    def observed():
        """The leader may decide one more before it knows that somebody observes."""
        sequence = client.submit([(SET, b"a", b"1")])
        verdict = client.wait(sequence)[0]
        batch = f"b1 version={verdict.version} requests=1 committed=1 conflict=0 too_old=0 rejected=0"
        rw.wait_until(lambda: hears(batch), lambda: heard)
        return hears(f"v1 version={verdict.version} {client.reply:016x}:{sequence}:0:0")
    rw.wait_until(observed, lambda: heard)
    watch.close()


def test_a_client_at_its_limit_waits_and_does_not_wait_for_itself(world):
    """Rule 15: further requests stay in the queue until an acknowledgement comes, also one that travels alone."""
    world.lead("a", {"client-limit": 20})
    client, other = world.client(), world.client()
    sequences = client.submit_payloads([client.request([(ADD, b"n", le(1))]) for _ in range(30)])
    client.wait(*sequences[:20])
    assert other.commit([(SET, b"a", b"1")]).code == 0
    client.hear(0.3)
    assert client.get(b"n") == le(20)
    assert client.look(25)[25][1] == 1
    client.session.execute("SELECT acknowledge(%s, %s, 20)", (client.id, client.generation))
    client.wait(*sequences)
    assert client.get(b"n") == le(30)


def test_a_queue_full_of_waiting_requests_stops_nobody_else(world):
    """More wait than a batch takes; others go past them, and so does a number of the same client that was overtaken."""
    world.lead("a", {"client-limit": 20, "batch-requests": 50})
    client, other = world.client(), world.client()
    late = client.request([(ADD, b"n", le(1))])
    client.tokens[1] = 77
    client.sequence = 1
    client.submit_payloads([client.request([(ADD, b"n", le(1))]) for _ in range(300)])
    rw.wait_until(lambda: client.hear() or len(client.verdicts) >= 19, "the first ones are not decided")
    for i in range(20):
        assert other.commit([(SET, b"a", b"%d" % i)]).code == 0
        other.acknowledged = other.sequence
    client.resend(1, late)
    assert client.wait(1)[0].code == 0
    for _ in range(40):  # what was told is acknowledged, by itself or with the newest request that waits
        told = 0
        while told + 1 in client.verdicts:
            told += 1
        if told == 301:
            break
        if told % 2:
            client.session.execute("SELECT acknowledge(%s, %s, %s)", (client.id, client.generation, told))
        else:
            client.acknowledged = told
            client.submit([(SET, b"b", b"1")])
        rw.wait_until(lambda: client.hear() or told + 1 in client.verdicts, "it waits for itself")
    assert told >= 301
    assert client.get(b"n") == le(301)


@pytest.mark.parametrize("call", ["cancel(%s, %s, 7)", "acknowledge(%s, %s, 1)"])
def test_a_follower_that_leaves_its_transaction_open(world, call):
    """Rule 17: the locks of a cancel or an acknowledgement are not kept against the applies of all."""
    world.lead()
    client, other = world.client(), world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    session = world.database.connect(autocommit=False)
    session.execute("SET search_path = verdict, pg_temp")
    session.execute(f"SELECT {call}", (client.id, client.generation))
    client.acknowledged = 1
    begun = time.monotonic()
    client.submit([(SET, b"a", b"2")])
    while time.monotonic() < begun + 2.5:
        assert other.commit([(SET, b"b", b"1")]).code == 0
    client.wait(2)
    session.close()


def test_acknowledgements_that_ride_along_are_written(world):
    world.lead()
    client = world.client()
    for i in range(10):
        assert client.commit([(ADD, b"n", le(1))]).code == 0
        client.acknowledged = i + 1
    rw.wait_until(lambda: client.commit([(ADD, b"n", le(1))]) and client.session.execute("SELECT low_water FROM clients WHERE client = %s", (client.id,)).fetchone()[0]
                  >= 9, "no low-water")
    assert client.session.execute("SELECT count(*) FROM outcomes WHERE client = %s AND last <= 9", (client.id,)).fetchone()[0] == 0


# ---- the notify queue ----

class Listener:
    """A session that listens, and never reads what it is sent: it stands in its way to the socket soon."""

    def __init__(self, database, name):
        self.session = database.connect(application_name=name)
        self.session.execute("LISTEN much")
        self.pid = self.session.info.backend_pid

    def close(self):
        self.session.pgconn.finish()


def test_laggards_of_ours_are_ended_when_the_notify_queue_fills_up(world):
    """Not before, and nobody else: a stranger's session is the stranger's, and who waits for news is no laggard."""
    database = world.database
    ours, stranger = Listener(database, "verdict-inbox/verdict"), Listener(database, "stranger")
    client = world.client()  # listens too, and has nothing to read
    here = {ours.pid: "ours", stranger.pid: "stranger", client.inbox.info.backend_pid: "client"}

    def sessions(condition="true"):
        rows = database.execute(f"SELECT pid FROM pg_stat_activity WHERE pid = ANY (%s) AND {condition}", (list(here),))
        return sorted(here[pid] for pid, in rows)
    database.execute("SELECT pg_notify('much', repeat('x', 7000) || g) FROM generate_series(1, 2000) g")
    rw.wait_until(lambda: sessions("wait_event = 'ClientWrite'") == ["ours", "stranger"], "they read after all")
    leader = world.lead("a", faults="sweep.queue_fills:1000000:fail")
    rw.wait_until(lambda: leader.fault_path.read_text().count("sweep.queue_fills") >= 2, "no sweeps", 20)
    assert sessions() == ["client", "ours", "stranger"]
    assert leader.stop() == 0
    leader = world.lead("b", faults="sweep.queue_fills:*:fail")
    leader.wait_says("a session that does not read is ended", 20)
    rw.wait_until(lambda: sessions() == ["client", "stranger"], lambda: f"there are {sessions()}")
    client.snapshot()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    ours.close()
    stranger.close()
