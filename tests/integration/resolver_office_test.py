# SPDX-License-Identifier: Apache-2.0
"""Single sentences of rules 3, 6, 7, 9, 10, 14, 15 and 17, asked of the functions of the schema: by SQL where nobody leads, and
beside a leader that is held at a fault point where it takes one."""
import contextlib
import signal
import uuid

import psycopg
import pytest

import resolver_world as rw
from resolver_world import ADD, SET

ONE = (1).to_bytes(8, "little")
TERMS = [uuid.UUID(int=n) for n in range(1, 6)]


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


def session(database, autocommit=False):
    made = database.connect(autocommit=autocommit)
    made.execute("SET search_path = verdict, pg_temp")
    return made


def take_office(on, term, at=None):
    """As a candidate does that has just looked, or had looked when the lease was at (epoch, renewals): its version, or None."""
    epoch, renewals = at or on.execute("SELECT epoch, renewals FROM lease").fetchone()
    row = on.execute("SELECT version FROM take_office(%s, %s, %s, 'n', ARRAY[pg_backend_pid()], ARRAY[clock_timestamp()], '10 s')",
                     (epoch, renewals, term)).fetchone()
    return row and row[0]


def fence(on, term, begin, end, *, clients=(), generations=(), firsts=(), owners=(), sequences=()):
    on.execute("SELECT fence(%s, %s, %s, false, %s::uuid[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[])",
               (term, begin, end, list(clients), list(generations), list(firsts), list(owners), list(sequences)))


def refused(sqlstate, call, *arguments, **more):
    with pytest.raises(psycopg.Error) as caught:
        call(*arguments, **more)
    assert caught.value.sqlstate == sqlstate


def waits(database, pid):
    rows = database.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", (pid,))
    return rows == [(True,)]


class Waiter:
    """A statement of another session that is expected to wait for a lock."""

    def __init__(self, database, sql, values=()):
        self.database, self.session = database, session(database, autocommit=True)
        self.pid = self.session.info.backend_pid
        self.session.pgconn.send_query_params(sql.encode(), [str(value).encode() for value in values])
        self.session.pgconn.flush()

    def is_over(self):
        self.session.pgconn.consume_input()
        return not self.session.pgconn.is_busy()

    def must_wait(self):
        rw.wait_until(lambda: waits(self.database, self.pid) or self.is_over(), "it neither waits nor ends")
        assert not self.is_over(), "it does not wait"

    def rows(self):
        rw.wait_until(self.is_over, "it does not end")
        result = self.session.pgconn.get_result()
        assert not result.error_message, result.error_message
        return [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]

    def close(self):
        self.session.close()


# ---- rules 3 and 6: terms and versions ----

def test_versions_begin_far_above_five_seconds(database):
    (version,), = database.execute("SELECT version FROM watermark")
    assert version > 100 * 5_000_000


def test_two_jumps_from_one_state_differ(database):
    """Two promotions of which neither knows of the other: from the same rows, each jumps to a version of its own."""
    with session(database) as one:
        versions = []
        for term in TERMS[:3]:
            versions.append(take_office(one, term))
            one.rollback()
            one.execute("SET search_path = verdict, pg_temp")
    assert len(set(versions)) == 3
    assert all(10**13 <= version - 10**9 < 2 * 10**13 for version in versions)


def test_the_jump_is_kept_by_the_next_office(database):
    with session(database, autocommit=True) as one:
        first = take_office(one, TERMS[0])
        assert take_office(one, TERMS[1]) == first
        assert one.execute("SELECT jump_version FROM lease").fetchone() == (first,)


def test_a_term_never_comes_again(world):
    """Not even where the epoch does, as it may after a promotion or a restore."""
    terms = []
    for name in ("a", "b", "c"):
        world.database.execute("UPDATE lease SET epoch = 7")
        leader = world.lead(name)
        terms += world.database.execute("SELECT epoch, term FROM lease")
        leader.kill()
        rw.wait_until(lambda: not world.database.execute(
            "SELECT 1 FROM pg_stat_activity a JOIN lease l ON a.pid = ANY (l.pids)"), "its sessions do not end")
    assert [epoch for epoch, _ in terms] == [8, 8, 8]
    assert len({term for _, term in terms}) == 3


