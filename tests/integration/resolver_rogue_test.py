# SPDX-License-Identifier: Apache-2.0
"""A stranger with the follower's role forges what he can: rows in the names of others, replies, doorbells, news of the lease. Each
time a worker who knows nothing of it goes on, and is told what was really decided. (Locks, floods and garbage: resolver_guard_test.)"""
import random
import time

import psycopg
import pytest

import fault_world as fw
import resolver_world as rw
from resolver_guard_test import GuardedWorld, guarded, insert, le, world  # noqa: F401 (fixture)
from resolver_world import ADD, SET, field, message

assert GuardedWorld and guarded


@pytest.fixture
def leader(world):
    return world.lead()


@pytest.fixture
def worker(world, program, leader):
    """A worker with the library, with the same rights as the stranger; there is a leader."""
    made = fw.Worker(program, world.database.dsn(user="guard_follower"))
    yield made
    made.kill()


def counted(world):
    """How many of the worker's transactions are stored."""
    rows = world.database.execute("SELECT value FROM kv WHERE key = %s", (b"count",))
    return int.from_bytes(rows[0][0], "little") if rows else 0


def goes_on(world, worker, count=16):
    """Its commits are decided, and what it is told is what is stored."""
    numbers = worker.adds(count)
    worker.wait_all()
    assert {worker.told[n]["code"] for n in numbers} == {0}
    assert counted(world) == [answer["code"] for answer in worker.told.values()].count(0)


def identity(world):
    """The worker's client, generation and reply number, as only the owner of the tables can read them."""
    return world.database.execute("SELECT client, generation, reply FROM clients ORDER BY registered_at DESC LIMIT 1")[0]


# ---- each check of the table ----

PAYLOAD_MOST = 16000000
# by name of the constraint: rows just within and just beyond it, as changes of a good one
BOUNDS = {
    "commit_requests_sequence_check": ([{"sequence": 1}, {"sequence": 2 ** 63 - 1}], [{"sequence": 0}, {"sequence": -2 ** 63}]),
    # it is one of two columns, so that a sequence at the end is what allows an acknowledgement near it
    "commit_requests_check": ([{"sequence": 5, "acknowledged": 4}, {"sequence": 2 ** 63 - 1, "acknowledged": 2 ** 63 - 2}],
                              [{"sequence": 5, "acknowledged": 5}, {"acknowledged": -1}, {"acknowledged": 2 ** 63 - 1}]),
    "commit_requests_payload_check": ([{"payload": b"x"}, {"payload": bytes(PAYLOAD_MOST)}],
                                      [{"payload": b""}, {"payload": bytes(PAYLOAD_MOST + 1)}]),
}


def test_at_and_beyond_each_check(world, leader, worker):
    """What the table takes is rejected or dropped by the leader; what it does not take never comes so far."""
    stranger = world.stranger()
    checks = world.database.execute("SELECT conname FROM pg_constraint WHERE conrelid = 'commit_requests'::regclass AND contype = 'c'")
    assert {name for name, in checks} == set(BOUNDS)
    for within, beyond in BOUNDS.values():
        for change, is_taken in [(c, True) for c in within] + [(c, False) for c in beyond]:
            client, generation = world.registered(stranger)
            row = {"client": client, "sequence": 3, "generation": generation, "acknowledged": 0, "token": -1, "payload": b"x", **change}
            assert insert(stranger, tuple(row.values())) == is_taken, {k: v for k, v in change.items() if k != "payload"}
    goes_on(world, worker)
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "rows stay")
    assert leader.log().count("took office") == 1


# ---- in the name of another ----

