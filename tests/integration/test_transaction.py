# SPDX-License-Identifier: Apache-2.0
"""Transactions through the public header, with a resolver that leads: the whole path, and what each call refuses."""
import subprocess
import time

import pytest

from transaction_fixtures import key, refused, worker, workers, world  # noqa: F401
from transaction_world import (ABSENT, ADD, APPEND, COMPARE_AND_CLEAR, EMPTY, EXACT, ITERATOR, MAX, PRESENT, STAMPED_KEY,
                               STAMPED_VALUE, VALUE, Failed, Worker)
from waiting import PATIENCE_S


def le(number):
    return number.to_bytes(8, "little")


# ---- the whole path ----

def test_set_get_commit(worker, key):
    tr = worker.transaction()
    assert tr.get(key) is None
    tr.set(key, b"1")
    assert tr.get(key) == b"1"
    assert tr.commit() is True
    assert tr.committed() > 1_000_000_000 and tr.order() >= 0
    tr.reset()
    assert tr.get(key) == b"1"
    assert tr.commit() is True
    assert tr.committed() == -1


def test_blind_write_then_read_sees_it(worker, key):
    """A cached version would make a client miss, or conflict with, its own last commit."""
    for turn in range(20):
        tr = worker.transaction()
        tr.set(key, b"%d" % turn)
        tr.commit()
        other = worker.transaction()
        assert other.get(key) == b"%d" % turn
        other.set(key, b"x")
        other.commit()
        assert other.committed() > tr.committed()
        tr.free()
        other.free()


def test_read_version_is_not_older_than_a_commit(worker, key):
    tr = worker.transaction()
    tr.set(key, b"1")
    tr.commit()
    other = worker.transaction()
    assert other.version() >= tr.committed()
    assert other.version() == other.version()


def test_a_read_version_that_is_given(worker, key):
    first, second = worker.transaction(), worker.transaction()
    for tr in (first, second):
        tr.set(key, b"1")
        tr.commit()

    def judged(version):
        tr = worker.transaction()
        assert tr.read_at(version) == 0
        assert tr.version() == version
        assert tr.conflict("read", key, key + b"\0") == 0
        tr.set(key + b"other", b"")
        return tr.commit

    judged(second.committed())()
    refused(1020, judged(first.committed()))
    refused(1007, judged(12))
    refused(1009, judged(second.committed() + 10**12))
    tr = worker.transaction()
    assert tr.read_at(0) == 2011
    assert tr.read_at(first.committed()) == 0 and tr.read_at(first.committed()) == 2010
    refused(1007, tr.get, key)
    refused(1007, tr.get_range, key, key + b"\xff")
    assert tr.version() == first.committed()
    tr.reset()
    assert tr.get(key) == b"1"
    assert tr.read_at(0) == tr.read_at(first.committed()) == 2010
    tr.reset()
    assert tr.read_at(-1) == 2011


def test_reading_above_the_newest_version(worker, key):
    """1009, but not at once; what waits for it can be ended."""
    tr, other = worker.transaction(), worker.transaction()
    assert tr.read_at(2**62) == other.read_at(2**62) == 0
    begin = time.monotonic()
    reads = [tr.get_later(key), tr.get_range_later(key, key + b"\xff"), tr.get_key_later(key, False, 1)]
    cancelled = other.get_later(key)
    other.set(key, b"1")
    commit = other.commit_later()
    other.cancel()
    assert cancelled.code() == commit.code() == 1025
    assert [read.code() for read in reads] == [1009] * 3
    assert time.monotonic() - begin >= 1
    tr.set(key, b"1")
    commit = tr.commit_later()
    assert commit.code() == 1009
    assert time.monotonic() - begin >= 2
    assert tr.on_error(1009) is True
    assert tr.get(key) is None
    tr.reset()
    assert tr.read_at(2**62) == 0
    assert tr.conflict("read", key, key + b"\0") == 0  # without it there is nothing to refuse
    tr.set(key, b"1")
    commit = tr.commit_later()
    assert not commit.is_ready()
    time.sleep(0.3)  # decided by now, as a rule, and not yet told
    tr.reset()
    assert commit.code() in (1009, 1025)


