# SPDX-License-Identifier: Apache-2.0
"""A connection is cut at every byte of an exchange, in both directions. Whatever was lost, the request is there once, and its
commit is told once and told the truth."""
import concurrent.futures
import os
import time

import pytest

from commit_player import Driver, Leader
from proxy import SWALLOW, TO_CLIENT, TO_SERVER, Proxy
from waiting import PATIENCE_S, wait_until

DESK, INBOX = "verdict-follower/verdict", "verdict-inbox/verdict"
SIDE_BY_SIDE = 6


class World:
    def __init__(self, program, database):
        self.database = database
        self.proxy = Proxy(database.server.port)
        self.worker = Driver(program, self.proxy.dsn(database)).ready()
        self.leader = Leader(database)
        self.client, _, _ = self.worker.who()
        self.decided = {}

    def close(self):
        self.worker.kill()
        self.proxy.close()
        self.leader.close()

    def both_are_up(self):
        def up():
            return "desk=0" not in self.worker.ask("statements") and "inbox=0" not in self.worker.ask("statements")
        wait_until(up, "both connections are there again")

    def turn(self, reply=True):
        """Decides what waits; repeats what is decided."""
        rows = list(self.leader.queue().values())
        fresh = [row for row in rows if row[0] not in self.decided]
        if fresh:
            version = self.leader.decide(fresh, reply=reply)
            for order, row in enumerate(fresh):
                self.decided[row[0]] = (version, order, row[5])
        for row in rows:
            if row not in fresh:
                version, order, payload = self.decided[row[0]]
                assert payload == row[5]
                self.leader.connection.execute("DELETE FROM commit_requests WHERE sequence = %s", [row[0]])
                self.leader.send(self.client, [self.leader.entry(row, order, {})], version=version)

    def commit(self, number, reply=True):
        self.worker.order(f"submit {number} {number:08x}")
        end = time.monotonic() + PATIENCE_S
        while number not in self.worker.told:
            assert time.monotonic() < end, f"{number} is not told: {self.worker.ask('counts')}"
            self.turn(reply)
            time.sleep(0.002)

    def all_true(self):
        by_payload = {payload: (version, order) for version, order, payload in self.decided.values()}
        assert len(by_payload) == len(self.decided) == len(self.worker.told)
        for number, told in self.worker.told.items():
            assert told[0] == 0 and told[1:3] == by_payload[number.to_bytes(4, "big")]


@pytest.fixture
def worlds(postgres, migrate, program):
    """Several side by side: each spends its time waiting to connect again."""
    databases = [postgres.migrated(migrate) for _ in range(SIDE_BY_SIDE)]
    made = [World(program, database) for database in databases]
    yield made
    for one in made:
        one.close()
    for database in databases:
        database.drop()


def exchange_length(world, name, direction, number, **how):
    """How many bytes one commit sends that way at least on a fresh connection: other things are sent at times, too."""
    lengths = []
    for turn in range(3):
        world.proxy.cut(name, direction, 0)
        world.commit(number + 2 * turn, **how)
        world.both_are_up()
        time.sleep(0.1)
        before = world.proxy.bytes_passed(name, direction)
        world.commit(number + 2 * turn + 1, **how)
        lengths.append(world.proxy.bytes_passed(name, direction) - before)
    return min(lengths)


# the stride of a usual run; VERDICT_EVERY=1 tries every byte
@pytest.mark.parametrize("name,direction,reply,stride", [
    (DESK, TO_SERVER, True, 3), (DESK, TO_CLIENT, True, 1), (INBOX, TO_CLIENT, True, 1),
    (INBOX, TO_SERVER, False, 7), (INBOX, TO_CLIENT, False, 7)],
    ids=["submit", "its end", "the reply", "the look", "its answer"])
def test_cut_at_every_byte(worlds, name, direction, reply, stride):
    stride = int(os.environ.get("VERDICT_EVERY", stride))
    length = exchange_length(worlds[0], name, direction, 1, reply=reply)
    assert length > 20
    offsets = range(0, length + 2, stride)

    def run(place):
        world = worlds[place]
        for number, offset in enumerate(offsets[place::SIDE_BY_SIDE], start=7):
            world.both_are_up()
            world.proxy.cut(name, direction, offset)
            world.commit(number, reply=reply)
            world.proxy.disarm()
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(run, range(SIDE_BY_SIDE)))
    assert sum(world.proxy.cuts for world in worlds) > len(offsets) * 0.9
    for world in worlds:
        world.all_true()
        world.worker.close()


def test_the_copy_of_a_request_whose_end_was_lost(worlds):
    """The INSERT arrived and stays in the queue, its answer is cut off: the resend adds nothing."""
    world = worlds[0]
    blind = world.proxy.cut(DESK, TO_CLIENT, 0)
    world.worker.order("submit 1 00000001")
    wait_until(lambda: world.proxy.cuts == blind + 1 and world.leader.queue(), "arrived and cut")
    row, = world.leader.queue().values()
    wait_until(lambda: world.worker.numbers("counts")["submitted"] == 1, "sent again")
    assert list(world.leader.queue().values()) == [row]
    world.turn()
    assert world.worker.verdict(1)[0] == 0
    world.all_true()


def test_a_registration_that_is_swallowed(database, program):
    """The desk falls silent before it is told who we are: the inbox finds that nothing excuses it."""
    proxy = Proxy(database.server.port)
    proxy.rename(b"FROM register(", "the registration")
    proxy.cut("the registration", TO_CLIENT, 0, SWALLOW)
    worker = Driver(program, proxy.dsn(database), connect_timeout=60000)
    worker.order("submit 1 00")
    try:
        worker.answer("ready")
        assert proxy.cuts == 1
        leader = Leader(database)
        leader.decide(leader.wait_queue(1).values())
        assert worker.verdict(1)[0] == 0
        leader.close()
        worker.close()
    finally:
        worker.kill()
        proxy.close()
