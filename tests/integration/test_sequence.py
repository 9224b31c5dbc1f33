# SPDX-License-Identifier: Apache-2.0
"""Sequenced keys through the public header, with a resolver that leads."""
import struct
import threading

import pytest

import resolver_world
from transaction_fixtures import key, refused, workers, world  # noqa: F401
from transaction_world import ABSENT, ADD, STAMPED_KEY, VALUE, Failed, Worker

PLACE = struct.pack("<I", 0)
STAMP, NUMBER = b"\0" * 10 + PLACE, b"\0" * 8 + PLACE


@pytest.fixture
def worker(workers):
    """Many snapshots may be open at a time: nobody waits for another one's to end."""
    return workers(max_connections=16)


@pytest.fixture
def counter(key):
    return b"\xff/counter/" + key


def be(number):
    return struct.pack(">Q", number)


def after(prefix):
    return prefix[:-1] + bytes([prefix[-1] + 1])


def rows(worker, prefix):
    """(number, value) of all below a prefix."""
    tr = worker.transaction()
    found, more = tr.get_range(prefix, after(prefix))
    assert not more
    return [(struct.unpack(">Q", k[len(prefix):])[0], v) for k, v in found]


def read_counter(worker, counter):
    tr = worker.transaction(read_system_keys=None)
    value = tr.get(counter)
    return None if value is None else struct.unpack(">Q", value)[0]


# ---- numbers ----