def test_a_conflict_tells_all_that_it_lost(worker, key):
    """Option report_conflicting_keys; without it the first. The same as get_conflict tells, until the reset."""
    plain, asking = worker.transaction(), worker.transaction(report_conflicting_keys=None)
    for tr in (plain, asking):
        for name in (b"a", b"b", b"c", b"d"):
            tr.get(key + name)
        tr.get_range(key + b"m", key + b"p")
        tr.set(key + b"out", b"")
    versions = {}
    for name in (b"n", b"d", b"b"):
        writer = worker.transaction()
        writer.set(key + name, b"1")
        writer.commit()
        versions[name] = writer.committed()
    refused(1020, plain.commit)
    refused(1020, asking.commit)
    points = [(key + name, key + name + b"\0", versions[name]) for name in (b"b", b"d")]
    assert plain.lost_all() == points[:1]
    assert asking.lost_all() == [*points, (key + b"m", key + b"p", versions[b"n"])]
    assert asking.lost() == points[0]
    asking.reset()
    refused(2000, asking.lost_all)
    assert asking.get(key + b"b") == b"1"
    asking.set(key + b"out", b"2")
    assert asking.commit() is True
    refused(2000, asking.lost_all)


def test_a_conflict_tells_the_first_hundred(worker, key):
    tr, writer = worker.transaction(report_conflicting_keys=None), worker.transaction()
    keys = [key + b"%03d" % (2 * i) for i in range(150)]
    for one in keys:
        tr.get_later(one).free()
        writer.set(one, b"")
    tr.version()
    writer.commit()
    tr.set(key, b"")
    refused(1020, tr.commit)
    assert tr.lost_all() == [(one, one + b"\0", writer.committed()) for one in keys[:100]]


def test_conflict_and_its_details(worker, key):
    a, b = worker.transaction(), worker.transaction()
    assert a.get(key + b"x") is None and b.get(key + b"x") is None
    a.get_range(key + b"m", key + b"n")
    a.set(key + b"y", b"")
    b.set(key + b"x", b"")
    b.commit()
    failed = refused(1020, a.commit)
    assert failed.message.startswith(f"the range from {key.decode()}x to {key.decode()}x\\x00 was read")
    assert failed.message.endswith(f"at version {b.committed()}")
    assert a.lost() == (key + b"x", key + b"x\0", b.committed())
    refused(2000, a.committed)
    refused(2000, b.lost)
    assert a.on_error(1020) is True
    refused(2000, a.lost)
    assert a.get(key + b"x") == b""
    a.set(key + b"y", b"2")
    a.commit()


def test_a_reader_does_not_harm_a_writer(worker, key):
    reader, writer = worker.transaction(), worker.transaction()
    reader.get(key)
    writer.set(key, b"1")
    writer.commit()
    assert reader.get(key) is None
    assert reader.commit() is True


def test_writes_do_not_conflict(worker, key):
    a, b = worker.transaction(), worker.transaction()
    a.version(), b.version()
    for tr in (a, b):
        tr.set(key, b"1")
    a.commit()
    b.commit()


def test_snapshot_reads_do_not_conflict_unless_added(worker, key):
    for added in (False, True):
        a, b = worker.transaction(), worker.transaction()
        a.get(key, snapshot=True)
        a.get_range(key, key + b"\xff", snapshot=True)
        if added:
            assert a.conflict("read", key, key + b"\0") == 0
        a.set(key + b"own", b"")
        b.set(key, b"")
        b.commit()
        assert a.commit_later().code() == (1020 if added else 0)


def test_write_conflict_range_alone_commits(worker, key):
    reader, tr = worker.transaction(), worker.transaction()
    reader.get(key + b"b")
    reader.set(key + b"r", b"")
    assert tr.conflict("write", key + b"a", key + b"c") == 0
    tr.commit()
    assert tr.committed() > 0
    refused(1020, reader.commit)


def test_read_conflict_range_without_a_read_takes_a_version_of_its_own(workers, key):
    """Nobody wrote since the transaction began, so the range does not conflict, however old the newest known version is."""
    here, elsewhere = workers(), workers()
    other = elsewhere.transaction()
    other.set(key, b"")
    other.commit()
    tr = here.transaction()
    assert tr.conflict("read", key, key + b"\0") == 0
    tr.set(key + b"x", b"")
    tr.commit()


