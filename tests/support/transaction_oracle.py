# SPDX-License-Identifier: Apache-2.0
"""What a transaction shows and what it conflicts with, the naive way: dictionaries, sorted lists, and a function that says for
any key whether this transaction has written it itself."""
from transaction_world import (ADD, AND, APPEND, BYTE_MAX, BYTE_MIN, COMPARE_AND_CLEAR, EXACT, ITERATOR, LARGE, MAX, MEDIUM, MIN,
                               OR, SERIAL, SMALL, WANT_ALL, XOR)

LAST = b"\xff"
MODES = {SMALL: 256, MEDIUM: 1000, LARGE: 4096, SERIAL: 80000, WANT_ALL: 80000}


def resize(value, size):
    return value[:size] + b"\0" * (size - len(value))


def atomic(op, old, operand, value_limit=100000):
    """docs/semantics.md, the table of atomic operations; None is absent."""
    if op == COMPARE_AND_CLEAR:
        return None if old is None or old == operand else old
    if old is None:
        return operand
    size = len(operand)
    cut = resize(old, size)
    number, other = int.from_bytes(cut, "little"), int.from_bytes(operand, "little")
    if op == ADD:
        return ((number + other) % (1 << (8 * size))).to_bytes(size, "little") if size else b""
    if op == AND:
        return bytes(a & b for a, b in zip(cut, operand))
    if op == OR:
        return bytes(a | b for a, b in zip(cut, operand))
    if op == XOR:
        return bytes(a ^ b for a, b in zip(cut, operand))
    if op == APPEND:
        return old + operand if len(old) + size <= value_limit else old
    if op == MAX:
        return max(number, other).to_bytes(size, "little")
    if op == MIN:
        return min(number, other).to_bytes(size, "little")
    if op == BYTE_MIN:
        return min(old, operand)
    if op == BYTE_MAX:
        return max(old, operand)
    raise ValueError(op)


class Oracle:
    def __init__(self, base, key_limit):
        self.base = dict(base)
        self.view = dict(base)
        self.key_limit = key_limit
        self.written = []    # (begin, end): set or cleared here
        self.conflicts = []  # (begin, end, how many of `written` there were)

    def is_own(self, key, count):
        return any(begin <= key < end for begin, end in self.written[:count])

    def conflicts_at(self, key):
        return any(begin <= key < end and not self.is_own(key, count) for begin, end, count in self.conflicts)

    def _conflict(self, begin, end, snapshot):
        if not snapshot and begin < end:
            self.conflicts.append((begin, end, len(self.written)))

    # ---- writes ----

    def set(self, key, value):
        self.view[key] = value
        self.written.append((key, key + b"\0"))

    def clear(self, key):
        self.clear_range(key, key + b"\0")

    def clear_range(self, begin, end):
        for key in [k for k in self.view if begin <= k < end]:
            del self.view[key]
        self.written.append((begin, end))

    def atomic(self, op, key, operand):
        new = atomic(op, self.view.get(key), operand)
        if new is None:
            self.view.pop(key, None)
        else:
            self.view[key] = new

    # ---- reads ----

    def get(self, key, snapshot):
        self._conflict(key, key + b"\0", snapshot)
        return self.view.get(key)

    def _resolve(self, key, or_equal, offset, snapshot):
        keys = sorted(self.view)
        at = sum(1 for k in keys if k < key or (or_equal and k == key)) - 1 + offset
        point = key + b"\0" if or_equal else key
        found = b"" if at < 0 else LAST if at >= len(keys) else keys[at]
        if offset > 0:
            self._conflict(point, found + b"\0" if at < len(keys) else LAST, snapshot)
        else:
            self._conflict(found, min(point, LAST), snapshot)
        return found

    def get_key(self, key, or_equal, offset, snapshot):
        return self._resolve(key, or_equal, offset, snapshot)

    def get_range(self, begin, end, limit, target, mode, iteration, snapshot, reverse):
        bounds = []
        for key, or_equal, offset in (begin, end):
            if offset == 1:
                bounds.append(key + b"\0" if or_equal else key)
            else:
                bounds.append(self._resolve(key, or_equal, offset, snapshot))
        low, high = bounds[0], min(bounds[1], LAST)
        rows = sorted((k, v) for k, v in self.view.items() if low <= k < high)
        if reverse:
            rows.reverse()
        allowed = []
        if target:
            allowed.append(target)
        if mode == ITERATOR:
            allowed.append(min(int(4096 * 1.5 ** (iteration - 1)), 120000))
        elif mode != EXACT:
            allowed.append(MODES[mode])
        taken, size, more = [], 0, False
        for row in rows:
            taken.append(row)
            size += len(row[0]) + len(row[1]) + 8
            if len(taken) == limit or (allowed and size >= min(allowed)):
                more = True
                break
        if more and reverse:
            low = taken[-1][0]
        elif more:
            high = taken[-1][0] + b"\0"
        self._conflict(low, high, snapshot)
        return taken, more
