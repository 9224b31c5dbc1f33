# SPDX-License-Identifier: Apache-2.0
"""How much memory processes hold, and held at most while something went on: what is theirs alone (RssAnon), for a server's
shared buffers are in the resident set of each of its backends."""
import contextlib
import pathlib
import threading

MB = 1024  # of kB

# What a sanitizer keeps of freed memory is none of the program's.
SANITIZER = {"ASAN_OPTIONS": "strict_string_checks=1:detect_stack_use_after_return=1:quarantine_size_mb=1"}


def anonymous_kb(pid):
    """0 of one that is gone."""
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return 0


def backends_of(server):
    """The processes of a private server, but for the postmaster."""
    pid = server.process.pid
    with contextlib.suppress(OSError):
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return []


class Peaks:
    """The largest that the processes of each kind were while the block went on: {"resolver": lambda: [pid, …]} → peaks.kb["resolver"]
    of a single one, peaks.sum_kb["resolver"] of all of a kind together."""

    def __init__(self, **kinds):
        self.kinds = kinds
        self.kb = dict.fromkeys(kinds, 0)
        self.sum_kb = dict.fromkeys(kinds, 0)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _look(self):
        for kind, pids in self.kinds.items():
            sizes = [anonymous_kb(pid) for pid in pids()]
            self.kb[kind] = max(self.kb[kind], *sizes, 0)
            self.sum_kb[kind] = max(self.sum_kb[kind], sum(sizes))

    def _watch(self):
        while not self.stopped.wait(0.05):
            self._look()

    def __enter__(self):
        self._look()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()
        self._look()

    def __str__(self):
        return ", ".join(f"{kind} {self.kb[kind] // MB} MB" for kind in self.kinds)