def test_next_write_no_write_conflict_range(worker, key):
    reader, tr = worker.transaction(), worker.transaction()
    reader.get_range(key, key + b"\xff")
    reader.set(key + b"r", b"")
    assert tr.option("next_write_no_write_conflict_range") == 0
    tr.set(key + b"x", b"")
    tr.commit()
    reader.commit()
    second = worker.transaction()
    reader.reset()
    reader.get_range(key, key + b"\xff")
    reader.set(key + b"r", b"")
    assert second.option("next_write_no_write_conflict_range") == 0
    second.set(key + b"x", b"")
    second.set(key + b"y", b"")  # only the next one
    second.commit()
    refused(1020, reader.commit)
    assert reader.lost()[:2] == (key, key + b"\xff")


def test_atomic_ops_reach_the_store(worker, key):
    tr = worker.transaction()
    tr.atomic(ADD, key, le(5))
    tr.atomic(ADD, key, le(6))
    assert tr.get(key) == le(11)
    tr.atomic(MAX, key, le(7))
    assert tr.get(key) == le(11)
    tr.commit()
    tr.reset()
    assert tr.get(key) == le(11)
    tr.clear(key)
    tr.atomic(ADD, key, le(1))
    assert tr.get(key) == le(1)
    tr.atomic(COMPARE_AND_CLEAR, key, le(1))
    assert tr.get(key) is None
    tr.atomic(APPEND, key, b"ab")
    tr.commit()
    tr.reset()
    assert tr.get(key) == b"ab"


def test_versionstamps(worker, key):
    tr = worker.transaction()
    stamp = tr.stamp_later()
    tr.atomic(STAMPED_KEY, key + b"k" + b"\0" * 10 + (len(key) + 1).to_bytes(4, "little"), b"v")
    tr.atomic(STAMPED_VALUE, key + b"v", b"\0" * 10 + b"\0\0\0\0")
    refused(1036, tr.get, key + b"v")
    refused(1036, tr.get_range, key + b"k", key + b"l")
    tr.commit()
    expected = tr.committed().to_bytes(8, "big") + tr.order().to_bytes(2, "big")
    assert stamp.wait() == expected
    tr.reset()
    assert tr.get(key + b"v") == expected
    assert tr.get_range(key + b"k", key + b"l") == ([(key + b"k" + expected, b"v")], False)


def test_versionstamp_of_nothing_and_of_a_failure(worker, key):
    tr = worker.transaction()
    stamp = tr.stamp_later()
    tr.commit()
    assert stamp.code() == 2021
    a, b = worker.transaction(), worker.transaction()
    a.get(key)
    a.set(key, b"")
    b.set(key, b"")
    stamp = a.stamp_later()
    b.commit()
    refused(1020, a.commit)
    assert stamp.code() == 2020
    a.reset()
    stamp = a.stamp_later()
    a.reset()
    assert stamp.code() == 1025
    stamp = a.stamp_later()
    a.set(b"\xff", b"")
    refused(2004, a.commit)
    assert stamp.code() == 2020


def test_an_option_concerns_the_reads_after_it(worker, key):
    tr = worker.transaction()
    tr.atomic(STAMPED_VALUE, key + b"b", b"\0" * 14)
    before = tr.get_range_later((key, False, 0), key + b"c")
    assert tr.option("bypass_unreadable") == 0
    assert before.code() == 1036
    assert tr.get_range(key, key + b"c") == ([(key + b"b", b"\0" * 10)], False)


def test_a_key_too_long_to_be_stored_is_absent(worker, key):
    tr = worker.transaction()
    tr.atomic(STAMPED_KEY, key + b"\0" * 10 + len(key).to_bytes(4, "little"), b"v")
    refused(1036, tr.get, key + b"x")
    assert tr.get(key + b"x" * 2048) is None


def test_clear_range(worker, key):
    tr = worker.transaction()
    for i in range(10):
        tr.set(key + b"%d" % i, b"v")
    tr.commit()
    tr.reset()
    tr.clear_range(key + b"3", key + b"7")
    assert [k[len(key):] for k, _ in tr.get_range(key, key + b"\xff")[0]] == [b"0", b"1", b"2", b"7", b"8", b"9"]
    tr.commit()
    tr.reset()
    assert len(tr.get_range(key, key + b"\xff")[0]) == 6


