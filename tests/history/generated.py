# SPDX-License-Identifier: Apache-2.0
"""Histories without a server: a small serial store with workers, by chance and by a seed, written in the format of record.h.

World(seed).run(n) is correct by construction: reads show the store at the read version, and a batch judges its requests by rule 1
one after the other. A few switches make it do one thing wrong (`wrong`); other wrongs are done to its transactions afterwards
(broken.py).
"""
import random
import struct

STAMP = b"\0" * 10
JUMP = 10**13
READS, WRITES = "grkx", "SCDAX"
ADD, APPEND, STAMPED_KEY, STAMPED_VALUE = 2, 9, 14, 15
NEVER = None


def printed(value):
    if value is None:
        return "~"
    plain = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_./:;,+-"
    return "".join(chr(b) if b in plain else f"%{b:02X}" for b in value) or "%"


def stamp_of(version, order):
    return struct.pack(">QH", version, order)


def template(prefix, suffix=b""):
    return prefix + STAMP + suffix + struct.pack("<I", len(prefix))


def with_stamp(text, stamp):
    offset, = struct.unpack("<I", text[-4:])
    return text[:offset] + stamp + text[offset + 10:-4]


class Op:
    """kind, and what record.h says of it: a and b, rows [(key, value)], and so on."""

    def __init__(self, kind, a, b=None, **more):
        self.kind, self.a, self.b = kind, a, b
        self.snapshot = self.reverse = self.more = self.or_equal = False
        self.type = self.limit = self.offset = 0
        self.rows = []
        vars(self).update(more)

    def text(self):
        words = [self.kind + "s" * self.snapshot + "r" * self.reverse]
        if self.kind == "A":
            words.append(str(self.type))
        words.append(printed(self.a))
        if self.kind == "k":
            words += [str(int(self.or_equal)), str(self.offset)]
        if self.kind != "C":
            words.append(printed(self.b))
        if self.kind == "r":
            words += [str(self.limit), str(int(self.more)), str(len(self.rows))]
            words += [printed(x) for row in self.rows for x in row]
        return " ".join(words)

    def range(self):
        """What it reads, or writes (but for a versionstamped key, whose place it does not know)."""
        if self.kind == "k":
            after = self.a + b"\0" if self.or_equal else self.a
            return (after, self.b + b"\0") if self.offset > 0 else (self.b, after)
        if self.kind == "r" and self.more and self.rows:
            last = self.rows[-1][0]
            return (last, self.b) if self.reverse else (self.a, last + b"\0")
        return (self.a, self.b) if self.kind in "rDxX" else (self.a, self.a + b"\0")


class Txn:
    def __init__(self, worker, number):
        self.worker, self.number = worker, number
        self.begin = self.read_time = self.read_version = 0
        self.submit = self.end = None
        self.code = NEVER  # NEVER: not told
        self.place = None  # where it was told, (version, order)
        self.true_place = None
        self.lost = None  # of a conflict: (begin, end, version)
        self.stamp_line = False
        self.extra = []  # lines that are added at the end
        self.ops = []
        self.workload = "test"

    def reads(self, kinds=READS):
        return [op for op in self.ops if op.kind in kinds]

    def writes(self):
        return [op for op in self.ops if op.kind in WRITES]

    def lines(self):
        ops = "".join(" " + op.text() for op in self.ops)
        head = f"{self.number} {self.workload} {self.begin} {self.read_time} {self.read_version}"
        if self.submit is None:
            yield f"R {head} {self.end} {self.code}{ops}"
            return
        yield f"S {head} {self.submit}{ops}"
        if self.code is not NEVER:
            tail = "" if self.code != 0 else f" {self.place[0]} {self.place[1]}"
            if self.code == 1020 and self.lost:
                tail = f" {printed(self.lost[0])} {printed(self.lost[1])} {self.lost[2]}"
            yield f"E {self.number} {self.end} {self.code}{tail}"
        if self.stamp_line and self.code is not NEVER:
            yield f"V {self.number} {self.end} {self.code}" + (f" {printed(stamp_of(*self.place))}" if self.code == 0 else "")
        yield from self.extra


