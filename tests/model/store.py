# SPDX-License-Identifier: Apache-2.0
"""What the leader does, without one: versions of a small map, and what each commit wrote."""
from typing import NamedTuple

from ranges import Ranges, after

SET, CLEAR_RANGE = "set", "clear_range"
SEQUENCED_KEY, SEQUENCED_VALUE = "seqk", "seqv"
ADD, AND, OR, XOR, APPEND, MAX, MIN = 2, 6, 7, 8, 9, 12, 13
STAMPED_KEY, STAMPED_VALUE, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR = 14, 15, 16, 17, 20
ATOMICS = (ADD, AND, OR, XOR, APPEND, MAX, MIN, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR)

KEY_LIMIT = 20      # what the store is set up with: small, so that programs meet them
VALUE_LIMIT = 2000
STAMP_SIZE = 10
NUMBER_SIZE = 8
LAST_NUMBER = (1 << 63) - 1  # the first that is not given
COUNTERS = b"\xff/counter/"
IS_VALUE, IS_PRESENT, IS_ABSENT, IS_EMPTY = 1, 2, 3, 4  # preconditions


def cut(value, size):
    return value[:size].ljust(size, b"\0")


def apply_atomic(op, value, operand):
    """The table of atomic operations; None is absent."""
    if op == COMPARE_AND_CLEAR:
        return None if value == operand else value
    if value is None:
        return operand
    if op == APPEND:
        return value + operand if len(value + operand) <= VALUE_LIMIT else value
    if op == BYTE_MIN:
        return min(value, operand)
    if op == BYTE_MAX:
        return max(value, operand)
    size = len(operand)
    present = cut(value, size)
    if op in (MAX, MIN):
        pick = max if op == MAX else min
        return pick(present, operand, key=lambda number: int.from_bytes(number, "little"))
    if op == ADD:
        total = int.from_bytes(present, "little") + int.from_bytes(operand, "little")
        return total.to_bytes(size + 1, "little")[:size]
    bitwise = {AND: lambda a, b: a & b, OR: lambda a, b: a | b, XOR: lambda a, b: a ^ b}[op]
    return bytes(bitwise(a, b) for a, b in zip(present, operand))


def room_at(template, size):
    """Where so many bytes of it go, or None if they fit nowhere: its last 4 bytes say it, and are dropped."""
    if len(template) < 4:
        return None
    offset = int.from_bytes(template[-4:], "little")
    return offset if offset + size <= len(template) - 4 else None


def filled(template, filling):
    offset = room_at(template, len(filling))
    return template[:offset] + filling + template[offset + len(filling):-4]


def holds(precondition, content):
    kind, key, value = precondition
    if kind == IS_EMPTY:
        return not any(key <= k < value for k in content)
    if kind == IS_VALUE:
        return content.get(key) == value
    return (key in content) == (kind == IS_PRESENT)


def stamp_of(version, order):
    return version.to_bytes(8, "big") + order.to_bytes(2, "big")


class Mutation(NamedTuple):
    kind: object       # of a sequenced one the key is the prefix or key, the parameter its value
    key: bytes
    parameter: bytes
    adds_conflict: bool
    counter: bytes = None
    is_stamped: bool = False


class Commit:
    def __init__(self, version, order, writes, content, numbers):
        self.version = version
        self.order = order
        self.writes = writes    # Ranges
        self.content = content  # the whole map after it
        self.numbers = numbers  # the first one that each counter gave to it


class Store:
    def __init__(self, content, counters, version, order):
        writes = Ranges([(b"", b"\xff")])
        self.commits = [Commit(version, order, writes, dict(content), {})]
        self.counters = dict(counters)

    @property
    def newest(self):
        return self.commits[-1]

    def at(self, version):
        """The content that a snapshot of this version shows."""
        for commit in reversed(self.commits):
            if commit.version <= version:
                return commit.content
        return None

    def since(self, version):
        return [commit for commit in self.commits if commit.version > version]

    def apply(self, version, order, mutations, conflict_ranges):
        """In order; the commit."""
        commit = Commit(version, order, conflict_ranges.copy(), dict(self.newest.content), {})
        drawn = {}
        for mutation in mutations:
            self._apply(commit, mutation, drawn, stamp_of(version, order))
        self.commits.append(commit)
        return commit

    def _apply(self, commit, mutation, drawn, stamp):
        kind, key, parameter, adds_conflict, counter, is_stamped = mutation
        content = commit.content
        if kind == CLEAR_RANGE:
            for gone in [k for k in content if key <= k < parameter]:
                del content[gone]
            if adds_conflict:
                commit.writes.add(key, parameter)
            return
        value = parameter
        if kind == STAMPED_KEY:
            key = filled(key, stamp)
        elif kind == STAMPED_VALUE:
            value = filled(parameter, stamp)
        elif kind == SEQUENCED_KEY:
            drawn[counter] = self.counters.get(counter, 0)
            commit.numbers.setdefault(counter, drawn[counter])
            self.counters[counter] = drawn[counter] + 1
            key += drawn[counter].to_bytes(NUMBER_SIZE, "big")
            value = filled(parameter, stamp) if is_stamped else parameter
        elif kind == SEQUENCED_VALUE:
            key = filled(key, stamp) if is_stamped else key
            value = filled(parameter, drawn[counter].to_bytes(NUMBER_SIZE, "big"))
        elif kind != SET:
            value = apply_atomic(kind, content.get(key), parameter)
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
        if adds_conflict:
            commit.writes.add(key, after(key))