def test_a_commit_waits_for_its_reads(worker, key):
    tr = worker.transaction()
    reads = [tr.get_later(key + b"%d" % i) for i in range(50)]
    tr.set(key, b"1")
    commit = tr.commit_later()
    assert commit.wait() is True
    assert [read.wait() for read in reads] == [None] * 50


def test_256_commits_in_flight(worker, key):
    trs = [worker.transaction() for _ in range(256)]
    for i, tr in enumerate(trs):
        tr.atomic(ADD, key + b"%d" % (i % 4), le(1))
    for commit in [tr.commit_later() for tr in trs]:
        assert commit.wait() is True
    tr = worker.transaction()
    assert [tr.get(key + b"%d" % i) for i in range(4)] == [le(64)] * 4
    assert len({(t.committed(), t.order()) for t in trs}) == 256


# ---- preconditions ----

def test_what_is_demanded_decides(worker, key):
    """Without a read; what fails leaves nothing behind, and is not tried again."""
    tr = worker.transaction()
    tr.set(key + b"a", b"1")
    assert tr.demand(ABSENT, key + b"a") == tr.demand(EMPTY, key, key + b"\xff") == 0
    tr.commit()
    for demand in ((VALUE, key + b"a", b"1"), (PRESENT, key + b"a"), (ABSENT, key + b"b"), (EMPTY, key + b"b", key + b"c")):
        tr.reset()
        assert tr.demand(*demand) == 0
        tr.set(key + b"a", b"1")
        assert tr.commit() is True
    for demand in ((VALUE, key + b"a", b"2"), (PRESENT, key + b"b"), (ABSENT, key + b"a"), (EMPTY, key + b"a", key + b"c")):
        tr.reset()
        tr.set(key + b"b", b"")
        assert tr.demand(*demand) == tr.demand(PRESENT, key + b"a") == 0
        refused(7001, tr.commit)
        refused(7001, tr.on_error, 7001)
    tr.reset()
    assert tr.get_range(key, key + b"\xff") == ([(key + b"a", b"1")], False)


def test_only_demands_is_a_commit(worker, key):
    tr, writer = worker.transaction(), worker.transaction()
    assert tr.demand(ABSENT, key) == 0
    stamp = tr.stamp_later()
    tr.commit()
    assert tr.committed() > 0
    assert stamp.wait() == tr.committed().to_bytes(8, "big") + tr.order().to_bytes(2, "big")
    # and what it has read is judged too
    tr.reset()
    tr.get(key)
    assert tr.demand(PRESENT, key) == 0
    writer.set(key, b"1")
    writer.commit()
    refused(1020, tr.commit)
    # after a reset nothing is demanded any more
    tr.reset()
    assert tr.commit() is True and tr.committed() == -1


def test_demands_are_of_the_store_and_read_nothing(worker, key):
    tr, writer = worker.transaction(), worker.transaction()
    tr.version()
    tr.set(key + b"own", b"1")
    tr.clear(key + b"other")
    assert tr.demand(ABSENT, key + b"own") == tr.demand(VALUE, key + b"other", b"2") == 0
    writer.set(key + b"other", b"2")  # after the transaction's version, before its turn
    writer.commit()
    assert tr.commit() is True
    tr.reset()
    assert tr.get_range(key, key + b"\xff") == ([(key + b"own", b"1")], False)


