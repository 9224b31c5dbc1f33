# SPDX-License-Identifier: Apache-2.0
"""Runs random programs in lanes until one disagrees."""
import random
import threading
import time

from compare import Disagreement
from generate import Generator
from lane import Died
from shrink import shrink


class Failure(Exception):
    """One program, as small as it could be made, and what was wrong."""

    def __init__(self, index, program, reason):
        super().__init__(f"program {index} disagrees\n{reason}")
        self.index, self.program, self.reason = index, program, reason

    def script(self, seed):
        shown = "".join(f"#   {operation}\n" for operation in self.program.operations)
        return (f"# seed {seed}, program {self.index}\n" + "".join(f"# {line}\n" for line in str(self.reason).splitlines()) +
                f"# as text:\n{shown}{self.program.text()}")


def program_of(seed, index):
    return Generator(random.Random(f"{seed}/{index}")).program()


class Run:
    """count programs of a seed, by several lanes at once."""

    def __init__(self, lanes, seed, count, shrinks=True):
        self.lanes, self.seed, self.count, self.shrinks = lanes, seed, count, shrinks
        self.next = 0
        self.operations = 0
        self.done = 0
        self.failed = None
        self.lock = threading.Lock()

    def _take(self):
        with self.lock:
            if self.failed is not None or self.next == self.count:
                return None
            self.next += 1
            return self.next - 1

    def _work(self, lane):
        try:
            while (index := self._take()) is not None:
                program = program_of(self.seed, index)
                try:
                    lane.check(program)
                except Disagreement as reason:
                    with self.lock:
                        if self.failed is None or index < self.failed[0]:
                            self.failed = index, program, reason, lane
                    return
                with self.lock:
                    self.done += 1
                    self.operations += len(program.operations)
        except BaseException as broken:  # of the thread: told in run
            with self.lock:
                self.failed = self.failed or (-1, None, broken, lane)

    def run(self):
        """Seconds; raises Failure."""
        begun = time.monotonic()
        threads = [threading.Thread(target=self._work, args=(lane,)) for lane in self.lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed is not None:
            index, program, reason, lane = self.failed
            if program is None:
                raise reason
            if self.shrinks and not isinstance(reason, Died):
                program, reason = self.smallest(program, reason, lane)
            raise Failure(index, program, reason)
        return time.monotonic() - begun

    @staticmethod
    def smallest(program, reason, lane):
        reasons = {}

        def fails(candidate):
            try:
                lane.check(candidate)
            except Disagreement as found:
                reasons[candidate.text()] = found
                return True
            return False
        small = shrink(program, fails)
        return small, reasons.get(small.text(), reason)
