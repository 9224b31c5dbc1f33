# SPDX-License-Identifier: Apache-2.0
"""Workers that record what they do (tests/history), the dump of the store, and the checker's verdict on all of it."""
import json
import pathlib
import signal
import subprocess
import time

from waiting import PATIENCE_S, wait_until


class Recorder:
    """One history_worker."""

    def __init__(self, program, dsn, path, name, **options):
        self.path = pathlib.Path(path)
        command = [program, "--dsn", dsn, "--name", name, "--history", str(path)]
        for option, value in options.items():
            command += [f"--{option.replace('_', '-')}", str(value)]
        self.log = open(self.path.with_suffix(".log"), "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def committed(self):
        """How many commits it was told of by now."""
        text = self.path.read_bytes() if self.path.exists() else b""
        return sum(1 for line in text.splitlines() if line.startswith(b"E ") and line.split()[3] == b"0")

    def is_running(self):
        return self.process.poll() is None

    def wait(self, timeout_s=PATIENCE_S):
        status = self.process.wait(timeout_s)
        self.log.close()
        assert status == 0, (status, self.path.with_suffix(".log").read_text(errors="replace")[-3000:])

    def stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        self.wait()

    def kill(self):
        if self.is_running():
            self.process.kill()
        self.process.wait()
        self.log.close()


class Run:
    """The histories of one run, in a folder of their own. `find` is the fixture program."""

    def __init__(self, find, dsn, folder):
        self.find, self.dsn = find, dsn
        self.folder = pathlib.Path(folder) / "history"
        self.folder.mkdir()
        self.recorders, self.schedule = [], []

    def recorder(self, dsn=None, **options):
        number = len(self.recorders) + 1
        made = Recorder(self.find("tests/history/history_worker"), dsn or self.dsn, self.folder / f"w{number}.history",
                        f"w{number}", **{"seed": number, **options})
        self.recorders.append(made)
        return made

    def note(self, words):
        """A line of the schedule: what is done now."""
        self.schedule.append(f"{time.monotonic_ns()} {words}")

    def go_on(self, commits=100):
        """Waits until this many more were committed by those that run."""
        running = [r for r in self.recorders if r.is_running()]
        before = sum(r.committed() for r in running)
        wait_until(lambda: sum(r.committed() for r in running) >= before + commits, "the workers do not go on", step_s=0.05)

    def close(self):
        for recorder in self.recorders:
            recorder.kill()

    def check(self, dsn=None, timeout_s=PATIENCE_S):
        """What the checker says, when all workers have ended: the object of --json."""
        final, schedule = self.folder / "final", self.folder / "schedule"
        subprocess.run([self.find("tests/history/history_worker"), "--dsn", dsn or self.dsn, "--dump", str(final)], check=True,
                       timeout=PATIENCE_S)
        schedule.write_text("".join(line + "\n" for line in self.schedule))
        done = subprocess.run([self.find("tests/history/check"), "--json", "--final", str(final), "--schedule", str(schedule),
                               *(str(r.path) for r in self.recorders)], text=True, capture_output=True, check=False,
                              timeout=timeout_s)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)