def test_demands_that_cannot_be_made(worker, key):
    tr = worker.transaction()
    assert tr.demand(0, key) == tr.demand(5, key) == tr.demand(PRESENT, key, b"v") == tr.demand(ABSENT, key, b"v") == 2000
    assert tr.demand(PRESENT, b"\xff/x") == tr.demand(EMPTY, key, b"\xff\xff") == 2004
    assert worker.transaction(long_snapshot=None).demand(ABSENT, key) == 2000
    assert tr.demand(EMPTY, key + b"b", key + b"a") == 2005
    assert tr.demand(ABSENT, b"k" * 2049) == 2102
    assert tr.demand(VALUE, key, b"v" * 100001) == 2103
    assert tr.demand(EMPTY, key, key + b"\1" * 3000) == 0  # as far as keys can be
    assert tr.size() == 28 + len(key) + 2049
    assert tr.demand(VALUE, key, b"v") == 0
    assert tr.size() == 2 * 28 + 2 * len(key) + 2049 + 1
    refused(7001, tr.commit)
    assert tr.demand(ABSENT, key) == 2017
    system = worker.transaction(read_system_keys=None)
    assert system.demand(ABSENT, b"\xff/counter/" + key) == 0
    assert system.commit() is True
    small = worker.transaction(size_limit=100)
    assert small.demand(VALUE, key, b"v" * 101) == 0
    refused(2101, small.commit)


# ---- what is refused ----

def test_used_during_and_after_commit(worker, key):
    tr = worker.transaction()
    tr.set(key, b"1")
    commit = tr.commit_later()
    assert tr.get_later(key).code() == 2017
    assert tr.commit_later().code() == 2017
    assert tr.version_later().code() == 2017
    tr.set(key, b"2")
    assert commit.wait() is True
    refused(2017, tr.get, key)
    assert tr.conflict("read", b"a", b"b") == 2017
    tr.reset()
    assert tr.get(key) == b"1"


@pytest.mark.parametrize("code, write", [
    (2004, lambda tr: tr.set(b"\xff", b"")),
    (2004, lambda tr: tr.clear(b"\xff\x02")),
    (2004, lambda tr: tr.clear_range(b"a", b"\xff\x01")),
    (2005, lambda tr: tr.clear_range(b"b", b"a")),
    (2102, lambda tr: tr.set(b"k" * 2049, b"")),
    (2103, lambda tr: tr.set(b"k", b"v" * 100001)),
    (2018, lambda tr: tr.atomic(0, b"k", b"")),
    (2018, lambda tr: tr.atomic(3, b"k", b"")),
    (2018, lambda tr: tr.atomic(99, b"k", b"")),
    (2000, lambda tr: tr.atomic(STAMPED_VALUE, b"k", b"abc")),
    (2000, lambda tr: tr.atomic(STAMPED_KEY, b"k" * 9 + b"\0\0\0\0", b"v")),
    (2000, lambda tr: tr.atomic(STAMPED_VALUE, b"k", b"v" * 10 + b"\1\0\0\0")),
])
def test_errors_of_writes_are_kept(worker, key, code, write):
    tr = worker.transaction()
    tr.set(key + b"before", b"1")
    write(tr)
    tr.set(b"\xff", b"")  # the first one wins
    tr.set(key + b"after", b"1")
    assert tr.get_later(key).code() == code
    assert tr.conflict("write", b"a", b"b") == code
    refused(code, tr.size)
    refused(code, tr.commit)
    tr.reset()
    tr.set(key + b"good", b"1")
    tr.commit()
    tr.reset()
    assert tr.get_range(key, key + b"\xff")[0] == [(key + b"good", b"1")]


def test_legal_limits(worker, key):
    tr = worker.transaction()
    longest = key + b"k" * (2048 - len(key))
    tr.set(longest, b"v" * 100000)
    tr.clear(b"k" * 3000)  # nothing there, and nothing can be
    tr.clear_range(key + b"q", key + b"q" * 3000)
    tr.commit()
    tr.reset()
    assert tr.get(longest) == b"v" * 100000
    assert tr.get(b"k" * 2049) is None
    assert tr.get_key(longest, False, 1) == longest
    tr.clear(longest)
    tr.commit()


def test_system_keys(worker):
    tr = worker.transaction()
    refused(2004, tr.get, b"\xff")
    refused(2004, tr.get, b"\xff\x02/x")
    refused(2004, tr.get_key, b"\xff\x00", False, 1)
    refused(2004, tr.get_range, b"a", b"\xff\x01")
    assert tr.conflict("read", b"a", b"\xff\x01") == 2004
    assert tr.conflict("write", b"a", b"\xff\x01") == 2004
    assert tr.conflict("read", b"b", b"a") == 2005
    assert tr.get_key(b"\xff", False, 1) == b"\xff"
    assert tr.option("read_system_keys") == 0
    assert tr.get(b"\xff\x02/x") is None
    assert tr.get_key(b"\xff", False, 1) == b"\xff\xff"
    refused(2004, tr.get, b"\xff\xff")
    tr.set(b"\xff\x02", b"")
    refused(2004, tr.commit)


