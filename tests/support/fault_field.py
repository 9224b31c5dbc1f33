# SPDX-License-Identifier: Apache-2.0
"""Where faults happen: two places for a PostgreSQL, one of which is the primary, with resolvers and workers around it, each behind
a rough network of its own.

Half of the programs know both places (a connection string with two hosts and target_session_attrs), the other half one address
that always leads to the primary. What is done to the servers is done one after the other, on a thread of its own, the ground:
a server dies with the thread that started it."""
import concurrent.futures
import contextlib
import logging
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import psycopg

import private_pg
import resolver_world as rw
from proxy import RESET
from rough_proxy import RoughProxy
from waiting import PATIENCE_S, wait_until

logging.getLogger("psycopg").setLevel(logging.ERROR)  # sessions of ours are lost all the time
TTL_S = 2
JUMP = 10 ** 13  # what a takeover adds to the version at least, on another timeline
SETTINGS = {"wal_retrieve_retry_interval": "100ms", "max_connections": 100}


class Missed(Exception):
    """A fault could not be injected, and why. for_good: nor can it a little later."""

    def __init__(self, why, for_good=False):
        super().__init__(why)
        self.for_good = for_good


class Route:
    """How one program comes to PostgreSQL."""

    def __init__(self, field, knows_both):
        self.field, self.knows_both = field, knows_both
        self.proxies = [RoughProxy(place.port) for place in (field.places if knows_both else [field.primary])]

    def dsn(self):
        ports = ",".join(str(proxy.port) for proxy in self.proxies)
        hosts = ",".join("127.0.0.1" for _ in self.proxies)
        return (f"host={hosts} port={ports} dbname={self.field.name} user={private_pg.SUPERUSER} "
                f"password={self.field.primary.password} sslmode=disable gssencmode=disable connect_timeout=10"
                + (" target_session_attrs=read-write" if self.knows_both else ""))

    def follow(self):
        if not self.knows_both:
            self.proxies[0].repoint(self.field.primary.port)

    def each(self, verb, *arguments):
        """What that method of the proxies says, added up where it says numbers."""
        return sum(getattr(proxy, verb)(*arguments) or 0 for proxy in self.proxies)

    @property
    def cuts(self):
        return sum(proxy.cuts for proxy in self.proxies)

    @property
    def dropped(self):
        return sum(proxy.dropped for proxy in self.proxies)

    def close(self):
        for proxy in self.proxies:
            proxy.close()


class Resolver:
    """One resolver, which runs unless a fault has taken it down. Who does something to it holds its lock."""

    def __init__(self, field, name, number):
        self.field, self.name = field, name
        self.route = Route(field, number % 2 == 1)
        self.node = rw.Node(field.program("resolver/verdict-resolver"), self.route.dsn(), name, field.folder,
                            {"lease-ttl": f"{TTL_S}s", "look-interval": "50ms"})
        self.lock = threading.RLock()
        self.should_run = False
        self.peak_kb = 0

    def start(self, faults=None):
        self.node.environment.pop("VERDICT_FAULT", None)
        if faults:
            self.node.environment["VERDICT_FAULT"] = faults
        self.node.start()
        self.should_run = True

    def kill(self):
        self.measure()
        self.should_run = False
        self.node.kill()

    def term(self):
        self.measure()
        self.should_run = False
        try:
            status = self.node.stop(PATIENCE_S)
            was_up = f"verdict-resolver[{self.node.process.pid}] keeper is connected" in self.node.log()
            if status != 0 and (was_up or status != -signal.SIGTERM):  # before that, it may not listen to signals yet
                self.field.fail(f"resolver {self.name} ends with {status} after SIGTERM")
        except subprocess.TimeoutExpired:
            self.field.fail(f"resolver {self.name} does not end after SIGTERM")
            self.kill()

    def freeze(self, seconds):
        self.node.send(signal.SIGSTOP)
        try:
            self.field.rest(seconds)
        finally:
            self.node.send(signal.SIGCONT)

    def leads(self):
        """By its own words, since it was started."""
        states = re.findall(r"state=(\w+)", self.node.log().rpartition(" starts node=")[2])
        return self.node.is_running() and states[-1:] == ["leading"]

    def measure(self):
        try:
            for line in open(f"/proc/{self.node.process.pid}/status", encoding="ascii"):
                if line.startswith("VmHWM"):
                    self.peak_kb = max(self.peak_kb, int(line.split()[1]))
        except (OSError, AttributeError):
            pass

    def check(self):
        """Whoever ends without having been asked to is a failure."""
        with self.lock:
            if self.should_run and not self.node.is_running():
                self.field.fail(f"resolver {self.name} died by itself, with {self.node.process.returncode}")
                self.start()
        self.measure()


