# SPDX-License-Identifier: Apache-2.0
"""docs/semantics.md by its tables: every atomic op at its edges, every error number by a real call, every option as a default of
the database; and sentences that no other test is about (docs/semantics-tests.md says which test each sentence has)."""
import pathlib
import re

import pytest

from transaction_fixtures import key, refused, worker, workers, world  # noqa: F401
from transaction_oracle import atomic
from transaction_world import (ADD, AND, APPEND, BYTE_MAX, BYTE_MIN, COMPARE_AND_CLEAR, EXACT, MAX, MIN, OR, STAMPED_KEY,
                               STAMPED_VALUE, XOR, Failed, Worker)

LAST = b"\xff"
READ = b"\xff\xff/transaction/read_conflict_range/"


# ---- atomic operations: stored, set here, cleared here, applied by the leader ----

OPS = {ADD: "add", AND: "and", OR: "or", XOR: "xor", APPEND: "append", MAX: "max", MIN: "min", BYTE_MIN: "byte_min",
       BYTE_MAX: "byte_max", COMPARE_AND_CLEAR: "compare_and_clear"}
SIZES = (0, 1, 8, 9, 1000)


def some_bytes(size, seed):
    """With carries, signs and zeros at both ends."""
    return bytes((seed * 131 + i * 89) % 256 if i % 5 else (0xff if seed % 2 else 0x80) for i in range(size))


def edges(op):
    """(present value or None, operand)"""
    operands = [some_bytes(size, seed) for size in SIZES for seed in (1, 2)] + [b"\xff" * 8, b"\0" * 8, b"\0" * 9]
    values = [None, *operands]
    pairs = [(value, operand) for value in values for operand in operands]
    if op == APPEND:
        pairs += [(b"v" * 99999, b"1"), (b"v" * 99999, b"12"), (b"v" * 100000, b""), (b"v" * 100000, b"1")]
    return pairs


@pytest.mark.parametrize("op", OPS, ids=OPS.values())
def test_an_atomic_op_at_its_edges(worker, key, op):
    pairs = list(enumerate(edges(op)))
    expected = {i: atomic(op, value, operand) for i, (value, operand) in pairs}

    def name(i):
        return key + b"%04d" % i

    def shown(tr):
        futures = [tr.get_later(name(i)) for i, _ in pairs]
        assert {i: future.wait() for (i, _), future in zip(pairs, futures)} == expected
        rows = tr.get_range(key, key + LAST, mode=EXACT, limit=1000)
        assert rows == ([(name(i), value) for i, value in expected.items() if value is not None], False)

    tr = worker.transaction()
    for i, (value, _) in pairs:
        if value is not None:
            tr.set(name(i), value)
    tr.commit()
    tr.reset()
    for i, (_, operand) in pairs:
        tr.atomic(op, name(i), operand)
    shown(tr)  # over what is stored
    tr.commit()
    tr.reset()
    shown(tr)  # as the leader did it
    tr.clear_range(key, key + LAST)
    for i, (value, operand) in pairs:
        if value is not None:
            tr.set(name(i), value)
        tr.atomic(op, name(i), operand)
    assert tr.get_range(READ, READ + b"\xff\xff")[0] == [(READ + key, b"1"), (READ + key + LAST, b"0")]
    tr.reset()
    tr.clear_range(key, key + LAST)
    for i, (value, operand) in pairs:
        if value is not None:
            tr.set(name(i), value)
        tr.atomic(op, name(i), operand)
    shown(tr)  # over own writes: no conflict
    assert tr.get_range(READ, READ + b"\xff\xff") == ([], False)
    tr.commit()
    tr.reset()
    shown(tr)


# ---- error numbers ----

def conflict(workers, worker, key):
    tr, other = worker.transaction(), worker.transaction()
    tr.get(key)
    tr.set(key, b"")
    other.set(key, b"")
    other.commit()
    return tr.commit


def at_version(version):
    def call(workers, worker, key):
        tr = worker.transaction()
        assert tr.read_at(version) == 0
        return lambda: tr.get(key)
    return call


def said(code):
    """Calls that return their number at once."""
    if code != 0:
        raise Failed(code)


def ended(end):
    def call(workers, worker, key):
        tr = worker.transaction()
        end(tr)
        return lambda: tr.get(key)
    return call


def written(write):
    def call(workers, worker, key):
        tr = worker.transaction()
        write(tr)
        return tr.commit
    return call


