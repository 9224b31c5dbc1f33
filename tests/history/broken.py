# SPDX-License-Identifier: Apache-2.0
"""Ways to break a correct history. Each takes a World that has run, and chance; it changes one thing and returns the names of which
the checker must give at least one, or None if this history does not lend itself to it.

What a wrong server would do (a conflict that is committed) is done by World itself (`wrong`)."""
from generated import APPEND, STAMPED_KEY, Op, printed, stamp_of, with_stamp

BREAKS = {}


def breaks(function):
    BREAKS[function.__name__] = function
    return function


def past(world, key):
    """What the key was, by version: [(version, value)], where it changed."""
    out = []
    for version in sorted(world.states):
        value = world.states[version].get(key)
        if not out or out[-1][1] != value:
            out.append((version, value))
    return out


def pick(chance, found):
    found = list(found)
    return chance.choice(found) if found else None


def gets(world):
    return [(t, op) for t in world.txns if t.read_version for op in t.reads("g")]


def committed(world):
    return [t for t in world.txns if t.code == 0 and t.place and t.place[0] > 0]


def value_of_key(world, chance, codes, name):
    """A read shows what a transaction with such an end would have written."""
    found = [(t, op, w.b) for t, op in gets(world) for u in world.txns if u.code in codes and u.submit and u.true_place is None
             and u.worker != t.worker for w in u.writes() if w.kind == "S" and w.a == op.a]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    chosen[1].b = chosen[2]
    return {name}


# ---- reads ----

@breaks
def stale_read(world, chance):
    found = [(op, value) for t, op in gets(world) for version, value in past(world, op.a)
             if version < t.read_version and value != op.b]
    chosen = pick(chance, [(op, v) for op, v in found if v not in [w for _, w in past(world, op.a)][-1:]])
    if chosen is None:
        return None
    chosen[0].b = chosen[1]
    return {"stale_read", "unknown_half_seen"}


@breaks
def future_read(world, chance):
    found = []
    for t, op in gets(world):
        values = past(world, op.a)
        before = [v for version, v in values if version <= t.read_version]
        found += [(op, v) for version, v in values if version > t.read_version and v not in before and v is not None]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    chosen[0].b = chosen[1]
    return {"future_read"}


@breaks
def read_of_an_aborted_write(world, chance):
    return value_of_key(world, chance, (1020,), "aborted_visible")


@breaks
def read_of_a_cancelled_write(world, chance):
    return value_of_key(world, chance, (1025, 1031), "cancelled_visible")


@breaks
def read_of_an_unknown_write_without_its_witness(world, chance):
    return value_of_key(world, chance, (1021,), "unknown_half_seen")


@breaks
def a_value_from_nowhere(world, chance):
    chosen = pick(chance, [op for _, op in gets(world) if op.a in world.keys])
    if chosen is None:
        return None
    chosen.b = b"nobody.1.1"
    return {"wrong_value"}


@breaks
def torn_range(world, chance):
    """One row is older than another row was written."""
    found = []
    for t in world.txns:
        for op in t.reads("r") if t.read_version else []:
            for i, (key, value) in enumerate(op.rows):
                newest = max((v for k, w in op.rows if k != key for v, x in past(world, k) if x == w and v <= t.read_version),
                             default=0)
                older = [(version, v) for version, v in past(world, key) if version <= t.read_version]
                ends = [(v, older[n + 1][0]) for n, (_, v) in enumerate(older[:-1])]
                found += [(op, i, v) for v, end in ends if v is not None and v != value and end <= newest
                          and [w for _, w in past(world, key)].count(v) == 1]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    op, i, value = chosen
    op.rows[i] = op.rows[i][0], value
    return {"torn_read"}


@breaks
def a_row_is_missing(world, chance):
    chosen = pick(chance, [op for t in world.txns if t.read_version for op in t.reads("r") if len(op.rows) > 1])
    if chosen is None:
        return None
    del chosen.rows[chance.randrange(len(chosen.rows) - chosen.more)]  # the last one says how far it read
    return {"stale_read", "torn_read", "future_read", "unknown_half_seen"}


@breaks
def the_last_row_is_missing(world, chance):
    chosen = pick(chance, [op for t in world.txns if t.read_version for op in t.reads("r") if op.rows and not op.more])
    if chosen is None:
        return None
    chosen.rows.pop(0 if chosen.reverse else -1)
    return {"stale_read", "torn_read", "future_read", "unknown_half_seen"}


