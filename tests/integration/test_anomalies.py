# SPDX-License-Identifier: Apache-2.0
"""The anomalies of the literature, each by an interleaving that would bring it about: refused where reads are serializable,
allowed where a transaction asked for snapshot reads.

A step is "WHO WHAT ...", keys are letters under the test's own prefix:
    get K V, peek K V         a read, a snapshot read, and what it must show ("-": absent)
    range B E ROWS            the keys from B up to E that a range read shows, "+" at the end: limited to these, there may be more
    span B E ROWS             the same as a snapshot read
    first K R, look K R       get_key first_greater_or_equal(K), the same as a snapshot read, and what it must find
    last K R                  get_key last_less_than(K)
    set K V, clear K, clear_range B E, add K N
    protect B E               add_conflict_range, read
    commit CODE               0 or 1020
"""
import pytest

import resolver_world
from transaction_world import ADD, Failed, Worker

CASES = {
    # Both see x + y = 2, and each takes one away.
    "write skew": ("x=1 y=1", """a get x 1; a get y 1; b get x 1; b get y 1; a set x 0; b set y 0; a commit 0; b commit 1020"""),
    "write skew by snapshot reads": (
        "x=1 y=1", """a peek x 1; a peek y 1; b peek x 1; b peek y 1; a set x 0; b set y 0; a commit 0; b commit 0"""),
    "write skew by snapshot reads with ranges by hand": (
        "x=1 y=1", """a peek x 1; a peek y 1; b peek x 1; b peek y 1; a protect x z; b protect x z; a set x 0; b set y 0;
        a commit 0; b commit 1020"""),
    "write skew of three": (
        "x=1 y=1 z=1", """a get x 1; b get y 1; c get z 1; a set y 0; b set z 0; c set x 0; a commit 0; b commit 1020; c commit 0"""),
    # Of two increments one is gone.
    "lost update": ("x=1", "a get x 1; b get x 1; a set x 2; b set x 2; a commit 0; b commit 1020; c get x 2"),
    "lost update by snapshot reads": ("x=1", "a peek x 1; b peek x 1; a set x 2; b set x 2; a commit 0; b commit 0; c get x 2"),
    "no update is lost by an atomic add": ("x=1", "a add x 1; b add x 1; a commit 0; b commit 0; c get x 3"),
    "lost update of a key read again": (
        "x=1", "a get x 1; b set x 5; b commit 0; a get x 1; a set x 2; a commit 1020; c get x 5"),
    "a blind write is no update": ("x=1", "a get y -; b set x 2; a set x 3; b commit 0; a commit 0; c get x 3"),
    "an own write is no read of what is stored": ("x=1", "a set x 2; a get x 2; b set x 5; b commit 0; a commit 0; c get x 2"),
    # A predicate's answer changes by a row that was not there.
    "phantom in an empty range": ("", "a range b d -; b set c 1; b commit 0; a set x 1; a commit 1020"),
    "phantom in an empty range by a snapshot read": ("", "a span b d -; b set c 1; b commit 0; a set x 1; a commit 0"),
    "phantom between rows": ("b=1 d=1", "a range a e bd; b set c 1; b commit 0; a set x 1; a commit 1020"),
    "phantom that goes": ("b=1 d=1", "a range a e bd; b clear d; b commit 0; a set x 1; a commit 1020"),
    "phantom that goes with a cleared range": (
        "b=1 d=1", "a range a e bd; b clear_range c e; b commit 0; a set x 1; a commit 1020"),
    "phantom beside the range": ("b=1 d=1", "a range b d b; b set d 2; b commit 0; a set x 1; a commit 0"),
    "phantom before a limit": ("b=1 d=1", "a range a e b+; b set a 1; b commit 0; a set x 1; a commit 1020"),
    "phantom behind a limit": ("b=1 d=1", "a range a e b+; b set c 1; b commit 0; a set x 1; a commit 0"),
    "phantom in a span that is cleared here": (
        "b=1", "a clear_range a e; a range a e -; b set c 1; b commit 0; a set x 1; a commit 0; c range a e -"),
    "phantom under get_key": ("d=1", "a first b d; b set c 1; b commit 0; a set x 1; a commit 1020"),
    "phantom under get_key by a snapshot read": ("d=1", "a look b d; b set c 1; b commit 0; a set x 1; a commit 0"),
    "phantom under get_key, the key found goes": ("d=1 e=1", "a first b d; b clear d; b commit 0; a set x 1; a commit 1020"),
    "phantom behind the key found": ("d=1", "a first b d; b set e 1; b commit 0; a set x 1; a commit 0"),
    "phantom under get_key backward": ("b=1", "a last d b; b set c 1; b commit 0; a set x 1; a commit 1020"),
    "phantom before the key found backward": ("b=1", "a last d b; b set a 1; b commit 0; a set x 1; a commit 0"),
    # Fekete, O'Neil, O'Neil: a reader sees a deposit but not the withdrawal with its overdraft charge, which was before it.
    "read-only anomaly": (
        "x=0 y=0", """a get x 0; a get y 0; b get y 0; b set y 20; b commit 0; c get x 0; c get y 20; c commit 0; a set x -11;
        a commit 1020"""),
    "read-only anomaly by snapshot reads": (
        "x=0 y=0", """a peek x 0; a peek y 0; b get y 0; b set y 20; b commit 0; c get x 0; c get y 20; c commit 0; a set x -11;
        a commit 0"""),
    "a reader alone never fails": ("x=0", "a get x 0; b set x 1; b commit 0; a get x 0; a commit 0"),
    # Two readers see two independent writes in opposite orders.
    "long fork": (
        "x=0 y=0", """c get z -; a set x 1; b set y 1; a commit 0; d get x 1; b commit 0; c get x 0; c get y 0; d get y 0; e get x 1;
        e get y 1; c commit 0; d commit 0; e commit 0"""),
    "long fork by snapshot reads": (
        "x=0 y=0", """c peek z -; a set x 1; b set y 1; a commit 0; d peek x 1; b commit 0; c peek x 0; c peek y 0; d peek y 0;
        e peek x 1; e peek y 1"""),
    "long fork of writers": (
        "x=0 y=0", """c get x 0; c get y 0; a set x 1; a commit 0; d get x 1; d get y 0; b set y 1; b commit 0; c set v 1; d set w 1;
        c commit 1020; d commit 1020"""),
    # What is not yet committed, or never is, is not seen.
    "dirty read": ("x=0", "a set x 1; b get x 0; a commit 0; b get x 0; c get x 1"),
    "aborted read": ("x=0", "a get y -; a set x 1; b set y 1; b commit 0; a commit 1020; c get x 0"),
    "read skew": ("x=1 y=1", "a get x 1; b set x 2; b set y 2; b commit 0; a get y 1; a commit 0"),
}


