# SPDX-License-Identifier: Apache-2.0
"""A stranger who has the follower's role, and nothing more, does what he can against everybody else: nobody is stopped."""
import os
import random
import threading
import time
import uuid

import psycopg
import pytest

import fault_world as fw
import resolver_world as rw
from resolver_world import ADD, SET

WITHOUT_TIME_OUTS = ("SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0; SET statement_timeout = 0")


class GuardedWorld(rw.World):
    """The nodes have the resolver's role, the strangers the follower's, and neither has more."""

    def __init__(self, database, program, folder):
        super().__init__(database, program, folder)
        for role in ("resolver", "follower"):
            database.execute(f"DO $$ BEGIN CREATE ROLE guard_{role} LOGIN IN ROLE verdict_{role};"
                             " EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        self.dsn = database.dsn(user="guard_resolver")
        self.sessions = []

    def stranger(self, **more):
        session = self.database.connect(user="guard_follower", **more)
        session.execute("SET search_path = verdict, pg_temp")
        self.sessions.append(session)
        return session

    def registered(self, session):
        """A client of the stranger's: its id and generation."""
        return session.execute("SELECT c, generation FROM gen_random_uuid() c, register(c, 1)").fetchone()

    def behind(self, session, sql, *values):
        """A statement of a stranger that takes long, on a thread; how it ended."""
        ended = []

        def run():
            try:
                session.execute(sql, values)
                ended.append(None)
            except psycopg.Error as error:
                ended.append(error)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return ended

    def close(self):
        super().close()
        for session in self.sessions:
            session.close()


def guarded(database, program, folder):
    world = GuardedWorld(database, program("resolver/verdict-resolver"), folder)
    try:
        yield world
    finally:
        world.close()
        world.no_errors()


@pytest.fixture
def world(database, program, tmp_path):
    yield from guarded(database, program, tmp_path)


def le(number):
    return number.to_bytes(8, "little")


def holds(world, session):
    """The stranger's session has the watermark's lock."""
    return world.database.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND relation = 'gate'::regclass AND granted",
                                  (session.info.backend_pid,)) != []


# ---- locks ----

def test_who_sleeps_on_the_watermark_is_ended(world):
    """In the same statement, or in a transaction without time-outs: he is ended, and the leader stays."""
    leader = world.lead()
    good = world.client()
    asleep, idle = world.stranger(), world.stranger()
    ended = world.behind(asleep, "SELECT cancel(%s, %s, 7), pg_sleep(1000)", *world.registered(asleep))
    rw.wait_until(lambda: holds(world, asleep), "he does not hold it")
    assert good.commit([(ADD, b"n", le(1))]).code == 0
    rw.wait_until(lambda: ended, "he is not ended")
    assert "administrator command" in str(ended[0])
    who = world.registered(idle)
    idle.execute("BEGIN")
    idle.execute("SELECT cancel(%s, %s, 7)", who)
    idle.execute(WITHOUT_TIME_OUTS)
    assert good.commit([(ADD, b"n", le(1))]).code == 0
    with pytest.raises(psycopg.OperationalError):
        idle.execute("SELECT 1")
    assert good.get(b"n") == le(2)
    rw.wait_until(lambda: leader.log().count("a session held a lock that every batch needs, it is ended") >= 2, leader.log)
    assert leader.log().count("took office") == 1


def test_who_sleeps_on_a_queue_row_is_ended(world):
    """His request is in the batch of others, who get their verdicts."""
    leader = world.lead("a", faults="claim.answered:1:pause")
    good = world.client()
    stranger = world.stranger()
    who = world.registered(stranger)
    stranger.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                     " VALUES (%s, 1, %s, 0, 1, %s)", (*who, good.request([(SET, b"x", b"1")])))
    sequence = good.submit([(ADD, b"n", le(1))])
    rw.wait_until(lambda: leader.hits("claim.answered") == 1, "the fault point was not hit")
    world.behind(stranger, "SELECT cancel(%s, %s, 1), pg_sleep(1000)", *who)
    rw.wait_until(lambda: holds(world, stranger), "he does not hold it")
    leader.send(18)
    assert good.wait(sequence)[0].code == 0
    assert leader.log().count("took office") == 1


