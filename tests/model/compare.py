# SPDX-License-Identifier: Apache-2.0
"""Follows a program with the model and holds every answer of the library against it.

The answers are read afterwards, so the model may know which version a transaction read at: which snapshot it joined is the library's
choice, within rule 4. Everything else is the model's own."""
from program import ENDS, READS, bytes_of
from ranges import END, Ranges
from store import SEQUENCED_VALUE, STAMPED_KEY, Store, holds, stamp_of
from transaction import (CANCELLED, COMMITTED, INVALID_VERSION, NO_COMMIT_VERSION, NOT_COMMITTED, OPEN, PRECONDITION_FAILED, TOO_LARGE, TOO_OLD, Error,
                         Transaction)


PREFIXES = {"r": b"\xff\xff/transaction/read_conflict_range/", "w": b"\xff\xff/transaction/write_conflict_range/"}


class Disagreement(Exception):
    """The library said something else."""


def is_stamping(transaction):
    return any(m.kind == STAMPED_KEY or (m.kind == SEQUENCED_VALUE and m.is_stamped) for m in transaction.mutations)


def rows_of(words):
    cells = [bytes_of(w) for w in words[2:]]
    return list(zip(cells[::2], cells[1::2])), words[1] == "1"


class Slot:
    """A transaction of the program, and what is known of it beside the model."""

    def __init__(self):
        self.transaction = Transaction()
        self.epoch = 0
        self.has_read = self.may_know_version = False
        self.acknowledged = None  # the newest version that was acknowledged before its first read
        self.stamps = []          # operations that wait for the transaction's end
        self.commit = None        # (code, version) of one that was issued in the present group
        self.ends_in_group = []
        self.lost_reads = False   # that failed: what they saw before that may conflict, or not
        self.failed_reads = []    # the errors of those in the present group
        self.size = None          # as last told, and nothing has happened since

    def begin_anew(self):
        self.epoch += 1
        self.has_read = self.may_know_version = False
        self.lost_reads = False
        self.acknowledged = None
        self.size = None