def test_limits_of_ranges(worker, key):
    tr = worker.transaction()
    refused(2012, tr.get_range, b"a", b"b", limit=-1)
    refused(2012, tr.get_range, b"a", b"b", target=-1)
    refused(2210, tr.get_range, b"a", b"b", mode=EXACT)
    refused(2000, tr.get_range, b"a", b"b", mode=ITERATOR, iteration=0)
    refused(2000, tr.get_range, b"a", b"b", mode=5)
    refused(2000, tr.get_range, b"a", b"b", mode=-3)
    assert tr.get_range(b"b", b"a") == ([], False)
    assert tr.get_range(key, key + b"\xff", mode=EXACT, target=1) == ([], False)


def test_transaction_too_large(worker, key):
    tr = worker.transaction(size_limit=1000)
    tr.set(key, b"v" * 400)
    assert 400 < tr.size() < 1000
    before = tr.size()
    tr.get(key + b"x")
    assert tr.size() > before
    tr.set(key + b"y", b"v" * 600)
    failed = refused(2101, tr.commit)
    assert "1000" in failed.message
    assert refused(2101, tr.on_error, 2101)
    refused(1025, tr.get, key)


def test_memory_is_bounded(worker, key):
    tr = worker.transaction(size_limit=100000)
    for i in range(1000):
        tr.set(key + b"%d" % i, b"v" * 50000)
    assert tr.commit_later().code() == 2101


def test_options(worker):
    tr = worker.transaction()
    assert tr.option("no_such_option") == 2007
    assert tr.option("timeout") == 2006
    assert tr.option("timeout", "soon") == 2006
    assert tr.option("timeout", -1) == 2006
    assert tr.option("retry_limit", -2) == 2006
    assert tr.option("size_limit", 31) == 2006
    assert tr.option("size_limit", 10000001) == 2006
    assert tr.option("bypass_unreadable", "1") == 2006
    assert tr.option("read_your_writes_disable") == 0
    tr.set(b"x", b"")
    assert tr.option("read_your_writes_disable") == 2000


def test_read_your_writes_off(worker, key):
    tr = worker.transaction()
    tr.set(key, b"1")
    tr.commit()
    off = worker.transaction(read_your_writes_disable=None)
    off.set(key, b"2")
    assert off.get(key) == b"1"
    part = worker.transaction()
    part.set(key, b"3")
    assert part.get(key, snapshot=True) == b"3"
    part.option("snapshot_ryw_disable")
    part.option("snapshot_ryw_disable")
    part.option("snapshot_ryw_enable")
    assert part.get(key, snapshot=True) == b"1"
    assert part.get(key) == b"3"
    part.option("snapshot_ryw_enable")
    assert part.get(key, snapshot=True) == b"3"


def test_unreadable_until_cleared(worker, key):
    tr = worker.transaction()
    tr.atomic(STAMPED_VALUE, key, b"\0" * 10 + b"abc\0\0\0\0")
    refused(1036, tr.get, key)
    refused(1036, tr.get, key, snapshot=True)
    refused(1036, tr.get_key, key, False, 1)
    tr.set(key, b"1")
    refused(1036, tr.get, key)
    tr.clear(key)
    assert tr.get(key) is None
    tr.set(key, b"2")
    assert tr.get(key) == b"2"
    other = worker.transaction(bypass_unreadable=None)
    other.atomic(STAMPED_VALUE, key, b"\0" * 10 + b"abc\0\0\0\0")
    assert other.get(key) == b"\0" * 10 + b"abc"


# ---- a read sees the writes before its call and no later ones ----

