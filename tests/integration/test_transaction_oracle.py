# SPDX-License-Identifier: Apache-2.0
"""Random transactions against the naive oracle: what they read, and which conflict ranges they would commit with. Nobody leads
here: the requests are looked at in the queue and given up.

VERDICT_CASES and VERDICT_SEED say how many and which. A failing case is shrunk and printed.
"""
import itertools
import os
import random

import psycopg
import pytest

from transaction_oracle import LAST, Oracle
from transaction_world import (ADD, AND, APPEND, BYTE_MAX, BYTE_MIN, COMPARE_AND_CLEAR, EXACT, Failed, ITERATOR, LARGE, MAX, MEDIUM, MIN,
                               OR, SERIAL, SMALL, WANT_ALL, XOR, Request, Worker)
from waiting import wait_until

CASES = int(os.environ.get("VERDICT_CASES", "3000"))
SEED = int(os.environ.get("VERDICT_SEED", random.randrange(1 << 31)))
KEY_LIMIT = 4
KEYS = [bytes(k) for n in range(4) for k in itertools.product(b"abc", repeat=n)]
POINTS = sorted({p for k in KEYS for p in (k, k + b"\0")} | {b"d", b"\xfe", b"\xfe\xff"})
OPS = [ADD, AND, OR, XOR, APPEND, MAX, MIN, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR]
MARK = b"\xfemark"[:KEY_LIMIT]
CLEAR_RANGE = 3  # in a request


# ---- cases ----

def some_value(rng):
    size = rng.choice([0, 0, 1, 2, 8, 40, 200, 1000, 3000]) if rng.random() < 0.7 else rng.randrange(30)
    return bytes(rng.choice(b"\0\1\xffx") for _ in range(min(size, 8))) + b"v" * max(0, size - 8)


def some_bound(rng):
    key = rng.choice(KEYS)
    if rng.random() < 0.1:
        key += b"abc"  # longer than any key that can be stored
    if rng.random() < 0.04:
        key = LAST
    return key, rng.random() < 0.5, rng.choice([1, 1, 0, 1, 0, -1, 2, -2, 3, rng.randrange(-50, 50)])


def some_write(rng):
    kind = rng.choice(["set", "set", "clear", "clear_range", "atomic", "atomic"])
    if kind == "set":
        return "set", rng.choice(KEYS), some_value(rng)
    if kind == "clear":
        return "clear", rng.choice(KEYS)
    if kind == "clear_range":
        begin, end = sorted(rng.choices(KEYS, k=2))
        return "clear_range", begin, end
    op = rng.choice(OPS)
    operand = rng.choice([b"", b"\1", b"\1\2", b"v" * 8, b"\xff" * 8, some_value(rng)])
    return "atomic", op, rng.choice(KEYS), operand


def some_read(rng):
    snapshot = rng.random() < 0.25
    kind = rng.choice(["get", "get_key", "get_range", "get_range"])
    if kind == "get":
        return "get", rng.choice(KEYS), snapshot
    if kind == "get_key":
        return ("get_key", *some_bound(rng), snapshot)
    mode = rng.choice([WANT_ALL, SERIAL, SMALL, MEDIUM, LARGE, ITERATOR, EXACT])
    limit = rng.choice([0, 0, 1, 2, 3, 5, 10])
    target = rng.choice([0, 0, 0, 1, 20, 100, 1000])
    if mode == EXACT and not limit and not target:
        limit = rng.randrange(1, 30)
    begin, end = some_bound(rng), some_bound(rng)
    if rng.random() < 0.7 and end[0] < begin[0]:
        begin, end = end, begin
    return "get_range", begin, end, limit, target, mode, rng.randrange(1, 12), snapshot, rng.random() < 0.5


def some_case(rng):
    ops = []
    for _ in range(rng.randrange(1, 14)):
        ops.append(some_write(rng) if rng.random() < 0.5 else (*some_read(rng), rng.random() < 0.4))
    return ops


# ---- a run ----

