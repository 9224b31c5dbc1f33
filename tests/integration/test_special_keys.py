# SPDX-License-Identifier: Apache-2.0
"""What a transaction tells of itself under \\xff\\xff/transaction/, and that asking changes nothing."""
import bisect

import pytest

from transaction_fixtures import key, refused, worker, workers, world  # noqa: F401
from transaction_world import ADD, EXACT, ITERATOR, STAMPED_KEY, STAMPED_VALUE

MODULE, MODULE_END = b"\xff\xff/transaction/", b"\xff\xff/transaction0"
READ, WRITE = MODULE + b"read_conflict_range/", MODULE + b"write_conflict_range/"
LOST = MODULE + b"conflicting_keys/"


def rows(tr, prefix, begin=b"", end=b"\xff\xff", **more):
    """(key, value) without the prefix."""
    got, has_more = tr.get_range(prefix + begin, prefix + end, **more)
    assert has_more is False
    assert all(k.startswith(prefix) for k, _ in got)
    return [(k[len(prefix):], v) for k, v in got]


def of(*ranges):
    return [row for begin, end in ranges for row in ((begin, b"1"), (end, b"0"))]


def test_nothing_yet(worker):
    tr = worker.transaction()
    assert tr.get_range(MODULE, MODULE_END) == ([], False)
    assert tr.get(READ) is None and tr.get(WRITE + b"a") is None and tr.get(MODULE + b"unknown") is None
    assert tr.version() > 0  # none of these has taken a read version from anywhere


def test_reads(worker, key):
    tr = worker.transaction()
    tr.get(key + b"a")
    assert rows(tr, READ) == of((key + b"a", key + b"a\0"))
    tr.get_range(key + b"c", key + b"e")
    tr.get_range(key + b"e", key + b"f")  # touches
    tr.get(key + b"s", snapshot=True)
    tr.get_range(key + b"s", key + b"t", snapshot=True)
    assert tr.conflict("read", key + b"x", key + b"z") == 0
    expected = of((key + b"a", key + b"a\0"), (key + b"c", key + b"f"), (key + b"x", key + b"z"))
    assert rows(tr, READ) == expected
    assert rows(tr, READ, snapshot=True) == expected
    assert rows(tr, READ) == expected  # nothing that was asked has become a conflict
    assert rows(tr, WRITE) == []
    assert [tr.get(READ + key + k) for k in (b"a", b"a\0", b"c", b"d", b"f", b"z")] == [b"1", b"0", b"1", None, b"0", b"0"]
    assert rows(tr, READ, key + b"d", key + b"y") == [(key + b"f", b"0"), (key + b"x", b"1")]  # boundaries, not overlaps
    assert rows(tr, READ, b"", b"") == []


def test_the_whole_of_everything(worker):
    tr = worker.transaction()
    assert tr.conflict("read", b"", b"\xff") == 0
    assert tr.conflict("write", b"", b"\xff") == 0
    assert rows(tr, READ) == rows(tr, WRITE) == [(b"", b"1"), (b"\xff", b"0")]
    assert tr.get(READ) == b"1" and tr.get(WRITE + b"\xff") == b"0"


def test_own_writes_answer_no_conflict(worker, key):
    tr = worker.transaction()
    tr.set(key + b"b", b"1")
    tr.clear_range(key + b"d", key + b"f")
    tr.get(key + b"b")
    assert rows(tr, READ) == []
    tr.get_range(key + b"a", key + b"g")
    assert rows(tr, READ) == of((key + b"a", key + b"b"), (key + b"b\0", key + b"d"), (key + b"f", key + b"g"))


def test_writes(worker, key):
    tr = worker.transaction()
    tr.set(key + b"b", b"1")
    tr.set(key + b"b\0", b"1")  # touches
    tr.clear(key + b"d")
    tr.clear_range(key + b"f", key + b"h")
    tr.atomic(ADD, key + b"j", b"\1")
    tr.atomic(STAMPED_VALUE, key + b"l", b"\0" * 14)
    assert tr.conflict("write", key + b"g", key + b"i") == 0
    assert tr.option("next_write_no_write_conflict_range") == 0
    tr.set(key + b"n", b"1")
    tr.set(key + b"p", b"1")
    expected = of((key + b"b", key + b"b\0\0"), (key + b"d", key + b"d\0"), (key + b"f", key + b"i"), (key + b"j", key + b"j\0"),
                  (key + b"l", key + b"l\0"), (key + b"p", key + b"p\0"))
    assert rows(tr, WRITE) == expected
    assert rows(tr, READ) == []
    tr.commit()
    assert rows(tr, WRITE) == expected  # after a commit as well
    tr.reset()
    assert tr.get_range(MODULE, MODULE_END) == ([], False)


def test_what_a_commit_lost(worker, key):
    """With report_conflicting_keys; until the reset."""
    for option in ({}, {"report_conflicting_keys": None}):
        tr, writer = worker.transaction(**option), worker.transaction()
        for name in (b"a", b"b"):
            tr.get(key + name)
        tr.get_range(key + b"m", key + b"p")
        tr.set(key + b"out", b"")
        assert rows(tr, LOST) == []
        writer.set(key + b"b", b"")
        writer.set(key + b"n", b"")
        writer.commit()
        refused(1020, tr.commit)
        lost = of((key + b"b", key + b"b\0"), (key + b"m", key + b"p"))
        assert rows(tr, LOST) == (lost if option else [])
        assert tr.get(LOST + key + b"m") == (b"1" if option else None)
        assert len(tr.get_range(MODULE, MODULE_END)[0]) == (4 if option else 0) + 6 + 2
        assert tr.get_later(key).code() == 2017
        assert tr.on_error(1020) is True
        assert rows(tr, LOST) == []


