# SPDX-License-Identifier: Apache-2.0
"""histories.py SCHEDULE [SEED]: three workers of tests/history and two resolvers, what goes wrong while they work, and what the
checker says of it afterwards. VERDICT_BUILD is the build folder. Prints one line of JSON: the kinds of anomalies, how many
transactions were committed, and what the schedule did. Status 0: no anomaly; 1: some; 2: it did not come to that.

Without a mutant each schedule ends without an anomaly. With one, the checker sees it or it does not: run --histories."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import private_pg  # noqa: E402
import proxy as cutter  # noqa: E402
import resolver_world as rw  # noqa: E402
from waiting import wait_until  # noqa: E402

LONG, SHORT = {"lease-ttl": "600s"}, {"lease-ttl": "2s"}
SCHEDULES = {}
PER_WORKER = 4000  # transactions of a run, at most, lest the checker's file grows without end


def schedule(nodes=LONG, standby=False, through=(), faults=None, seconds=8, second=True, ends_sessions=True, **options):
    """through: whose connections go through a proxy; second: a second node stands by; ends_sessions: of the old leader, when
    office is taken; options: of the workers' database."""
    def note(run):
        SCHEDULES[run.__name__] = run
        run.nodes, run.standby, run.through, run.faults = nodes, standby, through, faults
        run.seconds, run.options, run.second, run.ends_sessions = seconds, options, second, ends_sessions
        return run
    return note


class Run:
    def __init__(self, build, how, folder, rng):
        self.build, self.how, self.folder, self.rng = pathlib.Path(build), how, pathlib.Path(folder), rng
        self.server = private_pg.Server().init().start()
        self.database = self.server.migrated(self.migrate)
        self.standby = self.server.standby() if how.standby else None
        self.proxy = cutter.Proxy(self.server.port) if how.through else None
        self.lines, self.workers, self.did = [], [], 0
        hosts = self.dsn()
        self.world = rw.World(self.database, str(self.build / "resolver/verdict-resolver"), folder,
                              dsn=self.proxy.dsn(self.database) if "resolvers" in how.through else hosts)
        self.worker_dsn = self.proxy.dsn(self.database) if "workers" in how.through else hosts

    def migrate(self, dsn, schema):
        subprocess.run([self.build / "tests/integration/pg_migrate", dsn, schema], check=True, stdout=subprocess.DEVNULL)

    def dsn(self):
        if self.standby is None:
            return self.database.dsn()
        return (f"host={self.server.folder},{self.standby.folder} port={self.server.port},{self.standby.port}"
                f" dbname={self.database.name} user=postgres connect_timeout=2")

    def begin(self):
        self.world.lead("a", self.how.nodes, self.how.faults)
        if self.how.second:
            self.world.node("b", self.how.nodes).wait_says("keeper is connected")
        for n in range(3):
            command = [self.build / "tests/history/history_worker", "--dsn", self.worker_dsn, "--name", f"w{n}",
                       "--history", self.folder / f"w{n}", "--seed", self.rng.randrange(1 << 31), "--keys", 5,
                       "--transactions", PER_WORKER, "--drain", 20]
            for name, value in self.how.options.items():
                command += ["--option", f"{name}={value}"]
            self.workers.append(subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE))

    def note(self, words):
        self.lines.append(f"{time.monotonic_ns()} {words}\n")
        self.did += 1

    def leader(self):
        return wait_until(self.world.leader, "nobody leads")

    def term(self):
        return self.database.execute("SELECT term FROM lease")

    def work(self, seconds):
        time.sleep(seconds)

    @contextlib.contextmanager
    def one_stands_still(self):
        """A worker that is frozen: what it has open gets old."""
        worker = self.rng.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        try:
            yield worker
        finally:
            worker.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def all_stand_still(self):
        for worker in self.workers:
            worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in self.workers:
                worker.send_signal(signal.SIGCONT)

    def end(self):
        """The workers end, then the dump is taken."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            if worker.wait(120) != 0:
                raise RuntimeError(f"a worker ended with {worker.returncode}: {worker.stderr.read().decode()[-500:]}")
        if self.proxy:
            self.proxy.disarm()
        if self.world.leader() is None or not self.world.leader().is_running():
            for node in self.world.nodes.values():
                node.kill()
            self.world.node("last", self.how.nodes).wait_says("state=leading")
        (self.folder / "schedule").write_text("".join(self.lines))
        subprocess.run([self.build / "tests/history/history_worker", "--dsn", self.dsn(), "--dump", self.folder / "dump"],
                       check=True, timeout=120)

    def check(self):
        done = subprocess.run([self.build / "tests/history/check", "--json", "--final", self.folder / "dump", "--schedule",
                               self.folder / "schedule", *(self.folder / f"w{n}" for n in range(len(self.workers)))],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"check: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def close(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()
        self.world.close()
        if self.proxy:
            self.proxy.close()
        self.server.destroy()


# ---- what goes wrong ----

@schedule()
def plain(run):
    """Nothing: conflicts alone."""
    run.work(run.how.seconds)


@schedule(nodes={**LONG, "window-age": "200ms"})
def short_window(run):
    """A worker stands still, with reads open, and then all do, for longer than the window remembers: it forgets what has
    stood still, not what is being written."""
    for _ in range(6):
        run.work(0.3)
        with run.one_stands_still() as first:
            run.work(0.3)
            with run.all_stand_still():
                run.work(0.6)
                first.send_signal(signal.SIGCONT)
                run.note("a worker goes on")
                run.work(0.3)


@schedule()
def kills(run):
    """The leader is killed while a worker stands still, whose reads are of the term before when it goes on."""
    for _ in range(5):
        leader = run.leader()
        with run.one_stands_still():
            run.work(0.5)
            leader.kill()
            run.note("the leader is killed")
            wait_until(lambda: run.world.leader() not in (None, leader), "nobody else leads")
            run.work(0.3)
        leader.start()
        run.work(0.4)


@schedule(through=["resolvers"])
def cuts(run):
    """The leader's connections are cut, at any byte."""
    end = time.monotonic() + run.how.seconds
    while time.monotonic() < end:
        leader = run.leader()
        before = run.proxy.cut(f"verdict-resolver/verdict/{leader.name}", run.rng.choice([cutter.TO_SERVER, cutter.TO_CLIENT]),
                               run.rng.randrange(1, 20000))
        run.work(0.4)
        if run.proxy.cuts > before:
            run.note("a connection of the leader was cut")
        run.proxy.disarm()


