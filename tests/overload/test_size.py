# SPDX-License-Identifier: Apache-2.0
"""Transactions and batches of the greatest size: each ends in its verdict, the leader stays in office, memory is bounded."""
import os
import re
import time

import pytest

import transaction_world
from fault_world import COMMITTED, World
from memory import MB, Peaks, backends_of
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
CLEAR_TOO_LARGE = 7004


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.mark.parametrize("how, count, most, resolver_mb", [
    ("values", 24 if FULL else 3, 9_900_000, 300),
    ("keys", 8 if FULL else 2, 100_000 if FULL else 10_000, 600),
    ("ranges", 8 if FULL else 2, 100_000 if FULL else 10_000, 300),
])
def test_large_transactions_at_once(world, postgres, how, count, most, resolver_mb):
    leader = world.lead("a", {"lease-ttl": "3s"})
    worker = world.worker()
    for _ in range(2 if FULL else 1):
        with Peaks(worker=lambda: [worker.process.pid], resolver=lambda: [leader.process.pid],
                   backends=lambda: backends_of(postgres)) as peaks:
            began = time.monotonic()
            answers = worker.wait(worker.large(how, count, most))
            seconds = time.monotonic() - began
        print(f"{count} with {most} {how} in {seconds:.1f} s, the longest {max(a['us'] for a in answers) / 1e6:.1f} s; {peaks}")
        assert peaks.kb["resolver"] < resolver_mb * MB
    world.balance([COMMITTED])
    assert leader.log().count("state=leading") == 1 and not re.search("halved|not been applied|rejected", leader.log())


def test_clears_at_their_limit(world):
    """A clear of as many rows as one may delete, while another worker commits; one row more is refused, and deletes none."""
    rows = 1_000_000 if FULL else 20_000
    leader = world.lead("a", {"lease-ttl": "2s"} if FULL else {"clear-max-rows": rows})
    here = transaction_world.Worker(world.find, world.database.dsn())
    world.load(workers=1)
    world.go_on()
    world.database.execute("INSERT INTO kv SELECT convert_to('long/' || lpad(i::text, 8, '0'), 'UTF8'), 'v' FROM generate_series(0, %s) AS i",
                           [rows])
    tr = here.transaction()
    tr.clear_range(b"long/", b"long0")
    assert tr.commit_later().code() == CLEAR_TOO_LARGE
    assert world.database.execute("SELECT count(*) FROM kv WHERE key >= 'long/' AND key < 'long0'") == [(rows + 1,)]
    tr.reset()
    tr.clear_range(b"long/00000001", b"long0")
    began = time.monotonic()
    tr.commit()
    print(f"{rows} rows are cleared in {time.monotonic() - began:.1f} s")
    assert world.database.execute("SELECT count(*) FROM kv WHERE key >= 'long/' AND key < 'long0'") == [(1,)]
    world.go_on()
    world.settle()
    here.close()
    world.database.execute("DELETE FROM kv WHERE key >= 'long/' AND key < 'long0'")
    world.balance()
    assert leader.log().count("state=leading") == 1


def test_what_a_worker_has_in_the_queue_is_bounded_in_bytes(world):
    """Nobody leads: so many large requests stand in the queue, and the rest waits in the process that made them."""
    world.lead("a").stop()
    worker = world.worker()
    worker.large("values", 8, 9_900_000)
    wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(6,)], "they do not arrive")
    numbers = worker.adds(1)
    time.sleep(1)  # in which more would come
    assert world.database.execute("SELECT count(*), sum(octet_length(payload)) <= 64 << 20 FROM commit_requests") == [(6, True)]
    world.lead("b")
    worker.wait(numbers)
    worker.wait_all()
    world.balance([COMMITTED])
