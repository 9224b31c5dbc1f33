# SPDX-License-Identifier: Apache-2.0
"""One transaction of the model: its writes, its view, its conflict ranges, and the errors of its calls.

The methods are the calls of the public header. They raise Error(code) for a call or future that ends with one. A read takes the
content of the transaction's snapshot, which the caller knows."""
from ranges import END, Ranges, after
from store import (ATOMICS, CLEAR_RANGE, COUNTERS, IS_ABSENT, IS_EMPTY, IS_PRESENT, IS_VALUE, KEY_LIMIT, LAST_NUMBER, NUMBER_SIZE,
                   SEQUENCED_KEY, SEQUENCED_VALUE, SET, STAMP_SIZE, STAMPED_KEY, STAMPED_VALUE, VALUE_LIMIT, Mutation, apply_atomic,
                   filled, room_at)

WANT_ALL, ITERATOR, EXACT, SMALL, MEDIUM, LARGE, SERIAL = -2, -1, 0, 1, 2, 3, 4
ROW_BYTES = 8  # what a row counts against a byte target beside its key and value
MODE_BYTES = {SMALL: 256, MEDIUM: 1000, LARGE: 4096, SERIAL: 80000, WANT_ALL: 80000}

TOO_OLD, FUTURE_VERSION, NOT_COMMITTED, CANCELLED, UNREADABLE = 1007, 1009, 1020, 1025, 1036
INVALID_OPERATION, OUTSIDE_LEGAL_RANGE, INVERTED_RANGE = 2000, 2004, 2005
INVALID_OPTION_VALUE, INVALID_OPTION, VERSION_ALREADY_SET = 2006, 2007, 2010
LIMITS_INVALID, USED_DURING_COMMIT, INVALID_MUTATION = 2012, 2017, 2018
INVALID_VERSION, NO_COMMIT_VERSION = 2020, 2021
PRECONDITION_FAILED = 7001
TOO_LARGE, KEY_TOO_LARGE, VALUE_TOO_LARGE, EXACT_WITHOUT_LIMITS = 2101, 2102, 2103, 2210
RETRYABLE = {1007, 1009, 1020, 1021, 1037, 1038, 1039, 1042, 7003}

OPEN, COMMITTING, COMMITTED, FAILED, GONE = "open", "committing", "committed", "failed", "cancelled"