@breaks
def a_row_that_was_cleared(world, chance):
    """Shown behind all others."""
    found = []
    for t in world.txns:
        for op in t.reads("r") if t.read_version else []:
            last = op.rows[-1][0] if op.rows else None
            found += [(op, key, value) for key in world.keys for version, value in past(world, key)
                      if op.a <= key < op.b and not op.more and not op.limit and value is not None
                      and version < t.read_version and key not in world.states[t.read_version]
                      and (last is None or (key < last) == op.reverse)]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    chosen[0].rows.append(chosen[1:])
    return {"stale_read", "torn_read", "unknown_half_seen"}


@breaks
def a_row_too_many(world, chance):
    chosen = pick(chance, [op for t in world.txns if t.read_version for op in t.reads("r") if op.limit and op.rows])
    if chosen is None:
        return None
    chosen.limit = len(chosen.rows) - 1 or 1
    if chosen.limit == len(chosen.rows):
        return None
    return {"malformed_read"}


@breaks
def rows_out_of_order(world, chance):
    chosen = pick(chance, [op for t in world.txns if t.read_version for op in t.reads("r") if len(op.rows) > 1 and not op.more])
    if chosen is None:
        return None
    chosen.rows.reverse()
    return {"malformed_read", "stale_read", "torn_read", "future_read", "unknown_half_seen"}


@breaks
def a_wrong_key(world, chance):
    chosen = pick(chance, [op for t in world.txns if t.read_version for op in t.reads("k") if op.b in world.keys])
    if chosen is None:
        return None
    chosen.b = chance.choice([k for k in world.keys if k != chosen.b])
    return {"wrong_key"}


# ---- what was told ----

@breaks
def told_twice(world, chance):
    txn = pick(chance, committed(world))
    txn.extra.append(f"E {txn.number} {txn.end + 5} 1020")
    return {"changed_verdict"}


@breaks
def refused_twice_for_different_reasons(world, chance):
    txn = pick(chance, [t for t in world.txns if t.code == 1020])
    if txn is None:
        return None
    txn.extra.append(f"E {txn.number} {txn.end + 5} 1007")
    return {"changed_verdict"}


@breaks
def told_twice_at_different_places(world, chance):
    txn = pick(chance, committed(world))
    place = (txn.place[0], txn.place[1] + 3)
    txn.extra.append(f"E {txn.number} {txn.end + 5} 0 {place[0]} {place[1]}")
    return {"changed_verdict"}


@breaks
def the_versionstamp_says_otherwise(world, chance):
    txn = pick(chance, [t for t in committed(world) if not t.stamp_line])
    txn.extra.append(f"V {txn.number} {txn.end + 5} 0 {printed(stamp_of(txn.place[0], txn.place[1] + 1))}")
    return {"changed_verdict"}


@breaks
def the_versionstamp_says_conflict(world, chance):
    txn = pick(chance, [t for t in committed(world) if not t.stamp_line])
    txn.extra.append(f"V {txn.number} {txn.end + 5} 2020")
    return {"changed_verdict"}


@breaks
def told_at_another_place(world, chance):
    txn = pick(chance, committed(world))
    txn.place = txn.place[0], txn.place[1] + 7
    return {"changed_verdict"}


@breaks
def two_at_one_place(world, chance):
    pairs = [(a, b) for a in committed(world) for b in committed(world) if a.place == (b.place[0], b.place[1] + 1)]
    chosen = pick(chance, pairs)
    if chosen is None:
        return None
    chosen[0].place = chosen[1].place
    return {"same_place"}


@breaks
def told_as_conflict_and_there(world, chance):
    txn = pick(chance, committed(world))
    txn.code, txn.stamp_line = 1020, False
    return {"aborted_visible"}


@breaks
def told_as_too_old_and_there(world, chance):
    txn = pick(chance, committed(world))
    txn.code, txn.stamp_line = 1007, False
    return {"aborted_visible"}


@breaks
def cancelled_and_there(world, chance):
    txn = pick(chance, committed(world))
    txn.code, txn.stamp_line = chance.choice([1025, 1031]), False
    return {"cancelled_visible"}


@breaks
def a_conflict_with_nobody(world, chance):
    versions = {c[0] for c in world.commits}
    txn = pick(chance, [t for t in world.txns if t.lost and t.code == 1020 and t.lost[2] + 1 not in versions])
    if txn is None:
        return None
    txn.lost = txn.lost[0], txn.lost[1], txn.lost[2] + 1
    return {"conflict_without_cause"}


