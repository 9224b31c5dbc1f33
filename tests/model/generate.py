# SPDX-License-Identifier: Apache-2.0
"""Random programs: few keys, so that everything meets."""
import struct

from program import Operation, Program
from store import ATOMICS, COUNTERS, IS_ABSENT, IS_EMPTY, IS_PRESENT, IS_VALUE, KEY_LIMIT, STAMPED_KEY, STAMPED_VALUE, VALUE_LIMIT
from transaction import EXACT, ITERATOR, LARGE, MEDIUM, RETRYABLE, SERIAL, SMALL, WANT_ALL

KEYS = [b"", b"\0", b"\0\0", b"\0a", b"a", b"a\0", b"a\0\0", b"aa", b"aaa", b"ab", b"a\xfe", b"a\xff", b"a\xff\xff", b"b", b"b\0", b"ba",
        b"bb", b"bbb", b"b\xff", b"c", b"ca", b"\xfe", b"\xfe\0", b"\xfe\xff", b"\xfe\xff\xff", b"aaaaaaaa", b"b" * KEY_LIMIT]
SMALL_BYTES = [b"", b"\0", b"\1", b"\2", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\0\1", b"\1\0", b"\x80\0", b"\0\x80", b"\xff" * 8,
               b"\1" + b"\0" * 7, b"x", b"xy", b"xyz"]

ALONE = ("new", "reset", "cancel", "onerr", "ranges", "iter", "next")  # what these say may depend on what comes before their answer

# What a program is about: weights of its operations.
EVEN = {"set": 10, "clear": 4, "clearr": 4, "atomic": 10, "stamped": 2, "conf": 3, "ranges": 4, "get": 12, "getk": 10, "range": 14, "version": 1,
        "commit": 7, "stamp": 1, "size": 1, "committed": 1, "reset": 1, "new": 1, "cancel": 0.3, "onerr": 1, "opt": 2, "readat": 0.3,
        "iter": 1, "next": 3, "esize": 0.5, "seqk": 1, "seqv": 1, "first": 0.5, "await": 0.5, "pre": 1}
THEMES = [
    (6, {}),
    (2, {"atomic": 40}),
    (2, {"stamped": 12, "stamp": 4, "opt": 4}),
    (2, {"range": 50}),
    (2, {"getk": 40}),
    (1, {"iter": 10, "next": 40}),
    (3, {"commit": 20, "set": 20}),
    (1, {"seqk": 20, "seqv": 12, "first": 5, "await": 5, "commit": 15}),
    (1, {"pre": 20, "commit": 20}),
    (1, {"commit": 20, "clearr": 15, "conf": 15}),
    (1, {"reset": 5, "onerr": 8, "cancel": 2, "committed": 5, "size": 5}),
]
LENGTHS = [(880, 10, 30), (100, 30, 120), (18, 120, 500), (2, 1000, 1000)]  # of 1,000 programs, from, to


def weighted(rng, choices):
    return rng.choices(choices, [c[0] for c in choices])[0]