def test_who_sleeps_on_the_watermark_does_not_stop_the_next_leader(world):
    first = world.lead("a")
    world.node("b").wait_says("keeper is connected")
    good = world.client()
    assert good.commit([(ADD, b"n", le(1))]).code == 0
    stranger = world.stranger()
    first.send(19)  # so that it ends nobody
    world.behind(stranger, "SELECT cancel(%s, %s, 7), pg_sleep(1000)", *world.registered(stranger))
    rw.wait_until(lambda: holds(world, stranger), "he does not hold it")
    first.kill()
    payload = good.request([(ADD, b"n", le(1))])
    assert good.settle(good.submit_payloads([payload])[0], payload)[0] == 0
    assert good.get(b"n") == le(2)


def test_cancels_that_overlap_starve_nobody(world):
    """Somebody shares the watermark at any moment, each of them for a short time only: a batch waits its turn, no longer."""
    leader = world.lead()
    good = world.client()
    sessions = [world.stranger() for _ in range(6)]
    for session in sessions:
        client, generation = world.registered(session)
        world.behind(session, f"DO $$ BEGIN FOR i IN 1..1000000 LOOP PERFORM cancel('{client}', {generation}, i);"
                              " PERFORM pg_sleep(0.05); COMMIT; END LOOP; END $$")
    rw.wait_until(lambda: all(holds(world, session) for session in sessions[:2]), "they do not share it")
    for _ in range(10):
        assert good.commit([(ADD, b"n", le(1))]).code == 0
    assert not leader.says("a batch has not been applied")
    world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guard_follower'")


def test_a_transaction_cancels_once(world):
    """Else it would lock queue rows behind the watermark, and dead-lock with an apply."""
    stranger = world.stranger()
    client, generation = world.registered(stranger)
    calls = [f"SELECT cancel('{client}', {generation}, i) FROM generate_series(1, 2) i",
             f"SELECT cancel('{client}', {generation}, 1), cancel('{client}', {generation}, 2)",
             f"DO $$ BEGIN PERFORM acknowledge('{client}', {generation}, 0); PERFORM cancel('{client}', {generation}, 1); END $$",
             f"DO $$ BEGIN BEGIN PERFORM cancel('{client}', {generation}, 1); RAISE EXCEPTION 'undone'; EXCEPTION WHEN"
             f" raise_exception THEN NULL; END; PERFORM cancel('{client}', {generation}, 2); END $$"]
    for call in calls:
        with pytest.raises(psycopg.errors.Error) as raised:
            stranger.execute(call)
        assert raised.value.sqlstate == "VD005", call
    assert world.database.execute("SELECT count(*) FROM tombstones") == [(0,)]