@breaks
def a_conflict_over_what_was_not_read(world, chance):
    """Somebody wrote there at that version, but it had not read it."""
    def reads(txn, begin, end):
        return any(op.range()[0] <= end and begin <= op.range()[1] for op in txn.reads())
    lost = [t.lost for t in world.txns if t.lost and t.code == 1020]
    found = [(t, other) for t in world.txns if t.code == 1020 and t.lost for other in lost
             if other[2] > t.read_version and not reads(t, *other[:2])]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    chosen[0].lost = chosen[1]
    return {"conflict_without_cause"}


# ---- what is there in the end ----

def undo(world, txn):
    """The store without its writes, where nobody has written over them."""
    version, order = txn.true_place
    changed = False
    for op in txn.writes():
        key = with_stamp(op.a, stamp_of(version, order)) if op.type == STAMPED_KEY else op.a
        if op.kind not in "SA" or (op.type and op.type != STAMPED_KEY):
            continue
        value = with_stamp(op.b, stamp_of(version, order)) if op.type == 15 else op.b
        if world.state.get(key) != value:
            continue
        before = [v for v in sorted(world.states) if v < version]
        older = world.states[before[-1]].get(key)
        world.state.pop(key)
        if older is not None and op.type != STAMPED_KEY:
            world.state[key] = older
        changed = True
    return changed


@breaks
def a_commit_is_lost(world, chance):
    """The last ones as often as the first: at least its witness is missing."""
    txn = pick(chance, committed(world))
    return {"lost_commit"} if undo(world, txn) else None


@breaks
def a_cleared_key_is_back(world, chance):
    found = [(k, v) for k in world.keys if k not in world.state for _, v in past(world, k) if v is not None]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    world.state[chosen[0]] = chosen[1]
    return {"lost_commit", "unknown_half_seen"}


@breaks
def an_add_is_lost(world, chance):
    """The last one that counted."""
    return change_atomic(world, b"h/c/0", -1, {"lost_commit", "doubled_commit", "unknown_half_seen"})


@breaks
def an_add_is_doubled(world, chance):
    return change_atomic(world, b"h/c/0", 1, {"doubled_commit"})


def change_atomic(world, key, sign, names):
    adds = [op for c in world.commits for op in c[2].writes() if op.a == key and op.type == 2]
    if not 1 < len(adds) <= 40 or key not in world.state:
        return None
    amount = int.from_bytes(world.state[key], "little") + sign * int.from_bytes(adds[-1].b, "little")
    world.state[key] = (amount % 2**64).to_bytes(8, "little")
    return names


@breaks
def an_append_is_doubled(world, chance):
    parts = world.state.get(b"h/l/0", b"").split(b";")[:-1]
    if not parts or len(parts) > 40:
        return None
    world.state[b"h/l/0"] += chance.choice(parts) + b";"
    return {"doubled_commit"}


@breaks
def an_append_is_missing(world, chance):
    parts = world.state.get(b"h/l/0", b"").split(b";")[:-1]
    if not 1 < len(parts) <= 40:
        return None
    parts.pop(chance.randrange(len(parts)))
    world.state[b"h/l/0"] = b"".join(p + b";" for p in parts)
    return {"lost_commit", "unknown_half_seen"}


@breaks
def an_append_of_an_aborted_one_is_there(world, chance):
    parts = world.state.get(b"h/l/0", b"").split(b";")[:-1]
    found = [(t, op) for t in world.txns if t.code in (1020, 1025, 1031) for op in t.writes() if op.type == APPEND]
    chosen = pick(chance, found[-30:])
    if chosen is None or not parts or len(parts) > 40:
        return None
    parts.insert(chance.randrange(len(parts) + 1), chosen[1].b[:-1])
    world.state[b"h/l/0"] = b"".join(p + b";" for p in parts)
    return {"aborted_visible" if chosen[0].code == 1020 else "cancelled_visible"}


@breaks
def a_witness_is_there_twice(world, chance):
    txn = pick(chance, committed(world))
    witness = txn.writes()[-1]
    world.state[with_stamp(witness.a, stamp_of(txn.place[0] + 1, 0))] = b""
    return {"doubled_commit"}


@breaks
def an_unknown_one_is_half_there(world, chance):
    """Its witness is, but not what it set."""
    found = [(t, op) for t in world.txns if t.code in (None, 1021) and t.true_place for op in t.writes()
             if op.kind == "S" and world.state.get(op.a) == op.b]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    world.state.pop(chosen[1].a)
    return {"unknown_half_seen"}


# ---- time ----

@breaks
def a_version_goes_back(world, chance):
    """Submitted after a later one was told."""
    all_of_them = committed(world)
    pairs = [(a, b) for a in all_of_them if not a.read_version for b in all_of_them if b.place > a.place]
    chosen = pick(chance, pairs)
    if chosen is None:
        return None
    early, late = chosen
    early.submit, early.end = late.end + 1, late.end + 2
    return {"real_time_commit"}


