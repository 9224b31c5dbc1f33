# SPDX-License-Identifier: Apache-2.0
"""One of the workers of a field: a history_worker (tests/history), and after its end another one in its place. Each has a
history of its own."""
import pathlib
import signal
import subprocess
import threading

IN_FLIGHT, KEYS = 8, 12
DRAIN_S = 300  # what is still open then has been forgotten by everybody


class Hand:
    def __init__(self, field, number, route, seed):
        self.field, self.number, self.route, self.seed = field, number, route, seed
        self.lock = threading.RLock()
        self.process, self.should_run = None, False
        self.histories = []

    @property
    def name(self):
        return f"w{self.number}-{len(self.histories)}"

    def start(self):
        program = self.field.program("tests/history/history_worker")
        self.histories.append(None)
        self.histories[-1] = pathlib.Path(self.field.folder) / f"{self.name}.history"
        seed = self.seed * 1000000 + self.number * 1000 + len(self.histories)
        command = [program, "--dsn", self.route.dsn(), "--name", self.name, "--seed", seed, "--in-flight", IN_FLIGHT,
                   "--keys", KEYS, "--drain", DRAIN_S, "--history", self.histories[-1]]
        with open(pathlib.Path(self.field.folder) / "workers.log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.should_run = True

    def kill(self):
        self.should_run = False
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def send(self, number):
        self.process.send_signal(number)

    def ask_to_stop(self):
        self.should_run = False
        self.send(signal.SIGTERM)

    def stopped(self):
        """Waits for its end: all that it began has been told then."""
        try:
            status = self.process.wait(DRAIN_S + 30)
            if status != 0:
                self.field.fail(f"worker {self.name} ends with {status}")
        except subprocess.TimeoutExpired:
            self.field.fail(f"worker {self.name} does not end")
            self.kill()

    def check(self):
        with self.lock:
            if self.should_run and self.process.poll() is not None:
                self.field.fail(f"worker {self.name} died by itself, with {self.process.returncode}")
                self.start()

    def mark(self):
        """A moment in its history, for commits_since."""
        return self.histories[-1], self.histories[-1].stat().st_size if self.histories[-1].exists() else 0

    def commits_since(self, mark):
        """Whether a commit was told since then."""
        with open(mark[0], "rb") as history:
            history.seek(mark[1])
            return any(line.startswith(b"E ") and line.split()[3:4] == [b"0"] for line in history)