def test_a_locked_row_of_a_client_is_passed_over(world):
    """Acknowledgements are written, and registrations purged, around it; nobody waits, however long it is locked."""
    world.database.execute("INSERT INTO clients (client, generation, reply) SELECT gen_random_uuid(), 1, 1 FROM generate_series(1, 1500)")
    world.database.execute("UPDATE clients SET seen_at = '-infinity'")
    assert world.database.execute("SELECT purge('1 h')") == [(1000,)]  # the applies wait for no more than that
    leader = world.lead()
    good, busy = world.client(), world.client()
    for client in (good, busy):
        assert client.commit([(ADD, b"n", le(1))]).code == 0
        client.acknowledged = 1
    world.database.execute("INSERT INTO clients (client, generation, reply, seen_at)"
                           " SELECT gen_random_uuid(), 1, 1, '-infinity' FROM generate_series(1, 1001)")
    old = world.database.execute("SELECT client FROM clients WHERE seen_at = '-infinity' LIMIT 1")[0]
    holder = world.database.connect(autocommit=False)  # not a stranger, so nobody ends him
    holder.execute("SELECT 1 FROM verdict.clients WHERE client = ANY (%s) FOR UPDATE", ([busy.id, old[0]],))
    busy.submit([(ADD, b"n", le(1))])

    def low_waters():
        good.commit([(ADD, b"n", le(1))])
        return dict(world.database.execute("SELECT client, low_water FROM clients WHERE client = ANY (%s)",
                                           ([good.id, busy.id],)))
    rw.wait_until(lambda: low_waters() == {good.id: 1, busy.id: 0}, "the acknowledgement is not written")
    leader.stop()
    world.lead("b")  # a purge is the first thing that a leader does
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM clients") == [(3,)], "they are not purged", 30)
    good.commit([(ADD, b"n", le(1))], at=good.snapshot())
    holder.close()


def test_what_the_role_may_not_do(world):
    """No lock but by the functions, and no say over the sessions of others."""
    leader = world.lead()
    stranger = world.stranger()
    readable = {"kv", "watermark", "lease", "schema_migrations"}
    tables = [name for name, in world.database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'verdict'::regnamespace AND relkind = 'r'")]
    calls = [f"SELECT 1 FROM {table} {lock}" for table in tables
             for lock in ("FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE")]
    calls += [f"DO $$ BEGIN LOCK TABLE {table} IN {mode} MODE; END $$" for table in tables
              for mode in ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE",
                           "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
              if not (table in readable and mode == "ACCESS SHARE")]
    calls += [f"{what} {table}" for table in tables for what in ("TRUNCATE", "REINDEX TABLE", "CLUSTER", "DROP TABLE")]
    calls += ["CREATE INDEX ON kv (value)", "CREATE TABLE mine ()", "SELECT nextval('commit_requests_arrival_seq')",
              "INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload, arrival) OVERRIDING"
              " SYSTEM VALUE VALUES (gen_random_uuid(), 1, 1, 0, 1, 'x', 1)"]
    calls += [f"SELECT {what}(pid) FROM pg_stat_activity WHERE application_name LIKE 'verdict-%%'"
              for what in ("pg_terminate_backend", "pg_cancel_backend")]
    calls += ["SELECT share_watermark()", "SELECT end_holders('1 s')", "SELECT purge('1 s')",
              "SELECT forget('{}', '{}', '{}')", "SELECT release(gen_random_uuid())"]
    for call in calls:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.execute(call)
            raise AssertionError(call)
    assert leader.log().count("took office") == 1


def test_who_cannot_be_ended(servers, migrate, program, tmp_path):
    """Without pg_signal_backend the leader says what to do. A prepared transaction, which has no session, cannot hold it."""
    server = servers(max_prepared_transactions=5)
    for world in guarded(server.migrated(migrate), program, tmp_path):
        world.database.execute("REVOKE pg_signal_backend FROM verdict_resolver")
        leader = world.lead()
        good = world.client()
        stranger = world.stranger()
        who = world.registered(stranger)
        stranger.execute("BEGIN")
        stranger.execute("SELECT cancel(%s, %s, 7)", who)
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            stranger.execute("PREPARE TRANSACTION 'for ever'")
        assert good.commit([(ADD, b"n", le(1))]).code == 0
        world.behind(stranger, "SELECT cancel(%s, %s, 8), pg_sleep(1000)", *who)
        leader.wait_says("a session holds a lock that every batch needs, and this account may not end it", 30)
        sequence = good.submit([(ADD, b"n", le(1))])
        world.database.execute("SELECT pg_terminate_backend(%s)", (stranger.info.backend_pid,))
        assert good.wait(sequence)[0].code == 0


def test_who_waits_for_a_standby_is_not_ended(servers, migrate, program, tmp_path):
    """He holds the watermark for as long as that takes, as everybody would."""
    server = servers()
    for world in guarded(server.migrated(migrate), program, tmp_path):
        stranger = world.stranger()
        who = world.registered(stranger)
        server.await_a_standby_that_never_comes()
        ended = world.behind(stranger, "SELECT cancel(%s, %s, 7)", *who)
        rw.wait_until(lambda: server.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), "he does not wait")
        assert holds(world, stranger)
        assert world.database.execute("SELECT * FROM end_holders('0 s')") == []
        server.execute("ALTER SYSTEM RESET synchronous_standby_names")
        server.execute("SELECT pg_reload_conf()")
        rw.wait_until(lambda: ended, "he waits for ever")
        assert ended == [None]