class Play:
    def __init__(self, worker, prefix):
        self.worker, self.prefix, self.transactions = worker, prefix, {}

    def key(self, word):
        return self.prefix + word.encode()

    def step(self, who, what, *words):
        if who not in self.transactions:
            self.transactions[who] = self.worker.transaction()
        getattr(self, what)(self.transactions[who], *words)

    def get(self, transaction, key, value, snapshot=False):
        found = transaction.get(self.key(key), snapshot)
        assert found == (None if value == "-" else value.encode())

    def peek(self, transaction, key, value):
        self.get(transaction, key, value, True)

    def range(self, transaction, begin, end, rows, snapshot=False):
        keys = [self.key(letter) for letter in rows.strip("-+")]
        limit = len(keys) if rows.endswith("+") else 0
        found, more = transaction.get_range(self.key(begin), self.key(end), limit=limit, snapshot=snapshot)
        assert ([key for key, _ in found], more) == (keys, rows.endswith("+"))

    def span(self, transaction, begin, end, rows):
        self.range(transaction, begin, end, rows, True)

    def first(self, transaction, key, found, snapshot=False):
        assert transaction.get_key(self.key(key), False, 1, snapshot) == self.key(found)

    def look(self, transaction, key, found):
        self.first(transaction, key, found, True)

    def last(self, transaction, key, found):
        assert transaction.get_key(self.key(key), False, 0) == self.key(found)

    def set(self, transaction, key, value):
        transaction.set(self.key(key), value.encode())

    def clear(self, transaction, key):
        transaction.clear(self.key(key))

    def clear_range(self, transaction, begin, end):
        transaction.clear_range(self.key(begin), self.key(end))

    def add(self, transaction, key, number):
        transaction.atomic(ADD, self.key(key), bytes([int(number)]))

    def protect(self, transaction, begin, end):
        assert transaction.conflict("read", self.key(begin), self.key(end)) == 0

    def commit(self, transaction, code):
        try:
            transaction.commit()
            found = 0
        except Failed as failed:
            found = failed.code
        assert found == int(code)


@pytest.fixture(scope="module")
def worker(postgres, migrate, program, tmp_path_factory):
    fresh = postgres.migrated(migrate)
    world = resolver_world.World(fresh, program("resolver/verdict-resolver"), tmp_path_factory.mktemp("nodes"))
    made = None
    try:
        world.lead()
        made = Worker(program, fresh.dsn(), max_connections=8)
        assert made.opening == "ready"
        yield made
        made.close()
    finally:
        if made is not None:
            made.kill()
        world.close()
    world.no_errors()
    fresh.drop()


@pytest.mark.parametrize("name", CASES)
def test_anomaly(worker, name):
    content, steps = CASES[name]
    play = Play(worker, name.encode() + b"/")
    start = worker.transaction()
    for pair in content.split():
        play.set(start, *pair.split("="))
    start.commit()
    for step in steps.split(";"):
        play.step(*step.split())
    for transaction in [start, *play.transactions.values()]:
        transaction.free()