def test_four_workers_append(workers, key, counter):
    """Without a gap, in the order of the versionstamps, and nobody conflicts with anybody."""
    told, codes, lock = {}, set(), threading.Lock()

    def append(worker, name):
        for turn in range(5):
            open_ones = []
            for i in range(30):
                tr = worker.transaction()
                value = b"%d/%d/%d" % (name, turn, i)
                for _ in range(i % 3 + 1):
                    tr.sequenced_key(counter, key, value + b"/" + STAMP[:10] + struct.pack("<I", len(value) + 1), True)
                open_ones.append((tr, value, i % 3 + 1, tr.commit_later()))
            for tr, value, count, commit in open_ones:
                code = commit.code()
                with lock:
                    codes.add(code)
                    told[tr.first(counter)] = value, count
                tr.free()
    all_of_them = [workers() for _ in range(4)]
    threads = [threading.Thread(target=append, args=(worker, i)) for i, worker in enumerate(all_of_them)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {0}
    stored = rows(all_of_them[0], key)
    total = 4 * 5 * 10 * (1 + 2 + 3)
    assert [number for number, _ in stored] == list(range(total))
    assert read_counter(all_of_them[0], counter) == total
    stamps = [value[-10:] for _, value in stored]
    assert stamps == sorted(stamps) and len(set(stamps)) == 600
    assert len(told) == 600
    for first, (value, count) in told.items():
        assert {stored[first + i][1][:-11] for i in range(count)} == {value}
        assert len({stored[first + i][1] for i in range(count)}) == 1, "one transaction, one stamp"


def test_several_counters(worker, key, counter):
    names = [counter + b"%03d" % i for i in range(100)]
    for turn, count in enumerate([1, 3, 64, 65, 100]):
        tr = worker.transaction()
        for name in names[:count]:
            tr.sequenced_key(name, key + name[-3:] + b"/", b"%d" % turn)
            tr.sequenced_key(name, key + name[-3:] + b"/", b"%d again" % turn)
        assert tr.commit()
        before = [sum(1 for c in [1, 3, 64, 65, 100][:turn] if c > i) for i in range(count)]
        assert [tr.first(name) for name in names[:count]] == [2 * b for b in before]
    assert rows(worker, key + b"099/") == [(0, b"4"), (1, b"4 again")]
    assert [value for _, value in rows(worker, key + b"002/")] == [
        b"%d%s" % (turn, word) for turn in (1, 2, 3, 4) for word in (b"", b" again")]


def test_who_fails_takes_none(worker, key, counter):
    tr, other = worker.transaction(), worker.transaction()
    tr.get(key + b"read")
    tr.sequenced_key(counter, key, b"loses")
    other.set(key + b"read", b"")
    other.commit()
    refused(1020, tr.commit)
    refused(2020, tr.first, counter)
    assert tr.on_error(1020)
    tr.sequenced_key(counter, key, b"wins")
    tr.commit()
    assert tr.first(counter) == 0
    assert read_counter(worker, counter) == 1


def test_first_number_errors(worker, key, counter):
    tr = worker.transaction()
    refused(2020, tr.first, counter)
    tr.sequenced_key(counter, key, b"")
    refused(2020, tr.first, counter)
    tr.commit()
    assert tr.first(counter) == 0
    refused(2021, tr.first, counter + b"other")
    refused(2021, tr.first, key)
    tr.reset()
    refused(2020, tr.first, counter)
    tr.get(key)
    tr.commit()
    refused(2021, tr.first, counter)


def test_the_first_number_is_awaited(worker, key, counter):
    """As a future, which outlives its transaction and ends with the commit."""
    tr = worker.transaction()
    assert tr.first_later(counter).code() == 2021
    tr.sequenced_key(counter + b"1", key, b"")
    tr.sequenced_key(counter, key, b"")
    tr.sequenced_key(counter, key, b"")
    first, second, stamp = tr.first_later(counter + b"1"), tr.first_later(counter), tr.stamp_later()
    assert not first.is_ready()
    tr.commit()
    tr.free()
    assert (first.wait(), second.wait(), len(stamp.wait())) == (0, 0, 10)
    for end, code in ((lambda tr: tr.reset(), 1025), (lambda tr: tr.commit(), 2020)):
        tr = worker.transaction()
        tr.get(key + b"read")
        tr.sequenced_key(counter, key, b"")
        future = tr.first_later(counter)
        other = worker.transaction()
        other.set(key + b"read", b"")
        other.commit()
        try:
            end(tr)
        except Failed as failed:
            assert failed.code == 1020
        assert future.code() == code
    tr = worker.transaction()
    tr.sequenced_key(counter, key, b"")
    future = tr.first_later(counter)
    tr.commit()
    assert future.wait() == tr.first(counter) == 2


def test_a_feed_names_what_was_appended(worker, key, counter):
    """Sequenced values: under a stamped key, and under a plain one; each the last number before it."""
    tr = worker.transaction()
    tr.sequenced_key(counter, key + b"s/", b"first")
    tr.sequenced_value(counter, key + b"f/" + b"\0" * 10 + b"a" + struct.pack("<I", len(key) + 2), NUMBER, True)
    tr.sequenced_key(counter, key + b"s/", b"second")
    tr.sequenced_value(counter, key + b"f/" + b"\0" * 10 + b"b" + struct.pack("<I", len(key) + 2),
                       b"<" + b"\0" * 8 + b">" + struct.pack("<I", 1), True)
    tr.sequenced_value(counter, key + b"last", NUMBER)
    stamp = tr.stamp_later()
    tr.commit()
    stamp = stamp.wait()
    reader = worker.transaction()
    assert reader.get_range(key + b"f/", key + b"f0")[0] == [
        (key + b"f/" + stamp + b"a", be(0)), (key + b"f/" + stamp + b"b", b"<" + be(1) + b">")]
    assert reader.get(key + b"last") == be(1)


# ---- conflicts ----

def appends(worker, key, counter):
    tr = worker.transaction()
    tr.sequenced_key(counter, key, b"v")
    return tr


def test_readers_and_appenders(worker, key, counter):
    appends(worker, key, counter).commit()
    cases = {
        "the range": (lambda tr: tr.get_range(key, after(key)), 1020),
        "the key that comes": (lambda tr: tr.get(key + be(1)), 1020),
        "the key after it": (lambda tr: tr.get(key + be(2)), 0),
        "the key before it": (lambda tr: tr.get(key + be(0)), 0),
        "the counter": (lambda tr: tr.get(counter), 1020),
        "all counters": (lambda tr: tr.get_range(b"\xff/counter/", b"\xff/counter0"), 1020),
        "another counter": (lambda tr: tr.get(counter + b"x"), 0),
        "a snapshot": (lambda tr: tr.get_range(key, after(key), snapshot=True), 0),
        "a snapshot of the counter": (lambda tr: tr.get(counter, snapshot=True), 0),
    }
    readers = {}
    for name, (read, _) in cases.items():
        readers[name] = worker.transaction(read_system_keys=None)
        read(readers[name])
        readers[name].set(b"elsewhere/" + key + name.encode(), b"")
    appends(worker, key, counter).commit()
    for name, (_, code) in cases.items():
        commit = readers[name].commit_later()
        assert (name, commit.code()) == (name, code)
    assert readers["the counter"].lost()[:2] == (counter, counter + b"\0")


def test_a_check_on_the_counter_is_a_check_on_the_position(worker, key, counter):
    """Who appends behind a number that it has read conflicts if somebody was faster."""
    first, second = [worker.transaction(read_system_keys=None) for _ in range(2)]
    for tr in (first, second):
        assert tr.get(counter) is None
        tr.sequenced_key(counter, key, b"")
    first.commit()
    refused(1020, second.commit)


def test_a_precondition_on_the_counter_is_a_position(workers, key, counter):
    """The next number is what is demanded, and nothing is read: of all that demand the same one commits, and a wrong one is
    final at once. Who demands nothing is never refused. What the transaction itself appends does not count."""
    worker, other = workers(), workers()

    def append(by, demand, value, count=1):
        tr = by.transaction(read_system_keys=None)
        if demand is not None:
            assert tr.demand(VALUE if demand else ABSENT, counter, be(demand) if demand else b"") == 0
        for _ in range(count):
            tr.sequenced_key(counter, key, value)
        return tr.commit_later()
    assert append(worker, 0, b"first", 2).code() == 0
    assert append(worker, 0, b"late").code() == append(worker, 1, b"early").code() == 7001
    assert append(worker, 2, b"second").code() == 0
    racers = [append(by, 3, b"third") for _ in range(10) for by in (worker, other)]
    free = [append(by, None, b"any") for _ in range(10) for by in (worker, other)]
    for by in (worker, other):
        by.flush()
    codes = [commit.code() for commit in racers]
    assert {commit.code() for commit in free} == {0}
    assert set(codes) <= {0, 7001} and codes.count(0) <= 1
    stored = rows(worker, key)
    assert [number for number, _ in stored] == list(range(3 + 20 + codes.count(0)))
    assert codes.count(0) == (stored[3][1] == b"third")


def test_no_write_conflict_is_for_the_key_alone(worker, key, counter):
    of_key, of_counter = [worker.transaction(read_system_keys=None) for _ in range(2)]
    of_key.get_range(key, after(key))
    of_counter.get(counter)
    tr = worker.transaction()
    assert tr.option("next_write_no_write_conflict_range") == 0
    tr.sequenced_key(counter, key, b"")
    tr.commit()
    for tr in (of_key, of_counter):
        tr.set(key + b"x", b"")
    of_key.commit()
    refused(1020, of_counter.commit)


# ---- what the transaction sees ----

def test_unreadable(worker, key, counter):
    tr = worker.transaction(read_system_keys=None)
    tr.set(key + be(3), b"mine")
    tr.sequenced_key(counter, key, b"v")
    tr.sequenced_value(counter, key + b"\xff", NUMBER)
    for read in (lambda: tr.get(key + be(3)), lambda: tr.get(key + be(0)), lambda: tr.get(counter),
                 lambda: tr.get_range(key, after(key)), lambda: tr.get_key(key, True, 1), lambda: tr.get(key + b"\xff")):
        refused(1036, read)
    assert tr.get(key) is None and tr.get(key[:-1]) is None
    tr.set(key + be(3), b"")  # no cure
    refused(1036, tr.get, key + be(3))
    assert tr.option("bypass_unreadable") == 0
    assert tr.get(key + be(0)) == b"v" and tr.get(counter) is None
    tr.reset()
    assert tr.get_range(key, after(key)) == ([], False)


def test_a_clear_cures_the_keys_and_not_the_counter(worker, key, counter):
    tr = worker.transaction(read_system_keys=None)
    tr.sequenced_key(counter, key, b"v")
    tr.clear_range(key, after(key))
    assert tr.get_range(key, after(key)) == ([], False)
    refused(1036, tr.get, counter)
    tr.sequenced_key(counter, key, b"w")
    tr.commit()
    assert tr.first(counter) == 0
    assert rows(worker, key) == [(1, b"w")]


def test_a_read_before_the_append_sees_what_was(worker, key, counter):
    appends(worker, key, counter).commit()
    tr = worker.transaction()
    before = tr.get_range_later(key, after(key))
    tr.sequenced_key(counter, key, b"v")
    assert before.wait()[0] == [(key + be(0), b"v")]


def test_counters_are_the_systems(worker, key, counter):
    appends(worker, key, counter).commit()
    tr = worker.transaction()
    refused(2004, tr.get, counter)
    assert tr.get_key(b"\xff", False, 1) == b"\xff"
    assert all(k < b"\xff" for k, _ in tr.get_range(key, b"\xff")[0])
    system = worker.transaction(read_system_keys=None)
    assert (counter, be(1)) in system.get_range(b"\xff", b"\xff\xff")[0]
    clear = worker.transaction()
    clear.clear_range(b"", b"\xff")
    clear.sequenced_key(counter, key, b"again")
    clear.commit()
    assert clear.first(counter) == 1, "a number is never given twice"
    assert rows(worker, key) == [(1, b"again")]


# ---- what is refused ----

def test_refused_at_the_call(worker, key, counter):
    cases = [
        (2004, lambda tr: tr.set(counter, b"")),
        (2004, lambda tr: tr.clear(counter)),
        (2004, lambda tr: tr.clear_range(b"\xff/counter/", b"\xff/counter0")),
        (2004, lambda tr: tr.atomic(ADD, counter, b"\1")),
        (2004, lambda tr: tr.sequenced_key(key, key, b"")),
        (2004, lambda tr: tr.sequenced_key(b"", key, b"")),
        (2004, lambda tr: tr.sequenced_key(counter, b"\xff", b"")),
        (2004, lambda tr: tr.sequenced_key(counter, counter, b"")),
        (2102, lambda tr: tr.sequenced_key(counter, b"p" * 2041, b"")),
        (2102, lambda tr: tr.sequenced_key(b"\xff/counter/" + b"c" * 2039, key, b"")),
        (2103, lambda tr: tr.sequenced_key(counter, key, b"v" * 100001)),
        (2000, lambda tr: tr.sequenced_key(counter, key, b"no room", True)),
        (2000, lambda tr: tr.sequenced_value(counter, key, NUMBER)),
        (2018, lambda tr: tr.atomic(128, key, b"")),
    ]
    for i, (code, write) in enumerate(cases):
        tr = worker.transaction(read_system_keys=None)
        write(tr)
        refused(code, tr.size)
        commit = tr.commit_later()
        assert (i, commit.code()) == (i, code)
    tr = worker.transaction()
    tr.sequenced_key(counter, b"p" * 2040, b"")
    tr.sequenced_key(b"\xff/counter/" + b"c" * 2038, key, b"")
    tr.sequenced_key(counter, key, STAMP, True)
    tr.sequenced_value(counter, key + b"v", NUMBER)
    refused(2000, lambda: (tr.sequenced_value(counter, key + b"v", b"no room"), tr.commit()))
    tr.reset()
    tr.sequenced_key(counter, key, b"")
    tr.commit()
    assert tr.first(counter) == 0, "nothing of the above took a number"


def test_a_counter_that_holds_no_number(world, worker, key, counter):
    world.database.execute("INSERT INTO kv VALUES (%s, 'odd')", [counter])
    tr = appends(worker, key, counter)
    tr.set(key + b"x", b"")
    refused(7006, tr.commit)
    assert worker.transaction().get(key + b"x") is None


def test_sizes_are_counted(worker, key, counter):
    tr = worker.transaction()
    tr.sequenced_key(counter, key, b"value")
    mutation = 28 + len(key) + 5 + len(counter)
    assert tr.size() == mutation + 24 + 2 * len(counter) + 1 + 24 + 2 * (len(key) + 8) + 1


def test_what_it_writes_can_be_read_back(worker, key, counter):
    tr = worker.transaction()
    tr.sequenced_key(counter, key, b"")
    tr.atomic(STAMPED_KEY, key + b"\xff" + b"\0" * 10 + struct.pack("<I", len(key) + 1), b"")
    prefix = b"\xff\xff/transaction/write_conflict_range/"
    found = tr.get_range(prefix, prefix + b"\xff\xff")[0]
    ends = [k[len(prefix):] for k, _ in found]
    assert ends[0] == key + be(0) and ends[1] == key + be(2**63 - 1)
    assert ends[-2:] == [counter, counter + b"\0"]


# ---- leaders come and go ----

def test_leaders_are_killed(postgres, migrate, program, tmp_path):
    """Four workers append through three changes of leader: no gap, nothing twice, and each is told where it stands."""
    fresh = postgres.migrated(migrate)
    world = resolver_world.World(fresh, program("resolver/verdict-resolver"), tmp_path)
    counter = b"\xff/counter/c"
    world.lead("a")
    workers = [Worker(program, fresh.dsn()) for _ in range(4)]
    told, lock, stop = {}, threading.Lock(), threading.Event()

    def append(worker, name):
        turn = 0
        while not stop.is_set():
            tr = worker.transaction()
            value = b"%d/%d" % (name, turn)
            tr.sequenced_key(counter, b"p/", value)
            tr.sequenced_key(b"\xff/counter/%d" % name, b"own/%d/" % name, value)
            assert tr.commit_later().wait(60)
            with lock:
                told[value] = tr.first(counter)
            assert tr.first(b"\xff/counter/%d" % name) == turn
            tr.free()
            turn += 1
    threads = [threading.Thread(target=append, args=(worker, i)) for i, worker in enumerate(workers)]
    try:
        for thread in threads:
            thread.start()
        for old, new in ("ab", "bc", "ca"):
            count = len(told)
            resolver_world.wait_until(lambda: len(told) >= count + 40, "the workers do not go on", 60)
            world.nodes[old].kill()
            world.lead(new)
        count = len(told)
        resolver_world.wait_until(lambda: len(told) >= count + 40, "the workers do not go on", 60)
        stop.set()
        for thread in threads:
            thread.join()
        assert {value: number for number, value in rows(workers[0], b"p/")} == told
        assert sorted(told.values()) == list(range(len(told)))
        for worker in workers:
            worker.close()
    finally:
        stop.set()
        for worker in workers:
            worker.kill()
        world.close()
        world.no_errors()
        fresh.drop()
