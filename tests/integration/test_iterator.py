# SPDX-License-Identifier: Apache-2.0
"""Ranges of any size, chunk by chunk: what comes, what is read ahead, and what becomes a conflict. Nobody leads here: rows are
written by SQL."""
import pytest

from transaction_fixtures import refused
from transaction_world import APPEND, EXACT, STAMPED_KEY, Worker
from waiting import wait_until

LAST = b"\xff"
READ = b"\xff\xff/transaction/read_conflict_range/"
ROWS = [(b"k%05d" % i, b"v" * (i % 50)) for i in range(20000)]


@pytest.fixture(scope="module")
def store(postgres, migrate):
    made = postgres.migrated(migrate)
    made.execute("INSERT INTO verdict.kv SELECT convert_to('k' || lpad(i::text, 5, '0'), 'UTF8'), "
                 "convert_to(repeat('v', i % 50), 'UTF8') FROM generate_series(0, 19999) i")
    yield made
    made.drop()


@pytest.fixture
def worker(program, store):
    made = Worker(program, store.dsn())
    assert made.opening == "ready"
    yield made
    made.close()


def size(rows):
    return sum(len(k) + len(v) + 8 for k, v in rows)


def conflicts(tr):
    got, more = tr.get_range(READ, READ + b"\xff\xff")
    assert not more
    keys = [k[len(READ):] for k, _ in got]
    return list(zip(keys[::2], keys[1::2]))


def chunks(iterator):
    more = True
    while more:
        rows, more = iterator.next()
        assert rows or not more
        yield rows
    assert iterator.next() == ([], False)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
def test_all_rows_in_chunks_that_grow(worker, reverse, snapshot):
    tr = worker.transaction()
    got = list(chunks(tr.iterate(b"k00010", b"k19990", reverse=reverse, snapshot=snapshot)))
    assert sum(got, []) == (ROWS[10:19990][::-1] if reverse else ROWS[10:19990])
    allowed = 4096
    for rows in got[:-1]:
        assert int(allowed) <= size(rows) < int(allowed) + size(rows[-1:])
        allowed = min(allowed * 1.5, 120000)
    assert len(got) > 9 and allowed == 120000
    assert conflicts(tr) == ([] if snapshot else [(b"k00010", b"k19990")])


@pytest.mark.parametrize("reverse", [False, True])
def test_limits_and_selectors(worker, reverse):
    tr = worker.transaction()

    def walked(begin, end, **more):
        return sum(chunks(tr.iterate(begin, end, reverse=reverse, **more)), [])

    def expected(low, high, limit=None):
        return (ROWS[low:high][::-1] if reverse else ROWS[low:high])[:limit]

    for limit in (1, 90, 91, 300, 5000):
        assert walked(b"", LAST, limit=limit) == expected(0, 20000, limit)
    assert walked((b"k00100", True, 400), (b"k01000", False, -399)) == expected(500, 600)
    assert walked((b"", False, -5), (b"", False, 10**6)) == expected(0, 20000)
    assert walked(b"k00500", b"k00100") == []
    assert walked(b"a", b"b") == []
    got = list(chunks(tr.iterate(b"k00100", b"k00200", target=1, reverse=reverse)))
    assert [len(rows) for rows in got] == [1] * 100 + [0]


