# SPDX-License-Identifier: Apache-2.0
"""The program `verdict` as tests use it: run it, look at what it said, start and stop private clusters.

verdict     verdict("status", "--json", dsn=…): runs it to its end; a Done
up          up("--nodes", "2"): a `verdict up` that serves; stopped at the end of the test
folder      a temporary one that PostgreSQL's user can reach
cluster     one that is shared by a file's tests: its connection string
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

import pytest
from waiting import PATIENCE_S, rest_of


class Done:
    """A run that has ended."""

    def __init__(self, command, code, stdout, stderr):
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr

    def __repr__(self):
        return f"{self.command}\nended with {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    @property
    def lines(self):
        return self.stdout.splitlines()

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.lines]

    def good(self, code=0):
        assert self.code == code, self
        return self

    def wrong(self, says, hint=None, code=2):
        """One clear line that matches, and a hint or nothing; nothing on standard output."""
        assert self.code == code, self
        assert self.stdout == "", self
        told = self.stderr.splitlines()
        assert 1 <= len(told) <= 2, self
        assert re.match(r"verdict( [a-z]+)?: \S", told[0]), self
        assert re.search(says, told[0]), self
        assert len(told) == 1 or told[1].startswith("hint: "), self
        if hint is not None:
            assert len(told) == 2 and re.search(hint, told[1]), self
        return self


def environment(**more):
    """Ours, without what would lead the program elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "VERDICT_"))}
    kept.update({k: v for k, v in os.environ.items() if k in ("VERDICT_BUILD", "VERDICT_PG_BIN")})
    kept.update(more)
    return {k: v for k, v in kept.items() if v is not None}


def lives(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def read_pid(path):
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0


@pytest.fixture(scope="session")
def verdict(program):
    def run(*arguments, dsn=None, stdin="", timeout=PATIENCE_S, **env):
        command = [program("cli/verdict"), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=timeout, check=False,
                              env=environment(VERDICT_DSN=dsn, **env))
        return Done(command[1:], done.returncode, done.stdout, done.stderr)
    return run


def stop_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Up:
    """A `verdict up` in the foreground, in a session of its own as a terminal would have it."""

    def __init__(self, program, *arguments, **env):
        self.process = subprocess.Popen([program("cli/verdict"), "up", *map(str, arguments)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True, env=environment(**{"VERDICT_LEASE_TTL": "10s", **env}),
                                        preexec_fn=stop_with_parent)
        self.dsn = None

    def wait_serving(self):
        self.dsn = self.process.stdout.readline().strip()
        if not self.dsn:
            raise RuntimeError(f"verdict up: {self.process.stderr.read()}")
        return self

    def stop(self, number=signal.SIGINT, whole_group=False):
        """Returns what it ended with."""
        if self.process.returncode is not None:
            return self.process.returncode
        (os.killpg if whole_group else os.kill)(self.process.pid, number)
        rest_of(self.process)
        return self.process.returncode


@pytest.fixture
def folder():
    """One that PostgreSQL's user can reach (pytest's tmp_path is for us alone)."""
    with tempfile.TemporaryDirectory(prefix="vdcli-") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


@pytest.fixture
def up(program, folder):
    """Its clusters are stopped before the folder goes."""
    started = []

    def start(*arguments, wait=True, **env):
        one = Up(program, *arguments, **env)
        started.append(one)
        return one.wait_serving() if wait else one
    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def cluster(program):
    one = Up(program, "--nodes", "2").wait_serving()
    yield one.dsn
    one.stop()
