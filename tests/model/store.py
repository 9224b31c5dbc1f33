# SPDX-License-Identifier: Apache-2.0
"""What the leader does, without one: versions of a small map, and what each commit wrote."""
from ranges import Ranges, after

SET, CLEAR_RANGE = "set", "clear_range"
ADD, AND, OR, XOR, APPEND, MAX, MIN = 2, 6, 7, 8, 9, 12, 13
STAMPED_KEY, STAMPED_VALUE, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR = 14, 15, 16, 17, 20
ATOMICS = (ADD, AND, OR, XOR, APPEND, MAX, MIN, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR)

KEY_LIMIT = 20      # what the store is set up with: small, so that programs meet them
VALUE_LIMIT = 2000
STAMP_SIZE = 10


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


def stamp_offset(template):
    """Where the stamp goes, or None if it fits nowhere."""
    if len(template) < 4:
        return None
    offset = int.from_bytes(template[-4:], "little")
    return offset if offset + STAMP_SIZE <= len(template) - 4 else None


def stamped(template, stamp):
    offset = stamp_offset(template)
    return template[:offset] + stamp + template[offset + STAMP_SIZE:-4]


def stamp_of(version, order):
    return version.to_bytes(8, "big") + order.to_bytes(2, "big")


class Commit:
    def __init__(self, version, order, writes, content):
        self.version = version
        self.order = order
        self.writes = writes    # Ranges
        self.content = content  # the whole map after it


class Store:
    def __init__(self, content, version, order):
        writes = Ranges([(b"", b"\xff")])
        self.commits = [Commit(version, order, writes, dict(content))]

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
        """mutations: (kind, key, parameter, adds_conflict), in order."""
        content, writes, stamp = dict(self.newest.content), conflict_ranges.copy(), stamp_of(version, order)
        for kind, key, parameter, adds_conflict in mutations:
            begin, end = key, after(key)
            if kind == CLEAR_RANGE:
                end = parameter
                for gone in [k for k in content if begin <= k < end]:
                    del content[gone]
            else:
                if kind == STAMPED_KEY:
                    key = stamped(key, stamp)
                    begin, end, value = key, after(key), parameter
                elif kind == STAMPED_VALUE:
                    value = stamped(parameter, stamp)
                elif kind == SET:
                    value = parameter
                else:
                    value = apply_atomic(kind, content.get(key), parameter)
                if value is None:
                    content.pop(key, None)
                else:
                    content[key] = value
            if adds_conflict:
                writes.add(begin, end)
        self.commits.append(Commit(version, order, writes, content))