@schedule(through=["workers"])
def worker_cuts(run):
    """The workers' connections are cut, at any byte."""
    end = time.monotonic() + run.how.seconds
    while time.monotonic() < end:
        before = run.proxy.cuts
        for name in ("verdict-follower/verdict", "verdict-inbox/verdict"):
            run.proxy.cut(name, run.rng.choice([cutter.TO_SERVER, cutter.TO_CLIENT]), run.rng.randrange(1, 5000))
        run.work(0.15)
        if run.proxy.cuts > before:
            run.note("a connection of a worker was cut")


@schedule(transaction_timeout=15)
def give_up(run):
    """Transactions are given up after 15 ms, many of them while they are decided; the leader stands still now and then."""
    for _ in range(int(run.how.seconds / 0.4)):
        run.work(0.3)
        leader = run.leader()
        leader.send(signal.SIGSTOP)
        run.work(0.05)
        leader.send(signal.SIGCONT)
        run.note("the leader stood still")


COPIES = """
    ALTER TABLE verdict.commit_requests DROP CONSTRAINT commit_requests_pkey;
    CREATE TABLE public.kept (at timestamptz DEFAULT clock_timestamp(), client uuid, sequence bigint, generation bigint, token bigint, payload bytea);
    CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      INSERT INTO public.kept (client, sequence, generation, token, payload) VALUES (NEW.client, NEW.sequence, NEW.generation, NEW.token, NEW.payload);
      RETURN NULL; END $$;
    CREATE TRIGGER keep AFTER INSERT ON verdict.commit_requests FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND NEW.acknowledged > 0) EXECUTE FUNCTION public.keep();
"""
SEND_COPIES = """
    WITH late AS (DELETE FROM public.kept WHERE at < clock_timestamp() - %s * interval '1 ms' RETURNING *)
    INSERT INTO verdict.commit_requests (client, sequence, generation, acknowledged, token, payload)
    SELECT client, sequence, generation, 0, token, payload FROM late
"""


