# SPDX-License-Identifier: Apache-2.0
"""The schedules behind rules 7, 8, 9, 13, 14 and 16, made to happen: each asserts that it did."""
import random
import signal
import threading
import time

import pytest

import proxy as cutter
import resolver_world as rw
from resolver_world import ADD, SET

RESOLVER = "verdict-resolver/"


def le(number):
    return number.to_bytes(8, "little")


ONE = le(1)


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def cut(database, program, tmp_path):
    """A world whose nodes, not its clients, reach PostgreSQL through a proxy."""
    proxy = cutter.Proxy(database.server.port)
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path, dsn=proxy.dsn(database))
    made.proxy = proxy
    yield made
    made.close()
    proxy.close()
    made.no_errors()


def apply_pid(database):
    """The backend that waits inside an apply."""
    rows = database.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                            " AND application_name LIKE 'verdict-resolver/%%' AND state <> 'idle'"
                            " AND query LIKE '%%fence(%%'")
    return rows[0][0] if rows else None


class Held:
    """The watermark, locked by a session of the test: an apply waits at its fence, with its queue rows deleted."""

    def __init__(self, world):
        self.session = world.database.connect(autocommit=False)
        self.session.execute("SET search_path = verdict, pg_temp")
        self.session.execute("SELECT version FROM watermark ORDER BY version DESC LIMIT 1 FOR SHARE")
        self.world = world

    def wait_apply(self):
        return rw.wait_until(lambda: apply_pid(self.world.database), "no apply waits at its fence")

    def let_go(self):
        self.session.commit()
        self.session.close()


# ---- rule 8: a commit whose end is unknown ----

def test_an_unknown_commit_that_landed(cut):
    leader = cut.lead()
    client = cut.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    cut.proxy.cut_at(RESOLVER, cutter.TO_CLIENT, b"COMMIT\0")
    verdict = client.commit([(ADD, b"n", ONE)])
    assert verdict.code == 0
    leader.wait_says("what was in doubt has landed, and is published")
    assert cut.proxy.cuts == 1
    assert client.get(b"n") == ONE and client.look(2)[2][3] == verdict.version
    # memory was kept: who read before this commit conflicts with it, by name and not as too old
    assert client.commit([(SET, b"b", b"1")], reads=[rw.key_range(b"n")]).code == rw.CONFLICT
    assert leader.log().count("took office") == 1


def test_an_unknown_commit_that_did_not_land(cut):
    leader = cut.lead()
    client = cut.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    cut.proxy.cut_at(RESOLVER, cutter.TO_SERVER, b"a-key-like-no-other")
    assert client.commit([(SET, b"a-key-like-no-other", b"1"), (SET, b"b", b"1")]).code == 0
    assert cut.proxy.cuts == 1
    assert leader.says("what was in doubt has not landed, memory is kept")
    assert leader.log().count("took office") == 1
    assert client.replies == 2


