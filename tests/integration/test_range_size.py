# SPDX-License-Identifier: Apache-2.0
"""How much a range holds, and where to cut it: exact where it can be, else within the documented error. Nobody leads here."""
import math

import pytest

from transaction_fixtures import refused
from transaction_world import Worker

LAST = b"\xff"
SPECIAL = (b"\xff\xff/transaction/", b"\xff\xff/transaction0")
ROWS = 100000
ROW_BYTES = 4 + 300


def key(i):
    return i.to_bytes(4, "big")


@pytest.fixture(scope="module")
def large(postgres, migrate):
    """About 35 MB, in order of the keys: each range lies in few pages, which is the hardest for a sample of pages."""
    made = postgres.migrated(migrate)
    made.execute("INSERT INTO verdict.kv SELECT int4send(i), convert_to(repeat('v', 300), 'UTF8') "
                 f"FROM generate_series(0, {ROWS - 1}) i")
    yield made
    made.drop()


@pytest.fixture
def worker(program, large):
    made = Worker(program, large.dsn())
    assert made.opening == "ready"
    yield made
    made.close()


@pytest.fixture
def small(program, database):
    made = Worker(program, database.dsn())
    assert made.opening == "ready"
    made.rows = [(b"k%04d" % i, b"v" * (i * 37 % 400)) for i in range(300)]
    made.rows += [(b"large%d" % i, b"v" * 50000) for i in range(3)]
    connection = database.connect()
    connection.cursor().executemany("INSERT INTO verdict.kv VALUES (%s, %s)", made.rows)
    yield made
    made.close()


def size(rows, begin=b"", end=LAST):
    return sum(len(k) + len(v) for k, v in rows if begin <= k < end)


def cuts(rows, begin, end, chunk):
    """A row begins a chunk if what lies before it reaches one more chunk."""
    points, before, part = [begin], 0, 0
    for k, v in rows:
        if begin <= k < end:
            if before // chunk > part:
                points.append(k)
                part = before // chunk
            before += len(k) + len(v)
    return points + ([end] if begin < end else [])


def test_a_small_table_is_exact(small):
    tr = small.transaction()
    for begin, end in ((b"", LAST), (b"k0100", b"k0200"), (b"k01", b"k0100\0"), (b"l", LAST), (b"x", b"y"), (b"k0100", b"k0100")):
        assert tr.range_size(begin, end) == size(small.rows, begin, end)
        for chunk in (1, 500, 5000, 60000, 10**9):
            assert tr.split_points(begin, end, chunk) == cuts(small.rows, begin, end, chunk)
    tr.clear_range(b"", LAST)
    tr.set(b"k0100", b"own")
    assert tr.range_size(b"", LAST) == size(small.rows)  # what is stored
    assert tr.split_points(b"k0100", b"k0102", 1) == [b"k0100", b"k0101", b"k0102"]
    other = small.transaction()
    other.range_size(b"", LAST)
    other.split_points(b"", LAST, 1000)
    assert other.get_range(*SPECIAL) == ([], False)


def test_up_to_ten_thousand_rows_are_exact(worker):
    tr = worker.transaction()
    for count in (0, 1, 9999, 10000):
        assert tr.range_size(key(5000), key(5000 + count)) == count * ROW_BYTES
    points = tr.split_points(key(5000), key(15000), 1000 * ROW_BYTES)
    assert points == [key(i) for i in range(5000, 15001, 1000)]


@pytest.mark.parametrize("begin, end", [(0, ROWS), (0, ROWS // 2), (30000, 80000), (20000, 40000), (60000, 75000), (0, 10001)])
def test_a_large_range_is_estimated_within_its_error(worker, begin, end):
    tr = worker.transaction()
    estimate = tr.range_size(key(begin), key(end))
    pages = 1000 * (end - begin) / ROWS
    assert abs(estimate / ((end - begin) * ROW_BYTES) - 1) < 2 / math.sqrt(pages)
    assert estimate >= 10001 * ROW_BYTES
    assert tr.range_size(key(begin), key(end)) == estimate


def test_a_large_range_is_cut_into_chunks_of_about_that_size(worker):
    tr = worker.transaction()
    points = tr.split_points(b"", LAST, 5000 * ROW_BYTES)
    assert points[0] == b"" and points[-1] == LAST and points == sorted(set(points))
    numbers = [0, *(int.from_bytes(point, "big") for point in points[1:-1]), ROWS]
    chunks = [after - before for before, after in zip(numbers, numbers[1:])]
    assert 15 <= len(chunks) <= 25
    assert all(2000 < chunk < 10000 for chunk in chunks[:-1]), chunks
    assert 9000 < len(tr.split_points(b"", LAST, 1)) <= 10002


def test_the_follower_role_is_enough(program, postgres, large):
    postgres.execute("DROP ROLE IF EXISTS measuring_account")
    postgres.execute("CREATE ROLE measuring_account LOGIN")
    postgres.execute("GRANT verdict_follower TO measuring_account")
    worker = Worker(program, large.dsn(user="measuring_account"))
    for options in ({}, {"long_snapshot": None}):
        tr = worker.transaction(**options)
        assert tr.range_size(key(0), key(10)) == 10 * ROW_BYTES
        assert tr.range_size(b"", LAST) > ROWS * ROW_BYTES * 0.9
        assert len(tr.split_points(b"", LAST, 5000 * ROW_BYTES)) > 10
        assert tr.iterate(b"", LAST).next()[1] is True
        tr.free()
    worker.close()


def test_refused(small):
    tr = small.transaction()
    refused(2005, tr.range_size, b"b", b"a")
    refused(2005, tr.split_points, b"b", b"a", 10)
    refused(2004, tr.range_size, b"a", b"\xff\x01")
    refused(2004, tr.split_points, b"a", b"\xff\x01", 10)
    refused(2000, tr.split_points, b"a", b"b", 0)
    refused(2000, tr.split_points, b"a", b"b", -1)
    assert tr.range_size(b"k" * 5000, b"k" * 5001) == 0
    assert tr.split_points(b"k" * 5000, b"l" * 5000, 10)[0] == b"k" * 5000
    tr.commit()
    refused(2017, tr.range_size, b"a", b"b")
    refused(2017, tr.split_points, b"a", b"b", 10)
    tr.reset()
    tr.cancel()
    refused(1025, tr.range_size, b"a", b"b")
