# SPDX-License-Identifier: Apache-2.0
"""Many commits in flight at once: what is queued is bounded, nobody starves, memory comes back, the books are right."""
import os
import signal
import time

import pytest

from fault_world import COMMITTED, World
from memory import MB, Peaks, backends_of
from waiting import wait_until

FULL = bool(os.environ.get("VERDICT_FULL"))
ONE = 10000 if FULL else 2000
WORKERS, EACH = (8, 10000) if FULL else (3, 1000)
BATCH = 2048 if FULL else 100  # so that the small ones take many batches as well
RESOLVER_MB_MOST = 256


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


def peaks_of(world, postgres):
    return Peaks(workers=lambda: [w.process.pid for w in world.workers],
                 resolver=lambda: [n.process.pid for n in world.nodes.values() if n.is_running()],
                 backends=lambda: backends_of(postgres))


def figures(answers):
    us = sorted(a["us"] for a in answers)
    return f"p50 {us[len(us) // 2] / 1000:.0f} p99 {us[len(us) * 99 // 100] / 1000:.0f} longest {us[-1] / 1000:.0f} ms"


def flights(world, postgres, workers, each, count):
    """So many in flight from each worker, `count` times, and one from a small one all the while: peaks of memory, and how many
    of the small one's were decided in that time."""
    small = world.worker()
    rounds = []
    for _ in range(count):
        with peaks_of(world, postgres) as peaks:
            began = time.monotonic()
            numbers = [(worker, worker.adds(each)) for worker in workers]
            own = []
            while any(worker.in_flight() for worker in workers):
                own += small.wait(small.adds(1))
            answers = [a for worker, n in numbers for a in worker.wait(n)]
            seconds = time.monotonic() - began
        rounds.append((peaks, len(own)))
        print(f"{len(answers)} in {seconds:.1f} s, {len(answers) / seconds:.0f}/s: {figures(answers)}; {len(own)} of the small one "
              f"meanwhile: {figures(own)}; {peaks}")
    return rounds


@pytest.mark.parametrize("workers, each", [(1, ONE), (WORKERS, EACH)])
def test_many_in_flight(world, postgres, workers, each):
    """The third time takes no more memory than the second one, and a client with one request is not kept waiting for all."""
    leader = world.lead("a", {"batch-requests": BATCH})
    rounds = flights(world, postgres, [world.worker() for _ in range(workers)], each, 3)
    (_, _), (second, _), (third, _) = rounds
    for kind in second.kinds:
        assert third.kb[kind] < second.kb[kind] * 1.5 + 16 * MB, kind
    assert third.kb["resolver"] < RESOLVER_MB_MOST * MB
    assert sum(own for _, own in rounds) > 6, "a small client starves"
    world.balance([COMMITTED])
    assert leader.log().count("state=leading") == 1


def test_who_is_frozen_with_commits_in_flight(world):
    """Of its commits as many are decided as it may leave unacknowledged, the others wait, and nobody else is harmed; when it goes
    on it is told what became of each."""
    frozen_ones, others, limit = (20000, 40000, 1000) if FULL else (4000, 1000, 1000)
    world.lead("a").stop()
    frozen = world.worker()
    frozen.adds(frozen_ones)
    wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == [(frozen_ones,)], "they do not arrive")
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        leader = world.lead("b", {"client-limit": limit})
        other = world.worker()
        other.wait(other.adds(others))
        waiting = [(frozen_ones - limit,)]
        wait_until(lambda: world.database.execute("SELECT count(*) FROM commit_requests") == waiting, "not so many are decided")
        other.wait(other.adds(others))
        assert world.database.execute("SELECT count(*) FROM commit_requests") == waiting
        assert not frozen.told
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    frozen.wait_all()
    world.balance([COMMITTED])
    assert leader.log().count("state=leading") == 1
