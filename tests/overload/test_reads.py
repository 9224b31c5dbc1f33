# SPDX-License-Identifier: Apache-2.0
"""Very many reads at once: range reads in parallel, transactions that hold snapshots, watches under load. Memory is bounded by what
is on its way, not by what is stored; whoever commits meanwhile is not harmed."""
import json
import os
import subprocess
import time

import pytest

import transaction_world
from cli import environment
from fault_world import COMMITTED, CONFLICT, TOO_OLD, World
from memory import MB, Peaks, SANITIZER, backends_of
from transaction_world import text
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
ROWS = 200_000 if FULL else 10_000
PARALLEL = 100 if FULL else 10
OPEN = 1000 if FULL else 30
WATCHES = 10_000 if FULL else 2_000
ITERATOR_KB = 1024  # two chunks, and what a read holds on its way


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def filled(world):
    world.database.execute("INSERT INTO kv SELECT convert_to('long/' || lpad(i::text, 8, '0'), 'UTF8'), convert_to(repeat('v', 100), 'UTF8') "
                           "FROM generate_series(1, %s) AS i", [ROWS])
    return world


def read(world, postgres, transactions, each, *options):
    """What `readers` tells, and its peaks."""
    command = [world.find("tests/overload/readers"), world.database.dsn(), str(transactions), str(each), "long/", "long0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(**SANITIZER)) as process:
        with Peaks(reader=lambda: [process.pid], backends=lambda: backends_of(postgres)) as peaks:
            began = time.monotonic()
            told = json.loads(process.stdout.readline())
            seconds = time.monotonic() - began
    assert process.returncode == 0
    print(f"{transactions} x {each}: {told}, {told['rows'] / seconds:.0f} rows/s in {seconds:.1f} s; {peaks}")
    return told, peaks


def test_range_reads_in_parallel(filled, postgres):
    """Each of them reads it all, in one snapshot."""
    told, peaks = read(filled, postgres, 1, PARALLEL, "long")
    assert told == {"rows": ROWS * PARALLEL, "done": PARALLEL, "failed": 0, "code": 0}
    assert peaks.kb["reader"] < 64 * MB + PARALLEL * ITERATOR_KB


def test_very_many_transactions_read_long_ranges(filled, postgres):
    """Over the few connections of one process, while another commits: they end with their rows, or when they are too old."""
    filled.lead("a")
    filled.load()
    filled.go_on()
    told, peaks = read(filled, postgres, OPEN, 1)
    filled.go_on()
    assert told["done"] + told["failed"] == OPEN and told["code"] in (0, TOO_OLD)
    assert peaks.kb["reader"] < 64 * MB + OPEN * ITERATOR_KB
    filled.settle()
    filled.database.execute("DELETE FROM kv WHERE key >= 'long/' AND key < 'long0'")
    filled.balance()


def test_long_snapshots_beyond_their_number(filled, postgres):
    """As many as may be open read all of it; those beyond are told that it is too much, and may try again."""
    told, _ = read(filled, postgres, 6, 1, "long", "max_long_snapshots=4")
    assert told == {"rows": 4 * ROWS, "done": 4, "failed": 2, "code": 7003}


def test_watches_under_load(world):
    """Each of them fires once its key was written, by others who write as fast as they can."""
    world.lead("a")
    world.load()
    here = transaction_world.Worker(world.find, world.database.dsn(), max_watches=WATCHES)
    assert here.opening == "ready"
    tr = here.transaction()
    here.order("many_watches", 1, tr.number, WATCHES, text(b"watched/"))
    here.next["future"] = WATCHES
    tr.commit()
    world.go_on()
    assert here.ask("ready", 1, WATCHES) == "0"
    there = transaction_world.Worker(world.find, world.database.dsn())
    began = time.monotonic()
    for first in range(0, WATCHES, 500):
        writer = there.transaction()
        for number in range(first, first + 500):
            writer.set(b"watched/" + number.to_bytes(4, "big"), b"1")
        writer.commit()
        writer.free()
    written = time.monotonic() - began
    wait_until(lambda: here.ask("ready", 1, WATCHES) == str(WATCHES), "not all fire")
    print(f"{WATCHES} keys were written within {written:.1f} s, all watches had fired after {time.monotonic() - began:.1f} s")
    here.close()
    there.close()
    world.settle()
    world.database.execute("DELETE FROM kv WHERE key >= 'watched/' AND key < 'watched0'")
    world.balance()