class Field:
    def __init__(self, build, folder, resolvers, workers, make_worker, settings):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        self.stopping = threading.Event()
        self.failures, self.outages, self.losses = [], [], []
        self.ground = concurrent.futures.ThreadPoolExecutor(1)
        self.clock_lock, self.offset = threading.Lock(), 0
        self.watcher = None
        self.places = [private_pg.Server(params={**SETTINGS, **settings}, folder=self._folder(f"postgresql{n}")) for n in (1, 2)]
        self.resolvers, self.workers, self.make_worker = [], [], make_worker
        self.shape = resolvers, workers
        self.primary, self.spare = self.places
        self.name = "faults"

    def _folder(self, name):
        made = self.folder / name
        made.mkdir()
        return made

    def program(self, name):
        found = self.build / name
        if not found.exists():
            raise RuntimeError(f"{found} is not built")
        return str(found)

    def fail(self, what):
        if what not in self.failures:
            self.failures.append(what)

    def rest(self, seconds):
        self.stopping.wait(seconds)

    # ---- life ----

    def open(self):
        clock, library = self.folder / "clock", self.folder / "moved_clock.so"  # where PostgreSQL's account can read them
        clock.write_bytes(struct.pack("=q", 0))
        shutil.copy(self.program("tests/fault/moved_clock.so"), library)
        for path in (clock, library):
            path.chmod(0o644)
        for place in self.places:
            place.environment = {"LD_PRELOAD": str(library), "VERDICT_CLOCK": str(clock)}
        self.on_ground(lambda: self.primary.init().start())
        self.primary.execute(f"CREATE DATABASE {self.name}")
        subprocess.run([self.program("cli/verdict"), "migrate", "--dsn", self.primary.dsn(self.name)], check=True,
                       stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        for number in range(self.shape[0]):
            self.resolvers.append(Resolver(self, chr(ord("a") + number), number))
            self.resolvers[-1].start()
        self.leader(PATIENCE_S)
        for number in range(self.shape[1]):
            self.workers.append(self.make_worker(self, number, Route(self, number % 2 == 1)))
            self.workers[-1].start()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def _watch(self):
        while not self.stopping.wait(0.3):
            for resolver in self.resolvers:
                resolver.check()
            for worker in self.workers:
                worker.check()

    def routes(self):
        return [program.route for program in (*self.resolvers, *self.workers)]

    def close(self):
        self.stopping.set()
        if self.watcher is not None:
            self.watcher.join()
        for program in (*self.workers, *self.resolvers):
            program.kill()
        for route in self.routes():
            route.close()
        for place in self.places:
            self.ground.submit(place.destroy).result()
        self.ground.shutdown()

    # ---- PostgreSQL ----

    def on_ground(self, action):
        return self.ground.submit(action).result()

    def connect(self, **more):
        """A session of ours: it waits for no standby."""
        return self.primary.connect(self.name, connect_timeout=5, options="'-c synchronous_commit=local -c search_path=verdict,pg_temp'",
                                    **more)

    def execute(self, sql, parameters=None):
        with self.connect() as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else None

    def insist(self, sql, parameters=None):
        """The same, once it can be done."""
        def tried():
            try:
                if self.stopping.is_set():
                    raise Missed("the run ends")
                return [self.execute(sql, parameters)]
            except psycopg.Error:
                return None
        return wait_until(tried, f"cannot be done: {sql}", step_s=0.1)[0]

    @contextlib.contextmanager
    def outage(self):
        begin = time.monotonic()
        try:
            yield
        finally:
            self.outages.append((begin, time.monotonic()))

    def watermark(self):
        (version,), = self.insist("SELECT version FROM watermark ORDER BY version DESC LIMIT 1")
        return version

    @contextlib.contextmanager
    def shut_doors(self):
        """Nobody but ourselves gets in: so that what a server brings along can be read before it changes."""
        for route in self.routes():
            route.each("refuse", True)
            route.each("end_now", "", RESET)
        try:
            yield
        finally:
            for route in self.routes():
                route.follow()
                route.each("refuse", False)

    def declare_loss(self, is_told_lost):
        """What was committed above the version of the server that has just come is gone. is_told_lost: also if it was told."""
        version = self.watermark()
        self.losses.append({"above": version, "below": version + JUMP, "told": is_told_lost, "at": time.monotonic()})
        return version

    def swap_places(self):
        self.primary, self.spare = self.spare, self.primary

    def move_clock(self, by):
        """By so many seconds, for all sessions at once."""
        with self.clock_lock:
            self.offset += by
            with open(self.folder / "clock", "r+b", buffering=0) as clock:
                clock.write(struct.pack("=q", self.offset))

    def clock_is_off_by(self):
        """How many seconds PostgreSQL's clock is ahead of the machine's."""
        (now,), = self.insist("SELECT extract(epoch FROM clock_timestamp())::float8")
        return now - time.time()

    # ---- who is who ----

    def leader(self, patience_s=15):
        """Who holds the lease and runs."""
        def look():
            if self.stopping.is_set():
                raise Missed("the run ends")
            try:
                rows = self.execute("SELECT node FROM lease WHERE NOT released")
            except psycopg.Error:
                return None
            found = [r for r in self.resolvers if rows and r.name == rows[0][0] and r.node.is_running()]
            return found and found[0]
        try:
            return wait_until(look, "nobody leads", patience_s, 0.02)
        except TimeoutError:
            raise Missed("nobody leads") from None

    @contextlib.contextmanager
    def take(self, role):
        """The program that has this role, for oneself."""
        if role.startswith("worker"):
            program = self.workers[int(role[len("worker"):])]
            with program.lock:
                yield program
            return
        for _ in range(20):
            leader = self.leader()
            program = leader if role == "leader" else next((r for r in self.resolvers if r is not leader), leader)
            with program.lock:
                if program.node.is_running():
                    yield program
                    return
        raise Missed(f"no {role} holds still")

    def routes_of(self, role):
        if role == "workers":
            return [worker.route for worker in self.workers]
        with self.take(role) as program:
            return [program.route]