@pytest.mark.parametrize("direction", [cutter.TO_SERVER, cutter.TO_CLIENT])
def test_cut_anywhere(cut, direction):
    """Whatever connection of the leader is cut, at whatever byte: each request is applied once, and told truly."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    leader = cut.lead()
    client = cut.client()
    name = "verdict-resolver/verdict/a"
    rounds = 40
    for i in range(rounds):
        at = cut.proxy.cut(name, direction, rng.randrange(1, 1200 if direction == cutter.TO_SERVER else 700))
        while cut.proxy.cuts == at:
            payload = client.request([(ADD, b"n", ONE)], at=client.snapshot())
            sequence = client.submit_payloads([payload])[0]
            code, version, place = client.settle(sequence, payload)
            assert code == 0
            client.hear(0)
            if sequence in client.verdicts:
                assert (client.verdicts[sequence].version, client.verdicts[sequence].a) == (version, place)
    assert cut.proxy.cuts == rounds
    assert client.get(b"n") == le(client.sequence)
    assert leader.is_running()


# ---- rule 7 and 6: overlap, stalled pipelines ----

def test_overlap_with_a_failing_batch(world):
    """Batch n+1 is sent right behind n; n is refused at its fence, n+1 fails with it, and both are resolved again."""
    leader = world.lead()
    client, other = world.client(), world.client()
    assert client.commit([(SET, b"a", b"0")]).code == 0
    assert other.commit([(SET, b"a", b"0")]).code == 0
    held = Held(world)
    first = client.submit_payloads([client.request([(ADD, b"n", ONE)]) for _ in range(2)])
    held.wait_apply()
    behind = other.submit_payloads([other.request([(ADD, b"n", ONE)])])
    time.sleep(0.1)  # claimed and sent
    held.session.execute("INSERT INTO tombstones VALUES (%s, %s)", (client.id, first[0]))
    held.let_go()
    assert client.wait(first[1])[0].code == 0
    assert other.wait(*behind)[0].code == 0
    assert client.get(b"n") == le(2)
    client.hear(0.1)
    assert leader.says("was refused: the database knows more of a client than this leader")
    assert leader.log().count("took office") == 1


def test_overlap_with_a_batch_that_cannot_be_sent(world):
    """Batch n+1 fails while n is under way, for want of memory: n is published, and n+1 is settled and resolved again."""
    leader = world.nodes["a"] = rw.Node(world.program, world.dsn, "a", world.folder)
    leader.environment["VERDICT_FAULT"] = "apply.before_send:4:fail"  # and no log of faults, with which batches do not overlap
    leader.start().wait_says("state=leading")
    client, other = world.client(), world.client()
    assert client.commit([(SET, b"a", b"0")]).code == 0
    assert other.commit([(SET, b"a", b"0")]).code == 0
    held = Held(world)
    first = client.submit_payloads([client.request([(ADD, b"n", ONE)])])
    held.wait_apply()
    behind = other.submit_payloads([other.request([(ADD, b"n", ONE)])])
    time.sleep(0.2)  # claimed and resolved, and failed
    held.let_go()
    assert client.wait(*first)[0].code == 0
    assert other.wait(*behind)[0].code == 0
    assert client.get(b"n") == le(2)
    assert leader.says("out of memory")
    assert leader.log().count("took office") == 1


def test_overlap_with_a_lost_batch(world):
    leader = world.lead()
    clients = [world.client() for _ in range(2)]
    for client in clients:
        assert client.commit([(SET, b"a", b"0")]).code == 0
    held = Held(world)
    clients[0].submit([(ADD, b"n", ONE)])
    pid = held.wait_apply()
    clients[1].submit([(ADD, b"n", ONE)])
    time.sleep(0.1)
    world.database.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,))
    held.let_go()
    for client in clients:
        assert client.wait(2)[0].code == 0
    assert clients[0].get(b"n") == le(2)
    assert leader.says("what was in doubt has not landed, memory is kept")


def test_a_stalled_pipeline_does_not_land_after_a_newer_one(world):
    """The apply backend is frozen inside its transaction; the leader gives it up, and goes on over a fresh connection once
    the lock is free. What the frozen one still had to do is never done."""
    server = world.database.server
    leader = world.lead("a", {"statement-timeout": "1s"})
    client = world.client()
    assert client.commit([(SET, b"a", b"0")]).code == 0
    held = Held(world)
    client.submit([(ADD, b"n", ONE)])
    pid = held.wait_apply()
    server.signal_backend(pid, signal.SIGSTOP)
    held.let_go()
    try:
        leader.wait_says("read the watermark on a fresh connection")
        time.sleep(0.5)
    finally:
        server.signal_backend(pid, signal.SIGCONT)
    assert client.wait(2)[0].code == 0
    assert client.get(b"n") == ONE
    assert client.commit([(ADD, b"n", ONE)]).code == 0
    assert client.get(b"n") == le(2)
    assert leader.log().count("took office") == 1


def test_a_frozen_backend_of_the_old_leader_does_not_stop_the_next(world):
    """Rule 9: taking office ends the backends that the lease names, before it waits for anything."""
    first = world.lead("a", {"lease-ttl": "2s"})
    second = world.node("b", {"lease-ttl": "2s"})
    second.wait_says("keeper is connected")
    client = world.client()
    assert client.commit([(SET, b"a", b"0")]).code == 0
    held = Held(world)
    client.submit([(ADD, b"n", ONE)])
    held.wait_apply()
    first.send(signal.SIGSTOP)  # COMMIT has been sent: only the backend could still land it
    second.wait_says("tries to take office")
    held.let_go()
    assert client.wait(2)[0].code == 0
    second.wait_says("took office")  # its statement may still be under way when the old backend lands the batch
    first.send(signal.SIGCONT)
    first.wait_says("leaves office")
    assert client.get(b"n") == ONE


def test_another_one_moved_the_watermark(world):
    """Our term with a version that the leader does not know: everything is read anew, with that version as the floor."""
    leader = world.lead()
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    term, version = client.snapshot()
    world.database.execute("UPDATE watermark SET version = version + 5")
    assert client.commit([(SET, b"a", b"2")]).code == 0
    assert leader.says("a version that nobody here knows, so all is read anew")
    assert client.commit([(SET, b"a", b"3")], reads=[rw.key_range(b"z")], at=(term, version)).code == rw.TOO_OLD
    assert leader.log().count("took office") == 1
    # a version that was passed already, or another term: the term is over
    world.database.execute("UPDATE watermark SET version = version - 1000000000")
    client.submit([(SET, b"a", b"4")])
    leader.wait_says("it is not where this term left it, so the term is over")
    assert client.wait(client.sequence)[0].code == 0
    assert leader.log().count("took office") == 2


# ---- copies ----

def test_a_copy_while_the_first_is_being_applied(world):
    """The copy waits for the row that the apply deletes, arrives behind it, and is told the same verdict."""
    world.lead()
    client = world.client()
    assert client.commit([(SET, b"a", b"0")]).code == 0
    payload = client.request([(ADD, b"n", ONE)])
    held = Held(world)
    client.submit_payloads([payload])
    held.wait_apply()
    late = world.database.connect()
    late.execute("SET search_path = verdict, pg_temp")

    def resend():
        late.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                     " VALUES (%s, 2, %s, 0, %s, %s) ON CONFLICT DO NOTHING",
                     (client.id, client.generation, client.tokens[2], payload))
    thread = threading.Thread(target=resend)
    thread.start()
    time.sleep(0.2)
    held.let_go()
    thread.join()
    late.close()
    assert client.wait(2)[0].code == 0
    rw.wait_until(lambda: client.hear() or client.replies >= 3, "the copy is not answered")
    assert client.get(b"n") == ONE


def test_a_copy_at_the_next_leader(world):
    """The new leader knows from the outcomes what the old one decided: also conflicts, with what they lost to."""
    first = world.lead("a")
    client, other = world.client(), world.client()
    at = client.snapshot()
    lost_to = other.commit([(SET, b"m", b"1")]).version
    payloads = {1: client.request([(ADD, b"n", ONE)], at=at),
                2: client.request([(ADD, b"n", ONE)], reads=[(b"a", b"b"), (b"m", b"n")], at=at),
                3: rw.encode([(99, b"x", b"")])}
    client.submit_payloads(payloads.values())
    before = client.wait(1, 2, 3)
    assert [v.code for v in before] == [0, rw.CONFLICT, 2018] and (before[1].a, before[1].b) == (1, lost_to)
    first.kill()
    second = world.lead("b")
    client.verdicts.clear()
    for sequence, payload in payloads.items():
        client.resend(sequence, payload)
    after = client.wait(1, 2, 3)
    assert after == before
    assert client.get(b"n") == ONE
    assert second.is_running()


# ---- rule 16: synchronous standbys ----

@pytest.fixture
def replicated(servers, migrate, program, tmp_path):
    server = servers()
    database = server.migrated(migrate)
    standby = server.standby("standby1")
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    made.server, made.standby = server, standby
    yield made
    made.close()
    made.no_errors()


def set_synchronous(world, names):
    with world.database.connect() as session:
        session.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        session.execute("SELECT pg_reload_conf()")
    rw.wait_until(lambda: world.database.execute("SHOW synchronous_standby_names")[0][0] == names, "not reloaded")


def test_acknowledged_means_replicated(replicated):
    leader = replicated.lead()
    client = replicated.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    set_synchronous(replicated, "standby1")
    assert client.commit([(SET, b"a", b"2")]).code == 0
    assert leader.says("was refused: synchronous standbys were switched on or off")
    # the standby takes nothing in any more: the commit waits, and nothing is told
    receiver = replicated.server.execute("SELECT pid FROM pg_stat_replication")[0][0]
    replicated.server.signal_backend(receiver, signal.SIGSTOP)
    sequence = client.submit([(SET, b"a", b"3")])
    waiting = rw.wait_until(lambda: replicated.server.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), "the commit does not wait")[0][0]
    replicated.server.execute("SELECT pg_cancel_backend(%s)", (waiting,))
    leader.wait_says("the server warned at a commit, so nothing is told of it")
    client.hear(0.3)
    assert sequence not in client.verdicts
    assert client.get(b"a") == b"3"  # visible, and not replicated
    replicated.server.signal_backend(receiver, signal.SIGCONT)
    assert client.commit([(SET, b"a", b"4")]).code == 0
    assert client.look(sequence)[sequence][1:3] == (2, 0)
    set_synchronous(replicated, "")
    assert client.commit([(SET, b"a", b"5")]).code == 0
    assert leader.log().count("took office") == 1


def waits_for_a_standby(world):
    return [pid for pid, in world.server.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")]


def test_standbys_are_switched_on_in_the_middle_of_an_apply(replicated):
    """Between the fence, which found none, and COMMIT. Nothing is told by a commit that no standby has confirmed, and there
    is no wait of it that anybody could break off."""
    leader = replicated.lead("a", {"lease-ttl": "60s"}, faults="apply.middle:2:pause")
    client = replicated.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    (sender,), = replicated.server.execute("SELECT pid FROM pg_stat_replication")
    replicated.server.signal_backend(sender, signal.SIGSTOP)
    sequence = client.submit([(SET, b"a", b"2")])
    rw.wait_until(lambda: leader.hits("apply.middle") == 1, "no apply is under way")
    set_synchronous(replicated, "standby1")
    leader.send(signal.SIGCONT)
    rw.wait_until(lambda: waits_for_a_standby(replicated) or client.get(b"a") == b"2", "it does not commit")
    waits = waits_for_a_standby(replicated)
    for pid in waits:
        replicated.server.execute("SELECT pg_cancel_backend(%s)", (pid,))
    rw.wait_until(lambda: client.get(b"a") == b"2", "it does not commit")
    client.hear(1)
    assert sequence not in client.verdicts, "told, and no standby has it"
    assert waits == []
    replicated.server.signal_backend(sender, signal.SIGCONT)
    assert client.look(sequence)[sequence][1:3] == (2, 0)
    assert client.commit([(SET, b"a", b"3")]).code == 0
    assert leader.says("was refused: synchronous standbys were switched on or off")
    assert leader.log().count("took office") == 1


def test_a_standby_is_promoted(replicated):
    """The term ends with the timeline; the next one's versions jump ahead, and reads from before are too old."""
    server, standby = replicated.server, replicated.standby
    name = replicated.database.name
    replicated.dsn = (f"host={server.folder},{standby.folder} port={server.port},{standby.port} dbname={name}"
                      f" user=postgres connect_timeout=2")
    leader = replicated.lead()
    client = replicated.client()
    at = client.snapshot()
    verdict = client.commit([(ADD, b"n", ONE)])
    rw.wait_until(lambda: server.execute("SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication")[0][0],
                  "the standby lags")
    server.crash()
    standby.promote()
    replicated.database.server = standby
    rw.wait_until(lambda: leader.log().count("took office") == 2, "no second term")
    client.reconnect()
    new_at = client.snapshot()
    assert new_at[0] != at[0] and new_at[1] >= verdict.version + 10**13
    assert client.settle(1, client.request([(ADD, b"n", ONE)], at=at))[:2] == (0, verdict.version)
    sequence = client.sequence = 2
    late = client.request([(ADD, b"n", ONE)], at=at)
    client.submit_payloads([late], sequences=[sequence])
    assert client.settle(sequence, late)[0] == rw.TOO_OLD  # also without reads: it is from before the jump
    assert client.commit([(ADD, b"n", ONE)], at=new_at).code == 0
    assert client.get(b"n") == le(2)
    assert leader.says("versions jump ahead")