# ---- rule 7: the fence ----

def test_the_fence_compares_term_and_version(database):
    """From another version of the same term, and from the same version of another term, nothing passes."""
    with session(database, autocommit=True) as one:
        version = take_office(one, TERMS[0])
        fence(one, TERMS[0], version, version + 10)
        refused("VD001", fence, one, TERMS[0], version, version + 20)  # a stalled pipeline of the same leader
        refused("VD001", fence, one, TERMS[1], version + 10, version + 20)  # another leader
        refused("VD001", fence, one, TERMS[0], version + 9, version + 20)
        fence(one, TERMS[0], version + 10, version + 20)
        assert take_office(one, TERMS[1]) == version + 20
        refused("VD001", fence, one, TERMS[0], version + 20, version + 30)  # a late batch of the one before
        assert one.execute("SELECT version, term FROM watermark").fetchall() == [(version + 20, TERMS[1])]


def test_a_batch_without_winners_passes_the_fence(world):
    """What it decides was resolved on a state: the watermark moves from it, or the batch does not land."""
    leader = world.lead()
    client = world.client()
    at = client.snapshot()
    lost_to = client.commit([(SET, b"a", b"1")]).version
    verdict = client.commit([(SET, b"b", b"1")], reads=[rw.key_range(b"a")], at=at)
    assert verdict.code == rw.CONFLICT and verdict.version > lost_to
    assert client.snapshot() == (client.term, verdict.version)
    assert leader.log().count("took office") == 1


def test_the_fence_refuses_what_was_told_and_who_is_gone(database):
    client, gone = TERMS[3:5]
    with session(database, autocommit=True) as one:
        version = take_office(one, TERMS[0])
        generation, = one.execute("SELECT generation FROM register(%s, 1)", (client,)).fetchone()
        one.execute("SELECT acknowledge(%s, %s, 5)", (client, generation))
        batch = {"clients": [client], "generations": [generation], "owners": [1]}
        refused("VD002", fence, one, TERMS[0], version, version + 1, **batch, firsts=[5], sequences=[5])
        refused("VD002", fence, one, TERMS[0], version, version + 1, **{**batch, "generations": [generation + 1]},
                firsts=[6], sequences=[6])
        refused("VD002", fence, one, TERMS[0], version, version + 1, **{**batch, "clients": [gone]}, firsts=[6], sequences=[6])
        one.execute("SELECT * FROM cancel(%s, %s, 7)", (client, generation))
        refused("VD002", fence, one, TERMS[0], version, version + 1, **{**batch, "owners": [1, 1]}, firsts=[6], sequences=[6, 7])
        fence(one, TERMS[0], version, version + 1, **batch, firsts=[6], sequences=[6])


# ---- rules 9 and 10: office and lease ----

def test_office_is_taken_by_one_of_two(database):
    """Both have seen the same free lease: the second one's look is old when its statement comes."""
    with session(database, autocommit=True) as one:
        seen = one.execute("SELECT epoch, renewals FROM lease").fetchone()
        assert take_office(one, TERMS[0], seen) is not None
        assert take_office(one, TERMS[1], seen) is None
        assert one.execute("SELECT epoch, term FROM lease").fetchone() == (seen[0] + 1, TERMS[0])


def test_taking_office_waits_for_a_batch_in_flight(database):
    """And begins where that has ended."""
    with session(database, autocommit=True) as one, session(database) as apply:
        version = take_office(one, TERMS[0])
        one.execute("UPDATE lease SET pids = '{}', starts = '{}'")  # it could not be ended
        epoch, renewals = one.execute("SELECT epoch, renewals FROM lease").fetchone()
        fence(apply, TERMS[0], version, version + 10)
        next_one = Waiter(database, "SELECT version FROM take_office($1::bigint, $2::bigint, $3::uuid, 'n', '{}', '{}', '10 s')",
                          (epoch, renewals, TERMS[1]))
        next_one.must_wait()
        apply.commit()
        assert next_one.rows() == [[str(version + 10).encode()]]
        next_one.close()
        assert one.execute("SELECT version, term FROM watermark").fetchall() == [(version + 10, TERMS[1])]


