# SPDX-License-Identifier: Apache-2.0
"""Who reads in which snapshot: shared, batched, over few connections, never older than the transaction, gone when nobody needs
it. Nobody leads here: rows and watermark are written by SQL."""
import signal
import time

import pytest

from snapshot_world import in_snapshot, put, sessions
from transaction_world import Failed, Request, Worker
from waiting import wait_until

@pytest.fixture
def workers(program, database):
    made = []

    def make(dsn=None, **options):
        made.append(Worker(program, dsn or database.dsn(), **options))
        assert made[-1].opening == "ready"
        return made[-1]
    yield make
    for one in made:
        one.kill()


def test_a_snapshot_stands_still_and_a_later_transaction_sees_more(workers, database):
    worker = workers()
    put(database, b"a", b"1")
    old = worker.transaction()
    assert old.get(b"a") == b"1"
    put(database, b"a", b"2")
    new = worker.transaction()
    assert new.get(b"a") == b"2"
    assert old.get(b"a") == b"1"
    assert old.get_range(b"", b"\xff")[0] == [(b"a", b"1")]
    assert new.version() == old.version() + 1000
    (version,), = database.execute("SELECT version FROM watermark")
    assert new.version() == version


def test_a_snapshot_is_not_joined_once_it_was_sent(workers, database):
    """Each of these begins after a write that it must see, while the others hold theirs open."""
    worker = workers(max_connections=7)
    for turn in range(5):  # before the first one is too old
        put(database, b"a", b"%d" % turn)
        assert worker.transaction().get(b"a") == b"%d" % turn
    assert len(in_snapshot(database)) == 5


def test_a_standby_is_not_read_from(workers, servers, migrate):
    """It would be behind, and nobody could tell: of several servers only the primary is one for us."""
    primary = servers()
    database = primary.migrated(migrate)
    standby = primary.standby()
    standby.execute("SELECT pg_wal_replay_pause()")
    worker = workers(f"host={standby.folder},{primary.folder} port={standby.port},{primary.port} dbname={database.name}"
                     " user=postgres")
    put(database, b"a", b"1")
    assert worker.transaction().get(b"a") == b"1"
    assert standby.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'verdict-%'") == [(0,)]


def test_a_read_version_that_is_held_is_joined(workers, database):
    worker = workers(max_connections=3)
    put(database, b"a", b"1")
    held = worker.transaction()
    assert held.get(b"a") == b"1"
    put(database, b"a", b"2")
    joined = worker.transaction()
    assert joined.read_at(held.version()) == 0
    assert joined.version() == held.version()
    assert joined.get(b"a") == b"1"
    assert joined.get_range(b"", b"\xff")[0] == [(b"a", b"1")]
    assert len(in_snapshot(database)) == 1
    old = held.version()
    held.free()
    assert joined.get(b"a") == b"1"  # it holds it
    assert len(in_snapshot(database)) == 1
    joined.free()
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "the snapshot closed when the last one left")
    late = worker.transaction()
    assert late.read_at(old) == 0
    assert late.get_later(b"a").code() == 1007
    assert late.version() == old
    fresh = worker.transaction()
    assert fresh.read_at(old + 1000) == 0
    assert fresh.get(b"a") == b"2"  # nothing was written since
    worker.close()