@breaks
def a_read_before_what_was_told(world, chance):
    """Began after a commit was told, and does not see it: an old snapshot, though a whole one."""
    pairs = [(r, c) for r in world.txns if r.read_version and not r.writes() for c in committed(world)
             if c.place[0] > r.read_version]
    chosen = pick(chance, pairs)
    if chosen is None:
        return None
    reader, commit = chosen
    reader.begin = commit.end + 1
    reader.read_time = reader.begin + 1
    return {"real_time_read"}


@breaks
def a_read_before_what_was_visible(world, chance):
    """Nobody was told of the commit yet, but somebody had seen it; who began after that does not."""
    readers = [t for t in world.txns if t.read_version]
    found = []
    for seer in readers:
        known = max((t.place[0] for t in committed(world) if t.end < seer.read_time + 1), default=0)
        found += [(seer, late) for late in readers if known <= late.read_version < seer.read_version and not late.writes()]
    chosen = pick(chance, found)
    if chosen is None:
        return None
    seer, late = chosen
    late.begin, late.read_time = seer.read_time + 1, seer.read_time + 2
    return {"real_time_read"}


@breaks
def a_version_that_was_visible_before(world, chance):
    """Submitted after somebody had read at its version."""
    pairs = [(c, r) for c in committed(world) if not c.read_version for r in world.txns
             if r.read_version >= c.place[0] and r.read_time > c.submit]
    chosen = pick(chance, pairs)
    if chosen is None:
        return None
    chosen[0].submit = chosen[1].read_time + 1
    return {"real_time_commit"}


@breaks
def a_commit_not_above_its_read_version(world, chance):
    txn = pick(chance, [t for t in committed(world) if t.read_version and t.reads()])
    if txn is None:
        return None
    txn.read_version = txn.place[0]
    return {"version_not_after_read"}


# ---- the bank ----

@breaks
def money_is_made(world, chance):
    txn = pick(chance, [t for t in world.txns if t.read_version and not t.writes()])
    txn.workload = "bank"
    txn.ops = [Op("r", b"h/b/", b"h/b0", rows=[(b"h/b/1", b"90 x.1.1"), (b"h/b/2", b"120 x.1.2")])]
    return {"bank_total"}


# ---- losses (of a world that had one) ----

LOSS_BREAKS = {}


def loss_breaks(function):
    LOSS_BREAKS[function.__name__] = function
    return function


def rewrite(world, change):
    time, text = world.schedule[0]
    words = text.split()
    words[1] = str(change(int(words[1])))
    first = [v for v in sorted(world.states) if v > 10**13][0]
    world.schedule[0] = time, " ".join([*words[:2], str(first)])


def after_loss(world):
    return [t for t in world.txns if t.read_version > 10**13]


@loss_breaks
def the_loss_is_not_declared(world, chance):
    lost = [t for t in world.lost_txns if t.code == 0]
    world.schedule = []
    return {"lost_commit", "stale_read", "torn_read"} if lost else None


@loss_breaks
def less_was_kept_than_declared(world, chance):
    """The bound is too high: what lies between was told, and is gone."""
    lost = [t.place[0] for t in world.lost_txns if t.code == 0 and t.place[0] > 0]
    if not lost:
        return None
    rewrite(world, lambda kept: max(lost))
    return {"lost_commit"}


@loss_breaks
def more_was_kept_than_declared(world, chance):
    """The bound is too low: what is declared lost is there."""
    kept = int(world.schedule[0][1].split()[1])
    versions = [v for v in sorted(world.states) if v < kept]
    below = [t for t in committed(world) if t.place[0] in (kept,)]
    if not below:
        return None
    rewrite(world, lambda _: versions[-1])
    return {"lost_visible"}


@loss_breaks
def a_commit_across_the_loss(world, chance):
    """It had read what was lost."""
    kept = int(world.schedule[0][1].split()[1])
    lost = [v for v in world.states if kept < v < 10**13]
    txn = pick(chance, [t for t in committed(world) if t.place[0] > 10**13 and any(not op.snapshot for op in t.reads())])
    if txn is None or not lost:
        return None
    txn.read_version = chance.choice(lost)
    return {"read_of_lost"}


@loss_breaks
def the_dump_is_from_before(world, chance):
    world.version = max(v for v in world.states if v < 10**13)
    world.state = world.states[world.version]
    return {"wrong_dump"}