# ---- what is kept for a client ----

def test_what_a_client_gives_up_is_bounded(world):
    """A number far above the low-water cannot be given up; an acknowledgement moves the bound."""
    stranger = world.stranger()
    client, generation = world.registered(stranger)

    def cancel(sequence):
        return stranger.execute("SELECT code FROM cancel(%s, %s, %s)", (client, generation, sequence)).fetchone()[0]
    assert cancel(1) == cancel(100000) == rw.CANCELLED
    for sequence in (100001, 2 ** 63 - 1):
        with pytest.raises(psycopg.Error) as raised:
            cancel(sequence)
        assert raised.value.sqlstate == "VD006"
    stranger.execute("SELECT acknowledge(%s, %s, 1)", (client, generation))
    assert cancel(100001) == rw.CANCELLED
    assert cancel(-2 ** 63) is None  # below the low-water: told long ago
    with pytest.raises(psycopg.Error):
        cancel(100002)
    assert world.database.execute("SELECT array_agg(sequence ORDER BY sequence) FROM tombstones") == [([100000, 100001],)]


def test_the_leader_loads_no_more_than_it_needs(world):
    """A hundred thousand tombstones beside the request at hand; and outcomes of one who kept them from being forgotten."""
    leader = world.lead("a", {"client-limit": 16})
    many, hoarder, good = world.client(), world.client(), world.client()
    world.database.execute("INSERT INTO tombstones SELECT %s, i FROM generate_series(2, 100000) i", (many.id,))
    world.database.execute("INSERT INTO outcomes VALUES (%s, 100, 227, 1, decode(repeat('00', 16 * 129), 'hex'))", (hoarder.id,))
    payloads = [many.request([(ADD, b"n", le(1))]) for _ in range(2)]
    assert [v.code for v in many.wait(*many.submit_payloads(payloads))] == [0, rw.CANCELLED]
    payload = hoarder.request([(ADD, b"n", le(1))])
    hoarder.submit_payloads([payload])
    rw.wait_until(lambda: hoarder.look(1)[1][1] == 0, "it is not dropped")
    assert good.commit([(ADD, b"n", le(1))], at=good.snapshot()).code == 0
    hoarder.session.execute("SELECT acknowledge(%s, %s, 227)", (hoarder.id, hoarder.generation))
    hoarder.sequence = 300
    assert hoarder.commit([(ADD, b"n", le(1))]).code == 0
    assert leader.log().count("took office") == 1
    leader.stop()  # then its sessions have told how much they read
    read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE relname = 'tombstones'"
    rw.wait_until(lambda: world.database.execute(read)[0][0] > 0, "nobody looked for a tombstone")
    assert world.database.execute(read)[0][0] < 1000


# ---- the queue ----

def flood(client, count, value=b""):
    """That many requests of a client wait in the queue."""
    client.session.execute(
        "INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
        " SELECT %s, i, %s, 0, 1, %s FROM generate_series(1::bigint, %s) i",
        (client.id, client.generation, client.request([(ADD, b"flood", le(1)), (SET, b"large", value)]), count))


def batches_between(world, begin, end):
    return world.database.execute("SELECT count(DISTINCT version) FROM outcomes WHERE version > %s AND version < %s",
                                  (begin, end))[0][0]