def test_a_read_version_that_is_not_held_gets_no_row(workers, database):
    """Reads of one segment: those who asked for another version than it has are told so, each for itself."""
    worker = workers(max_connections=2)
    put(database, b"a", b"1")
    held = worker.transaction()
    version = held.version()
    right, old, future, plain = (worker.transaction() for _ in range(4))
    put(database, b"a", b"2")
    asked = {right: version + 1000, old: version + 999, future: version + 1001}
    reads = []
    for tr in (right, old, future, plain):
        if tr in asked:
            assert tr.read_at(asked[tr]) == 0
        reads.append([tr.get_later(b"a"), tr.get_range_later(b"a", b"b"), tr.get_key_later(b"a", False, 1)])
        worker.order("many_gets", 1000 * (1 + len(reads)), tr.number, 300, "61")  # more than one segment
    held.free()
    assert [read.wait() for read in reads[0]] == [read.wait() for read in reads[3]] == [b"2", ([(b"a", b"2")], False), b"a"]
    assert [[read.code() for read in part] for part in reads[1:3]] == [[1007] * 3, [1009] * 3]
    for number, answer in ((2000, "0 absent"), (3000, "1007 no snapshot"), (4000, "1009 the read version"), (5000, "0 absent")):
        for i in range(300):
            assert worker.ask("wait", number + i).startswith(answer)
    assert plain.version() == right.version() == version + 1000
    for tr in (right, plain):
        tr.free()
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "none is held by those who were refused")
    worker.close()


def test_a_read_version_before_the_database_is_there(servers, migrate, program):
    server = servers()
    database = server.migrated(migrate)
    put(database, b"a", b"1")
    database.execute("UPDATE watermark SET term = gen_random_uuid()")
    (version,), = database.execute("SELECT version FROM watermark")
    dsn = database.dsn()
    server.stop()
    worker = Worker(program, dsn, connect_timeout=50)
    reader, writer = worker.transaction(), worker.transaction()
    assert reader.read_at(version) == writer.read_at(version - 1) == 0
    read = reader.get_later(b"a")
    assert writer.conflict("read", b"a", b"b") == 0
    writer.set(b"b", b"1")
    commit = writer.commit_later()
    worker.flush()
    server.start()
    assert read.wait() == b"1"
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "the request")
    (payload, term), = database.execute("SELECT payload, (SELECT term FROM watermark) FROM commit_requests")
    assert Request(bytes(payload)).version == version - 1 and Request(bytes(payload)).term == term.bytes
    writer.free()
    assert commit.code() == 1025
    worker.close()


def test_those_that_begin_together_share(workers, database):
    worker = workers()
    put(database, b"a", b"1")
    with database.server.shut_door():  # so that all have begun when the first connection is there
        trs = [worker.transaction() for _ in range(50)]
        reads = [tr.get_later(b"a") for tr in trs]
        assert not reads[-1].is_ready()
    assert [read.wait() for read in reads] == [b"1"] * 50
    assert len(in_snapshot(database)) == 1
    assert len({tr.version() for tr in trs}) == 1
    for tr in trs[:-1]:
        tr.free()
    assert trs[-1].get(b"a") == b"1"
    assert len(in_snapshot(database)) == 1
    trs[-1].free()
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "no snapshot")


def test_a_snapshot_closes_when_the_last_one_leaves(workers, database):
    """And not when it is too old, which would close it as well: so the fastest of many tries counts."""
    worker = workers()

    def closes():
        tr = worker.transaction()
        tr.version()
        tr.free()
        worker.flush()
        begin = time.monotonic()
        wait_until(lambda: not in_snapshot(database), "no snapshot")
        return time.monotonic() - begin < 3
    wait_until(closes, "it is open until it is too old")


def test_200_transactions_over_three_connections(workers, database):
    worker = workers(max_connections=3)
    for i in range(20):
        put(database, b"k%02d" % i, b"v")
    trs = [worker.transaction() for _ in range(200)]
    for turn in range(5):
        reads = [tr.get_later(b"k%02d" % (i % 20)) for i, tr in enumerate(trs)]
        ranges = [tr.get_range_later(b"k", b"l") for tr in trs[::10]]
        assert [read.wait() for read in reads] == [b"v"] * 200
        assert [len(rows.wait()[0]) for rows in ranges] == [20] * 20
        assert sessions(database) <= 3
        for tr in trs:
            tr.reset()
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "no snapshot")


