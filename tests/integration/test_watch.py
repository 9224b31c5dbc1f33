# SPDX-License-Identifier: Apache-2.0
"""Watches: they fire on a change by others, not on an equal value; survive failover and reconnect; are bounded.

That a watch does not fire is shown by another one, armed before it in the same commit, that does: one look sees both.
"""
import threading
import time

import pytest

from transaction_fixtures import key, refused, worker, workers, world  # noqa: F401
from transaction_world import ADD, STAMPED_VALUE, Failed, text
from waiting import wait_until


def put(worker, *pairs):
    tr = worker.transaction()
    for name, value in pairs:
        if value is None:
            tr.clear(name)
        else:
            tr.set(name, value)
    tr.commit()
    tr.free()


def armed(worker, *names):
    """Watches whose transaction has committed and is gone."""
    tr = worker.transaction()
    made = [tr.watch(name) for name in names]
    tr.commit()
    tr.free()
    return made


def prove(worker, key):
    """All that was armed before has been looked at: a watch that is armed now has fired."""
    put(worker, (key + b"proof", b"1"))
    signal, = armed(worker, key + b"proof")
    put(worker, (key + b"proof", b"2"))
    assert signal.wait() is True


def watched(worker, *names):
    """Watches that are armed and proven: what makes them fire comes later."""
    made = armed(worker, *names)
    prove(worker, names[0])
    return made


def test_fires_on_a_change_by_another(workers, key):
    here, there = workers(), workers()
    put(there, (key, b"1"))
    watch, = watched(here, key)
    assert not watch.is_ready()
    put(there, (key, b"2"))
    assert watch.wait() is True


CHANGES = {"appears": (None, b"1"), "goes": (b"1", None), "goes empty": (b"", None), "appears empty": (None, b""),
           "is emptied": (b"1", b""), "its last byte": (b"a" * 90000, b"a" * 89999 + b"b")}


@pytest.mark.parametrize("before, after", CHANGES.values(), ids=CHANGES)
def test_presence_and_value(worker, key, before, after):
    put(worker, (key, before))
    watch, = watched(worker, key)
    put(worker, (key, after))
    assert watch.wait() is True


def test_an_equal_value_does_not_fire(workers, key):
    here, there = workers(), workers()
    put(there, (key, b"1"), (key + b"absent", None), (key + b"signal", b"1"))
    same, absent, signal = watched(here, key, key + b"absent", key + b"signal")
    for turn in range(3):
        put(there, (key, b"1"), (key + b"absent", None))
    put(there, (key + b"signal", b"2"))
    assert signal.wait() is True
    assert not same.is_ready() and not absent.is_ready()
    put(there, (key, b"2"), (key + b"absent", b""))
    assert same.wait() is True and absent.wait() is True


def test_what_happens_before_it_is_armed_counts(workers, key):
    """Changed between the read and the commit of a transaction that wrote nothing."""
    here, there = workers(), workers()
    put(there, (key, b"1"))
    tr = here.transaction()
    watch = tr.watch(key)
    assert tr.get(key) == b"1"
    put(there, (key, b"2"))
    assert not watch.is_ready()
    tr.commit()
    assert watch.wait() is True


def test_it_sees_what_the_transaction_sees(worker, key):
    """The baseline is the value at the call: own writes before it are in, those after it are a change."""
    put(worker, (key, b"\x01"), (key + b"later", b"1"), (key + b"signal", b"1"))
    tr = worker.transaction()
    tr.atomic(ADD, key, b"\x01")
    own, later, signal = tr.watch(key), tr.watch(key + b"later"), tr.watch(key + b"signal")
    tr.set(key + b"later", b"2")
    tr.commit()
    assert later.wait() is True
    put(worker, (key + b"signal", b"2"))
    assert signal.wait() is True
    assert not own.is_ready()
    put(worker, (key, b"\x03"))
    assert own.wait() is True


def test_it_is_a_read(workers, key):
    """It adds a read conflict, as get does."""
    here, there = workers(), workers()
    tr = here.transaction()
    watch = tr.watch(key)
    assert tr.get(key) is None
    put(there, (key, b"1"))
    tr.set(key + b"other", b"1")
    refused(1020, tr.commit)
    assert watch.code() == 1020


def test_before_the_commit_it_ends_with_its_transaction(worker, key):
    for end in ("reset", "cancel", "free"):
        tr = worker.transaction()
        watch = tr.watch(key)
        getattr(tr, end)()
        assert watch.code() == 1025, end
        if end != "free":
            tr.free()
    tr = worker.transaction(timeout=50)
    watch = tr.watch(key)
    assert watch.code() == 1031


def test_after_the_commit_it_outlives_it(workers, key):
    here, there = workers(), workers()
    made = []
    for end in ("reset", "cancel", "free"):
        tr = here.transaction()
        made.append(tr.watch(key))
        tr.set(key + b"own", end.encode())
        tr.commit()
        getattr(tr, end)()
    put(there, (key, b"1"))
    assert [watch.wait() for watch in made] == [True] * 3


def test_the_same_transaction_again(worker, key):
    tr = worker.transaction()
    watches = []
    for turn in range(3):
        watches.append(tr.watch(key))
        tr.commit()
        tr.reset()
    put(worker, (key, b"1"))
    assert [watch.wait() for watch in watches] == [True] * 3


def test_cancelled_and_freed(workers, key):
    here, there = workers(), workers()
    put(there, (key + b"signal", b"1"))
    tr = here.transaction()
    pending, pending_freed, read = tr.watch(key), tr.watch(key), tr.watch(key)
    pending.cancel()
    assert pending.code() == 1101
    pending_freed.free()
    tr.commit()
    read.cancel()
    assert read.code() == 1101
    armed, freed, signal = watched(here, key, key, key + b"signal")
    armed.cancel()
    assert armed.code() == 1101
    freed.free()
    put(there, (key, b"1"), (key + b"signal", b"2"))
    assert signal.wait() is True