def test_taking_office_ends_the_sessions_that_the_lease_names(database):
    """One that sits inside its transaction, and that no time-out ends: it does not keep anybody from taking office, and does not
    land any more."""
    with session(database, autocommit=True) as one, contextlib.closing(session(database)) as apply:
        version = take_office(one, TERMS[0])
        one.execute("UPDATE lease SET (pids, starts) = (SELECT array_agg(pid), array_agg(backend_start) FROM pg_stat_activity"
                    " WHERE pid = %s)", (apply.info.backend_pid,))
        epoch, renewals = one.execute("SELECT epoch, renewals FROM lease").fetchone()
        fence(apply, TERMS[0], version, version + 10)
        next_one = Waiter(database, "SELECT version FROM take_office($1::bigint, $2::bigint, $3::uuid, 'n', '{}', '{}', '10 s')",
                          (epoch, renewals, TERMS[1]))
        assert next_one.rows() == [[str(version).encode()]]
        next_one.close()
        with pytest.raises(psycopg.OperationalError):
            apply.commit()
        assert one.execute("SELECT version, term FROM watermark").fetchall() == [(version, TERMS[1])]


def test_the_lease_names_all_sessions_of_the_leader(world):
    """Also those that came in the place of one that was lost."""
    leader = world.lead()
    ours = "SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity WHERE datname = current_database()" \
           " AND application_name IN ('verdict-keeper/verdict/a', 'verdict-resolver/verdict/a')"

    def are_named():
        (sessions,), = world.database.execute(ours)
        (named,), = world.database.execute("SELECT pids FROM lease")
        return len(sessions or []) == 4 and sessions == sorted(named) and sessions
    before = rw.wait_until(are_named, "the lease does not name all sessions of the leader")
    world.database.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND application_name = 'verdict-resolver/verdict/a'")
    client = world.client()
    assert client.commit([(SET, b"a", b"1")]).code == 0
    after = rw.wait_until(are_named, "the lease does not name the new sessions")
    assert len(set(before) & set(after)) == 1  # the keeper's
    assert leader.log().count("took office") == 1


def test_who_steps_down_finishes_the_queue(world):
    """Nobody is there who could take it over: what was queued when it was asked to go is decided before it goes."""
    leader = world.lead("a", {"batch-requests": 10})
    client = world.client()
    client.commit([(SET, b"n", b"")])
    leader.send(signal.SIGSTOP)
    sequences = client.submit_payloads([client.request([(ADD, b"n", ONE)]) for _ in range(300)])
    leader.send(signal.SIGTERM)
    leader.send(signal.SIGCONT)
    assert leader.process.wait(rw.PATIENCE_S) == 0
    assert leader.says("released the lease")
    assert {verdict.code for verdict in client.wait(*sequences)} == {0}
    assert client.get(b"n") == (300).to_bytes(8, "little")


def test_a_renewal_that_comes_after_the_release(database):
    """It was on its way: it changes nothing, and says so."""
    with session(database, autocommit=True) as one:
        take_office(one, TERMS[0])
        renew = "SELECT renew(%s, '10 s', '{}', '{}', 0, 0, 0, 0, 0)"
        assert one.execute(renew, (TERMS[0],)).fetchone() == (True,)
        assert one.execute("SELECT release(%s)", (TERMS[0],)).fetchone() == (True,)
        before = one.execute("SELECT released, expires_at, renewals FROM lease").fetchone()
        assert one.execute(renew, (TERMS[0],)).fetchone() == (False,)
        assert one.execute("SELECT released, expires_at, renewals FROM lease").fetchone() == before
        assert before[0]