def test_rows_in_the_name_of_another(world, leader, worker):
    """Whoever knows the client id but not the generation takes the next numbers of a worker, with copies of what it may send and with
    other content: the rows are dropped, and the worker's own requests of these numbers are decided as if nothing had been."""
    stranger = world.stranger()
    goes_on(world, worker)
    client, generation, _ = identity(world)
    forged = rw.encode([(SET, b"forged", b"1"), (ADD, b"count", le(1000))])
    first = world.database.execute("SELECT max(last) + 1 FROM outcomes WHERE client = %s", (client,))[0][0] or 1
    for guess in (0, -1, 2 ** 63 - 1, -2 ** 63, generation ^ 1, generation + 1 if generation < 2 ** 63 - 1 else 0):
        for sequence in (*range(first, first + 40), first + 2 ** 31, first + 2 ** 32, 2 ** 63 - 1):
            insert(stranger, (client, sequence, guess, 0, 1, forged))
        goes_on(world, worker)
        first = max(n for n, in world.database.execute("SELECT last + 1 FROM outcomes WHERE client = %s UNION ALL SELECT 1", (client,)))
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "rows stay")
    assert world.database.execute("SELECT count(*) FROM kv WHERE key = %s", (b"forged",)) == [(0,)]
    for call in ("look(%s, %s, '{1}')", "cancel(%s, %s, 1)"):
        assert stranger.execute(f"SELECT state FROM {call}", (client, generation ^ 1)).fetchall() == [(4,)]
    stranger.execute("SELECT acknowledge(%s, %s, 1000000)", (client, generation ^ 1))
    assert world.database.execute("SELECT low_water < 1000000 FROM clients WHERE client = %s", (client,)) == [(True,)]
    goes_on(world, worker)
    assert leader.log().count("took office") == 1


def test_numbers_far_ahead_of_ones_own(world, leader, worker):
    """Under his own identity he may number as he likes; the numbers of one batch that do not fit into one row wait for the next."""
    stranger = world.stranger()
    client, generation = world.registered(stranger)
    numbers = (1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 32 + 2, 2 ** 62, 2 ** 63 - 1)
    version = world.database.execute("SELECT version FROM watermark")[0][0]
    payload = rw.encode([(SET, b"far", b"1")], version=version)
    for sequence in numbers:
        assert insert(stranger, (client, sequence, generation, 0, sequence, payload))
    goes_on(world, worker)

    def states():
        return {(row[0], row[1]) for row in stranger.execute(
            "SELECT state, code FROM look(%s, %s, %s)", (client, generation, list(numbers))).fetchall()}
    rw.wait_until(lambda: states() == {(2, 0)}, states)
    # the same number with other content, before and after its verdict, is refused; the verdict stays
    assert insert(stranger, (client, 1, generation, 0, 1, rw.encode([(SET, b"far", b"2")], version=version)))
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "it stays")
    assert states() == {(2, 0)} and world.database.execute("SELECT value FROM kv WHERE key = %s", (b"far",))[0][0] == b"1"
    goes_on(world, worker)
    assert leader.log().count("took office") == 1


# ---- requests that a later version could understand, or nobody ----

def test_cut_off_and_unknown_fields(world, leader, worker):
    """Every beginning of a good request, and one with a further field at each depth: rejected if it has an owner, never half done."""
    stranger = world.stranger()
    client, generation = world.registered(stranger)
    good = rw.encode([(SET, b"cut", b"1")], [(b"a", b"b")], [(b"c", b"d")], extra=rw.demands((rw.ABSENT, b"zz")))
    unknown = [good + field(99, 7), good + field(15, b"x" * 100), good + message(6, field(1, SET) + field(2, b"cut") + field(77, 1)),
               good + message(4, field(1, b"a") + field(9, b"b")), good + message(8, field(1, rw.ABSENT) + field(2, b"q") + field(12, 1)),
               field(1, 2) + good[2:], good + b"\x0b\x0c"]
    # the beginnings that end between fields are requests too, without what would have followed: of another term, or without a term
    payloads = [good[:length] for length in range(1, len(good))] + unknown
    for sequence, payload in enumerate(payloads, 1):
        assert insert(stranger, (client, sequence, generation, 0, 1, payload))
    goes_on(world, worker)

    def answers():
        return stranger.execute("SELECT state, code, note FROM look(%s, %s, %s)",
                                (client, generation, list(range(1, len(payloads) + 1)))).fetchall()
    rw.wait_until(lambda: {state for state, _, _ in answers()} == {2}, answers)
    for (_, code, note), payload in zip(answers(), payloads):
        is_request = payload in (good[:length] for length in whole_beginnings(good))
        assert (code != 2000) if is_request else (code == 2000 and note), (payload, code, note)
    assert [code for _, code, _ in answers()[-len(unknown):]] == [2000] * len(unknown)
    goes_on(world, worker)
    assert leader.log().count("took office") == 1


def whole_beginnings(payload):
    """Where a request may be cut and is one still: behind a field, once format and term are there."""
    at, ends = 0, []
    while at < len(payload):
        tag = payload[at]
        at += 1
        if tag & 7 == 0:
            at += 1
        elif tag & 7 == 1:
            at += 8
        else:
            at += 1 + payload[at]
        ends.append(at)
    return ends[1:]


