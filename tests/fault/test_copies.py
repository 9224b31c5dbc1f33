# SPDX-License-Identifier: Apache-2.0
"""Copies of one request, and requests that are given up while they are decided: each ends in one verdict, and what is stored
agrees with it. Copies come by hand (docs/protocol.md), for no library sends them at will."""
import concurrent.futures
import random
import time

import pytest

from fault_world import COMMITTED, CONFLICT, TIMED_OUT, TOO_OLD, World
from resolver_world import ADD, CANCELLED, SET
from waiting import wait_until

ONE = (1).to_bytes(8, "little")


@pytest.fixture
def world(database, program, tmp_path):
    made = World(program, database, tmp_path)
    yield made
    made.close()
    made.no_errors()


def queued(world):
    return world.database.execute("SELECT count(*) FROM commit_requests")[0][0]


def any_copies(world):
    """The queue takes one row a request. Without that, more than one copy is there at a time, as if one had come from
    a dying connection while the other was being decided."""
    world.database.execute("ALTER TABLE commit_requests DROP CONSTRAINT commit_requests_pkey")


def number(value):
    return int.from_bytes(value or b"", "little")


def send(client, sequences, payloads):
    client.submit_payloads(payloads, sequences=sequences)


def test_two_copies_in_one_batch(world):
    """Between them one whose order would be wrong if either counted twice."""
    leader = world.lead("a")
    client = world.client()
    any_copies(world)
    payload, other = client.request([(ADD, b"n", ONE)]), client.request([(ADD, b"m", ONE)])
    send(client, [1, 2, 1, 1, 3], [payload, other, payload, payload, other])
    client.sequence = 3
    first, second, third = client.wait(1, 2, 3)
    wait_until(lambda: client.hear() or client.replies == 5, lambda: f"{client.replies} of 5 copies are answered")
    assert first.version == second.version == third.version
    assert [v.a for v in (first, second, third)] == [0, 1, 2]
    assert (number(client.get(b"n")), number(client.get(b"m"))) == (1, 2)
    assert client.look(1)[1][2:5] == (0, first.version, 0)
    assert leader.log().count("took office") == 1


@pytest.mark.parametrize("end", ["commits", "is lost", "loses its leader"])
def test_copies_in_adjacent_batches(world, end):
    """The second copy is resolved while the batch of the first is under way, held up by a lock. That batch then commits, or
    is lost with its connection, or with its leader: only in the first case is the second copy a duplicate."""
    leader = world.lead("a")
    if end == "loses its leader":
        world.node("b").wait_says("keeper is connected")
    client = world.client()
    any_copies(world)
    client.commit([(SET, b"n", b"")])
    payload = client.request([(ADD, b"n", ONE)])
    with world.database.connect(autocommit=False) as holder:
        holder.execute(f"SELECT * FROM {world.database.schema}.kv WHERE key = 'n' FOR UPDATE")
        send(client, [2], [payload])
        client.sequence = 2
        blocked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' " \
                  "AND application_name LIKE 'verdict-resolver/%%'"
        wait_until(lambda: world.database.execute(blocked), "the first batch is not held up")
        send(client, [2], [payload])
        time.sleep(0.3)  # so that it is claimed: nothing of that can be seen from outside
        assert queued(world) == 2
        if end == "is lost":
            world.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY (%s)",
                                   [[row[0] for row in world.database.execute(blocked)]])
        elif end == "loses its leader":
            leader.kill()
        holder.rollback()
    verdict = client.wait(2)[0]
    wait_until(lambda: queued(world) == 0, "a copy is left")
    client.hear(0.2)
    assert verdict.code == COMMITTED and client.verdicts[2] == verdict
    assert number(client.get(b"n")) == 1
    assert client.look(2)[2][2:5] == (0, verdict.version, verdict.a)


@pytest.mark.parametrize("who", ["the same leader", "the next leader"])
def test_copies_after_the_verdict(world, who):
    """Above the low-water the verdict is repeated, also by a leader that knows it only from the store; at or below it the
    copy is dropped."""
    leader = world.lead("a")
    client = world.client()
    payloads = {n: client.request([(ADD, b"n%d" % n, ONE)]) for n in range(1, 11)}
    told = client.wait(*client.submit_payloads(list(payloads.values())))
    client.acknowledged = 5
    told.append(client.commit([(ADD, b"n11", ONE)]))
    client.acknowledged = 0
    if who == "the next leader":
        leader.kill()
        world.lead("b")
    replies = client.replies
    send(client, list(payloads), list(payloads.values()))
    wait_until(lambda: queued(world) == 0, "copies are left")
    # those up to 5 are told for good: the low-water may have been noted in memory alone, so a new leader may still repeat them
    wait_until(lambda: client.hear() or client.replies >= replies + 5, "the copies are not answered")
    client.hear(0.2)
    if who == "the same leader":
        assert client.replies == replies + 5
    assert client.wait(*range(1, 12)) == told
    assert [number(client.get(b"n%d" % n)) for n in range(1, 12)] == [1] * 11


@pytest.mark.parametrize("seed", range(4))
def test_cancel_races_the_claim(world, seed):
    """Given up after a moment: before it is claimed, while it is decided, or after. The answer is the truth for ever, also
    for copies that come late."""
    world.three()

    def run(client, rng):
        ends = {}
        begin = time.perf_counter()
        client.cancel(client.submit([(ADD, b"how long", ONE)]))
        long = 4 * (time.perf_counter() - begin)
        for _ in range(100):
            key = b"c%08d" % len(ends) + client.id.bytes
            payload = client.request([(ADD, key, ONE)], at=client.snapshot())
            sequence = client.submit_payloads([payload])[0]
            moment = time.perf_counter() + rng.choice([0, rng.uniform(0, long / 4), rng.uniform(0, long)])
            while time.perf_counter() < moment:
                pass
            if rng.random() < 0.1:
                client.wait(sequence)
            answer = client.cancel(sequence)
            assert answer[1] == 2 and answer[2] in (COMMITTED, CANCELLED), answer
            ends[sequence] = key, answer
            if rng.random() < 0.5:
                client.resend(sequence, payload)
        return ends
    clients = [world.client() for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        all_ends = list(pool.map(run, clients, [random.Random(seed * 10 + i) for i in range(3)]))
    wait_until(lambda: queued(world) == 0, "copies are left")
    codes = []
    for client, ends in zip(clients, all_ends):
        client.hear(0.1)
        rows = client.look(*ends)
        for sequence, (key, answer) in ends.items():
            assert number(client.get(key)) == (answer[2] == COMMITTED), (sequence, answer)
            assert rows[sequence][:5] == answer[:5]
            if sequence in client.verdicts:
                assert client.verdicts[sequence].code == answer[2]
            codes.append(answer[2])
    assert {COMMITTED, CANCELLED} <= set(codes), "the race had only one winner"


def test_time_outs_race_the_commit(world):
    """By the library: a commit that timed out is certainly not there, whenever the time was over."""
    leader, _ = world.three()
    for timeout in (1, 10, 30, 60000):
        worker = world.worker(transaction_timeout=timeout)
        for _ in range(20):
            worker.wait(worker.adds(40))
            worker.wait(worker.increments(10, 4))
    codes = [answer["code"] for answer in world.told()]
    assert {COMMITTED, TIMED_OUT} <= set(codes)
    world.balance([COMMITTED, CONFLICT, TOO_OLD, TIMED_OUT])
    assert leader.is_running()