def test_a_flood_of_one_client_keeps_nobody_waiting(world):
    """Fifty thousand requests of one client are in front of those of others, who are answered within a few batches, again
    and again. The flood is decided in its order, and where nobody else waits it has whole batches."""
    world.lead("before").stop()  # so that versions are those of this server
    flooder, modest = world.client(), world.client()
    flood(flooder, 50000)
    payloads = [modest.request([(ADD, b"n", le(1))]) for _ in range(20)]
    sequences = modest.submit_payloads(payloads, ring=False)
    world.lead("a", {"client-limit": 100000})
    verdicts = modest.wait(*sequences, timeout_s=120)
    assert {v.code for v in verdicts} == {0}
    assert batches_between(world, 0, max(v.version for v in verdicts)) <= 10
    for _ in range(3):
        _, before = modest.snapshot()
        verdict = modest.commit([(ADD, b"n", le(1))], timeout_s=120)
        assert batches_between(world, before, verdict.version) <= 5
    rw.wait_until(lambda: world.database.execute("SELECT NOT EXISTS (SELECT 1 FROM commit_requests)")[0][0],
                  "the flood does not end", 120, 0.1)
    assert modest.get(b"flood") == le(50000) and modest.get(b"n") == le(23)
    ranges = world.database.execute("SELECT first, last FROM outcomes WHERE client = %s ORDER BY version", (flooder.id,))
    assert [first for first, _ in ranges] == [1] + [last + 1 for _, last in ranges[:-1]]
    assert len(ranges) <= 40  # 25 are needed; half of one is for others, who have 23 requests


def test_a_flood_of_large_requests_keeps_nobody_waiting(world):
    """Few of them fill a batch."""
    world.lead("before").stop()
    flooder, modest = world.client(), world.client()
    flood(flooder, 600, b"v" * 20000)
    sequence = modest.submit([(ADD, b"n", le(1))], ring=False)
    world.lead("a", {"batch-bytes": "64kB"})
    verdict = modest.wait(sequence)[0]
    assert verdict.code == 0 and batches_between(world, 0, verdict.version) <= 10
    rw.wait_until(lambda: modest.get(b"flood") == le(600), "the flood does not end", 120, 0.1)
    assert batches_between(world, 0, 2 ** 62) > 100


# ---- garbage ----

EXTREMES = (-2 ** 63, -1, 0, 1, 2 ** 31, 2 ** 32, 2 ** 63 - 2, 2 ** 63 - 1)


class Garbage:
    """Rows for the queue that no follower of ours would write; some of them the table refuses."""

    def __init__(self, lot, own, good):
        self.lot, self.own, self.good = lot, own, good  # own: registered identities; good: a request that would be fine

    def number(self):
        return self.lot.choice((self.lot.choice(EXTREMES), self.lot.randrange(-2 ** 63, 2 ** 63), self.lot.randrange(1, 50)))

    def bytes(self, least=0, most=2000):
        return self.lot.randbytes(self.lot.randint(least, most))

    def near_miss(self):
        """Something like a request: with bits turned over, cut off, more behind it, or sense that makes none."""
        lot = self.lot
        good = bytearray(self.good)
        for _ in range(lot.randint(1, 4)):
            good[lot.randrange(len(good))] ^= 1 << lot.randrange(8)
        mutation = (lot.choice((SET, ADD, rw.CLEAR_RANGE, rw.STAMPED_KEY, rw.STAMPED_VALUE, 99, 2 ** 32 - 1)),
                    b"z" + self.bytes(0, 30), b"z" + self.bytes(0, 30))  # a clear may be good: not of what the worker wrote
        return lot.choice((
            bytes(good), self.good[:lot.randrange(len(self.good))], self.good + self.bytes(1, 20),
            rw.encode([mutation], [(self.bytes(0, 9), self.bytes(0, 9))], [(self.bytes(0, 9), self.bytes(0, 9))],
                      self.bytes(0, 20), lot.randrange(2 ** 64)),
            rw.encode([(SET, self.bytes(2040, 3000), b"v")]), rw.encode([(SET, b"k", bytes(lot.choice((99999, 100001))))]),
            rw.encode([(SET, b"\xff/k", b"v")]), rw.encode([(ADD, b"n", b"")] * lot.randint(1, 3000))))

    def row(self):
        """client, sequence, generation, acknowledged, token, payload"""
        lot = self.lot
        client, generation = lot.choice(self.own)
        client = lot.choice((client, client, uuid.UUID(int=lot.choice((0, 2 ** 128 - 1, lot.getrandbits(128))))))
        generation = lot.choice((generation, generation, self.number()))
        payload = lot.choice((self.bytes, self.near_miss, self.near_miss))()
        return client, self.number(), generation, lot.choice((0, 0, 0, self.number())), self.number(), payload