def test_what_is_refused(worker, key):
    tr = worker.transaction()
    refused(2102, tr.watch(b"k" * 2049).wait)
    refused(2004, tr.watch(b"\xff").wait)
    refused(2004, tr.watch(b"\xff\xff/transaction/read_conflict_range/a").wait)
    assert worker.transaction(read_system_keys=None).watch(b"\xff/x").is_ready() is False
    tr.atomic(STAMPED_VALUE, key, b"\x00" * 14)
    refused(1036, tr.watch(key).wait)
    refused(1034, worker.transaction(read_your_writes_disable=None).watch(key).wait)
    tr.reset()
    tr.set(key, b"1")
    tr.commit()
    refused(2017, tr.watch(key).wait)


def test_too_many(workers, key):
    here, there = workers(max_watches=3), workers()
    tr = here.transaction()
    made = [tr.watch(key) for _ in range(3)]
    said = refused(1032, tr.watch(key).wait)
    assert "max_watches" in said.message
    tr.commit()
    refused(1032, here.transaction().watch(key).wait)
    made[0].cancel()
    assert made[0].code() == 1101
    made[1].free()
    again = armed(here, key, key)
    refused(1032, here.transaction().watch(key).wait)
    put(there, (key, b"1"))
    assert [watch.wait() for watch in [made[2], *again]] == [True] * 3
    assert armed(here, key)[0].is_ready() is False
    none = workers(max_watches=0)
    refused(1032, none.transaction().watch(key).wait)


def test_one_that_nobody_waits_for_does_not_count(workers, key):
    """Wherever it stands: before its commit, in a look, with another transaction."""
    here = workers(max_watches=1)
    for turn in range(50):
        watch, = armed(here, key)
        if turn % 2:
            watch.cancel()
            assert watch.code() == 1101
        else:
            watch.free()
    other = here.transaction()
    other.watch(key).free()
    watch, = armed(here, key)
    assert not watch.is_ready()
    refused(1032, other.watch(key).wait)


def test_closing_ends_them(workers, key):
    """The driver frees no future: that its process ends well is the test, with the sanitizers."""
    here = workers()
    watched(here, key)
    tr = here.transaction()
    tr.watch(key)
    here.close()


def count(world, name):
    return world.database.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,))[0][0]


def test_it_survives_a_lost_connection(workers, world, key):
    here, there = workers(application_name="watching/verdict"), workers()
    put(there, (key, b"1"), (key + b"signal", b"1"))
    watch, other, signal = watched(here, key, key + b"other", key + b"signal")
    put(there, (key + b"signal", b"2"))
    assert signal.wait() is True  # so there is a connection that looks
    assert count(world, "watching/verdict") > 0
    world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watching/verdict'")
    put(there, (key, b"2"))
    assert watch.wait() is True and not other.is_ready()


def test_it_survives_a_failover(workers, world, key):
    here, there = workers(), workers()
    watch, other = watched(here, key, key + b"other")
    before = world.leader()
    world.node("b")
    before.kill()
    world.nodes["b"].wait_says("state=leading", 60)
    put(there, (key, b"1"))
    assert watch.wait() is True and not other.is_ready()


def test_a_server_that_refuses_is_asked_seldom(workers, world, key):
    """The table goes away between the transaction's read and the first look, and comes back."""
    here = workers()
    tr = here.transaction()
    watch = tr.watch(key)
    assert tr.get(key) is None

    def refusals():
        return world.database.execute("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()")[0][0]
    rename = threading.Thread(target=world.database.execute, args=("ALTER TABLE verdict.kv RENAME TO kv_away",))
    rename.start()
    wait_until(lambda: world.database.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"),
               "it waits for the transaction to end")
    before, began = refusals(), time.monotonic()
    tr.commit()
    rename.join()
    try:
        wait_until(lambda: refusals() - before >= 3, "it is refused again and again")
        assert refusals() - before <= 10 + 2 * (time.monotonic() - began)
    finally:
        world.database.execute("ALTER TABLE verdict.kv_away RENAME TO kv")
    put(workers(), (key, b"1"))
    assert watch.wait() is True


def test_an_idle_watch_makes_few_connections(workers, world, key):
    """Without a watch there is none for them; with many there is one."""
    here = workers(application_name="bounded/verdict", max_connections=2)
    tr = here.transaction()
    tr.get(key)
    tr.free()
    before = count(world, "bounded/verdict")
    watched(here, *(key + b"%d" % i for i in range(50)))
    wait_until(lambda: count(world, "bounded/verdict") == before + 1, "one connection more")
    watched(here, *(key + b"%d" % i for i in range(50)))
    assert count(world, "bounded/verdict") == before + 1


def test_ten_thousand(workers, key):
    """All of them are armed, a few change, and just these fire."""
    here, there = workers(), workers()
    tr = here.transaction()
    first = here.next["future"] + 1
    here.next["future"] += 9999
    here.order("many_watches", first, tr.number, 9999, text(key))
    tr.commit()
    prove(here, key)
    spare, = armed(here, key)
    refused(1032, here.transaction().watch(key).wait)
    spare.cancel()
    assert spare.code() == 1101
    changed = [0, 1, 1999, 2000, 2001, 7777, 9998]
    put(there, *((key + i.to_bytes(4, "big"), b"1") for i in changed))
    wait_until(lambda: int(here.ask("ready", first, 9999)) >= len(changed), "those that changed fire")
    prove(here, key)
    assert int(here.ask("ready", first, 9999)) == len(changed)
    for i in changed:
        assert here.ask("is_ready", first + i) == "1"
