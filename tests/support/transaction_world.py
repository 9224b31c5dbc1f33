# SPDX-License-Identifier: Apache-2.0
"""The public header for tests: Worker runs transaction_driver.c; Transaction and Future are its numbers, with Python's manners."""
import queue
import subprocess
import threading

from waiting import PATIENCE_S

ADD, AND, OR, XOR, APPEND, MAX, MIN = 2, 6, 7, 8, 9, 12, 13
STAMPED_KEY, STAMPED_VALUE, BYTE_MIN, BYTE_MAX, COMPARE_AND_CLEAR = 14, 15, 16, 17, 20
VALUE, PRESENT, ABSENT, EMPTY = 1, 2, 3, 4
WANT_ALL, ITERATOR, EXACT, SMALL, MEDIUM, LARGE, SERIAL = -2, -1, 0, 1, 2, 3, 4


def text(data):
    return data.hex() or "-"


def data(word):
    return b"" if word == "-" else bytes.fromhex(word)


def selector(bound):
    """Of a key, or of (key, or_equal, offset)."""
    key, or_equal, offset = bound if isinstance(bound, tuple) else (bound, False, 1)
    return [text(key), int(or_equal), offset]


class Failed(Exception):
    def __init__(self, code, message=""):
        super().__init__(f"{code} {message}")
        self.code, self.message = code, message