def one(call):
    return lambda workers, worker, key: lambda: call(worker.transaction(), key)


def unreadable(workers, worker, key):
    tr = worker.transaction()
    tr.atomic(STAMPED_VALUE, key, b"\0" * 14)
    return lambda: tr.get(key)


def cancelled(workers, worker, key):
    future = worker.transaction()._future("on_error", 1007)
    future.cancel()
    return future.wait


def already_set(workers, worker, key):
    tr = worker.transaction()
    tr.version()
    return lambda: said(tr.read_at(1))


def committed(workers, worker, key):
    tr = worker.transaction()
    tr.commit()
    return lambda: tr.get(key)


def stamp(workers, worker, key):
    tr = worker.transaction()
    future = tr.stamp_later()
    tr.commit()
    return future.wait


def stamp_of_a_failure(workers, worker, key):
    tr, other = worker.transaction(), worker.transaction()
    tr.get(key)
    for each in (tr, other):
        each.set(key, b"")
    future = tr.stamp_later()
    other.commit()
    refused(1020, tr.commit)
    return future.wait


def too_large(workers, worker, key):
    tr = worker.transaction(size_limit=100)
    tr.set(key, b"v" * 200)
    return tr.commit


def long_snapshots(workers, worker, key):
    tr = workers(max_long_snapshots=0).transaction(long_snapshot=None)
    return lambda: tr.get(key)


REACHED = {
    1007: at_version(12),
    1009: at_version(2**62),
    1020: conflict,
    1025: ended(lambda tr: tr.cancel()),
    1031: ended(lambda tr: tr.option("timeout", 1) or tr.stamp_later().code()),
    1032: lambda workers, worker, key: workers(max_watches=0).transaction().watch(key).wait,
    1034: lambda workers, worker, key: worker.transaction(read_your_writes_disable=None).watch(key).wait,
    1036: unreadable,
    1101: cancelled,
    2000: written(lambda tr: tr.atomic(STAMPED_VALUE, b"k", b"abc")),
    2004: written(lambda tr: tr.set(LAST, b"")),
    2005: written(lambda tr: tr.clear_range(b"b", b"a")),
    2006: one(lambda tr, key: said(tr.option("timeout", "soon"))),
    2007: one(lambda tr, key: said(tr.option("no_such_option"))),
    2010: already_set,
    2011: one(lambda tr, key: said(tr.read_at(0))),
    2012: one(lambda tr, key: tr.get_range(b"a", b"b", limit=-1)),
    2017: committed,
    2018: written(lambda tr: tr.atomic(99, b"k", b"")),
    2020: stamp_of_a_failure,
    2021: stamp,
    2101: too_large,
    2102: written(lambda tr: tr.set(b"k" * 2049, b"")),
    2103: written(lambda tr: tr.set(b"k", b"v" * 100001)),
    2210: one(lambda tr, key: tr.get_range(b"a", b"b", mode=EXACT)),
    7003: long_snapshots,
}
# by tests that need a world of their own
ELSEWHERE = {
    1021: "test_commit.py::test_close_gives_a_database_that_cannot_say_up_in_the_end",
    1038: "test_lock.py::test_everybody_else_is_refused",
    2104: "test_commit.py::test_a_wrong_connection_string",
}
# FoundationDB's reasons for these do not exist here: nothing lags behind, and a commit waits for its reads
NEVER = {1037, 2002}


@pytest.mark.parametrize("code", REACHED)
def test_an_error_number_by_a_real_call(workers, worker, key, code):
    refused(code, REACHED[code](workers, worker, key))


def test_every_number_of_the_table_is_reached():
    here = pathlib.Path(__file__).parent
    text = (here.parent.parent / "docs" / "semantics.md").read_text(encoding="utf-8")
    table = {int(number) for number in re.findall(r"\| (\d{4}) [a-z_]+(?= \|)", text)}
    assert len(table) == 30
    assert table - set(REACHED) == set(ELSEWHERE) | NEVER
    for where in ELSEWHERE.values():
        file, name = where.split("::")
        assert f"def {name}(" in (here / file).read_text(encoding="utf-8")


# ---- options as defaults of the database ----

