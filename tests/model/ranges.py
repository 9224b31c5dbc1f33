# SPDX-License-Identifier: Apache-2.0
"""Sets of keys as half-open ranges, sorted and disjoint."""

END = b"\xff"  # the first key that is not a user's


def after(key):
    """The next key."""
    return key + b"\0"


class Ranges:
    def __init__(self, ranges=()):
        self.all = []
        for begin, end in ranges:
            self.add(begin, end)

    def add(self, begin, end):
        """Ranges that touch become one."""
        if begin >= end:
            return
        kept = []
        for b, e in self.all:
            if e < begin or end < b:
                kept.append((b, e))
            else:
                begin, end = min(begin, b), max(end, e)
        kept.append((begin, end))
        kept.sort()
        self.all = kept

    def remove(self, begin, end):
        if begin >= end:
            return
        kept = []
        for b, e in self.all:
            if e <= begin or end <= b:
                kept.append((b, e))
                continue
            if b < begin:
                kept.append((b, begin))
            if end < e:
                kept.append((end, e))
        self.all = kept

    def within(self, begin, end):
        """What of it lies in [begin, end)."""
        return [(max(b, begin), min(e, end)) for b, e in self.all if b < end and begin < e]

    def __contains__(self, key):
        return any(b <= key < e for b, e in self.all)

    def covers(self, begin, end):
        return any(b <= begin and end <= e for b, e in self.all)

    def meets(self, other):
        return any(b < oe and ob < e for b, e in self.all for ob, oe in other.all)

    def copy(self):
        made = Ranges()
        made.all = list(self.all)
        return made