def test_a_thousand_open_transactions_hold_no_more_connections(workers, database):
    """Some share, some wait for a snapshot of their own, some wait for their verdict: never more than were allowed."""
    worker = workers(max_connections=3)
    put(database, b"a", b"1")
    trs, reads, commits, most = [worker.transaction() for _ in range(1000)], [], [], 0
    for turn in range(10):
        for tr in trs[turn * 100:turn * 100 + 100]:
            reads.append(tr.get_later(b"a"))
            if turn % 2:
                tr.set(b"b", b"")
                commits.append(tr.commit_later())
        worker.flush()
        most = max(most, sessions(database))
    assert not commits[0].is_ready()
    assert max(most, sessions(database)) <= 3
    for tr in trs:
        tr.free()
    assert {read.code() for read in reads} <= {0, 1025}  # those that a quick machine had answered, and the others
    assert worker.transaction().get(b"a") == b"1"
    assert sessions(database) <= 3
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "no snapshot")


def test_who_waits_for_a_connection_gets_it_when_one_is_free(workers, database):
    worker = workers(max_connections=3)
    held = []
    for _ in range(2):  # one after the other: they do not share
        held.append(worker.transaction())
        held[-1].version()
    assert len(in_snapshot(database)) == 2
    waiting = [worker.transaction() for _ in range(10)]
    reads = [tr.get_later(b"a") for tr in waiting]
    time.sleep(0.3)
    assert not any(read.is_ready() for read in reads)
    held[0].free()
    assert [read.wait() for read in reads] == [None] * 10
    assert held[1].get(b"a") is None


def test_a_waiting_read_times_out(workers, database):
    worker = workers(max_connections=2)
    held = worker.transaction()
    held.version()
    waiting = worker.transaction(timeout=100)
    assert waiting.get_later(b"a").code() == 1031
    assert held.get(b"a") is None


def count(server, text):
    return sum(text in line for line in server.log().splitlines() if "execute" in line)


def test_statements_are_counted(servers, migrate, program):
    """Point reads of one turn are one statement, whoever asks; a snapshot is one BEGIN, one watermark, one COMMIT."""
    server = servers(log_statement="all")
    database = server.migrated(migrate)
    before = count(server, "execute commit")  # the migrations'
    worker = Worker(program, database.dsn(), max_connections=2)
    with server.shut_door():  # so that all are there when the first connection is
        trs = [worker.transaction() for _ in range(40)]
        reads = [tr.get_later(b"k%d" % i) for tr in trs for i in range(5)]
        assert not reads[-1].is_ready()
    assert [read.wait() for read in reads] == [None] * 200
    counted = ("BEGIN ISOLATION LEVEL REPEATABLE READ", "FROM watermark ORDER BY version", "AS r(k), LATERAL")
    assert [count(server, text) for text in counted] == [1, 1, 1]
    for one in trs:
        one.free()
    worker.flush()
    wait_until(lambda: count(server, "execute commit") == before + 1, "a COMMIT for the snapshot")
    worker.close()
    worker = Worker(program, database.dsn(), max_connections=2)
    with server.shut_door():
        tr = worker.transaction()
        for part in range(5):  # a thousand reads of 200 keys
            worker.order("many_gets", 60000 + 200 * part, tr.number, 200, "61")
        assert worker.ask("is_ready", 60999) == "0"
    for number in range(60000, 61000):
        worker.order("wait", number)
    worker.flush()
    assert [worker.answer("wait") for _ in range(1000)] == ["0 absent"] * 1000
    assert [count(server, text) for text in counted] == [2, 2, 1 + 4]  # 256 reads a segment
    tr.free()
    worker.flush()
    wait_until(lambda: count(server, "execute commit") == before + 2, "a COMMIT for each snapshot")
    worker.close()


def test_nothing_is_held_while_a_commit_waits(workers, database):
    worker = workers(max_connections=2)
    put(database, b"a", b"1")
    commits = []
    for i in range(200):
        tr = worker.transaction()
        read = tr.get_later(b"a")
        tr.set(b"b%d" % i, b"")
        commits.append(tr.commit_later())
        assert read.wait(timeout_s=4) == b"1"  # the one connection is free again
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(200,)], "200 requests in the queue")
    wait_until(lambda: not in_snapshot(database), "no snapshot is held")
    assert not any(commit.is_ready() for commit in commits[:5])
    assert worker.transaction().get(b"a") == b"1"
    assert sessions(database) <= 2