def test_options_of_the_database_are_defaults(workers, key):
    made = workers(transaction_size_limit=300, transaction_retry_limit=2, transaction_max_retry_delay=0)
    tr = made.transaction()
    for _ in range(2):
        assert tr.on_error(1020) is True
    refused(1020, tr.on_error, 1020)
    tr.reset()
    tr.set(key, b"v" * 300)
    refused(2101, tr.commit)
    tr.reset()
    assert tr.option("size_limit", 1000) == tr.option("retry_limit", 3) == 0  # and can be changed
    tr.set(key, b"v" * 300)
    tr.commit()
    tr.reset()
    for _ in range(3):
        assert tr.on_error(1020) is True
    short = workers(transaction_timeout=1).transaction()
    assert short.stamp_later().code() == 1031
    assert short.option("timeout", 0) == 0
    short.reset()
    assert short.get(key) == b"v" * 300


# ---- sentences ----

def test_the_empty_key_and_the_empty_value(worker):
    tr = worker.transaction()
    tr.set(b"", b"")
    assert tr.get(b"") == b""
    tr.commit()
    tr.reset()
    assert tr.get(b"") == b""
    assert tr.get_key(b"", False, 1) == b""
    assert tr.get_range(b"", b"\0") == ([(b"", b"")], False)
    tr.clear(b"")
    assert tr.get(b"") is None
    tr.commit()


def test_offsets_as_far_as_they_go(worker, key):
    tr = worker.transaction()
    for written_ in (False, True):
        if written_:
            tr.set(key, b"")
        for or_equal in (False, True):
            assert tr.get_key(key, or_equal, 2**31 - 1) == LAST
            assert tr.get_key(key, or_equal, -2**31) == b""
    assert tr.get_range((key, False, -2**31), (key, False, 2**31 - 1), limit=1)[1] is True
    assert tr.get_range((key, False, 2**31 - 1), (key, False, -2**31)) == ([], False)


def test_on_error_clears_the_error_of_a_write(worker, key):
    tr = worker.transaction()
    tr.set(LAST, b"")
    refused(2004, tr.get, key)
    assert tr.on_error(1020) is True
    assert tr.get(key) is None
    tr.set(key, b"1")
    assert tr.commit() is True


def test_values_that_are_read_do_not_count(worker, key):
    tr = worker.transaction()
    for i in range(20):
        tr.set(key + b"%02d" % i, b"v" * 1000)
    tr.commit()
    tr.reset()
    tr.option("size_limit", 500)
    assert len(tr.get_range(key, key + LAST)[0]) == 20
    tr.set(key, b"1")
    assert tr.size() < 500
    assert tr.commit() is True


def test_an_added_read_conflict_range_is_as_a_read(worker, key):
    tr, other = worker.transaction(), worker.transaction()
    tr.version()
    tr.clear_range(key + b"b", key + b"d")
    assert tr.conflict("read", key + b"a", key + b"e") == 0
    rows, _ = tr.get_range(READ, READ + b"\xff\xff")
    assert [k[len(READ + key):] for k, _ in rows] == [b"a", b"b", b"d", b"e"]
    other.set(key + b"c", b"")  # what own writes answered is nothing to lose
    other.commit()
    assert tr.commit() is True


def test_a_stamped_key_is_unreadable_until_cleared(worker, key):
    tr = worker.transaction()
    tr.atomic(STAMPED_KEY, key + b"\0" * 10 + len(key).to_bytes(4, "little"), b"v")
    inside = key + b"\0\0\0\1" + b"\0" * 6
    refused(1036, tr.get, inside)
    refused(1036, tr.get, inside, snapshot=True)
    refused(1036, tr.get_range, key, key + LAST)
    refused(1036, tr.get_key, key, False, 1)
    tr.set(inside, b"1")
    refused(1036, tr.get, inside)
    assert tr.get(key + b"\0") is None  # before all that it may become
    tr.clear_range(key, key + LAST * 11)
    assert tr.get(inside) is None
    assert tr.get_range(key, key + LAST) == ([], False)
    tr.set(inside, b"2")
    assert tr.get(inside) == b"2"


def test_nothing_written_never_reaches_the_leader(program, database):
    """Nobody leads, and it commits."""
    made = Worker(program, database.dsn())
    tr = made.transaction()
    assert tr.get(b"a") is None
    tr.conflict("read", b"a", b"b")
    tr.clear_range(b"b", b"b")
    tr.clear(b"k" * 3000)
    assert tr.commit() is True
    assert tr.committed() == -1
    assert database.execute("SELECT count(*) FROM commit_requests") == [(0,)]
    tr.reset()
    assert tr.conflict("write", b"a", b"b") == 0
    commit = tr.commit_later()
    assert not commit.is_ready()
    tr.free()
    assert commit.code() == 1025
    made.close()