@pytest.mark.parametrize("reverse", [False, True])
def test_only_what_is_handed_over_becomes_a_conflict(worker, store, reverse):
    """What is read ahead has come by then, or is on its way: neither counts."""
    for is_there in (True, False):
        tr = worker.transaction()
        tr.clear_range(b"k00005", b"k00007")
        tr.clear_range(b"k19992", b"k19994")
        iterator = tr.iterate(b"k", LAST, reverse=reverse, limit=2000)
        seen = []
        for _ in range(5):
            seen += iterator.next()[0]
            if is_there:
                tr.get(b"k00006")  # is told behind what was asked for before it
                tr.get_range(b"k00005", b"k00006")
                tr.get_range(b"zzz", b"zzz", snapshot=True)
            if reverse:
                assert conflicts(tr) == [(seen[-1][0], b"k19992"), (b"k19994", LAST)]
            else:
                assert conflicts(tr) == [(b"k", b"k00005"), (b"k00007", seen[-1][0] + b"\0")]
        iterator.free()
        assert len(conflicts(tr)) == 2
        rest = sum(chunks(tr.iterate(b"k", LAST, reverse=reverse, limit=2000)), [])
        edge = rest[-1][0]
        assert len(rest) == 2000
        assert conflicts(tr) == ([(edge, b"k19992"), (b"k19994", LAST)] if reverse
                                 else [(b"k", b"k00005"), (b"k00007", edge + b"\0")])
        tr.free()


@pytest.mark.parametrize("reverse", [False, True])
def test_own_writes_also_those_since_the_chunk_before(worker, reverse):
    tr = worker.transaction()
    rows = dict(ROWS)

    def write(key, value):
        if value is None:
            tr.clear(key)
            rows.pop(key, None)
        else:
            tr.set(key, value)
            rows[key] = value

    for i in range(0, 20000, 7):
        write(b"k%05d" % i, b"own")
    tr.clear_range(b"k00100", b"k15000")
    for k in [k for k in rows if b"k00100" <= k < b"k15000"]:
        del rows[k]
    tr.atomic(APPEND, b"k15001", b"+")
    rows[b"k15001"] += b"+"
    assert sum(chunks(tr.iterate(b"", LAST, reverse=reverse)), []) == sorted(rows.items(), reverse=reverse)
    iterator, seen, more = tr.iterate(b"", LAST, reverse=reverse), [], True
    turn = 0
    while more:
        part, more = iterator.next()
        seen += part
        if more:
            # behind what was seen, in what is read ahead by now
            step = (-1 if reverse else 1) * (3 + turn % 5)
            place = int(seen[-1][0][1:6]) + step
            write(b"k%05d" % place, None if turn % 3 == 0 else b"new%d" % turn)
            write(seen[-1][0], b"too late")
            rows[seen[-1][0]] = seen[-1][1]
            turn += 1
    assert turn > 6
    assert seen == sorted(rows.items(), reverse=reverse)


def test_one_chunk_is_read_ahead(servers, migrate, program):
    server = servers(log_statement="all")
    database = server.migrated(migrate)
    database.execute("INSERT INTO verdict.kv SELECT int4send(i), repeat('v', 40)::bytea FROM generate_series(0, 9999) i")
    worker = Worker(program, database.dsn())

    def reads():
        return sum("FROM kv WHERE key >= $1 AND key < $2" in line and "execute" in line for line in server.log().splitlines())

    tr = worker.transaction(long_snapshot=None)  # which no slow machine makes too old
    iterator = tr.iterate(b"", LAST)
    assert tr.get(b"x") is None
    assert reads() == 0  # nothing before the first is asked for
    for turn in range(1, 5):
        iterator.next()
        wait_until(lambda: reads() == turn + 1, "the next chunk is read ahead")
        for _ in range(20):
            tr.get(b"x")
        assert reads() == turn + 1
    worker.close()


def first_is_local(tr):
    """A transaction of which an iterator's first chunk needs no store, and the second does; it has a snapshot."""
    tr.clear_range(b"", b"k00100")
    for i in range(70):
        tr.set(b"a%03d" % i, b"v" * 50)
    tr.version()