@pytest.mark.parametrize("how, code", [("cancel", 1025), ("reset", 1025), ("free", 1025), ("future", 1101), ("timeout", 1031)])
def test_a_submitted_commit_is_given_up(workers, database, how, code):
    """Nobody leads, so nobody decides: the database does, and nothing is left in the queue."""
    worker = workers()
    tr = worker.transaction()
    tr.set(b"a", b"1")
    stamp, commit = tr.stamp_later(), tr.commit_later()
    worker.flush()
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "the request")
    assert not commit.is_ready()
    if how == "timeout":
        assert tr.option("timeout", 50) == 0
    elif how == "future":
        commit.cancel()
    else:
        getattr(tr, how)()
    assert commit.code() == code
    assert stamp.code() in (code, 2020)
    assert database.execute("SELECT count(*) FROM commit_requests") == [(0,)]
    worker.close()


@pytest.mark.parametrize("how", ["close", "cancel", "reset", "free", "future", "timeout"])
def test_whatever_waits_for_a_database_that_is_not_there_can_end(program, how):
    """Reads, a commit that waits for a read, one that waits for a version, a blind one, a read version."""
    worker = Worker(program, "host=127.0.0.1 port=1", connect_timeout=50)
    assert worker.opening.startswith("failed 1031")
    trs = [worker.transaction() for _ in range(4)]
    futures = [trs[0].get_later(b"a"), trs[1].get_range_later(b"a", b"b"), trs[3].version_later()]
    trs[1].set(b"x", b"")
    trs[2].conflict("read", b"a", b"b")
    for tr in trs:
        tr.set(b"y", b"")
        futures.append(tr.commit_later())
    if how == "close":
        worker.close()
        return
    for tr in trs:
        if how == "timeout":
            assert tr.option("timeout", 50) == 0
        elif how != "future":
            getattr(tr, how)()
    if how == "future":
        for future in futures:
            future.cancel()
    assert {future.code() for future in futures} == {{"timeout": 1031, "future": 1101}.get(how, 1025)}
    worker.close()


def test_an_old_snapshot_ends(workers, database):
    worker = workers()
    put(database, b"a", b"1")
    begin = time.monotonic()
    reader, writer = worker.transaction(), worker.transaction()
    reads = [reader.get_later(b"a"), writer.get_later(b"a")]
    assert [read.wait() for read in reads] == [b"1", b"1"]
    wait_until(lambda: not in_snapshot(database), "the snapshot is too old")
    assert time.monotonic() - begin > 4
    assert reader.get_later(b"a").code() == 1007
    assert reader.get_range_later(b"a", b"b").code() == 1007
    assert reader.version() > 0
    assert reader.commit() is True  # what was read is good
    version = writer.version()
    writer.set(b"b", b"1")
    writer.commit_later()  # the leader will judge it by its read version
    worker.flush()
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "the request")
    (payload,), = database.execute("SELECT payload FROM commit_requests")
    assert version.to_bytes(8, "little") in bytes(payload)


def test_a_lost_connection_ends_its_transactions(workers, database):
    worker = workers()
    put(database, b"a", b"1")
    lost, other = worker.transaction(), worker.transaction()
    assert lost.get(b"a") == b"1"
    pid, = in_snapshot(database)
    assert other.get(b"a") == b"1"
    database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    time.sleep(0.1)
    with pytest.raises(Failed) as caught:
        lost.get(b"a")
    assert caught.value.code == 1007
    assert "snapshot was lost" in caught.value.message
    assert lost.commit_later().code() == 1007
    assert other.get(b"a") == b"1"
    assert lost.on_error(1007) is True
    assert lost.get(b"a") == b"1"
    assert lost.commit() is True


