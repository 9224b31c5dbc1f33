# SPDX-License-Identifier: Apache-2.0
"""The lock of the store: who is refused while somebody holds it, and that it is a part of the state as the keys are."""
import struct

import pytest

import resolver_world
from transaction_fixtures import key, refused, workers  # noqa: F401
from transaction_world import ADD, Worker

LOCKED, SYSTEM, INVALID = 1038, 2004, 2000
MINE, OTHER = b"my lock, 16 long", b"not mine, 16 too"


@pytest.fixture
def world(database, program, tmp_path):
    made = resolver_world.World(database, program("resolver/verdict-resolver"), tmp_path)
    made.lead()
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def worker(workers):
    return workers(max_connections=16)


def change(worker, how, lock=MINE, above=None):
    """The code that a commit with nothing but this ends with, and its version."""
    tr = worker.transaction()
    assert (tr.lock(lock, above or 0) if how == "lock" else tr.unlock(lock)) == 0
    code = tr.commit_later().code()
    return code, tr.committed() if code == 0 else None


def put(worker, key, value, **options):
    tr = worker.transaction(**options)
    tr.set(key, value)
    return tr.commit_later().code()


def test_everybody_else_is_refused(worker, workers, key):
    """Also who began, and has read, before it; and after it everybody goes on."""
    other = workers()
    began, reads_on = other.transaction(), other.transaction()
    assert began.get(key) is None and reads_on.get(key) is None
    assert change(worker, "lock")[0] == 0
    began.set(key, b"began before")
    assert began.commit_later().code() == LOCKED
    assert reads_on.get(key + b"x") is None  # its snapshot is of before
    assert reads_on.commit_later().code() == 0
    assert put(other, key, b"blind") == LOCKED
    tr = other.transaction()
    refused(LOCKED, tr.get, key)
    refused(LOCKED, other.transaction().get_range, key, key + b"\xff")
    refused(LOCKED, other.transaction().version_later().wait)
    long = other.transaction(long_snapshot=None)
    refused(LOCKED, long.get, key)
    assert tr.on_error(LOCKED) is True  # it may be tried again
    assert change(worker, "unlock")[0] == 0
    assert tr.get(key) is None and put(other, key, b"free") == 0


def test_who_is_aware_of_it(worker, workers, key):
    other = workers()
    assert change(worker, "lock")[0] == 0
    assert put(other, key, b"v", lock_aware=None) == 0
    assert other.transaction(lock_aware=None).get(key) == b"v"
    reader = other.transaction(read_lock_aware=None)
    assert reader.get(key) == b"v"
    reader.set(key, b"w")
    assert reader.commit_later().code() == LOCKED
    # in one snapshot with others, each by its own option
    mixed = [other.transaction(**options) for options in ({}, {"lock_aware": None}, {}, {"read_lock_aware": None})]
    codes = [future.code() for future in [tr.get_later(key) for tr in mixed]]
    assert codes == [LOCKED, 0, LOCKED, 0]
    # who sets a version that is held is refused there as well
    version = mixed[1].version_later().wait()
    late = other.transaction()
    assert late.read_at(version) == 0
    refused(LOCKED, late.get, key)
    assert change(worker, "unlock")[0] == 0


def test_whose_it_is(worker, workers):
    other = workers()
    assert change(worker, "unlock")[0] == 0  # nothing to give up
    assert change(worker, "lock")[0] == 0
    assert change(other, "lock", OTHER)[0] == LOCKED
    assert change(other, "unlock", OTHER)[0] == LOCKED
    assert change(other, "lock", MINE)[0] == 0
    assert change(worker, "unlock")[0] == 0
    assert change(other, "lock", OTHER)[0] == 0
    assert change(other, "unlock", OTHER)[0] == 0
    long = worker.transaction(long_snapshot=None)
    assert (long.lock(MINE), long.unlock(MINE), worker.transaction().lock(MINE, -1)) == (INVALID, INVALID, INVALID)


def test_system_keys_in_a_locked_store(worker, key):
    """Counters are written by nobody but whoever has locked the store; what draws from them goes on from there."""
    counter = b"\xff/counter/" + key
    system = {"access_system_keys": None, "lock_aware": None}
    assert put(worker, counter, struct.pack(">Q", 7), **system) == SYSTEM
    assert put(worker, counter, b"x", access_system_keys=None) == SYSTEM
    assert change(worker, "lock")[0] == 0
    assert put(worker, counter, struct.pack(">Q", 7), access_system_keys=None) == SYSTEM  # it is not aware of the lock
    assert put(worker, counter, struct.pack(">Q", 7), **system) == 0
    tr = worker.transaction(**system)
    assert tr.get(counter) == struct.pack(">Q", 7)
    tr.clear_range(key, b"\xff\xff")
    tr.set(counter, struct.pack(">Q", 8))
    assert tr.commit_later().code() == 0
    assert put(worker, b"\xff\xff/x", b"", **system) == SYSTEM
    assert change(worker, "unlock")[0] == 0
    tr = worker.transaction()
    tr.sequenced_key(counter, key, b"v")
    tr.commit()
    assert tr.first(counter) == 8


def test_versions_lie_above_what_was_asked(worker, key):
    above = 10 ** 16
    code, version = change(worker, "lock", above=above)
    assert code == 0 and above < version < above + 10 ** 9
    assert worker.transaction(lock_aware=None).version_later().wait() > above
    tr = worker.transaction(lock_aware=None)
    tr.atomic(ADD, key, b"\1")
    tr.commit()
    assert tr.committed() > version


def test_it_outlives_its_leader(world, worker, workers, key):
    """It stands in the row that the fence moves."""
    above = 10 ** 16
    assert change(worker, "lock", above=above)[0] == 0
    assert put(worker, key, b"1", lock_aware=None) == 0  # a batch later it is still there
    world.nodes["a"].kill()
    world.lead("b")
    other = workers()
    assert put(other, key, b"2") == LOCKED
    refused(LOCKED, other.transaction().get, key)
    tr = other.transaction(lock_aware=None)
    tr.set(key, b"3")
    tr.commit()
    assert tr.committed() > above
    assert change(other, "unlock")[0] == 0
    assert other.transaction().get(key) == b"3"


def test_it_outlives_its_server(program, migrate, servers, tmp_path, key):
    """The leader goes on, and reads all that it knows anew."""
    server = servers()
    made = resolver_world.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    leader = made.lead()
    worker = Worker(program, made.database.dsn())
    try:
        assert change(worker, "lock")[0] == 0
        server.crash()
        server.start()
        assert put(worker, key, b"1", lock_aware=None) == 0
        assert put(worker, key, b"2") == LOCKED
        assert change(worker, "unlock")[0] == 0
        assert put(worker, key, b"3") == 0
        assert leader.is_running()
        worker.close()
    finally:
        worker.kill()
        made.close()
    made.no_errors()