def test_a_commit_does_not_fail_with_what_is_ahead(worker, store):
    """It is 1036, and nobody asked for it."""
    tr = worker.transaction()
    first_is_local(tr)
    tr.atomic(STAMPED_KEY, b"k00150" + b"\0" * 10 + b"\x06\0\0\0", b"")
    with store.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.kv IN ACCESS EXCLUSIVE MODE")
        rows, more = tr.iterate(b"", LAST).next()
        assert more and len(rows) < 70
        commit = tr.commit_later()
        assert not commit.is_ready()
        blocker.rollback()
    wait_until(lambda: store.execute("SELECT count(*) FROM verdict.commit_requests") == [(1,)], "the request")
    tr.reset()
    assert commit.code() == 1025
    tr.atomic(STAMPED_KEY, b"k00150" + b"\0" * 10 + b"\x06\0\0\0", b"")
    iterator = tr.iterate(b"", LAST)
    assert iterator.next()[1]
    refused(1036, iterator.next)
    refused(1036, iterator.next)
    tr.clear_range(b"k00150", b"k00151")
    assert iterator.next()[1]


def test_a_commit_does_not_wait_for_what_is_given_up(worker, store):
    tr = worker.transaction()
    first_is_local(tr)
    with store.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.kv IN ACCESS EXCLUSIVE MODE")
        iterator = tr.iterate(b"", LAST)
        iterator.next()
        commit = tr.commit_later()
        assert not commit.is_ready()
        iterator.free()
        worker.flush()
        wait_until(lambda: store.execute("SELECT count(*) FROM verdict.commit_requests") == [(1,)], "the request")
        blocker.rollback()
    tr.reset()
    assert commit.code() == 1025


def test_a_chunk_that_nobody_took_comes_again(worker, store):
    tr = worker.transaction()
    tr.version()
    iterator = tr.iterate(b"", LAST)
    with store.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.kv IN ACCESS EXCLUSIVE MODE")
        first = iterator.next_later()
        assert iterator.next_later().code() == 2000
        first.cancel()
        assert first.code() == 1101
        iterator.next_later().free()
        again = iterator.next_later()
        assert iterator.next_later().code() == 2000
        blocker.rollback()
    assert again.wait()[0][0] == ROWS[0]
    for turn in range(3):  # also one that was read ahead
        iterator.next_later().free()
    assert iterator.next()[0][0] in ROWS
    assert sum(chunks(iterator), [])[-1] == ROWS[-1]


def test_ends(worker):
    tr = worker.transaction()
    first, second = tr.iterate(b"", LAST), tr.iterate(b"", LAST)
    first.next()
    second.next_later().free()
    tr.reset()
    refused(1025, first.next)
    refused(1025, second.next)
    assert tr.iterate(b"", LAST).next()[0][0] == ROWS[0]
    third = tr.iterate(b"", LAST)
    third.next()
    later = third.next_later()
    tr.cancel()
    assert later.code() in (0, 1025)
    refused(1025, third.next)
    refused(1025, tr.iterate, b"", LAST)
    tr.free()
    refused(1025, third.next)
    tr = worker.transaction(timeout=100)
    fourth = tr.iterate(b"", LAST)
    wait_until(lambda: fourth.next_later().code() == 1031, "the time-out")
    for one in (first, second, third, fourth):
        one.free()


def test_refused(worker):
    tr = worker.transaction()
    refused(2012, tr.iterate, b"a", b"b", limit=-1)
    refused(2012, tr.iterate, b"a", b"b", target=-1)
    refused(2004, tr.iterate, b"a", b"\xff\x01")
    refused(2004, tr.iterate, READ, READ + b"\xff")
    tr.set(b"\xff", b"")
    refused(2004, tr.iterate, b"a", b"b")


def test_a_tiny_bound_and_long_selectors(worker):
    tr = worker.transaction()
    long_key = b"k00100" + b"!" * 9000
    assert sum(chunks(tr.iterate(long_key, b"k00103")), []) == ROWS[101:103]
    assert sum(chunks(tr.iterate((long_key, True, 0), (long_key, True, 2))), []) == ROWS[100:102]
    assert tr.get_range((long_key, True, 0), (long_key, True, 2), mode=EXACT, limit=9)[0] == ROWS[100:102]