@pytest.mark.parametrize("has_version", [False, True])
def test_a_stamped_key_is_shown_as_all_that_it_may_become(worker, key, has_version):
    tr = worker.transaction()
    least = tr.version() if has_version else 0
    stamped = key + b"k" + b"\0" * 10 + b"tail" + (len(key) + 1).to_bytes(4, "little")
    tr.atomic(STAMPED_KEY, stamped, b"v")
    tr.option("next_write_no_write_conflict_range")
    tr.atomic(STAMPED_KEY, b"hidden" + stamped, b"v")
    first = key + b"k" + least.to_bytes(8, "big") + b"\0\0tail"
    assert rows(tr, WRITE) == of((first, key + b"k" + b"\xff" * 10 + b"tail\0"))


def test_without_read_your_writes(worker, key):
    tr = worker.transaction(read_your_writes_disable=None)
    tr.set(key + b"a", b"1")
    tr.get(key + b"a")
    assert rows(tr, READ) == rows(tr, WRITE) == of((key + b"a", key + b"a\0"))


def test_every_selector_and_limit(worker, key):
    """Against a sorted list. Off both ends is where the module ends."""
    tr = worker.transaction()
    for i in (1, 3, 5):
        tr.conflict("read", key + b"%d" % i, key + b"%d!" % i)
        tr.conflict("write", key + b"%d" % i, key + b"%d!" % i)
    everything, _ = tr.get_range(MODULE, MODULE_END)
    keys = [k for k, _ in everything]
    assert len(keys) == 12 and keys == sorted(keys)

    def place(name, or_equal, offset):
        at = bisect.bisect_right(keys, name) if or_equal else bisect.bisect_left(keys, name)
        return max(0, min(len(keys), at - 1 + offset))

    points = [MODULE, *keys[::3], READ + key + b"2", WRITE, MODULE_END]
    selectors = [(p, e, o) for p in points for e in (False, True) for o in (-20, -2, 0, 1, 2, 7, 20)]
    asked = []
    for n, begin in enumerate(selectors):
        for end in selectors[n % 3::3]:
            reverse, limit = n % 2 == 1, (0, 1, 3)[n % 3]
            future = tr.get_range_later(begin, end, limit=limit, mode=EXACT if limit else -2, reverse=reverse)
            expected = everything[place(*begin):max(place(*begin), place(*end))]
            expected = expected[::-1] if reverse else expected
            asked.append((begin, end, future, (expected[:limit or None], 0 < limit <= len(expected))))
    for begin, end, future, expected in asked:
        assert future.wait() == expected, (begin, end)


def test_bytes_are_limited_too(worker, key):
    tr = worker.transaction()
    for i in range(200):
        tr.conflict("read", key + b"%03d" % i, key + b"%03d!" % i)
    got, more = tr.get_range(MODULE, MODULE_END, mode=ITERATOR)
    assert more and 4096 <= sum(len(k) + len(v) + 8 for k, v in got) < 4096 + 200
    got, more = tr.get_range(MODULE, MODULE_END, target=1)
    assert more and len(got) == 1


def test_it_waits_for_the_reads_before_it(worker, key):
    tr = worker.transaction()
    futures = [tr.get_range_later(key + b"%02d" % i, key + b"%02d!" % i) for i in range(20)]
    shown = tr.get_range_later(READ, READ + b"\xff\xff")
    one = tr.get_later(READ + key + b"19")
    commit = tr.commit_later()
    during = tr.get_later(READ + key + b"00")
    assert shown.wait()[0] == [(READ + k, v) for k, v in of(*((key + b"%02d" % i, key + b"%02d!" % i) for i in range(20)))]
    assert one.wait() == b"1"
    assert during.wait() == b"1"
    assert commit.wait() is True
    assert [future.wait() for future in futures] == [([], False)] * 20


def test_many_wait_for_one(worker, key):
    tr = worker.transaction()
    first = tr.get_later(key)
    worker.order("many_gets", 10000, tr.number, 30000, READ.hex())
    worker.order("wait", 39999)
    assert first.wait() is None
    worker.flush()
    assert worker.answer("wait") == "0 absent"
    tr.free()


def test_what_is_refused(worker, key):
    tr = worker.transaction()
    tr.get(key)
    for name in (b"\xff\xff", b"\xff\xff/status/json", b"\xff\xff/transaction", MODULE_END, MODULE_END + b"\0", b"\xff\xff\xff"):
        refused(2004, tr.get, name)
    refused(2004, tr.get_key, READ, False, 1)
    refused(2004, tr.get_range, b"a", READ)
    refused(2004, tr.get_range, READ, b"\xff\xff\xff\xff")
    refused(2004, tr.get_range, READ, MODULE_END + b"\0")
    refused(2004, tr.get_range, b"\xff\xff/a", MODULE_END)
    assert tr.get_range(WRITE, READ) == ([], False)
    refused(2012, tr.get_range, READ, WRITE, limit=-1)
    refused(2210, tr.get_range, READ, WRITE, mode=EXACT)
    refused(2000, tr.get_range, READ, WRITE, mode=ITERATOR, iteration=0)
    assert tr.conflict("read", READ, WRITE) == 2004
    tr.set(READ + key, b"1")
    refused(2004, tr.get, READ + key)
    tr.reset()
    tr.cancel()
    refused(1025, tr.get, READ + key)