class Generator:
    def __init__(self, rng, length=None):
        self.rng = rng
        self.length = length or rng.randint(*weighted(rng, LENGTHS)[1:])
        self.slots = rng.choice([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 8])
        self.together = rng.choice([0, 0, 0, 0.3, 0.7])
        self.error_rate = rng.choice([0, 0, 0, 0, 0.02])
        self.keys = rng.sample(KEYS, rng.randint(3, len(KEYS)))
        self.large = rng.random() < 0.1  # values that fill byte targets
        weights = {**EVEN, **weighted(rng, THEMES)[1]}
        self.names, self.weights = list(weights), list(weights.values())
        self.ended = set()

    def program(self):
        rng = self.rng
        content = {k: self.value() for k in self.keys if rng.random() < 0.6}
        operations = []
        while len(operations) < self.length:
            operations += self.some(rng.randrange(self.slots))
        for slot in range(self.slots):
            if slot not in self.ended and rng.random() < 0.9:
                operations.append(Operation("commit", slot, together=rng.random() < self.together))
        return Program(content, operations)

    # ---- bytes ----

    def key(self):
        return self.rng.choice(self.keys)

    def value(self):
        if self.large and self.rng.random() < 0.7:
            return self.rng.choice([b"v", b"w"]) * self.rng.choice([50, 200, 255, 600, 1000, VALUE_LIMIT - 1, VALUE_LIMIT])
        return self.rng.choice(SMALL_BYTES)

    def bound(self):
        """One end of a range."""
        return b"\xff" if self.rng.random() < 0.1 else self.key() + self.rng.choice([b"", b"", b"", b"\0"])

    def bounds(self):
        return sorted([self.bound(), self.bound()])

    def selector(self):
        rng = self.rng
        key = rng.choice([self.key, self.key, self.bound])()
        if rng.random() < 0.03:
            key = self.key()[:1] + b"x" * KEY_LIMIT
        offset = rng.choice([0, 1, 1, 1, 1, 1, 0, 2, -1, 3, -2, rng.randint(-30, 30)])
        return key, rng.randint(0, 1), offset

    def simple_selector(self):
        return self.bound(), self.rng.randint(0, 1), 1

    def template(self, head, tail):
        """Head, ten bytes to be stamped, tail, and where."""
        return head + self.rng.choice([b"\0", b"S", b"\xff"]) * 10 + tail + struct.pack("<i", len(head))

    # ---- operations ----

    def some(self, slot):
        rng = self.rng
        if slot in self.ended and rng.random() < 0.85:
            self.ended.discard(slot)
            return rng.choice([[Operation("reset", slot)], [Operation("new", slot)], self.make_onerr(slot)])
        name = rng.choices(self.names, self.weights)[0]
        if rng.random() < self.error_rate:
            return [self.faulty(slot)]
        operations = self.made(name, slot)
        for operation in operations:
            operation.together = operation.name not in ALONE and rng.random() < self.together
        return operations

    def made(self, name, slot):
        make = getattr(self, "make_" + name, None)
        return make(slot) if make else [Operation(name, slot)]

    def make_set(self, slot):
        return [Operation("set", slot, self.key(), self.value())]

    def make_clear(self, slot):
        return [Operation("clear", slot, self.key())]

    def make_clearr(self, slot):
        return [Operation("clearr", slot, *self.bounds())]

    def make_atomic(self, slot):
        return [Operation("atomic", slot, self.rng.choice(ATOMICS), self.key(), self.value())]

    def make_stamped(self, slot):
        rng = self.rng
        if rng.random() < 0.5:
            head, tail = rng.choice([b"", b"a", b"b", b"aa", b"\xfe"]), rng.choice([b"", b"\0", b"a"])
            return [Operation("atomic", slot, STAMPED_KEY, self.template(head, tail), self.value())]
        value = self.template(rng.choice([b"", b"v"]), rng.choice([b"", b"w"]))
        return [Operation("atomic", slot, STAMPED_VALUE, self.key(), value)]

    def counter(self):
        return COUNTERS + self.rng.choice([b"", b"a", b"a", b"b"])

    def make_seqk(self, slot):
        is_stamped = self.rng.randint(0, 1)
        value = self.template(b"v", b"w") if is_stamped else self.value()
        return [Operation("seqk", slot, self.counter(), self.rng.choice([b"", b"a", b"b", b"aa", b"\xfe"]), value, is_stamped)]

    def make_seqv(self, slot):
        """Mostly after a key of the same counter: there must be one."""
        rng = self.rng
        before = self.make_seqk(slot) if rng.random() < 0.9 else []
        counter = before[0].arguments[0] if before else self.counter()
        is_stamped = rng.randint(0, 1)
        key = self.template(rng.choice([b"", b"a"]), rng.choice([b"", b"s"])) if is_stamped else self.key()
        value = b"n" * 9 + rng.choice([b"", b"w"]) + struct.pack("<i", rng.randint(0, 1))
        return [*before, Operation("seqv", slot, counter, key, value, is_stamped)]

    def make_first(self, slot):
        return [Operation("first", slot, self.counter())]

    def make_await(self, slot):
        return [Operation("await", slot, self.counter())]

    def make_pre(self, slot):
        kind = self.rng.choice([IS_VALUE, IS_PRESENT, IS_ABSENT, IS_ABSENT, IS_EMPTY, IS_EMPTY])
        if kind == IS_EMPTY:
            return [Operation("pre", slot, kind, *self.bounds())]
        return [Operation("pre", slot, kind, self.key(), self.value() if kind == IS_VALUE else b"")]

    def make_conf(self, slot):
        return [Operation("conf", slot, self.rng.choice("rw"), *self.bounds())]

    def make_ranges(self, slot):
        return [Operation("ranges", slot, self.rng.choice("rw"))]

    def snapshot(self):
        return int(self.rng.random() < 0.2)

    def make_get(self, slot):
        key = self.key() if self.rng.random() < 0.97 else b"k" * (KEY_LIMIT + 1)
        return [Operation("get", slot, key, self.snapshot())]

    def make_getk(self, slot):
        return [Operation("getk", slot, *self.selector(), self.snapshot())]

    def make_range(self, slot):
        rng = self.rng
        if rng.random() < 0.6:
            begin, end = sorted([self.simple_selector(), self.simple_selector()])
        else:
            begin, end = self.selector(), self.selector()
        mode = rng.choice([WANT_ALL, WANT_ALL, ITERATOR, EXACT, SMALL, MEDIUM, LARGE, SERIAL])
        limit = rng.choice([0, 0, 0, 1, 1, 2, 3, 5, 50])
        target = rng.choice([0, 0, 0, 0, 1, 5, 100, 3000])
        if mode == EXACT and not limit and not target:
            limit = rng.randint(1, 30)
        return [Operation("range", slot, *begin, *end, limit, target, mode, rng.randint(1, 12), self.snapshot(), rng.randint(0, 1))]

    def make_iter(self, slot):
        rng = self.rng
        bounds = sorted([self.simple_selector(), self.simple_selector()]) if rng.random() < 0.6 else [self.selector(), self.selector()]
        limit, target = rng.choice([0, 0, 0, 2, 5]), rng.choice([0, 0, 1, 5, 100, 3000])
        return [Operation("iter", slot, *bounds[0], *bounds[1], limit, target, self.snapshot(), rng.randint(0, 1)),
                Operation("next", slot)]

    def make_esize(self, slot):
        return [Operation("esize", slot, *self.bounds())]

    def make_onerr(self, slot):
        code = self.rng.choice([1020, 1020, 1020, 1020, 1007, 1021, 1037, 2000, 1025, 7001])
        if code not in RETRYABLE:
            self.ended.add(slot)
        return [Operation("onerr", slot, code)]

    def make_commit(self, slot):
        """And what may be asked then."""
        self.ended.add(slot)
        further = self.rng.choice([[], [], [], ["first"], ["committed"], ["ranges"], ["stamp"], ["get"], ["set", "commit"]])
        return [Operation("commit", slot)] + [o for name in further for o in (self.made(name, slot) if name != "commit" else [Operation(name, slot)])]

    def make_cancel(self, slot):
        self.ended.add(slot)
        return [Operation("cancel", slot)]

    def make_opt(self, slot):
        name = self.rng.choice(["next_write_no_write_conflict_range"] * 4 + ["snapshot_ryw_disable"] * 3 + ["snapshot_ryw_enable"] * 2 +
                               ["bypass_unreadable"] * 2 + ["read_your_writes_disable"] * 2)
        return [Operation("opt", slot, name, None)]

    def make_readat(self, slot):
        self.ended.discard(slot)
        return [Operation("new", slot), Operation("readat", slot, self.rng.randrange(6)),
                Operation("conf", slot, "r", *self.bounds()), *self.make_set(slot)]

    def faulty(self, slot):
        """What is refused."""
        rng = self.rng
        key, long_key = self.key(), b"k" * (KEY_LIMIT + 1)
        begin, end = sorted([self.key(), self.key()])
        return Operation(*rng.choice([
            ("set", slot, long_key, b"v"),
            ("set", slot, key, b"v" * (VALUE_LIMIT + 1)),
            ("set", slot, b"\xff", b"v"),
            ("set", slot, b"\xff\xffx", b"v"),
            ("clear", slot, long_key),
            ("clear", slot, b"\xff"),
            ("clearr", slot, end + b"x", begin),
            ("clearr", slot, begin, b"\xff\0"),
            ("atomic", slot, rng.choice(ATOMICS), long_key, b"v"),
            ("atomic", slot, rng.choice(ATOMICS), key, b"v" * (VALUE_LIMIT + 1)),
            ("atomic", slot, rng.choice(ATOMICS), b"\xff", b"v"),
            ("atomic", slot, rng.choice([0, 1, 3, 11, 18, 21, 99]), key, b"v"),
            ("atomic", slot, STAMPED_KEY, b"S" * 10 + struct.pack("<i", rng.choice([1, 10, -1, 1 << 30])), b"v"),
            ("atomic", slot, STAMPED_VALUE, key, b"S" * 10 + struct.pack("<i", rng.choice([1, 10, -1, 1 << 30]))),
            ("atomic", slot, STAMPED_VALUE, key, b"\0" * rng.randrange(4)),
            ("seqk", slot, b"\xff/count", key[:1], b"", 0),
            ("seqk", slot, COUNTERS, b"k" * (KEY_LIMIT - 7), b"", 0),
            ("seqk", slot, COUNTERS, b"\xff", b"", 0),
            ("seqk", slot, COUNTERS + b"c" * KEY_LIMIT, b"", b"", 0),
            ("seqk", slot, COUNTERS, b"", b"v" * rng.randrange(14), 1),
            ("seqv", slot, COUNTERS + b"x", b"a", b"n" * 8 + bytes(4), 0),
            ("pre", slot, rng.choice([0, 5]), key, b""),
            ("pre", slot, rng.choice([IS_PRESENT, IS_ABSENT]), key, b"v"),
            ("pre", slot, IS_VALUE, key, b"v" * (VALUE_LIMIT + 1)),
            ("pre", slot, IS_PRESENT, long_key, b""),
            ("pre", slot, IS_ABSENT, b"\xff", b""),
            ("pre", slot, IS_EMPTY, end + b"x", begin),
            ("pre", slot, IS_EMPTY, begin, b"\xff\1"),
            ("conf", slot, rng.choice("rw"), end + b"x", begin),
            ("conf", slot, rng.choice("rw"), begin, b"\xff\xff"),
            ("get", slot, b"\xff", 0),
            ("getk", slot, b"\xff\1", 0, 1, 0),
            ("range", slot, b"", 0, 1, b"\xff\1", 0, 1, 0, 0, WANT_ALL, 1, 0, 0),
            ("range", slot, b"", 0, 1, b"\xff", 0, 1, -1, 0, WANT_ALL, 1, 0, 0),
            ("range", slot, b"", 0, 1, b"\xff", 0, 1, 0, 0, EXACT, 1, 0, 0),
            ("range", slot, b"", 0, 1, b"\xff", 0, 1, 0, 0, ITERATOR, 0, 0, 0),
            ("opt", slot, "no_such_option", None),
            ("opt", slot, "retry_limit", "x"),
        ]))