class Table:
    def __init__(self, database):
        self.connection = database.connect(autocommit=True)
        self.connection.execute("SET search_path = verdict, pg_temp")
        self.rows = {}

    def fill(self, rows):
        self.rows = dict(rows)
        with self.connection.transaction():
            self.connection.execute("DELETE FROM kv")
            with self.connection.cursor() as cursor:
                cursor.executemany("INSERT INTO kv VALUES (%s, %s)",
                                   [(psycopg.Binary(k), psycopg.Binary(v)) for k, v in self.rows.items()])

    def request(self):
        """The one request in the queue."""
        found = []

        def look():
            found[:] = self.connection.execute("SELECT payload FROM commit_requests").fetchall()
            return found
        wait_until(look, "a request in the queue")
        assert len(found) == 1
        return Request(bytes(found[0][0]))

    def wait_empty(self):
        wait_until(lambda: not self.connection.execute("SELECT 1 FROM commit_requests").fetchall(), "an empty queue")


def problem(worker, table, ops):
    """What is wrong with the case; None if nothing is."""
    tr, oracle = worker.transaction(), Oracle(table.rows, KEY_LIMIT)
    waiting, wrong = [], None

    def settle():
        nonlocal wrong
        for op, future, expected in waiting:
            got = future.wait()
            if got != expected and wrong is None:
                wrong = f"{op}\n  got      {got}\n  expected {expected}"
        waiting.clear()

    for op in ops:
        if op[0] in ("get", "get_key", "get_range"):
            *call, at_once = op
            future = getattr(tr, call[0] + "_later")(*call[1:])
            waiting.append((op, future, getattr(oracle, call[0])(*call[1:])))
            if at_once:
                settle()
        else:
            getattr(tr, op[0])(*op[1:])
            getattr(oracle, op[0])(*op[1:])
    settle()
    tr.conflict("write", MARK, MARK + b"\0")
    shown = [shown_ranges(tr, kind) for kind in (b"read", b"write")]
    commit = tr.commit_later()
    worker.flush()
    request = table.request()
    tr.free()
    assert commit.code() == 1025
    table.wait_empty()
    if wrong is None:
        wrong = conflict_problem(request, oracle) or shown_problem(request, *shown)
    return wrong


def shown_ranges(tr, kind):
    """What the transaction tells of itself."""
    prefix = b"\xff\xff/transaction/" + kind + b"_conflict_range/"
    rows, _ = tr.get_range(prefix, prefix + b"\xff\xff")
    keys = [k[len(prefix):] for k, _ in rows]
    return list(zip(keys[::2], keys[1::2]))


def shown_problem(request, reads, writes):
    if reads != request.reads:
        return f"shown read conflicts {reads}, submitted {request.reads}"
    submitted = request.writes + [(k, v if op == CLEAR_RANGE else k + b"\0") for op, k, v, _ in request.mutations]
    for point in [*POINTS, MARK]:
        got, expected = (any(begin <= point < end for begin, end in ranges) for ranges in (writes, submitted))
        if got != expected:
            return f"write conflict at {point!r}: shown {writes}, submitted {submitted}"
    return unmerged(writes)


def conflict_problem(request, oracle):
    for point in POINTS:
        got = any(begin <= point < end for begin, end in request.reads)
        if got != oracle.conflicts_at(point):
            return f"conflict at {point!r}: got {got}; ranges {request.reads}"
    return unmerged(request.reads)


def unmerged(ranges):
    if any(end >= begin for (_, end), (begin, _) in zip(ranges, ranges[1:])):
        return f"ranges are not merged: {ranges}"
    return None


def shrunk(worker, table, ops):
    """Operations and rows are left out as long as something stays wrong."""
    rows = dict(table.rows)
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for at in range(len(ops)):
            fewer = ops[:at] + ops[at + 1:]
            if problem(worker, table, fewer):
                ops, is_smaller = fewer, True
                break
        for key in list(rows):
            fewer_rows = {k: v for k, v in rows.items() if k != key}
            table.fill(fewer_rows)
            if problem(worker, table, ops):
                rows, is_smaller = fewer_rows, True
        table.fill(rows)
    return ops


@pytest.fixture
def worker(program, database):
    made = Worker(program, database.dsn(), key_limit=KEY_LIMIT)
    assert made.opening == "ready"
    yield made
    made.close()


def test_random_transactions(worker, database):
    rng = random.Random(SEED)
    table = Table(database)
    print(f"VERDICT_SEED={SEED} VERDICT_CASES={CASES}")
    for case in range(CASES):
        if case % 50 == 0:
            table.fill({k: some_value(rng) for k in rng.sample(KEYS, rng.randrange(len(KEYS)))})
        ops = some_case(rng)
        if problem(worker, table, ops):
            ops = shrunk(worker, table, ops)
            listing = "\n".join(map(str, ops))
            pytest.fail(f"VERDICT_SEED={SEED} case {case}: {problem(worker, table, ops)}\n{listing}\nrows {table.rows}")