class Error(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Own:
    """What this transaction has done to one key: a value of its own (None: cleared), or operations over the stored one."""

    def __init__(self, known, value=None, ops=()):
        self.known = known
        self.value = value
        self.ops = list(ops)

    def over(self, stored):
        value = self.value if self.known else stored
        for op, operand in self.ops:
            value = apply_atomic(op, value, operand)
        return value

    def then(self, op, operand):
        if self.known:
            self.value = apply_atomic(op, self.value, operand)
        else:
            self.ops.append((op, operand))


def numbered(prefix):
    """All that a sequenced key may become."""
    return prefix + bytes(NUMBER_SIZE), prefix + LAST_NUMBER.to_bytes(NUMBER_SIZE, "big")


def place_of(selector):
    """Where it stands between the keys. A key that is too long to be stored needs no place after it."""
    key, or_equal, _ = selector
    return min(after(key) if or_equal and len(key) <= KEY_LIMIT else key, END)


def mode_bytes(mode, iteration):
    if mode != ITERATOR:
        return MODE_BYTES[mode]
    target = 4096
    for _ in range(iteration - 1):
        target = min(target * 3 // 2, 120000)
    return target


class Iterator:
    def __init__(self, begin, end, limit, target, snapshot, reverse):
        self.begin, self.end = begin, end
        self.limit, self.target = limit, target
        self.snapshot, self.reverse = snapshot, reverse
        self.iteration = 1
        self.is_done = self.more = False

    def fix(self, begin, end):
        """The selectors are resolved with the first chunk."""
        self.begin, self.end = (begin, 0, 1), (end, 0, 1)

    def take(self, rows, more):
        self.iteration += 1
        if rows and self.reverse:
            self.end = (rows[-1][0], 0, 1)
        elif rows:
            self.begin = (rows[-1][0], 1, 1)
        if self.limit:
            self.limit -= len(rows)
            more = more and self.limit > 0
        self.more, self.is_done = more, not more
        return rows


class Transaction:
    def __init__(self):
        self.ryw_disabled = False
        self.snapshot_ryw = 1
        self.bypass_unreadable = False
        self.size_limit = None
        self.retry_limit = None
        self.begin_anew()
        self.retries = 0

    def begin_anew(self):
        """What reset and on_error leave: the options."""
        self.state = OPEN
        self.deferred = 0
        self.own = {}
        self.cleared = Ranges()
        self.unreadable = Ranges()
        self.iterator = None
        self.mutations = []
        self.preconditions = []
        self.reads = Ranges()   # conflict ranges
        self.writes = Ranges()  # those that were added by hand
        self.touched = False
        self.version_set = None
        self.no_next_conflict = False
        self.committed = None   # the version, -1 if nothing was written
        self.numbers = {}       # the first ones that counters gave

    # ---- what every call looks at first ----

    def check(self):
        if self.state == GONE:
            raise Error(CANCELLED)
        if self.state in (COMMITTING, COMMITTED, FAILED):
            raise Error(USED_DURING_COMMIT)
        if self.deferred:
            raise Error(self.deferred)

    def check_special(self):
        """Special keys can be read also during and after a commit."""
        if self.state not in (COMMITTING, COMMITTED, FAILED):
            self.check()
        self.touched = True

    def _begin_write(self):
        """Whether a write adds a conflict; raises if it does nothing."""
        adds = not self.no_next_conflict
        self.no_next_conflict = False
        self.check()
        self.touched = True
        return adds

    def defer(self, code):
        """A write ended with this error: the first one is kept."""
        if self.state == OPEN:
            self.deferred = self.deferred or code

    # ---- writes ----

    def set(self, key, value):
        adds = self._begin_write()
        self._check_key(key)
        if len(key) > KEY_LIMIT:
            raise Error(KEY_TOO_LARGE)
        if len(value) > VALUE_LIMIT:
            raise Error(VALUE_TOO_LARGE)
        self.own[key] = Own(True, value)
        self.mutations.append(Mutation(SET, key, value, adds))

    def clear(self, key):
        adds = self._begin_write()
        self._check_key(key)
        if len(key) <= KEY_LIMIT:
            self._clear(key, after(key), adds)

    def clear_range(self, begin, end):
        adds = self._begin_write()
        if begin > END or end > END:
            raise Error(OUTSIDE_LEGAL_RANGE)
        if begin > end:
            raise Error(INVERTED_RANGE)
        if begin < end:
            self._clear(begin, end, adds)

    def _clear(self, begin, end, adds):
        for key in [k for k in self.own if begin <= k < end]:
            del self.own[key]
        self.cleared.add(begin, end)
        self.unreadable.remove(begin, end)
        self.mutations.append(Mutation(CLEAR_RANGE, begin, end, adds))

    def atomic(self, op, key, operand, least=b"\0" * STAMP_SIZE):
        """least: the least stamp that the commit may get, as far as the transaction knows."""
        adds = self._begin_write()
        if op != STAMPED_KEY:
            self._check_key(key)
        if op not in ATOMICS and op not in (STAMPED_KEY, STAMPED_VALUE):
            raise Error(INVALID_MUTATION)
        if len(key) > KEY_LIMIT:
            raise Error(KEY_TOO_LARGE)
        if len(operand) > VALUE_LIMIT:
            raise Error(VALUE_TOO_LARGE)
        if op == STAMPED_KEY:
            self._hide_stamped(key, operand, least)
        elif op == STAMPED_VALUE:
            if room_at(operand, STAMP_SIZE) is None:
                raise Error(INVALID_OPERATION)
            self.own[key] = Own(True, operand[:-4])
            self.unreadable.add(key, after(key))
        else:
            if key not in self.own:
                self.own[key] = Own(key in self.cleared)
            self.own[key].then(op, operand)
        self.mutations.append(Mutation(op, key, operand, adds))

    def _hide(self, begin, end, value):
        """What cannot be read, and, with bypass_unreadable, is a set of the least that it may become."""
        self.unreadable.add(begin, min(end, END))
        self.own[begin] = Own(True, value)

    def _hide_stamped(self, key, value, least):
        offset = room_at(key, STAMP_SIZE)
        if offset is None:
            raise Error(INVALID_OPERATION)
        self._check_key(key[:offset] + least)
        self._hide(filled(key, least), after(filled(key, b"\xff" * STAMP_SIZE)), value)

    def sequenced_key(self, counter, prefix, value, is_stamped):
        adds = self._begin_write()
        self._check_counter(counter)
        self._check_key(prefix)
        if len(counter) > KEY_LIMIT or len(prefix) + NUMBER_SIZE > KEY_LIMIT:
            raise Error(KEY_TOO_LARGE)
        if len(value) > VALUE_LIMIT:
            raise Error(VALUE_TOO_LARGE)
        if is_stamped and room_at(value, STAMP_SIZE) is None:
            raise Error(INVALID_OPERATION)
        self._hide(*numbered(prefix), value[:-4] if is_stamped else value)
        self.mutations.append(Mutation(SEQUENCED_KEY, prefix, value, adds, counter, is_stamped))

    def sequenced_value(self, counter, key, value, is_stamped, least=b"\0" * STAMP_SIZE):
        adds = self._begin_write()
        self._check_counter(counter)
        if not is_stamped:
            self._check_key(key)
        if len(counter) > KEY_LIMIT or len(key) > KEY_LIMIT:
            raise Error(KEY_TOO_LARGE)
        if len(value) > VALUE_LIMIT:
            raise Error(VALUE_TOO_LARGE)
        if room_at(value, NUMBER_SIZE) is None or not self.has_sequenced(counter):
            raise Error(INVALID_OPERATION)
        if is_stamped:
            self._hide_stamped(key, value[:-4], least)
        else:
            self._hide(key, after(key), value[:-4])
        self.mutations.append(Mutation(SEQUENCED_VALUE, key, value, adds, counter, is_stamped))

    def has_sequenced(self, counter):
        return any(m.kind == SEQUENCED_KEY and m.counter == counter for m in self.mutations)

    @staticmethod
    def _check_counter(counter):
        if not counter.startswith(COUNTERS):
            raise Error(OUTSIDE_LEGAL_RANGE)

    @staticmethod
    def _check_key(key):
        if key >= END:
            raise Error(OUTSIDE_LEGAL_RANGE)

    def replayed(self, least):
        """The same writes, as they look when the least stamp is known."""
        made = Transaction()
        made.ryw_disabled, made.snapshot_ryw, made.bypass_unreadable = self.ryw_disabled, self.snapshot_ryw, self.bypass_unreadable
        for kind, key, parameter, _, counter, is_stamped in self.mutations:
            if kind == SET:
                made.set(key, parameter)
            elif kind == CLEAR_RANGE:
                made.clear_range(key, parameter)
            elif kind == SEQUENCED_KEY:
                made.sequenced_key(counter, key, parameter, is_stamped)
            elif kind == SEQUENCED_VALUE:
                made.sequenced_value(counter, key, parameter, is_stamped, least)
            else:
                made.atomic(kind, key, parameter, least)
        made.reads = self.reads
        return made

    # ---- the view ----

    def _sees_own(self, snapshot):
        return not self.ryw_disabled and (not snapshot or self.snapshot_ryw > 0)

    def _walk(self, content, begin, end, backward, snapshot):
        """(key, value) in order; raises where the walk comes to what cannot be read."""
        own = self._sees_own(snapshot)
        keys = {k for k in content if begin <= k < end and not (own and k in self.cleared)}
        barriers = []
        if own:
            keys |= {k for k in self.own if begin <= k < end}
            if not self.bypass_unreadable:
                barriers = self.unreadable.within(begin, end)
        barrier = None
        if barriers:
            barrier = barriers[-1][1] if backward else barriers[0][0]
        for key in sorted(keys, reverse=backward):
            if barrier is not None and (key < barrier if backward else key >= barrier):
                raise Error(UNREADABLE)
            value = content.get(key)
            if own and key in self.own:
                value = self.own[key].over(None if key in self.cleared else value)
            if value is not None:
                yield key, value
        if barrier is not None:
            raise Error(UNREADABLE)

    def _resolve(self, content, selector, snapshot):
        """The key, and the range that decides it."""
        start, offset = place_of(selector), selector[2]
        if offset > 0:
            for found, _ in self._walk(content, start, END, False, snapshot):
                offset -= 1
                if offset == 0:
                    return found, (start, after(found))
            return END, (start, END)
        for found, _ in self._walk(content, b"", start, True, snapshot):
            offset += 1
            if offset == 1:
                return found, (found, start)
        return b"", (b"", start)

    def _conflict(self, begin, end, snapshot=False):
        """Minus what own writes and clears answer."""
        if snapshot or begin >= end:
            return
        read = Ranges([(begin, end)])
        if not self.ryw_disabled:
            for b, e in self.cleared.within(begin, end):
                read.remove(b, e)
            for key, own in self.own.items():
                if own.known:
                    read.remove(key, after(key))
        for b, e in read.all:
            self.reads.add(b, e)

    # ---- reads ----

    def get(self, content, key, snapshot):
        self._begin_read(0 if key < END else OUTSIDE_LEGAL_RANGE)
        if len(key) > KEY_LIMIT:
            return None
        value = None
        for _, value in self._walk(content, key, after(key), False, snapshot):
            pass
        self._conflict(key, after(key), snapshot)
        return value

    def get_key(self, content, selector, snapshot):
        self._begin_read(0 if selector[0] <= END else OUTSIDE_LEGAL_RANGE)
        found, read = self._resolve(content, selector, snapshot)
        self._conflict(*read, snapshot)
        return found

    def get_range(self, content, begin, end, limit, target, mode, iteration, snapshot, reverse):
        """Rows and more."""
        refusal = 0
        if begin[0] > END or end[0] > END:
            refusal = OUTSIDE_LEGAL_RANGE
        elif limit < 0:
            refusal = LIMITS_INVALID
        elif mode == EXACT and not limit and not target:
            refusal = EXACT_WITHOUT_LIMITS
        elif mode == ITERATOR and iteration < 1:
            refusal = INVALID_OPERATION
        self._begin_read(refusal)
        if mode != EXACT:
            target = min(target, mode_bytes(mode, iteration)) if target else mode_bytes(mode, iteration)
        first, touched_first = self._bound(content, begin, snapshot)
        last, touched_last = self._bound(content, end, snapshot)
        rows, size, more = [], 0, False
        if first < last:
            for row in self._walk(content, first, last, reverse, snapshot):
                rows.append(row)
                size += len(row[0]) + len(row[1]) + ROW_BYTES
                if len(rows) == limit or (target and size >= target):
                    more = True
                    break
            if more and reverse:
                self._conflict(rows[-1][0], last, snapshot)
            elif more:
                self._conflict(first, after(rows[-1][0]), snapshot)
            else:
                self._conflict(first, last, snapshot)
        for touched in (touched_first, touched_last):
            self._conflict(*touched, snapshot)
        return rows, more

    def range_size(self, content, begin, end):
        self._begin_read(INVERTED_RANGE if begin > end else OUTSIDE_LEGAL_RANGE if end > END else 0)
        return sum(len(key) + len(value) for key, value in content.items() if begin <= key < end)

    def iterate(self, begin, end, limit, target, snapshot, reverse):
        self.iterator = None
        self.check()
        if begin[0] > END or end[0] > END:
            raise Error(OUTSIDE_LEGAL_RANGE)
        self.iterator = Iterator(begin, end, limit, target, snapshot, reverse)

    def next_rows(self, content):
        """The iterator's next chunk: a get_range from where the last one ended."""
        it = self.iterator
        if it.is_done:
            self._begin_read()
            return [], False
        rows, more = self.get_range(content, it.begin, it.end, it.limit, it.target, ITERATOR, it.iteration, it.snapshot, it.reverse)
        if it.iteration == 1:
            it.fix(self._bound(content, it.begin, it.snapshot)[0], self._bound(content, it.end, it.snapshot)[0])
        return it.take(rows, more), it.more

    def _bound(self, content, selector, snapshot):
        """An offset of 1 is a place between keys: nothing needs to be read to find it."""
        if selector[2] == 1:
            return place_of(selector), (b"", b"")
        return self._resolve(content, selector, snapshot)

    def _begin_read(self, refusal=0):
        """What is refused does not count as an operation."""
        self.check()
        if refusal:
            raise Error(refusal)
        self.touched = True

    def read_version(self):
        self._begin_read()
        return True

    # ---- options, ranges by hand ----

    def option(self, name, value):
        if name == "read_your_writes_disable":
            if self.touched:
                raise Error(INVALID_OPERATION)
            self.ryw_disabled = True
        elif name == "snapshot_ryw_disable":
            self.snapshot_ryw -= 1
        elif name == "snapshot_ryw_enable":
            self.snapshot_ryw += 1
        elif name == "bypass_unreadable":
            self.bypass_unreadable = True
        elif name == "next_write_no_write_conflict_range":
            self.no_next_conflict = True
        elif name in ("size_limit", "retry_limit"):
            if value is None or not value.isdigit():
                raise Error(INVALID_OPTION_VALUE)
            setattr(self, name, int(value))
        else:
            raise Error(INVALID_OPTION)

    def add_conflict(self, kind, begin, end):
        self.check()
        if begin > END or end > END:
            raise Error(OUTSIDE_LEGAL_RANGE)
        if begin > end:
            raise Error(INVERTED_RANGE)
        self.touched = True
        if kind == "r":
            self._conflict(begin, end)
        else:
            self.writes.add(begin, end)

    def set_read_version(self, version, has_read):
        self.check()
        if has_read or self.version_set is not None:
            raise Error(VERSION_ALREADY_SET)
        self.version_set = version

    def conflict_ranges(self, kind, least=b"\0" * STAMP_SIZE):
        """Those that a commit would carry; a versionstamped key is all that it may become."""
        if kind == "r":
            return self.reads
        writes = self.writes.copy()
        for kind, key, parameter, adds_conflict, _, is_stamped in self.mutations:
            if not adds_conflict:
                continue
            if kind == STAMPED_KEY or (kind == SEQUENCED_VALUE and is_stamped):
                writes.add(filled(key, least), min(after(filled(key, b"\xff" * STAMP_SIZE)), END))
            elif kind == SEQUENCED_KEY:
                begin, end = numbered(key)
                writes.add(begin, min(end, END))
            else:
                writes.add(key, parameter if kind == CLEAR_RANGE else after(key))
        return writes

    def demand(self, kind, key, value):
        self.check()
        if kind not in (IS_VALUE, IS_PRESENT, IS_ABSENT, IS_EMPTY) or (kind in (IS_PRESENT, IS_ABSENT) and value):
            raise Error(INVALID_OPERATION)
        if kind == IS_EMPTY:
            if key > value:
                raise Error(INVERTED_RANGE)
            if value > END:
                raise Error(OUTSIDE_LEGAL_RANGE)
        else:
            self._check_key(key)
            if len(key) > KEY_LIMIT:
                raise Error(KEY_TOO_LARGE)
            if len(value) > VALUE_LIMIT:
                raise Error(VALUE_TOO_LARGE)
        self.touched = True
        self.preconditions.append((kind, key, value))

    # ---- commit, and what becomes of it ----

    @property
    def writes_something(self):
        return bool(self.mutations or self.writes.all or self.preconditions)

    def begin_commit(self):
        self.check()
        self.state = COMMITTING

    def end_commit(self, code, version=None):
        self.state = FAILED if code else COMMITTED
        self.committed = None if code else version

    def committed_version(self):
        if self.committed is None:
            raise Error(INVALID_OPERATION)
        return self.committed

    def first_number(self, counter):
        if self.committed is None:
            raise Error(INVALID_VERSION)
        if counter not in self.numbers:
            raise Error(NO_COMMIT_VERSION)
        return self.numbers[counter]

    def cancel(self):
        self.state = GONE

    def reset(self):
        self.begin_anew()
        self.retries = 0

    def on_error(self, code):
        if self.state == GONE:
            raise Error(CANCELLED)
        self.retries += 1
        if code not in RETRYABLE or (self.retry_limit is not None and self.retries > self.retry_limit):
            self.state = GONE
            raise Error(code)
        self.begin_anew()