class Worker:
    """One process with one open database."""

    def __init__(self, program, dsn, **options):
        command = [program("tests/integration/transaction_driver"), dsn, *(f"{k}={v}" for k, v in options.items())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.numbers = {"transaction": [], "future": [], "iterator": []}
        self.next = {"transaction": 0, "future": 0, "iterator": 0}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.opening = self.lines.get(timeout=PATIENCE_S)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def number(self, kind):
        if self.numbers[kind]:
            return self.numbers[kind].pop()
        self.next[kind] += 1
        return self.next[kind]

    def order(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def flush(self):
        """Orders wait for the next question otherwise."""
        self.process.stdin.flush()

    def ask(self, *words, timeout_s=PATIENCE_S):
        self.order(*words)
        self.flush()
        return self.answer(words[0], timeout_s)

    def answer(self, word, timeout_s=PATIENCE_S):
        line = self.lines.get(timeout=timeout_s)
        assert line is not None and line.split(" ")[0] == word, line
        return line[len(word) + 1:]

    def transaction(self, **options):
        made = Transaction(self)
        for name, value in options.items():
            assert made.option(name, value) == 0
        return made

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.write("close\n")
            self.process.stdin.flush()
            assert self.lines.get(timeout=PATIENCE_S) == "closed"
            self.process.wait(PATIENCE_S)
        self.reader.join(5)
        self.process.stdin.close()
        assert self.process.returncode == 0, self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Future:
    def __init__(self, worker):
        self.worker = worker
        self.number = worker.number("future")

    def wait(self, timeout_s=PATIENCE_S):
        """What it holds: bytes or None, (rows, more), an int, True. Raises Failed. Once."""
        self.worker.order("wait", self.number)
        self.worker.flush()
        return self.take(timeout_s)

    def take(self, timeout_s=PATIENCE_S):
        """The answer of a wait that was ordered before."""
        words = self.worker.answer("wait", timeout_s).split(" ")
        self.worker.numbers["future"].append(self.number)
        if words[0] != "0":
            raise Failed(int(words[0]), " ".join(words[1:]))
        kind, rest = words[1], words[2:]
        if kind == "rows":
            cells = [data(w) for w in rest[1:]]
            return list(zip(cells[::2], cells[1::2])), rest[0] == "1"
        return {"absent": lambda: None, "value": lambda: data(rest[0]), "key": lambda: data(rest[0]),
                "version": lambda: int(rest[0]), "size": lambda: int(rest[0]),
                "keys": lambda: [data(word) for word in rest], "done": lambda: True}[kind]()

    def code(self, timeout_s=PATIENCE_S):
        try:
            self.wait(timeout_s)
            return 0
        except Failed as failed:
            return failed.code

    def is_ready(self):
        return self.worker.ask("is_ready", self.number) == "1"

    def cancel(self):
        self.worker.order("cancel_future", self.number)

    def free(self):
        self.worker.order("free_future", self.number)
        self.worker.numbers["future"].append(self.number)


class Transaction:
    def __init__(self, worker):
        self.worker = worker
        self.number = worker.number("transaction")
        worker.order("new", self.number)

    def free(self):
        self.worker.order("free", self.number)
        self.worker.numbers["transaction"].append(self.number)

    def reset(self):
        self.worker.order("reset", self.number)

    def cancel(self):
        self.worker.order("cancel", self.number)

    def option(self, name, value=None):
        return int(self.worker.ask("option", self.number, name, *([] if value is None else [value])))

    def read_at(self, version):
        return int(self.worker.ask("read_at", self.number, version))

    # ---- writes ----

    def set(self, key, value):
        self.worker.order("set", self.number, text(key), text(value))

    def clear(self, key):
        self.worker.order("clear", self.number, text(key))

    def clear_range(self, begin, end):
        self.worker.order("clear_range", self.number, text(begin), text(end))

    def atomic(self, op, key, operand):
        self.worker.order("atomic", self.number, op, text(key), text(operand))

    def sequenced_key(self, counter, prefix, value, stamped=False):
        self.worker.order("sequenced_key", self.number, text(counter), text(prefix), text(value), int(stamped))

    def sequenced_value(self, counter, key, value, stamped=False):
        self.worker.order("sequenced_value", self.number, text(counter), text(key), text(value), int(stamped))

    def conflict(self, kind, begin, end):
        return int(self.worker.ask("conflict", self.number, kind, text(begin), text(end)))

    def demand(self, kind, key, value=b""):
        return int(self.worker.ask("demand", self.number, kind, text(key), text(value)))

    def lock(self, lock, above=0):
        return int(self.worker.ask("lock", self.number, text(lock), above))

    def unlock(self, lock):
        return int(self.worker.ask("unlock", self.number, text(lock)))

    # ---- reads: futures ----

    def _future(self, order, *words):
        future = Future(self.worker)
        self.worker.order(order, future.number, self.number, *words)
        return future

    def get_later(self, key, snapshot=False):
        return self._future("get", text(key), int(snapshot))

    def get(self, key, snapshot=False):
        return self.get_later(key, snapshot).wait()

    def get_key_later(self, key, or_equal, offset, snapshot=False):
        return self._future("get_key", text(key), int(or_equal), offset, int(snapshot))

    def get_key(self, key, or_equal, offset, snapshot=False):
        return self.get_key_later(key, or_equal, offset, snapshot).wait()

    def get_range_later(self, begin, end, limit=0, target=0, mode=WANT_ALL, iteration=1, snapshot=False, reverse=False):
        """begin and end: keys, or (key, or_equal, offset)."""
        words = []
        for bound in (begin, end):
            words += selector(bound)
        return self._future("get_range", *words, limit, target, mode, iteration, int(snapshot), int(reverse))

    def get_range(self, *arguments, **more):
        return self.get_range_later(*arguments, **more).wait()

    def watch(self, key):
        return self._future("watch", text(key))

    def iterate(self, begin, end, limit=0, target=0, snapshot=False, reverse=False):
        """begin and end as of get_range. Raises Failed."""
        return Iterator(self, begin, end, limit, target, snapshot, reverse)

    def range_size(self, begin, end):
        return self._future("range_size", text(begin), text(end)).wait()

    def split_points(self, begin, end, chunk):
        return self._future("split_points", text(begin), text(end), chunk).wait()

    def version_later(self):
        return self._future("version")

    def version(self):
        return self.version_later().wait()

    def commit_later(self):
        return self._future("commit")

    def commit(self):
        return self.commit_later().wait()

    def stamp_later(self):
        return self._future("stamp")

    def on_error(self, code):
        return self._future("on_error", code).wait()

    # ---- what became of it ----

    def _numbers(self, word):
        code, number = map(int, self.worker.ask(word, self.number).split())
        if code != 0:
            raise Failed(code)
        return number

    def size(self):
        return self._numbers("size")

    def committed(self):
        return self._numbers("committed")

    def order(self):
        return self._numbers("order")

    def first_later(self, counter):
        return self._future("await_first", text(counter))

    def first(self, counter):
        code, number = map(int, self.worker.ask("first", self.number, text(counter)).split())
        if code != 0:
            raise Failed(code)
        return number

    def lost(self):
        """What a conflict lost to: begin, end, version."""
        code, begin, end, version = self.worker.ask("lost", self.number).split()
        if code != "0":
            raise Failed(int(code))
        return data(begin), data(end), int(version)

    def lost_all(self):
        """All that a conflict lost: (begin, end, version) each."""
        code, *words = self.worker.ask("lost_all", self.number).split()
        if code != "0":
            raise Failed(int(code))
        return [(data(b), data(e), int(v)) for b, e, v in zip(words[::3], words[1::3], words[2::3])]


class Iterator:
    def __init__(self, transaction, begin, end, limit, target, snapshot, reverse):
        self.worker = transaction.worker
        self.number = self.worker.number("iterator")
        code = int(self.worker.ask("iterate", self.number, transaction.number, *selector(begin), *selector(end), limit,
                                   target, int(snapshot), int(reverse)))
        if code != 0:
            raise Failed(code)

    def next_later(self):
        future = Future(self.worker)
        self.worker.order("next", future.number, self.number)
        return future

    def next(self):
        return self.next_later().wait()

    def free(self):
        self.worker.order("free_iterator", self.number)
        self.worker.numbers["iterator"].append(self.number)


# ---- requests in the queue (proto/verdict.proto) ----

def _varint(payload, at):
    number = shift = 0
    while True:
        byte = payload[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _fields(payload):
    at = 0
    while at < len(payload):
        tag, at = _varint(payload, at)
        if tag & 7 == 2:
            size, at = _varint(payload, at)
            yield tag >> 3, payload[at:at + size]
            at += size
        elif tag & 7 == 1:
            yield tag >> 3, int.from_bytes(payload[at:at + 8], "little")
            at += 8
        else:
            number, at = _varint(payload, at)
            yield tag >> 3, number


class Request:
    """A payload, decoded."""

    def __init__(self, payload):
        self.reads, self.writes, self.mutations, self.term, self.version = [], [], [], b"", 0
        for number, value in _fields(payload):
            if number == 2:
                self.term = value
            elif number == 3:
                self.version = value
            elif number in (4, 5):
                ends = dict(_fields(value))
                (self.reads if number == 4 else self.writes).append((ends.get(1, b""), ends.get(2, b"")))
            elif number == 6:
                parts = dict(_fields(value))
                self.mutations.append((parts.get(1, 0), parts.get(2, b""), parts.get(3, b""), bool(parts.get(4, 0))))