class Comparison:
    def __init__(self, program, answers):
        self.program = program
        self.answers = answers
        counters = {counter: before for counter, (before, _) in answers.counters.items()}
        self.store = Store(program.content, counters, *answers.beginning)
        self.versions = [answers.beginning[0]]  # of the commits that wrote, as readat counts them
        self.slots = {}
        self.acknowledged = 0  # the newest version before the present group
        self.now = None

    def slot(self, number):
        if number not in self.slots:
            self.slots[number] = Slot()
        return self.slots[number]

    def wrong(self, expected, said=None):
        index, operation = self.now
        said = said if said is not None else " ".join(self.answers.results.get(index, ["nothing"]))
        raise Disagreement(f"operation {index}: {operation}\n  expected: {expected}\n  said:     {said}")

    def run(self):
        group = []
        for index, operation in enumerate(self.program.operations):
            group.append((index, operation))
            if not operation.together:
                self.run_group(group)
                group = []
        self.run_group(group)
        for number in self.slots:
            self.end_stamps(self.slots[number], CANCELLED)
        numbers = {counter: after for counter, (_, after) in self.answers.counters.items()}
        if numbers != self.store.counters:
            raise Disagreement(f"the counters at the end\n  expected: {self.store.counters}\n  are:      {numbers}")
        if self.answers.content != self.store.newest.content:
            raise Disagreement(f"the end\n  expected: {self.store.newest.content}\n  is:       {self.answers.content}")

    # ---- groups: operations that were issued together ----

    def run_group(self, group):
        """Transactions know each other through the store only, so each goes through its part of the group by itself: those that
        committed first, in the order of their versions."""
        queues, winners = {}, []
        self.acknowledged = self.store.newest.version
        for index, operation in group:
            queues.setdefault(operation.slot, []).append((index, operation))
            slot = self.slot(operation.slot)
            if slot.acknowledged is None and self.reads(index, operation) and slot.transaction.state == OPEN:
                slot.acknowledged = self.acknowledged
            code, version, order = self.commit_answer(index, operation)
            if code == 0 and version > 0:
                winners.append((version, order, index, operation.slot))
        for number, queue in queues.items():
            self.slots[number].ends_in_group = [i for i, o in queue if o.name in ENDS]
        for _, _, last, number in sorted(winners):
            queue = queues[number]
            while queue and queue[0][0] <= last:
                self.run_operation(*queue.pop(0))
        for queue in queues.values():
            for index, operation in queue:
                self.run_operation(index, operation)
        for number in queues:
            self.end_group(self.slots[number])
        self.versions += [version for version, _, _, _ in sorted(winners, key=lambda winner: winner[2])]

    def commit_answer(self, index, operation):
        if operation.name != "commit":
            return None, None, None
        words = self.answers.results.get(index)
        if not words:
            raise Disagreement(f"operation {index}: {operation}: no answer")
        code = int(words[0])
        return (code, int(words[1]), int(words[2])) if code == 0 else (code, None, None)

    @staticmethod
    def end_group(slot):
        slot.failed_reads = []
        if slot.commit is not None:
            slot.transaction.end_commit(*slot.commit)
            slot.commit = None

    # ---- operations ----

    def reads(self, index, operation):
        """Not a next without an iterator: that says nothing."""
        return operation.name in READS and index in self.answers.results

    def run_operation(self, index, operation):
        self.now = index, operation
        slot = self.slot(operation.slot)
        if operation.name in ENDS:
            self.end_group(slot)
        words = self.answers.results.get(index)
        getattr(self, "do_" + operation.name)(slot, words, *operation.arguments)
        slot.has_read |= self.reads(index, operation)
        slot.may_know_version |= slot.has_read or operation.name == "readat" or \
            (operation.name == "conf" and operation.arguments[0] == "r")
        if operation.name not in ("size", "commit"):
            slot.size = None

    def said_code(self, words, call, *arguments):
        """Holds the code against the model's; the call's value, or None if it failed as it should."""
        if not words:
            self.wrong("an answer")
        code = int(words[0])
        try:
            value = call(*arguments)
        except Error as error:
            if code != error.code:
                self.wrong(error.code)
            return None
        if code != 0:
            self.wrong(value if value is not None else 0)
        return value

    def write(self, slot, call, *arguments):
        try:
            call(*arguments)
        except Error as error:
            slot.transaction.defer(error.code)

    def do_set(self, slot, _, key, value):
        self.write(slot, slot.transaction.set, key, value)

    def do_clear(self, slot, _, key):
        self.write(slot, slot.transaction.clear, key)

    def do_clearr(self, slot, _, begin, end):
        self.write(slot, slot.transaction.clear_range, begin, end)

    def do_atomic(self, slot, _, op, key, operand):
        least = [self.least_stamp(slot)] if op == STAMPED_KEY else []
        self.write(slot, slot.transaction.atomic, op, key, operand, *least)

    def least_stamp(self, slot):
        """What the transaction knows of the stamp that it may get: it is above its read version, if it knows that. The driver asks for
        the version of a transaction that has read."""
        if not slot.may_know_version or slot.transaction.state != OPEN:
            return stamp_of(0, 0)
        if slot.acknowledged is None:
            slot.acknowledged = self.acknowledged
        return stamp_of(self.version_of(slot) or 0, 0)

    def do_seqk(self, slot, _, *arguments):
        self.write(slot, slot.transaction.sequenced_key, *arguments)

    def do_seqv(self, slot, _, counter, key, value, is_stamped):
        least = [self.least_stamp(slot)] if is_stamped else []
        self.write(slot, slot.transaction.sequenced_value, counter, key, value, is_stamped, *least)

    def do_pre(self, slot, words, *arguments):
        self.said_code(words, slot.transaction.demand, *arguments)

    def do_conf(self, slot, words, kind, begin, end):
        self.said_code(words, slot.transaction.add_conflict, kind, begin, end)

    def do_opt(self, slot, words, name, value=None):
        self.said_code(words, slot.transaction.option, name, value)

    def do_ranges(self, slot, words, kind):
        if words and int(words[0]) in slot.failed_reads:
            return  # it waits for the reads before it, and fails with them
        if self.said_code(words, lambda: slot.transaction.check_special() or 0) is None:
            return
        prefix = PREFIXES[kind]
        rows = [(key[len(prefix):], value) for key, value in rows_of(words)[0]]
        pairs = [(begin, min(end, END)) for (begin, b), (end, e) in zip(rows[::2], rows[1::2])
                 if (b, e) == (b"1", b"0") and begin < END]  # behind END there are counters
        said = Ranges(pairs)
        leasts = [0] if self.version_of(slot) is None else [0, self.version_of(slot)]
        expected = [slot.transaction.conflict_ranges(kind, stamp_of(version, 0)) for version in leasts]
        if kind == "w" and len(leasts) == 1 and is_stamping(slot.transaction):
            return  # begins at a version that nobody could be asked for
        if len(pairs) != len(said.all) or all(said.all != ranges.all for ranges in expected):
            if slot.lost_reads and kind == "r" and all(said.covers(*r) for r in expected[0].all):
                return
            self.wrong(expected[0].all, said.all)

    # ---- reads ----

    def version_of(self, slot):
        """The read version, as reported. The driver cannot ask a transaction with a kept error: then it is None."""
        if slot.transaction.version_set is not None:
            return slot.transaction.version_set
        version = self.answers.versions.get((self.index_of(slot), slot.epoch))
        if version is not None and slot.acknowledged is not None and version < slot.acknowledged:
            self.wrong(f"a read version that is not below {slot.acknowledged}, which was acknowledged", version)
        return version

    def possible_versions(self, slot):
        version = self.version_of(slot)
        return [version] if version is not None else [c.version for c in self.store.commits if c.version >= (slot.acknowledged or 0)]

    def index_of(self, slot):
        return next(number for number, s in self.slots.items() if s is slot)

    def read(self, slot, words, *how):
        """One of the versions that it may have read at must explain the answer. The library makes itself a second view for a read
        that writes overtake, and may then know the read version, and thus better what a versionstamped key may become."""
        overtaken = self.now[1].together and is_stamping(slot.transaction)
        reason = None
        for version in self.possible_versions(slot):
            views = [slot.transaction]
            if overtaken:
                views.append(slot.transaction.replayed(stamp_of(version, 0)))
            for view in views:
                try:
                    return self.read_of(view, slot, version, words, *how)
                except Disagreement as found:
                    reason = reason or found
        raise reason

    def read_of(self, transaction, slot, version, words, said, call, *arguments):
        """said(words) is the library's answer, if there is one."""
        if not words:
            self.wrong("an answer")
        if int(words[0]) == CANCELLED and any(self.now[0] < i for i in slot.ends_in_group):
            transaction.touched |= transaction.state == OPEN
            return  # cut off by the end that was issued together with it
        content = self.store.at(version)
        if transaction.version_set is not None and int(words[0]) == TOO_OLD:
            slot.lost_reads = True
            slot.failed_reads.append(TOO_OLD)
            return
        value = self.said_code(words, lambda: (getattr(transaction, call)(content, *arguments),))
        if value is None:
            slot.failed_reads.append(int(words[0]))
            slot.lost_reads = True
        elif said(words) != value[0]:
            self.wrong(value[0], said(words))

    def do_get(self, slot, words, key, snapshot):
        self.read(slot, words, lambda w: bytes_of(w[2]) if w[1] == "=" else None, "get", key, snapshot)

    def do_getk(self, slot, words, key, or_equal, offset, snapshot):
        self.read(slot, words, lambda w: bytes_of(w[1]), "get_key", (key, or_equal, offset), snapshot)

    def do_range(self, slot, words, *arguments):
        self.read(slot, words, rows_of, "get_range", arguments[:3], arguments[3:6], *arguments[6:])

    def do_iter(self, slot, words, *arguments):
        self.said_code(words, slot.transaction.iterate, arguments[:3], arguments[3:6], *arguments[6:])

    def do_next(self, slot, words):
        if slot.transaction.iterator is not None:
            self.read(slot, words, rows_of, "next_rows")

    def do_esize(self, slot, words, begin, end):
        self.read(slot, words, lambda w: int(w[1]), "range_size", begin, end)

    def do_version(self, slot, words):
        if self.said_code(words, slot.transaction.read_version) is None:
            return
        known = self.answers.versions.setdefault((self.index_of(slot), slot.epoch), int(words[1]))
        if self.version_of(slot) != known or int(words[1]) != known:
            self.wrong(known)

    def do_readat(self, slot, words, which):
        version = self.versions[min(which, len(self.versions) - 1)]
        self.said_code(words, slot.transaction.set_read_version, version, slot.has_read)

    # ---- commits ----

    def do_commit(self, slot, words):
        transaction = slot.transaction
        code, version, order = self.commit_answer(*self.now)
        try:
            transaction.begin_commit()
        except Error as error:
            if code != error.code:
                self.wrong(error.code)
            self.end_stamps(slot, INVALID_VERSION, slot.transaction.state != COMMITTED)
            return
        slot.commit = code, version
        if code in slot.failed_reads:
            pass  # it was still outstanding
        elif not transaction.writes_something:
            if (code, version) != (0, -1):
                self.wrong("0 -1, as nothing is written")
        elif code == 0:
            self.committed(slot, version, order)
        elif code == NOT_COMMITTED:
            self.lost(slot, words)
        elif code == PRECONDITION_FAILED:
            self.refused(slot)
        elif code == TOO_LARGE and transaction.size_limit is not None and (slot.size is None or slot.size > transaction.size_limit):
            pass
        else:
            self.wrong("a verdict")
        if code != 0:
            self.end_stamps(slot, INVALID_VERSION)
        elif version < 0:
            self.end_stamps(slot, NO_COMMIT_VERSION)
        else:
            self.end_stamps(slot, 0, stamp=stamp_of(version, order))

    def rivals(self, slot):
        """The commits that it conflicts with."""
        transaction = slot.transaction
        if not transaction.reads.all:
            return []
        return [c for c in self.store.since(self.version_of(slot)) if c.writes.meets(transaction.reads)]

    def committed(self, slot, version, order):
        transaction = slot.transaction
        if transaction.size_limit is not None and slot.size is not None and slot.size > transaction.size_limit:
            self.wrong(TOO_LARGE)
        newest = self.store.newest
        if (version, order) <= (newest.version, newest.order):
            self.wrong(f"a commit after {newest.version} {newest.order}")
        rivals = self.rivals(slot)
        if rivals:
            self.wrong(f"1020: it read {transaction.reads.all} at {self.version_of(slot)}, and at {rivals[0].version} were written "
                       f"{rivals[0].writes.all}")
        failed = [p for p in transaction.preconditions if not holds(p, self.store.newest.content)]
        if failed:
            self.wrong(f"7001: {failed}")
        commit = self.store.apply(version, order, transaction.mutations, transaction.writes)
        transaction.numbers = commit.numbers

    def refused(self, slot):
        """A precondition: it failed at its turn, which was somewhere in the present group, and conflicts come first."""
        states = [self.store.at(self.acknowledged), *(c.content for c in self.store.since(self.acknowledged))]
        if all(holds(p, content) for p in slot.transaction.preconditions for content in states):
            self.wrong("0: all preconditions held")
        rivals = [c for c in self.rivals(slot) if c.version <= self.acknowledged]
        if rivals:
            self.wrong("1020, which comes first")

    def lost(self, slot, words):
        transaction, rivals = slot.transaction, self.rivals(slot)
        if not rivals and slot.lost_reads:
            return
        if not rivals:
            self.wrong(f"0: nothing that it read was written: {transaction.reads.all}")
        if len(words) < 4:
            self.wrong("what it lost to")
        version, told = int(words[1]), Ranges([(bytes_of(words[2]), bytes_of(words[3]))])
        if not slot.lost_reads and not any(c.version == version and told.meets(c.writes) and told.meets(transaction.reads) for c in rivals):
            self.wrong(f"a range of {transaction.reads.all} that was written: {[(c.version, c.writes.all) for c in rivals]}",
                       f"{version} {told.all}")

    def do_stamp(self, slot, words):
        try:
            slot.transaction.check()
        except Error as error:
            if not words or int(words[0]) != error.code:
                self.wrong(error.code)
            return
        slot.stamps.append(self.now)

    def do_await(self, slot, words, counter):
        if slot.transaction.state == OPEN and not slot.transaction.deferred and not slot.transaction.has_sequenced(counter):
            if not words or int(words[0]) != NO_COMMIT_VERSION:
                self.wrong(NO_COMMIT_VERSION)
            return
        self.do_stamp(slot, words)

    def do_first(self, slot, words, counter):
        if slot.commit is not None:
            return  # it is under way, and may have ended
        number = self.said_code(words, slot.transaction.first_number, counter)
        if number is not None and int(words[1]) != number:
            self.wrong(number)

    def end_stamps(self, slot, code, does=True, stamp=None):
        if not does:
            return
        for self.now in slot.stamps:
            words = self.answers.results.get(self.now[0])
            if not words or int(words[0]) != code:
                self.wrong(code)
            if code != 0:
                continue
            is_number = self.now[1].name == "await"
            expected = slot.transaction.numbers.get(self.now[1].arguments[0]) if is_number else stamp.hex()
            if words[1] != str(expected):
                self.wrong(expected)
        slot.stamps = []

    def do_committed(self, slot, words):
        if slot.commit is not None and not slot.transaction.writes_something:
            return  # nobody needs to be asked, so it may have ended
        version = self.said_code(words, slot.transaction.committed_version)
        if version is not None and int(words[1]) != version:
            self.wrong(version)

    def do_size(self, slot, words):
        if self.said_code(words, lambda: slot.transaction.check() or 0) is None:
            return
        slot.size = int(words[1])
        least = sum(len(m.key) + len(m.parameter) for m in slot.transaction.mutations)
        if slot.size < least:
            self.wrong(f"at least {least}, for the mutations alone")

    # ---- ends ----

    def do_new(self, slot, _):
        self.end_stamps(slot, CANCELLED)
        slot.transaction = Transaction()
        slot.begin_anew()

    def do_reset(self, slot, _):
        self.end_stamps(slot, CANCELLED)
        slot.transaction.reset()
        slot.begin_anew()

    def do_cancel(self, slot, _):
        self.end_stamps(slot, CANCELLED)
        slot.transaction.cancel()

    def do_onerr(self, slot, words, code):
        self.end_stamps(slot, CANCELLED)
        self.said_code(words, lambda: slot.transaction.on_error(code) or 0)
        slot.transaction.iterator = None  # the driver frees it
        slot.begin_anew()
