# SPDX-License-Identifier: Apache-2.0
"""Where programs run: a database with a resolver that leads, and model_driver with one open database for all of them."""
import pathlib
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import private_pg  # noqa: E402
import resolver_world  # noqa: E402

from compare import Comparison, Disagreement  # noqa: E402
from program import Answers  # noqa: E402
from store import KEY_LIMIT, VALUE_LIMIT  # noqa: E402

PATIENCE_S = 120        # no program takes so long
SNAPSHOT_AGE_MS = 4000  # a snapshot is given up after 5 s: what took so long says nothing


class Died(Disagreement):
    """There is no answer."""


class Lane:
    def __init__(self, server, build, folder):
        self.build = pathlib.Path(build)
        self.database = server.database()
        subprocess.run([self.path("tests/integration/pg_migrate"), self.database.dsn(), "verdict"], check=True,
                       stdout=subprocess.DEVNULL)
        self.world = resolver_world.World(self.database, self.path("resolver/verdict-resolver"), folder)
        limits = {"key-limit": f"{KEY_LIMIT}B", "value-limit": f"{VALUE_LIMIT}B"}
        self.world.lead(self.database.name, {**limits, "window-age": "10min", "lease-ttl": "20s"})
        self.process = None

    def path(self, program):
        return str(self.build / program)

    def start(self):
        options = {"key_limit": KEY_LIMIT, "value_limit": VALUE_LIMIT, "max_connections": 12, "transaction_max_retry_delay": 1}
        command = [self.path("tests/model/model_driver"), self.database.dsn(), *(f"{n}={v}" for n, v in options.items())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        opening = self.process.stdout.readline().strip()
        if opening != "ready":
            raise RuntimeError(f"model_driver: {opening}")

    def send(self, program):
        if self.process is None:
            self.start()
        self.process.stdin.write(program.text())
        self.process.stdin.flush()

    def receive(self):
        lines = []
        impatience = threading.Timer(PATIENCE_S, self.process.kill)
        impatience.start()
        try:
            while not lines or not lines[-1].startswith("end"):
                line = self.process.stdout.readline()
                if not line:
                    code, self.process = self.process.wait(), None
                    raise Died(f"the driver died or hung: {code}")
                lines.append(line)
        finally:
            impatience.cancel()
        return Answers(lines)

    def check(self, program):
        """Runs it; raises Disagreement."""
        self.send(program)
        self.check_sent(program)

    def check_sent(self, program, tries=3):
        answers = self.receive()
        try:
            Comparison(program, answers).run()
        except Disagreement:
            if answers.milliseconds < SNAPSHOT_AGE_MS or tries == 0:
                raise
            self.send(program)
            self.check_sent(program, tries - 1)

    def close(self):
        try:
            if self.process is not None:
                self.process.stdin.close()
                if self.process.wait(60) != 0:
                    raise RuntimeError(f"model_driver ended with {self.process.returncode}")
                self.process.stdout.close()
        finally:
            if self.process is not None:
                self.process.kill()
            self.world.close()
        self.world.no_errors()


class Lanes:
    """A server of one's own, and lanes on it: with Lanes(build, 2) as lanes."""

    def __init__(self, build, count):
        self.build = build
        self.count = count

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vdmodel-")
        self.server = private_pg.Server(params={"fsync": "off", "jit": "off"})
        self.server.init().start()
        self.lanes = []
        try:
            for _ in range(self.count):
                self.lanes.append(Lane(self.server, self.build, self.folder.name))
        except BaseException:
            self.__exit__()
            raise
        return self.lanes

    def __exit__(self, *_):
        try:
            for lane in self.lanes:
                lane.close()
        finally:
            self.server.destroy()
            self.folder.cleanup()
