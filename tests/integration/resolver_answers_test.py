# SPDX-License-Identifier: Apache-2.0
"""Single sentences of rules 11, 12, 14, 15 and 16: what the database answers about a request, what it forgets, and what of it
outlives a crash."""
import contextlib
import signal
import uuid

import psycopg
import pytest

import resolver_world as rw
from resolver_world import ADD, SET

ONE = (1).to_bytes(8, "little")
ID = uuid.UUID(int=1)


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def one(database):
    with database.connect() as session:
        session.execute("SET search_path = verdict, pg_temp")
        yield session


def register(on):
    return on.execute("SELECT generation FROM register(%s, 1)", (ID,)).fetchone()[0]


def state_of(on, call, generation, sequence):
    sequence = [sequence] if call == "look" else sequence
    return on.execute(f"SELECT state, code FROM {call}(%s, %s, %s)", (ID, generation, sequence)).fetchone()


# ---- rule 11: identity ----

def test_registering_again_revives_nothing(one):
    """Whoever registers under an id that was registered before is another client, also to the database."""
    generations = []
    for _ in range(3):
        generations.append(register(one))
        with pytest.raises(psycopg.errors.UniqueViolation):
            register(one)
        one.execute("DELETE FROM clients")
    generations.append(register(one))
    assert len(set(generations)) == 4
    assert [state_of(one, "look", generation, 1)[0] for generation in generations] == [4, 4, 4, 0]
    assert [state_of(one, "cancel", generation, 1)[0] for generation in generations] == [4, 4, 4, 2]


# ---- rule 12: the true verdict, version and order ----

def test_looks_tell_what_replies_tell(world):
    """At once, and when later batches have been applied: code, version, order, and what a conflict lost to."""
    world.lead()
    client, other = world.client(), world.client()
    at = client.snapshot()
    other.commit([(SET, b"m", b"1")])
    requests = [client.request([(ADD, b"n", ONE)]), client.request([(ADD, b"n", ONE)], reads=[rw.key_range(b"m")], at=at),
                client.request([(ADD, b"n", ONE)]), client.request([(ADD, b"n", ONE)])]
    told = client.wait(*client.submit_payloads(requests))
    assert [v.code for v in told] == [0, rw.CONFLICT, 0, 0]
    for _ in range(2):
        rows = client.look(1, 2, 3, 4)
        for sequence, verdict in enumerate(told, 1):
            _, state, code, version, place, lost, lost_to, *_ = rows[sequence]
            assert (state, code, version) == (2, verdict.code, verdict.version)
            assert (lost, lost_to) == (verdict.a, verdict.b) if code == rw.CONFLICT else place == verdict.a
        other.commit([(SET, b"m", b"2")])
    assert {v.a for v in told if v.code == 0 and v.version == told[0].version} >= {0, 1}


# ---- rule 14: giving up ----

def test_giving_up_writes_only_where_it_must(one):
    """Not for a stranger, nor for what was told or decided: only for what is neither."""
    generation = register(one)
    one.execute("SELECT acknowledge(%s, %s, 5)", (ID, generation))
    one.execute("INSERT INTO outcomes VALUES (%s, 6, 6, 77, %s)", (ID, bytes(16)))
    assert state_of(one, "cancel", generation + 1, 9) == (4, None)
    assert state_of(one, "cancel", generation, 5)[0] == 3
    assert state_of(one, "cancel", generation, 6) == (2, 0)
    assert one.execute("SELECT count(*) FROM tombstones").fetchone() == (0,)
    assert state_of(one, "cancel", generation, 9) == (2, rw.CANCELLED)
    assert one.execute("SELECT sequence FROM tombstones").fetchall() == [(9,)]


def test_giving_up_needs_read_committed(one):
    """In a snapshot of before, an outcome of meanwhile would not be seen."""
    generation = register(one)
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        one.execute(f"BEGIN ISOLATION LEVEL {level}")
        with pytest.raises(psycopg.Error) as refused:
            state_of(one, "cancel", generation, 1)
        assert refused.value.sqlstate == "VD005"
        one.execute("ROLLBACK")
    assert state_of(one, "look", generation, 1)[0] == 0


# ---- rule 15: what is forgotten ----

@pytest.mark.parametrize("how", ["alone", "with a request"])
def test_only_what_was_told_is_forgotten(world, how):
    """Above the low-water every verdict is kept, also one that the client has seen already."""
    world.lead()
    client = world.client()
    told = [client.commit([(ADD, b"n", ONE)]) for _ in range(4)]
    if how == "alone":
        client.session.execute("SELECT acknowledge(%s, %s, 2)", (client.id, client.generation))
    else:
        client.acknowledged = 2

        def is_written():
            client.commit([(ADD, b"m", ONE)])
            return world.database.execute("SELECT low_water FROM clients") == [(2,)]
        rw.wait_until(is_written, "the low-water is not written", step_s=0.1)
    rows = client.look(1, 2, 3, 4)
    assert [rows[n][1] for n in (1, 2)] == [3, 3]
    assert [rows[n][1:4] for n in (3, 4)] == [(2, 0, told[n - 1].version) for n in (3, 4)]
    assert world.database.execute("SELECT min(first) FROM outcomes") == [(3,)]


# ---- rule 16: acknowledged means durable ----

@contextlib.contextmanager
def nobody_else_flushes(server):
    """The log reaches the disk only by those who wait for that: what writes it in the background stands still. Ends in a crash."""
    for pid, in server.execute("SELECT pid FROM pg_stat_activity WHERE backend_type IN ('walwriter', 'checkpointer', "
                               "'background writer', 'autovacuum launcher')"):
        server.signal_backend(pid, signal.SIGSTOP)
    yield
    server.crash()
    server.start()


def test_acknowledged_means_flushed(servers, migrate, program, tmp_path):
    """Also where the server's own default is to commit asynchronously: what was told is there after a crash."""
    server = servers(synchronous_commit="off", autovacuum="off")
    world = rw.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    try:
        world.lead("a", {"lease-ttl": "600s"})
        client = world.client()
        client.commit([(SET, b"a", b"1")])
        with nobody_else_flushes(server):
            assert client.commit([(SET, b"b", b"1")]).code == 0
            verdict = client.commit([(SET, b"a", b"2")])
            assert verdict.code == 0
        client.reconnect()
        assert (client.get(b"a"), client.get(b"b")) == (b"2", b"1")
        assert client.look(3)[3][1:4] == (2, 0, verdict.version)
    finally:
        world.close()


def test_what_a_follower_calls_is_flushed(servers, migrate):
    """A registration that was told, and a request that was given up, are so after a crash, whatever the session has set."""
    server = servers(synchronous_commit="off", autovacuum="off")
    database = server.migrated(migrate)

    def alone(call, *arguments):
        with nobody_else_flushes(server), database.connect() as on:
            on.execute("SET search_path = verdict, pg_temp")
            return call(on, *arguments)
    generation = alone(register)
    assert database.execute("SELECT generation FROM clients") == [(generation,)]
    assert alone(state_of, "cancel", generation, 1) == (2, rw.CANCELLED)
    assert database.execute("SELECT sequence FROM tombstones") == [(1,)]