# ---- replies ----

def forgeries(lot, version):
    """Payloads for somebody's reply channel by one who does not know a token."""
    entry = f"{{}}:{lot.getrandbits(64):016x}:0:0:0"
    yield f"r1 {version} " + " ".join(entry.format(n) for n in range(1, 60))
    yield f"r1 {version + 10 ** 15} {entry.format(lot.randrange(1, 200))}"
    yield f"r1 {lot.choice((0, -1, 2 ** 63, 2 ** 64))} {entry.format(1)}"
    yield f"r{lot.choice('023')} {version} {entry.format(1)}"
    whole = f"r1 {version} {lot.randrange(1, 200)}:{lot.getrandbits(64):016x}:1020:0:{version}"
    yield whole[:lot.randrange(len(whole))]
    yield (f"r1 {version} " + " ".join(f"{n}:{'0' * 16}:1020:0:7:99" for n in range(1, 400)))[:7999]
    yield "x" * 7999
    yield ""


def test_forged_replies(world, leader, worker):
    """On the worker's own channel, to all its numbers, while its transactions conflict with each other: nobody is told what the
    stranger says. A committed verdict of his for a request that lost is no more believed than any other."""
    stranger = world.stranger()
    lot = random.Random(7)
    goes_on(world, worker, 4)
    _, _, reply = identity(world)
    channel = f"verdict_reply_{reply % 2 ** 64:016x}"
    for _ in range(12):
        worker.increments(8, 2)
        version = world.database.execute("SELECT version FROM watermark")[0][0]
        for payload in forgeries(lot, version):
            stranger.execute("SELECT pg_notify(%s, %s)", (channel, payload))
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        stranger.execute("SELECT pg_notify(%s, %s)", (channel, "x" * 8000))
    worker.wait_all()
    codes = [answer["code"] for answer in worker.told.values()]
    assert set(codes) <= {0, rw.CONFLICT, rw.TOO_OLD} and codes.count(0) > 4
    assert counted(world) == codes.count(0)
    goes_on(world, worker)
    assert leader.log().count("took office") == 1


# ---- doorbells, observers and news of the lease ----

def lease_looks(world):
    return world.database.execute("SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'lease'")[0][0]


def test_news_of_the_lease_that_is_none(world, leader, worker):
    """He says again and again that the lease was released, in the present term and in others: nobody takes office, a standby looks no more
    often than it must, and what is really released is taken at once."""
    standby = world.node("b")
    standby.wait_says("keeper is connected")
    stranger = world.stranger()
    term = world.database.execute("SELECT term::text FROM lease")[0][0]
    time.sleep(1.2)  # looks are counted once a second
    before, began = lease_looks(world), time.monotonic()
    for i in range(3000):
        stranger.execute("SELECT pg_notify('verdict_lease', %s)", ((term, "", "x" * 100, str(i))[i % 4],))
    took = time.monotonic() - began
    goes_on(world, worker)
    time.sleep(1.5)
    total = time.monotonic() - began
    looks = lease_looks(world) - before
    assert looks < 100 + 80 * total + 120 * took, f"{looks} looks at the lease for 3000 notifications in {took:.1f} s"
    assert leader.log().count("took office") == 1 and not standby.says("took office")
    assert leader.stop() == 0
    standby.wait_says("took office")
    goes_on(world, worker)


def test_a_flood_on_every_channel(world, leader, worker):
    """Doorbells with and without sense, wishes to observe, and verdicts that nobody gave, while a worker works."""
    strangers = [world.stranger() for _ in range(3)]
    lot = random.Random(11)
    floods = [world.behind(s, "DO $$ BEGIN FOR i IN 1..4000 LOOP PERFORM pg_notify(c, p) FROM (VALUES ('verdict_doorbell', ''),"
                           " ('verdict_doorbell', 'observe'), ('verdict_verdicts', 'b1 version=' || i || ' requests=1 committed=1'),"
                           f" ('verdict_doorbell', '{lot.getrandbits(64)}' || i)) AS t(c, p); COMMIT; END LOOP; END $$") for s in strangers]
    for _ in range(5):
        goes_on(world, worker)
    rw.wait_until(lambda: all(floods), "the floods do not end")
    assert [ended for flood in floods for ended in flood] == [None] * 3
    goes_on(world, worker)
    assert leader.log().count("took office") == 1 and not leader.says("leaves office")
