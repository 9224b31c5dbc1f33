# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL with a leader, for measuring: started once, so that all that is compared has the same server.

VERDICT_BUILD names the release build (build/release).
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.dont_write_bytecode = True

import private_pg  # noqa: E402

BUILD = pathlib.Path(os.environ.get("VERDICT_BUILD", ROOT / "build" / "release"))


def program(name):
    path = BUILD / name
    if not path.exists():
        sys.exit(f"no {path}: cmake --preset release && cmake --build --preset release")
    return str(path)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class World:
    """The server, a database and a resolver; close() ends them."""

    def __init__(self, **parameters):
        self.server = private_pg.Server(params=parameters).init().start()
        self.database = self.server.database()
        self.dsn = self.database.dsn()
        self.environment = {**os.environ, "VERDICT_DSN": self.dsn}
        self._log = tempfile.TemporaryFile()
        self.verdict("migrate")
        self.resolver = subprocess.Popen([program("resolver/verdict-resolver"), "--node", "bench"], env=self.environment,
                                         stdout=self._log, stderr=self._log, preexec_fn=die_with_parent)
        for _ in range(600):
            if self.verdict("status", check=False).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("no leader serves")

    def verdict(self, *arguments, check=True):
        return subprocess.run([program("cli/verdict"), *map(str, arguments)], env=self.environment, text=True, capture_output=True, check=check)

    def run(self, *command):
        """A measurement: the one JSON object that it prints. One that is wrong ends everything."""
        done = subprocess.run(list(map(str, command)), env=self.environment, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(pathlib.Path(str(w)).name for w in command[:3])} ended with {done.returncode}: {done.stdout}{done.stderr}")
        told = json.loads(done.stdout)
        if told["checked"] is not True:
            sys.exit(f"{told['workload']}: the store is not what it was told")
        return told

    def bench(self, workload, *arguments):
        return self.run(program("cli/verdict"), "bench", workload, "--json", *arguments)

    def rival(self, name, *arguments):
        return self.run(program(f"bench/bench_{name}"), self.dsn, *arguments)

    @contextlib.contextmanager
    def snapshots(self, age_s=5):
        """One is always open, the oldest up to so old: two sessions by turns."""
        over = threading.Event()

        def hold(first_wait_s):
            over.wait(first_wait_s)
            with self.database.connect() as connection:
                while not over.is_set():
                    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    connection.execute("SELECT count(*) FROM pg_class")
                    over.wait(age_s)
                    connection.execute("COMMIT")
        holders = [threading.Thread(target=hold, args=(i * age_s / 2,)) for i in range(2)]
        for holder in holders:
            holder.start()
        try:
            yield
        finally:
            over.set()
            for holder in holders:
                holder.join()

    def close(self):
        self.resolver.terminate()
        self.resolver.wait()
        self.server.destroy()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def facts(world):
    """What a reader has to know of the machine; nothing that says whose it is."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal: *(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"))
    found = {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model.group(1) if model else "unknown",
        "memory": f"{int(memory.group(1)) / 1048576:.0f} GB" if memory else "unknown",
        "kernel": os.uname().release,
        "PostgreSQL": world.server.execute("SHOW server_version")[0][0],
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
    for name in ("fsync", "synchronous_commit", "wal_sync_method", "full_page_writes", "shared_buffers", "max_wal_size", "wal_level"):
        found[name] = world.server.execute(f"SHOW {name}")[0][0]
    with tempfile.TemporaryDirectory() as folder:  # on the disk of the private server
        told = subprocess.run([str(private_pg.bin_dir() / "pg_test_fsync"), "-s", "1", "-f", f"{folder}/file"], text=True, capture_output=True, check=False).stdout
    times = re.findall(r"^\s+(fdatasync|open_datasync|fsync)\s+[\d.]+ ops/sec\s+(\d+) usecs/op", told, re.M)
    for name, micros in dict(reversed(times)).items():
        found[f"one 8 kB write and {name}"] = f"{micros} µs"
    return found


def commit():
    """The commit that is measured; with a + if something is not committed."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], text=True, capture_output=True, check=False).stdout.strip()
    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