def apply_op(state, op, place):
    """Returns what it wrote: [(key, value)], value None for cleared."""
    stamp = stamp_of(*place)
    if op.kind == "S":
        wrote = [(op.a, op.b)]
    elif op.kind == "C":
        wrote = [(op.a, None)]
    elif op.kind == "D":
        wrote = [(key, None) for key in state if op.a <= key < op.b]
    elif op.kind == "X":
        wrote = []
    elif op.type == STAMPED_KEY:
        wrote = [(with_stamp(op.a, stamp), op.b)]
    elif op.type == STAMPED_VALUE:
        wrote = [(op.a, with_stamp(op.b, stamp))]
    elif op.type == APPEND:
        wrote = [(op.a, state.get(op.a, b"") + op.b)]
    else:
        present = int.from_bytes(state.get(op.a, b"")[:8], "little") + int.from_bytes(op.b, "little")
        wrote = [(op.a, (present % 2**64).to_bytes(8, "little"))]
    for key, value in wrote:
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    return wrote


class World:
    def __init__(self, seed, keys=6, wrong=None):
        self.random = random.Random(seed)
        self.wrong = wrong  # lost_update, write_skew, phantom, batch_order: commits one such, once; stale: one old snapshot
        self.wronged = None  # the transaction that was
        self.keys = [b"h/k/%02d" % i for i in range(keys)]
        self.time = 1_000_000
        self.version = 10_000_000
        self.state = {}
        self.states = {self.version: {}}  # by version
        self.commits = []  # (version, order, txn, ranges that it wrote)
        self.txns, self.active, self.queue, self.told = [], [], [], []
        self.lost_txns = []
        self.schedule = []
        self.jump = 0  # where versions went on after the last loss; what read before is too old

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def tick(self):
        self.time += self.random.randrange(1, 1000)
        return self.time

    # ---- transactions ----

    def begin(self):
        txn = Txn(f"w{self.random.randrange(3)}", len(self.txns) + 1)
        txn.begin = self.tick()
        self.txns.append(txn)
        if self.chance(85):
            txn.read_version = self.version
            if self.wrong == "stale" and self.wronged is None and len(self.commits) > 20:
                # older than what was told before it began
                known = [t.place[0] for t in self.txns if t.code == 0 and t.place and t.end < txn.begin]
                old = [v for v in self.states if known and v < max(known)]
                if old:
                    txn.read_version = max(old)
                    txn.snapshot_only = True
                    self.wronged = txn
            txn.read_time = self.tick()
        self.active.append(txn)

    def value(self, txn):
        txn.values = getattr(txn, "values", 0) + 1
        return b"%s.%d.%d" % (txn.worker.encode(), txn.number, txn.values)

    def read(self, txn):
        state = self.states[txn.read_version]
        keys = sorted(k for k in state if k.startswith(b"h/k/"))
        kind = self.random.choice("gggrrkx")
        a, b = sorted(self.random.sample(self.keys + [b"h/k/99"], 2))
        if kind == "x":
            txn.ops.append(Op("x", a, b))
            return
        if kind == "g":
            txn.ops.append(Op("g", a, state.get(a), snapshot=self.chance(15)))
            return
        if kind == "k":
            or_equal, offset = self.chance(50), self.random.randrange(-2, 4)
            at = len([k for k in keys if (k <= a if or_equal else k < a)]) - 1 + offset
            inside = 0 <= at < len(keys)
            others = sorted(k for k in state if k.startswith(b"h/") and not k.startswith(b"h/k/"))
            everything = sorted(keys + others)
            at = len([k for k in everything if (k <= a if or_equal else k < a)]) - 1 + offset
            inside = 0 <= at < len(everything)
            result = everything[at] if inside else b"" if at < 0 else b"\xff"
            txn.ops.append(Op("k", a, result, or_equal=or_equal, offset=offset, snapshot=self.chance(15)))
            return
        reverse, limit = self.chance(40), self.random.choice([0, 0, 1, 2, 3])
        rows = [(k, state[k]) for k in keys if a <= k < b]
        rows = rows[::-1] if reverse else rows
        more = limit != 0 and len(rows) >= limit
        rows = rows[:limit] if limit else rows
        txn.ops.append(Op("r", a, b, reverse=reverse, limit=limit, more=more, rows=rows, snapshot=self.chance(15)))

    def write(self, txn):
        kind = self.random.choice("SSSSCDAAAX")
        a, b = sorted(self.random.sample(self.keys + [b"h/k/99"], 2))
        if kind == "S":
            txn.ops.append(Op("S", a, self.value(txn)))
        elif kind == "C":
            txn.ops.append(Op("C", a))
        elif kind in "DX":
            txn.ops.append(Op(kind, a, b))
        else:
            kind = self.random.choice([ADD, APPEND, APPEND, STAMPED_VALUE])
            key = {ADD: b"h/c/0", APPEND: b"h/l/0", STAMPED_VALUE: a}[kind]
            operand = {ADD: self.random.randrange(1, 200).to_bytes(8, "little"), APPEND: self.value(txn) + b";",
                       STAMPED_VALUE: template(self.value(txn))}[kind]
            txn.ops.append(Op("A", key, operand, type=kind))
        if self.chance(4):
            txn.ops.append(Op("C", b"h/l/0"))

    def step(self, txn):
        """Some reads, some writes, and off it goes."""
        if txn.read_version:
            for _ in range(self.random.randrange(0, 4)):
                self.read(txn)
            if self.chance(20):
                state = self.states[txn.read_version]
                key = self.random.choice([b"h/l/0", b"h/c/0"])
                txn.ops.append(Op("g", key, state.get(key)))
        only_reads = txn.read_version and (self.chance(25) or hasattr(txn, "snapshot_only"))
        self.active.remove(txn)
        if only_reads:
            if self.chance(50):
                txn.submit, txn.place = self.tick(), (-1, -1)
            txn.code, txn.end = 0, self.tick()
            return
        for _ in range(self.random.randrange(1, 4)):
            self.write(txn)
        txn.ops.append(Op("A", template(b"h/w/%s/%06d/" % (txn.worker.encode(), txn.number)), b"", type=STAMPED_KEY))
        txn.submit = self.tick()
        txn.stamp_line = self.chance(25)
        if self.chance(4):  # cancelled or timed out before anybody took it up
            txn.verdict = self.random.choice([1025, 1031])
            self.told.append(txn)
            return
        self.queue.append(txn)

    # ---- the server ----

    def judge(self, txn, version, order):
        """None, or what it lost to and (its writer, the writer's place)."""
        for op in txn.reads():
            if op.snapshot:
                continue
            begin, end = op.range()
            for at, place, writer, ranges in reversed(self.commits):
                if at <= txn.read_version:
                    break
                for from_, to in ranges:
                    if from_ < end and begin < to:
                        return (begin, end, at), op, writer, max(begin, from_), at == version
        return None

    def is_wrongly_committed(self, txn, cause):
        _, op, writer, key, same = cause
        state = self.states[txn.read_version]
        writes = any(o.kind in "SCDA" and o.type != STAMPED_KEY and o.range()[0] <= key < o.range()[1] for o in txn.writes())
        if same:
            kind = "batch_order"
        elif key not in self.keys:
            return False
        elif op.kind != "g" and key not in state:
            kind = "phantom"
        else:
            kind = "lost_update" if writes else "write_skew"
        if self.wrong != kind or self.wronged is not None or not any(o.kind in "SA" for o in writer.writes()):
            return False
        self.wronged = txn
        return True

    def batch(self):
        self.version = max(self.version, self.jump) + self.random.randrange(1, 100000)
        self.tick()
        taken = self.queue[:self.random.randrange(1, 6)]
        self.queue = self.queue[len(taken):]
        order = 0
        for txn in taken:
            self.told.append(txn)
            if txn.read_version and txn.read_version < self.jump:
                txn.verdict = 1007
                continue
            cause = self.judge(txn, self.version, order)
            if cause is not None and not self.is_wrongly_committed(txn, cause):
                txn.verdict, txn.lost = 1020, cause[0] if self.chance(80) else None
                continue
            txn.verdict, txn.true_place = 0, (self.version, order)
            ranges = [op.range() for op in txn.writes() if op.type != STAMPED_KEY]
            for op in txn.writes():
                wrote = apply_op(self.state, op, txn.true_place)
                ranges += [(key, key + b"\0") for key, _ in wrote if op.type == STAMPED_KEY]
            self.commits.append((self.version, txn.true_place, txn, ranges))
            order += 1
        self.states[self.version] = dict(self.state)

    def tell(self):
        txn = self.told.pop(self.random.randrange(len(self.told)))
        fate = self.random.randrange(100)
        if fate < 3:
            return  # killed before it knew
        txn.end = self.tick()
        txn.code = 1021 if fate < 7 and txn.verdict in (0, 1020) else txn.verdict
        if txn.code == 0:
            txn.place = txn.true_place
        if txn.code != 1020:
            txn.lost = None

    def lose(self):
        """A standby that lagged is promoted."""
        kept = sorted(self.states)[-self.random.randrange(2, 6):][0]
        self.lost_txns += [c[2] for c in self.commits if c[0] > kept]
        self.commits = [c for c in self.commits if c[0] <= kept]
        self.version = kept  # until somebody takes office
        self.jump = kept + JUMP + self.random.randrange(1, 10**12)
        first = f" {self.jump}" * (self.losses > 1 or self.chance(50))
        self.schedule.append((self.tick(), f"lost {kept}{first}"))
        self.state = dict(self.states[kept])
        self.queue = []  # their submitters never hear of them
        for txn in self.told:
            if txn.true_place in [t.true_place for t in self.lost_txns]:
                txn.verdict = 1021 if self.chance(50) else 0
        for txn in list(self.active):
            self.active.remove(txn)
            txn.code, txn.end, txn.ops = 1007, self.tick(), []

    def run(self, count, losses=0):
        self.losses = losses
        lose_at = sorted(self.random.sample(range(count // 3, count), losses))
        while len(self.txns) < count or self.active or self.queue or self.told:
            if lose_at and len(self.txns) >= lose_at[0]:
                lose_at.pop(0)
                self.lose()
            choices = []
            if len(self.txns) < count and len(self.active) < 8:
                choices += [self.begin] * 3
            if self.active:
                choices += [lambda: self.step(self.random.choice(self.active))] * 3
            if self.queue:
                choices += [self.batch] * 2
            if self.told:
                choices += [self.tell] * 2
            self.random.choice(choices)()
        for txn in self.txns:
            if txn.submit is None and txn.code is NEVER:
                txn.code, txn.end = 0, self.tick()
        return self

    # ---- files ----

    def write_files(self, folder):
        """The arguments of check."""
        lines = {}
        for txn in self.txns:
            lines.setdefault(txn.worker, []).extend(txn.lines())
        arguments = ["--final", str(folder / "final")]
        for worker, text in lines.items():
            path = folder / f"{worker}.history"
            path.write_text("\n".join([f"verdict-history 1 {worker} 1", *text]) + "\n")
            arguments.append(str(path))
        rows = [f"{printed(k)} {printed(v)}" for k, v in sorted(self.state.items())]
        (folder / "final").write_text("\n".join([f"verdict-final 1 {self.version} h/ h0", *rows, f"end {len(rows)}"]) + "\n")
        if self.schedule:
            (folder / "schedule").write_text("".join(f"{t} {text}\n" for t, text in self.schedule))
            arguments[:0] = ["--schedule", str(folder / "schedule")]
        return arguments
