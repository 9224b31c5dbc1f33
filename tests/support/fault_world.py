# SPDX-License-Identifier: Apache-2.0
"""Real resolvers under the load of real workers, and the books that must balance afterwards.

A Worker runs tests/fault/worker.c, whose transactions leave a counter and a stamped witness each. A Load keeps some of them in
flight until it is stopped. World.balance() holds what was told against what is stored: each commit is there exactly once,
at the version and order that were told, and whatever was told otherwise is not there at all."""
import json
import queue
import struct
import subprocess
import threading
import time

import resolver_world as rw
from waiting import PATIENCE_S, wait_until

COMMITTED, TOO_OLD, CONFLICT = rw.COMMITTED, rw.TOO_OLD, rw.CONFLICT
UNKNOWN, TIMED_OUT = 1021, 1031


class Worker:
    def __init__(self, program, dsn, first=0, **options):
        self.process = subprocess.Popen(
            [program("tests/fault/worker"), dsn, *(f"{name}={value}" for name, value in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.next = first
        self.ordered = {}  # id → how many counters its increments share; 0 for a blind one
        self.told = {}
        self.answers = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert self.answers.get(timeout=PATIENCE_S) == {"ready": 0}

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            if "id" in answer:
                assert answer["id"] not in self.told, f"told twice: {line}"
                self.told[answer["id"]] = answer
            else:
                self.answers.put(answer)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def adds(self, count):
        return self._transactions("adds", count, 0)

    def increments(self, count, keys):
        return self._transactions("increments", count, keys)

    def large(self, how, count, most):
        """how: "values", most: bytes of them; "keys", "ranges", most: their number (see worker.c)."""
        return self._transactions(how, count, 0, most)

    def _transactions(self, kind, count, keys, most=None):
        numbers = range(self.next, self.next + count)
        self.next += count
        self.ordered.update(dict.fromkeys(numbers, keys))
        self.order(f"{kind} {numbers[0]} {count} {keys if most is None else most}")
        return numbers

    def in_flight(self):
        return len(self.ordered) - len(self.told)

    def wait(self, numbers):
        """What these ended with."""
        wait_until(lambda: all(n in self.told for n in numbers),
                   lambda: f"{[n for n in numbers if n not in self.told][:10]} of {len(numbers)} are not told")
        return [self.told[n] for n in numbers]

    def wait_all(self):
        self.wait(list(self.ordered))

    def close(self):
        if self.process.poll() is None:
            self.order("close")
            assert self.answers.get(timeout=PATIENCE_S) == {"closed": True}
            assert self.process.wait(PATIENCE_S) == 0
        self.reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Load:
    """Keeps transactions of one worker in flight: as many blind ones as increments of a few shared counters."""

    def __init__(self, worker, in_flight=64, keys=8):
        self.worker, self.in_flight, self.keys = worker, in_flight, keys
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped.wait(0.003):
            if self.worker.in_flight() <= self.in_flight // 2:
                self.worker.adds(self.in_flight // 4)
                self.worker.increments(self.in_flight // 4, self.keys)

    def goes_on(self, commits=100):
        """Waits until this many more were committed, of those that began from now on."""
        begin = self.worker.next

        def fresh():
            return sum(1 for n in range(begin, self.worker.next)
                       if n in self.worker.told and self.worker.told[n]["code"] == 0)
        wait_until(lambda: fresh() >= commits, lambda: f"only {fresh()} commits", step_s=0.02)

    def stop(self):
        self.stopped.set()
        self.thread.join()


class World(rw.World):
    def __init__(self, program, database, folder):
        super().__init__(database, program("resolver/verdict-resolver"), folder)
        self.find = program
        self.dsn = None  # what nodes and workers connect by, if that is not the database itself
        self.workers, self.loads = [], []

    def node(self, name, settings=None, faults=None, dsn=None):
        made = rw.Node(self.program, dsn or self.dsn or self.database.dsn(), name, self.folder, settings, faults)
        self.nodes[name] = made
        return made.start()

    def three(self, settings=None, faults=None):
        """Three nodes; the first one leads, with these faults."""
        leader = self.lead("a", settings, faults)
        others = [self.node(name, settings) for name in ("b", "c")]
        for other in others:
            other.wait_says("keeper is connected")
        return leader, others

    def worker(self, dsn=None, **options):
        made = Worker(self.find, dsn or self.dsn or self.database.dsn(), first=len(self.workers) * 1_000_000, **options)
        self.workers.append(made)
        return made

    def load(self, workers=2, **how):
        self.loads = [Load(self.worker(), **how) for _ in range(workers)]
        return self.loads

    def go_on(self, commits=100):
        for load in self.loads:
            load.goes_on(commits)

    def settle(self):
        """Stops the loads; all that was begun is told."""
        for load in self.loads:
            load.stop()
        for worker in self.workers:
            worker.wait_all()

    def told(self):
        return [answer for worker in self.workers for answer in worker.told.values()]

    def stored(self):
        rows = self.database.execute("SELECT key, value FROM kv")
        kv = {bytes(key): bytes(value) for key, value in rows}
        assert len(kv) == len(rows), "a key has two rows"
        return kv

    def balance(self, allowed=(COMMITTED, CONFLICT, TOO_OLD)):
        told = self.told()
        codes = {answer["code"] for answer in told}
        assert codes <= set(allowed), codes
        committed = sorted((a["id"], a["version"], a["order"]) for a in told if a["code"] == 0)
        unknown = {a["id"] for a in told if a["code"] == UNKNOWN}
        kv = self.stored()
        witnesses = sorted(struct.unpack(">IQH", key[1:]) for key in kv if key[:1] == b"s")
        assert [witness for witness in witnesses if witness[0] not in unknown] == committed
        committed = witnesses
        own = {struct.unpack(">I", key[1:])[0]: int.from_bytes(value, "little") for key, value in kv.items() if key[:1] == b"n"}
        assert own == {number: 1 for number, _, _ in committed}
        assert int.from_bytes(kv.get(b"count", b""), "little") == len(committed)
        incremented = [number for worker in self.workers for number, keys in worker.ordered.items()
                       if keys and number in own]
        counters = sum(int.from_bytes(value, "little") for key, value in kv.items() if key[:1] == b"k")
        assert counters == len(incremented)
        stamps = [(version, order) for _, version, order in committed]
        assert len(set(stamps)) == len(stamps)
        return committed

    def close(self):
        for load in self.loads:
            load.stop()
        for worker in self.workers:
            worker.kill()
        super().close()