def test_writes_after_the_call_are_not_seen(worker, key):
    tr = worker.transaction()
    tr.set(key + b"a", b"1")
    tr.atomic(ADD, key + b"n", le(1))
    tr.commit()
    tr.reset()
    tr.atomic(ADD, key + b"n", le(1))
    tr.set(key + b"b", b"1")
    one = tr.get_later(key + b"a")
    number = tr.get_later(key + b"n")
    rows = tr.get_range_later(key, key + b"\xff")
    name = tr.get_key_later(key, False, 2)
    tr.clear_range(key, key + b"\xff")
    tr.atomic(ADD, key + b"n", le(7))
    tr.set(key + b"c", b"1")
    later = tr.get_range_later(key, key + b"\xff")
    assert one.wait() == b"1"
    assert number.wait() == le(2)
    assert rows.wait() == ([(key + b"a", b"1"), (key + b"b", b"1"), (key + b"n", le(2))], False)
    assert name.wait() == key + b"b"
    assert later.wait() == ([(key + b"c", b"1"), (key + b"n", le(7))], False)
    assert tr.get(key + b"n") == le(7)


# ---- ends ----

def test_cancel(worker, key):
    tr = worker.transaction()
    reads = [tr.get_later(key) for _ in range(3)]
    stamp = tr.stamp_later()
    tr.cancel()
    assert {f.code() for f in reads} <= {0, 1025}
    assert stamp.code() == 1025
    assert tr.get_later(key).code() == 1025
    assert tr.commit_later().code() == 1025
    refused(1025, tr.on_error, 1020)
    tr.reset()
    assert tr.get(key) is None


def test_free_with_futures_outstanding(worker, key):
    codes = set()
    for _ in range(50):
        tr = worker.transaction()
        tr.set(key + b"x", b"")
        futures = [tr.get_later(key), tr.get_range_later(key, key + b"\xff"), tr.stamp_later(), tr.commit_later()]
        tr.free()
        codes |= {f.code() for f in futures}
    assert 1025 in codes and codes <= {0, 1025, 1101}


def test_reset_of_a_submitted_commit_tells_the_truth(worker, key):
    committed = 0
    for _ in range(50):
        tr = worker.transaction()
        tr.atomic(ADD, key, le(1))
        future = tr.commit_later()
        tr.reset()
        code = future.code()
        assert code in (0, 1025)
        committed += code == 0
        tr.free()
    assert worker.transaction().get(key) == (le(committed) if committed else None)


def test_cancel_of_a_commit_future_tells_the_truth(worker, key):
    committed = 0
    for _ in range(50):
        tr = worker.transaction()
        tr.atomic(ADD, key, le(1))
        future = tr.commit_later()
        future.cancel()
        code = future.code()
        assert code in (0, 1101)
        committed += code == 0
        tr.free()
    assert worker.transaction().get(key) == (le(committed) if committed else None)


def test_timeout(worker, key):
    tr = worker.transaction()
    assert tr.get(key) is None
    assert tr.option("timeout", 50) == 0
    stamp = tr.stamp_later()
    assert stamp.code() == 1031
    refused(1031, tr.get, key)
    refused(1031, tr.on_error, 1020)
    tr.reset()  # counts from here again
    assert tr.get(key) is None
    time.sleep(0.1)
    refused(1031, tr.get, key)


def test_timeout_survives_on_error(worker):
    tr = worker.transaction(timeout=150, max_retry_delay=20)
    begin = time.monotonic()
    with pytest.raises(Failed) as caught:
        while True:
            tr.on_error(1020)
    assert caught.value.code == 1031
    assert time.monotonic() - begin > 0.1


def test_on_error(worker, key):
    tr = worker.transaction(retry_limit=3)
    tr.set(key, b"1")
    for _ in range(3):
        assert tr.on_error(1020) is True
        assert tr.get(key) is None  # it was reset
    refused(1020, tr.on_error, 1020)
    refused(1025, tr.get, key)
    tr.reset()
    tr.option("retry_limit", -1)
    refused(2000, tr.on_error, 2000)
    refused(1025, tr.get, key)


def test_on_error_waits(worker):
    """Long enough always; and no longer, where nothing else runs: so the fastest of several tries counts."""
    tr = worker.transaction()

    def took(code):
        begin = time.monotonic()
        for _ in range(10):
            tr.on_error(code)
        return time.monotonic() - begin
    waits = [took(1007)]
    while min(waits) >= 0.6 and len(waits) < 20:
        waits.append(took(1007))
    assert 0.1 <= min(waits) < 0.6
    tr.option("max_retry_delay", 0)
    waits = [took(1020)]
    while min(waits) >= 0.15 and len(waits) < 20:
        waits.append(took(1020))
    assert min(waits) < 0.15


