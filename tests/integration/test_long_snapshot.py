# SPDX-License-Identifier: Apache-2.0
"""Transactions that only read, for as long as they like. Nobody leads here."""
import pytest

from snapshot_world import in_snapshot, put, sessions
from transaction_fixtures import refused
from transaction_world import ADD, Worker
from waiting import wait_until

LAST = b"\xff"


@pytest.fixture
def worker(program, database):
    made = Worker(program, database.dsn(), max_connections=2, max_long_snapshots=1)
    assert made.opening == "ready"
    put(database, b"a", b"1")
    yield made
    made.close()


def long_transaction(worker):
    return worker.transaction(long_snapshot=None)


def test_it_outlives_the_shared_ones(worker, database):
    tr, plain = long_transaction(worker), worker.transaction()
    assert tr.get(b"a") == plain.get(b"a") == b"1"
    version = tr.version()
    iterator = tr.iterate(b"", LAST)
    put(database, b"a", b"2")
    put(database, b"b", b"2")
    wait_until(lambda: plain.get_later(b"a").code() == 1007, "the shared snapshot is too old")
    wait_until(lambda: len(in_snapshot(database)) == 1, "the shared one is closed")
    assert tr.get(b"a") == b"1"
    assert iterator.next() == ([(b"a", b"1")], False)
    assert tr.get_key(b"", False, 2) == LAST
    assert tr.version() == version
    assert tr.get_range(b"\xff\xff/transaction/", b"\xff\xff/transaction0") == ([], False)
    assert worker.transaction().get(b"a") == b"2"
    assert tr.commit() is True
    assert tr.committed() == -1


def test_it_has_a_connection_of_its_own(worker, database):
    plain = worker.transaction()
    plain.version()  # holds the one that is shared
    before = sessions(database)
    tr = long_transaction(worker)
    assert tr.get(b"a") == b"1"
    assert sessions(database) == before + 1
    assert len(in_snapshot(database)) == 2
    tr.free()
    worker.flush()
    wait_until(lambda: sessions(database) == before, "its connection is closed")
    again = long_transaction(worker)
    assert again.get(b"a") == b"1"
    again.reset()
    worker.flush()
    wait_until(lambda: sessions(database) == before, "its connection is closed")
    assert again.get(b"a") == b"1"  # the option survives a reset
    assert sessions(database) == before + 1
    assert plain.get(b"a") == b"1"


def test_their_number_is_bounded(worker, program, database):
    first, second = long_transaction(worker), long_transaction(worker)
    first.version()
    assert "max_long_snapshots" in refused(7003, second.get, b"a").message
    refused(7003, second.version)
    assert second.on_error(7003) is True
    first.free()
    wait_until(lambda: second.get_later(b"a").code() == 0, "the place is free")
    none = Worker(program, database.dsn(), max_long_snapshots=0)
    refused(7003, long_transaction(none).get, b"a")
    none.close()


def test_its_place_is_free_at_once(program, database):
    """However it ends, and whether it has begun: the next one is no second."""
    here = Worker(program, database.dsn(), max_long_snapshots=1)
    put(database, b"a", b"1")
    for turn in range(20):
        tr = long_transaction(here)
        waiting = long_transaction(here)
        read = waiting.get_later(b"a")
        getattr(waiting, ("free", "reset", "cancel")[turn % 3])()
        assert read.code() in (0, 1025)
        assert tr.get(b"a") == b"1"
        tr.reset()
        assert tr.get(b"a") == b"1"
        tr.free()
    here.close()


def test_it_only_reads(worker):
    tr = long_transaction(worker)
    for write in (lambda: tr.set(b"a", b""), lambda: tr.clear(b"a"), lambda: tr.clear_range(b"a", b"b"),
                  lambda: tr.atomic(ADD, b"a", b"\1")):
        write()
        assert "only reads" in refused(2000, tr.get, b"a").message
        refused(2000, tr.commit)
        tr.reset()
    assert tr.conflict("write", b"a", b"b") == tr.conflict("read", b"a", b"b") == 2000
    assert tr.get(b"a") == b"1"
    plain = worker.transaction()
    plain.set(b"x", b"")
    assert plain.option("long_snapshot") == 2000
    plain.reset()
    plain.get(b"a")
    assert plain.option("long_snapshot") == 2000
    plain.reset()
    assert plain.option("long_snapshot", "1") == 2006


def test_several_at_one_version(worker, database):
    first, second, plain = long_transaction(worker), long_transaction(worker), worker.transaction()
    version = first.version()
    put(database, b"a", b"2")
    assert second.read_at(version) == plain.read_at(version) == 0
    assert second.get(b"a") == b"1"
    assert len(in_snapshot(database)) == 1
    refused(1007, plain.get, b"a")  # it would hold what is not its own
    first.free()
    assert second.get_range(b"", LAST) == ([(b"a", b"1")], False)
    second.free()
    worker.flush()
    wait_until(lambda: not in_snapshot(database), "none is held")


def test_a_lost_connection(worker, database):
    tr = long_transaction(worker)
    tr.version()
    pid, = in_snapshot(database)
    database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    wait_until(lambda: tr.get_later(b"a").code() == 1007, "its snapshot is lost")
    put(database, b"a", b"2")
    assert tr.on_error(1007) is True

    def reads():
        code = tr.get_later(b"a").code()
        assert code in (0, 7003)  # until the place is free again
        return code == 0
    wait_until(reads, "another one")
    assert tr.get(b"a") == b"2"


@pytest.mark.parametrize("how", ["close", "free", "reset", "cancel", "timeout"])
def test_it_waits_for_a_database_that_is_not_there(program, how):
    worker = Worker(program, "host=127.0.0.1 port=1", connect_timeout=50, max_long_snapshots=1)
    tr = long_transaction(worker)
    read = tr.get_later(b"a")
    if how == "timeout":
        assert tr.option("timeout", 50) == 0
    elif how != "close":
        getattr(tr, how)()
    if how != "close":
        assert read.code() == (1031 if how == "timeout" else 1025)
    worker.close()