def test_every_selector_at_every_boundary(worker, database):
    """All keys, both kinds, offsets from beyond the front to beyond the end, over stored rows and over own writes."""
    stored = {k: b"v" for k in KEYS[::3]}
    table = Table(database)
    table.fill(stored)
    tr, oracle = worker.transaction(), Oracle(stored, KEY_LIMIT)
    for is_written in (False, True):
        if is_written:
            for one in (tr, oracle):
                one.clear_range(b"ab", b"b")
                one.clear(b"c")
                one.set(b"b", b"x")
                one.set(b"", b"x")
                one.atomic(ADD, b"ccc", b"\1")
                one.atomic(COMPARE_AND_CLEAR, KEYS[3], b"v")
        queries = [(key, or_equal, offset) for key in [*KEYS, b"d", LAST] for or_equal in (False, True)
                   for offset in (-50, -20, -3, -1, 0, 1, 2, 3, 20, 50)]
        for begin in range(0, len(queries), 200):
            part = queries[begin:begin + 200]
            futures = [tr.get_key_later(*query) for query in part]
            for query, future in zip(part, futures):
                assert future.wait() == oracle.get_key(*query, False), query


def walk_long_ranges(tr, count):
    """Forward and reverse over more rows than one stretch holds, also with own writes in between."""
    rows = {i.to_bytes(4, "big"): i.to_bytes(4, "big") for i in range(count)}

    def check(**more):
        got, has_more = tr.get_range(b"", LAST, mode=EXACT, limit=40000, **more)
        assert got == sorted(rows.items(), reverse=more.get("reverse", False)) and not has_more
        assert tr.get_range(b"", LAST, mode=EXACT, limit=9000, **more) == (got[:9000], True)
        assert tr.get_range((b"", False, 10001), (b"", False, 20001), mode=EXACT, limit=40000, **more) == (
            sorted(sorted(rows.items())[10000:20000], reverse=more.get("reverse", False)), False)

    check()
    check(reverse=True)
    tr.clear_range((5000).to_bytes(4, "big"), (25000).to_bytes(4, "big"))
    for i in range(0, count, 7):
        tr.set(i.to_bytes(4, "big"), b"own")
    for i in range(5000, 25000):
        rows.pop(i.to_bytes(4, "big"))
    for i in range(0, count, 7):
        rows[i.to_bytes(4, "big")] = b"own"
    for i in range(1, count, 77):
        tr.atomic(APPEND, i.to_bytes(4, "big"), b"+")
        rows[i.to_bytes(4, "big")] = rows.get(i.to_bytes(4, "big"), b"") + b"+"
    assert tr.get_range(b"", LAST, mode=EXACT, limit=40000) == (sorted(rows.items()), False)
    assert tr.get_range(b"", LAST, mode=EXACT, limit=40000, reverse=True) == (sorted(rows.items(), reverse=True), False)


def test_long_ranges_come_in_stretches(worker, database):
    """Also large values. A machine that is slow enough needs more for a walk than the five seconds that a snapshot may last."""
    connection = database.connect(autocommit=True)
    connection.execute("INSERT INTO verdict.kv SELECT int4send(i), int4send(i) FROM generate_series(0, 29999) i")

    def walked():
        try:
            walk_long_ranges(worker.transaction(), 30000)
        except Failed as failed:
            if failed.code != 1007:
                raise
            return False
        return True
    wait_until(walked, "no walk ended within the age of its snapshot")
    connection.execute("DELETE FROM verdict.kv")
    connection.execute("INSERT INTO verdict.kv SELECT int4send(i), convert_to(repeat('v', 90000), 'UTF8') "
                       "FROM generate_series(0, 19) i")
    other = worker.transaction()
    got, has_more = other.get_range(b"", LAST, mode=EXACT, limit=100)
    assert [len(v) for _, v in got] == [90000] * 20 and not has_more
    assert len(other.get_range(b"", LAST, reverse=True)[0]) == 1  # 80,000 bytes, and at least one row
    assert other.get_key(b"", False, 20) == (19).to_bytes(4, "big")