def test_on_error_is_ended_by_cancel_and_reset(worker, key):
    tr = worker.transaction()
    wait = tr._future("on_error", 1007)
    assert tr.get_later(key).code() == 2017
    tr.cancel()
    assert wait.code() == 1025
    tr.reset()
    wait = tr._future("on_error", 1007)
    tr.reset()
    assert wait.code() == 1025
    assert tr.get(key) is None


# ---- retry loops ----

def test_run(worker, key):
    hexed = key.hex()
    assert worker.ask("run", hexed, 3, 1020) == "0 4 1"
    assert worker.ask("run", hexed, 1, 2000) == "2000 1 0"
    assert worker.ask("run", hexed, 1, -7) == "-7 1 0"
    tr = worker.transaction()
    assert tr.get(key) == le(1)


def test_run_async(worker, key):
    def run(failures, code):
        from transaction_world import Future
        future = Future(worker)
        worker.order("run_async", future.number, key.hex(), failures, code)
        try:
            result = future.wait()
        except Failed as failed:
            result = -failed.code
        return result, int(worker.ask("runs"))
    version, runs = run(3, 1020)
    assert version > 1_000_000_000 and runs == 4
    assert run(1, 2000) == (-2000, 1)
    assert run(1, -7) == (7, 1)
    assert worker.transaction().get(key) == le(1)


def test_run_async_cancelled(worker, key):
    from transaction_world import Future
    committed = 0
    for turn in range(30):
        future = Future(worker)
        worker.order("run_async", future.number, key.hex(), turn % 3, 1020)
        future.cancel()
        code = future.code()
        assert code in (0, 1101)
        committed += code == 0
        time.sleep(0.02)
    assert worker.transaction().get(key) == (le(committed) if committed else None)


@pytest.mark.parametrize("kind, width, rounds", [("base", 1, 50), ("base", 8, 12), ("threads", 1, 50), ("threads", 8, 12)])
def test_a_counter_by_reading_and_writing(worker, world, program, key, kind, width, rounds):
    """Every increment counts, whoever conflicts with whom: the loops on a base of the caller's, and from many threads."""
    name = f"{kind}-{width}"
    done = subprocess.run([program("tests/integration/transaction_counter"), kind, world.database.dsn(), name, str(width),
                           str(rounds)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    _, increments, bodies = done.stdout.split()
    assert int(increments) == width * rounds
    assert int(bodies) >= width * rounds
    assert worker.transaction().get(name.encode()) == le(width * rounds)


# ---- the database closes ----

def test_close_with_everything_open(workers, key):
    worker = workers()
    for i in range(100):
        tr = worker.transaction()
        tr.set(key + b"%d" % i, b"")
        tr.get_later(key)
        tr.get_range_later(key, key + b"\xff")
        tr.get_later(b"\xff\xff/transaction/read_conflict_range/")
        tr._future("range_size", "-", "ff")
        iterator = tr.iterate(b"", b"\xff")
        iterator.next_later()
        if i % 5 == 0:
            iterator.free()
        tr.stamp_later()
        late = worker.transaction(**({"long_snapshot": None} if i % 4 else {}))
        if i % 4 == 0:
            assert late.read_at(2**62) == 0
        late.get_later(key)
        if i % 2:
            tr.commit_later()
        if i % 3 == 0:
            tr._future("on_error", 1007)
    worker.close()


def test_closing_while_commits_are_decided(world, program):
    """Some of them commit after their transactions were taken from the database that closes."""
    orders = "".join(f"new {i}\nset {i} 636c6f7365 31\ncommit {i} {i}\n" for i in range(3000)) + "wait 0\nclose\n"
    for _ in range(3):
        done = subprocess.run([program("tests/integration/transaction_driver"), world.database.dsn()], input=orders, text=True,
                              capture_output=True, timeout=120, check=False)
        assert done.returncode == 0 and done.stdout.splitlines()[-1] == "closed", done.stderr[-2000:]