@schedule(faults="apply.after_commit:150:kill")
def copies(run):
    """Each request comes again: at once, or up to 300 ms later, also at the next leader."""
    end = time.monotonic() + run.how.seconds
    with run.database.connect() as session:
        while time.monotonic() < end:
            run.did += session.execute(SEND_COPIES, (run.rng.choice([0, 1, 5, 300]),)).rowcount
            run.work(0.01)
    run.note("no more copies")


@schedule(nodes=SHORT, faults="apply.before_send:100:pause", ends_sessions=False)
def frozen_pipeline(run):
    """The leader stands still before it sends a batch, another one leads, and then the batch arrives. (Its sessions are not
    ended: an account may lack the right to.)"""
    first = run.world.nodes["a"]
    wait_until(lambda: first.hits("apply.before_send") == 1, "the fault point was not passed 100 times")
    wait_until(lambda: run.world.leader() not in (None, first), "nobody else leads")
    run.note("another leads")
    run.work(1)
    first.send(signal.SIGCONT)
    run.note("the batch of the first arrives")
    run.work(3)


@schedule(second=False, nodes=LONG, faults="apply.middle:100:pause", ends_sessions=False)
def frozen_in_flight(run):
    """The same inside a transaction behind its fence. (To a node with a short lease a long one is no lease: it takes office at
    once, or waits for the batch in flight.)"""
    first = run.world.nodes["a"]
    wait_until(lambda: first.hits("apply.middle") == 1, "the fault point was not passed 100 times")
    run.world.node("b", SHORT).wait_says("tries to take office")
    run.work(1)
    first.send(signal.SIGCONT)
    run.note("the batch of the first goes on")
    run.work(3)


@schedule()
def moved(run):
    """Somebody moves the watermark, and the leader reads everything anew."""
    end = time.monotonic() + run.how.seconds
    while time.monotonic() < end:
        run.work(0.4)
        run.database.execute("UPDATE watermark SET version = version + 5")
        run.note("the watermark was moved")


@schedule()
def forgotten(run):
    """Registrations go while a worker stands still, which has not heard yet what became of its requests, and will not."""
    for _ in range(int(run.how.seconds / 0.7)):
        run.work(0.4)
        with run.one_stands_still():
            run.work(0.3)
            run.database.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'verdict-inbox/%%'")
            run.database.execute("DELETE FROM clients")
            run.note("registrations are gone")


@schedule(standby=True)
def lagging_promotion(run):
    """A standby that lags is promoted: the last commits are gone."""
    run.work(1.5)
    sender, = run.server.execute("SELECT pid FROM pg_stat_replication")[0]
    run.server.signal_backend(sender, signal.SIGSTOP)
    run.work(0.5)
    with run.one_stands_still():
        before = run.term()
        run.server.crash()
        lost_at = time.monotonic_ns()
        run.standby.promote()
        run.database.server = run.standby
        version, = run.standby.execute("SELECT max(version) FROM verdict.watermark", database=run.database.name)[0]
        wait_until(lambda: run.term() != before, "nobody leads where the standby was")
        run.work(0.5)
    run.lines.append(f"{lost_at} lost {version}\n")
    run.did += 1
    run.work(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schedule", choices=sorted(SCHEDULES))
    parser.add_argument("seed", nargs="?", type=int, default=random.randrange(1 << 31))
    wanted = parser.parse_args()
    how = SCHEDULES[wanted.schedule]
    with tempfile.TemporaryDirectory(prefix="vdhistory-") as folder:
        run = Run(os.environ["VERDICT_BUILD"], how, folder, random.Random(wanted.seed))
        try:
            if how is copies:
                run.database.execute(COPIES)
            if not how.ends_sessions:
                (takeover,), = run.database.execute("SELECT pg_get_functiondef('take_office'::regproc)")
                run.database.execute(takeover.replace("PERFORM pg_terminate_backend(a.pid)", "PERFORM a.pid"))
            run.begin()
            how(run)
            run.end()
            told = run.check()
        finally:
            if os.environ.get("VERDICT_KEEP"):
                subprocess.run(["cp", "-r", folder, os.environ["VERDICT_KEEP"]], check=False)
            run.close()
    print(json.dumps({"kinds": told["kinds"], "committed": told["committed"], "did": run.did, "seed": wanted.seed,
                      "explained": [item["text"][:300] for item in told["explained"][:2]]}))
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as why:
        print(f"histories: {why}", file=sys.stderr)
        sys.exit(2)