def insert(session, row):
    """True if the table took it."""
    try:
        session.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                        " VALUES (%s, %s, %s, %s, %s, %s)", row)
        return True
    except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
        return False


def ring_wrongly(session, lot):
    channel = lot.choice(("verdict_doorbell", "verdict_lease", "verdict_verdicts", "x" * 63, "\u20ac", "a\"b'c",
                          f"verdict_reply_{lot.getrandbits(64):016x}"))
    session.execute("SELECT pg_notify(%s, %s)", (channel, lot.choice(("", "observe", "r1", "r1 1 1:2:3:4:5", "x" * 7999))))


def test_garbage_in_the_queue(world, program):
    """Some thousands of rows of nonsense, with the commits of a worker between them: those are committed, and of the nonsense
    what has an owner is rejected, the rest is dropped. Nothing stays, and the leader keeps its term."""
    seed = int(os.environ.get("VERDICT_SEED", random.SystemRandom().randrange(2 ** 32)))
    print(f"VERDICT_SEED={seed}")
    lot = random.Random(seed)
    leader = world.lead("a", {"batch-requests": 256})
    stranger = world.stranger()
    own = [stranger.execute("SELECT c, generation FROM gen_random_uuid() c, register(c, %s)", (reply,)).fetchone()
           for reply in EXTREMES]
    client = world.client()
    garbage = Garbage(lot, own[1:], client.request([(SET, b"a", b"1")], reads=[(b"b", b"c")]))
    worker = fw.Worker(program, world.database.dsn(user="guard_follower"))
    try:
        taken = 0
        for i in range(3000):
            taken += insert(stranger, garbage.row())
            if i % 20 == 0:
                worker.adds(8)
                ring_wrongly(stranger, lot)
            if i % 10 == 0:  # these are nobody's request for certain
                assert insert(stranger, (own[0][0], i + 1, own[0][1], 0, garbage.number(), garbage.bytes(8)))
        for size, is_taken in ((0, False), (16000000, True), (16000001, False)):
            row = (own[0][0], 5000 + size, own[0][1], 0, 1, bytes(size))
            assert insert(stranger, row) == is_taken
        worker.adds(8)
        worker.wait_all()
        assert taken > 1000
        assert {answer["code"] for answer in worker.told.values()} == {0}
        rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "rows stay", 120, 0.05)
        numbers = [i + 1 for i in range(0, 3000, 10)] + [5000 + 16000000]
        answers = stranger.execute("SELECT state, code FROM look(%s, %s, %s)", (*own[0], numbers)).fetchall()
        assert {state for state, _ in answers} == {2} and all(code >= 2000 for _, code in answers)
        kv = {bytes(key): bytes(value) for key, value in world.database.execute("SELECT key, value FROM kv")}
        assert kv[b"count"] == le(len(worker.told))
        assert leader.log().count("took office") == 1 and not leader.says("leaves office")
        worker.close()
    finally:
        worker.kill()