def test_reads_in_flight_end_with_a_lost_connection(workers, database):
    worker = workers()
    tr = worker.transaction()
    tr.version()
    pid, = in_snapshot(database)
    with database.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.kv IN ACCESS EXCLUSIVE MODE")
        reads = [tr.get_later(b"a"), tr.get_range_later(b"a", b"b")]
        reads.append(tr.get_later(b"\xff\xff/transaction/read_conflict_range/a"))  # which waits for them
        tr.set(b"x", b"")
        commit = tr.commit_later()
        time.sleep(0.2)
        assert not reads[0].is_ready() and not reads[2].is_ready()
        database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert [read.code() for read in reads] == [1007, 1007, 1007]
        assert commit.code() == 1007
        blocker.rollback()
    assert database.execute("SELECT count(*) FROM commit_requests") == [(0,)]


def test_reads_in_flight_of_a_cancelled_transaction_harm_nobody(workers, database):
    worker = workers(max_connections=2)
    with database.connect(autocommit=False) as blocker:
        first = worker.transaction()
        first.version()
        blocker.execute("LOCK TABLE verdict.kv IN ACCESS EXCLUSIVE MODE")
        reads = [first.get_later(b"a"), first.get_range_later(b"a", b"b")]
        time.sleep(0.1)
        first.free()
        assert [read.code() for read in reads] == [1025, 1025]
        second = worker.transaction().get_later(b"a")
        time.sleep(0.1)
        blocker.rollback()
    assert second.wait() is None
    worker.close()


def test_a_crash_of_the_server(servers, migrate, program):
    server = servers()
    database = server.migrated(migrate)
    worker = Worker(program, database.dsn())
    put(database, b"a", b"1")
    tr = worker.transaction()
    assert tr.get(b"a") == b"1"
    server.crash()
    assert tr.get_later(b"b").code() == 1007
    tr.on_error(1007)
    later = tr.get_later(b"a")
    time.sleep(0.3)
    assert not later.is_ready()
    server.start()
    assert later.wait() == b"1"
    worker.close()


def test_a_server_that_hangs(servers, migrate, program):
    server = servers()
    database = server.migrated(migrate)
    worker = Worker(program, database.dsn())
    tr = worker.transaction()
    tr.version()
    pid, = in_snapshot(database)
    server.signal_backend(pid, signal.SIGSTOP)
    assert tr.get_later(b"a").code() == 1007
    assert worker.transaction().get(b"a") is None
    server.signal_backend(pid, signal.SIGCONT)
    worker.close()


def test_a_store_that_must_not_be_read(postgres, workers, database):
    """No endless retry: 7002 with the server's message."""
    worker = workers()
    database.execute("ALTER TABLE kv RENAME COLUMN value TO worth")
    with pytest.raises(Failed) as caught:
        worker.transaction().get(b"a")
    assert caught.value.code == 7002
    assert "does not exist" in caught.value.message


def test_plans_do_not_age(workers, database):
    """A connection that was opened on an empty store reads by index when it has grown."""
    worker = workers(max_connections=2)
    put(database, b"z", b"1")
    database.execute("VACUUM ANALYZE kv")  # so that a scan of the one page is the best plan
    tr = worker.transaction()
    for _ in range(10):
        assert tr.get(b"a") is None
        assert tr.get_range(b"a", b"b") == ([], False)
        tr.reset()
    database.execute("INSERT INTO kv SELECT int4send(i), '' FROM generate_series(1, 200000) i")
    scans = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'kv'"
    (whole, _), = database.execute(scans)
    for i in range(300):
        assert tr.get(i.to_bytes(4, "big") + b"x") is None
        assert len(tr.get_range(i.to_bytes(4, "big"), b"\xff", limit=2)[0]) == 2
        tr.reset()
    worker.close()  # a session that ends has its scans counted
    wait_until(lambda: database.execute(scans)[0][1] >= 600, lambda: database.execute(scans))
    assert database.execute(scans)[0][0] <= whole + 22, "the whole table is read, and not by index"