def test_a_long_apply_does_not_lose_the_lease(world):
    """While a batch cannot end, its leader renews, and stays. (Between two attempts of an apply the watermark is free: that would not count.)"""
    leader = world.lead("a", {"lease-ttl": "6s"})
    client = world.client()
    client.commit([(SET, b"n", b"")])
    seen = "SELECT (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' " \
           "AND application_name LIKE 'verdict-resolver/%%'), (SELECT renewals FROM lease)"
    first = {}  # renewals, when an attempt was first seen to wait

    def renews_during_an_apply():
        (began, renewals), = world.database.execute(seen)
        return began is not None and renewals >= first.setdefault(began, renewals) + 2
    with world.database.connect(autocommit=False) as holder:
        holder.execute("SELECT 1 FROM verdict.kv WHERE key = 'n' FOR UPDATE")
        client.submit([(ADD, b"n", ONE)])
        rw.wait_until(renews_during_an_apply, "the lease is not renewed while an apply waits")
        holder.rollback()
    assert client.wait(2)[0].code == 0
    assert leader.log().count("took office") == 1 and world.leader() is leader


# ---- rules 14 and 15: the watermark's lock ----

def held_apply(world, with_a_row=True):
    """A leader inside the transaction of its second batch, behind the fence, and whose batch that is. Its row in the queue is
    deleted by that transaction, or has gone before, as all rows do in a crash."""
    leader = world.lead("a", {"lease-ttl": "600s"}, faults="claim.answered:2:pause,apply.middle:2:pause")
    client = world.client()
    client.commit([(SET, b"n", b"")])
    client.submit([(ADD, b"n", ONE)])
    rw.wait_until(lambda: leader.hits("claim.answered") == 1, "nothing is claimed")
    if not with_a_row:
        world.database.execute("DELETE FROM commit_requests")
    leader.send(signal.SIGCONT)
    rw.wait_until(lambda: leader.hits("apply.middle") == 1, "no apply is under way")
    return leader, client


@pytest.mark.parametrize("row", ["row", "no row"])
def test_a_cancel_waits_for_an_apply(world, row):
    """The request is in a batch behind its fence: only when that has ended is it known which of the two it was."""
    leader, client = held_apply(world, row == "row")
    cancel = Waiter(world.database, "SELECT code FROM cancel($1::uuid, $2::bigint, 2)", (client.id, client.generation))
    cancel.must_wait()
    leader.send(signal.SIGCONT)
    assert cancel.rows() == [[b"0"]]
    cancel.close()
    assert client.wait(2)[0].code == 0
    assert world.database.execute("SELECT count(*) FROM tombstones") == [(0,)]


def test_a_purge_waits_for_an_apply(world):
    """A registration does not go while a batch of its client is being applied; what comes later is refused."""
    leader, client = held_apply(world)
    world.database.execute("UPDATE clients SET seen_at = '-infinity'")
    purge = Waiter(world.database, "SELECT purge('1 day')")
    purge.must_wait()
    leader.send(signal.SIGCONT)
    assert purge.rows() == [[b"1"]]
    purge.close()
    assert client.wait(2)[0].code == 0 and client.get(b"n") == ONE
    client.submit([(ADD, b"n", ONE)])
    other = world.client()
    assert other.commit([(SET, b"m", b"1")]).code == 0
    rw.wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(0,)], "it stays in the queue")
    assert client.get(b"n") == ONE and client.look(3)[3][1] == 4
    assert world.database.execute("SELECT count(*) FROM outcomes WHERE client = %s", (client.id,)) == [(0,)]


# ---- rule 17: the tables ----

def test_the_tables_check_lengths(database):
    """What neither follower nor leader has refused is refused here, before an index or a claim meets it."""
    request = "INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload) " \
              "VALUES (gen_random_uuid(), %s, 1, %s, 1, repeat('x', %s)::bytea)"
    with session(database, autocommit=True) as one:
        for values in ((1, 0, 0), (1, 0, 16_000_001), (0, 0, 1), (2, 2, 1), (2, -1, 1)):
            refused("23514", one.execute, request, values)
        one.execute(request, (1, 0, 16_000_000))
        refused("23514", one.execute, "INSERT INTO kv VALUES (repeat('k', 2601)::bytea, '')")
        one.execute("INSERT INTO kv VALUES (repeat('k', 2600)::bytea, '')")
