# SPDX-License-Identifier: Apache-2.0
"""An upgrade without downtime: programs of this build and of an older one (tests/upgrade/previous) on one schema, under load, in the order
of docs/operations.md: the schema, then resolvers, then workers. Whoever leads, each commit is told one verdict, and the books agree."""
import concurrent.futures
import signal
import subprocess

import pytest

import fault_world as fw
import previous_build
import resolver_world as rw
from cli import Done, environment
from waiting import PATIENCE_S

QUICK = {"lease-ttl": "2s"}


@pytest.fixture(scope="module")
def old():
    """The path of a program of the older build."""
    folder = previous_build.build()
    return lambda name: str(folder / name)


@pytest.fixture(scope="module")
def old_goes_on():
    """Whether programs of that build know how to go on with a newer schema that serves them."""
    return previous_build.knows("serves_us", "common/pg/schema.h")


def run(program, *arguments, dsn):
    done = subprocess.run([program("cli/verdict"), *arguments], text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S,
                          check=False, env=environment(VERDICT_DSN=dsn))
    return Done(arguments, done.returncode, done.stdout, done.stderr)


class Upgrade(fw.World):
    """Nodes and loads of both builds; at the end the books are held against the store."""

    def start(self, program, name):
        self.program = program("resolver/verdict-resolver")
        return self.node(name, QUICK)

    def standby(self, program, name):
        node = self.start(program, name)
        node.wait_says("keeper is connected")
        return node

    def work(self, program):
        self.find = program
        self.loads.append(fw.Load(self.worker(), in_flight=16))
        return self.loads[-1]

    def leads(self, node, *loads):
        """It does, after this, and every worker's commits are decided."""
        rw.wait_until(lambda: self.leader() is node, lambda: f"{node.name} does not lead: {node.log()[-1500:]}")
        goes_on(*loads)

    def agrees(self):
        """Each commit that was told is stored once, and none besides; nothing is left in the queue, and no node failed."""
        self.settle()
        self.balance()
        for worker in self.workers:
            worker.close()
        assert self.database.execute("SELECT count(*) FROM commit_requests") == [(0,)]
        self.no_errors()


def goes_on(*loads):
    for load in loads:
        load.goes_on(20)


@pytest.fixture
def upgrade(empty_database, old, tmp_path):
    """A store of the older build."""
    run(old, "migrate", dsn=empty_database.dsn()).good()
    world = Upgrade(old, empty_database, tmp_path)
    yield world
    world.close()


def test_in_order(upgrade, old, program):
    """The schema under running programs; then one resolver after the other; then the workers. Nobody's commits stop."""
    first, second = upgrade.start(old, "old-1"), upgrade.start(old, "old-2")
    early = upgrade.work(old)
    goes_on(early)
    assert "applied" in run(program, "migrate", dsn=upgrade.database.dsn()).good().stdout
    goes_on(early)
    for node, name in ((first, "new-1"), (second, "new-2")):
        upgrade.standby(program, name)
        assert node.stop() == 0
        goes_on(early)
    assert upgrade.leader().name.startswith("new")
    late = upgrade.work(program)
    goes_on(early, late)
    early.stop()
    goes_on(late)
    upgrade.agrees()


def test_old_and_new_lead_in_turn(upgrade, old, program):
    """Old, new, old and new again, each time with workers of both: by kill -9, and by a hand-over."""
    first = upgrade.start(old, "old-1")
    early = upgrade.work(old)
    upgrade.leads(first, early)
    third = upgrade.standby(old, "old-3")
    run(program, "migrate", dsn=upgrade.database.dsn()).good()
    late = upgrade.work(program)
    upgrade.leads(first, early, late)
    second = upgrade.standby(program, "new-2")
    third.send(signal.SIGSTOP)  # so that it is the new one's turn
    first.kill()
    upgrade.leads(second, early, late)
    third.send(signal.SIGCONT)
    second.kill()
    upgrade.leads(third, early, late)
    fourth = upgrade.standby(program, "new-4")
    assert third.stop() == 0
    upgrade.leads(fourth, early, late)
    upgrade.agrees()


def test_a_long_snapshot_holds_up_the_migration_and_nobody_else(upgrade, old, program):
    """A migration that waited for it would have everybody wait behind itself."""
    upgrade.start(old, "old-1")
    load = upgrade.work(old)
    goes_on(load)
    with upgrade.database.connect(autocommit=False) as reader, concurrent.futures.ThreadPoolExecutor(1) as other:
        for table in ("watermark", "lease", "schema_migrations"):
            reader.execute(f"SELECT count(*) FROM verdict.{table}")
        migrated = other.submit(run, program, "migrate", dsn=upgrade.database.dsn())
        tries = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep($1)' AND state = 'active'"
        for _ in range(2):
            rw.wait_until(lambda: upgrade.database.execute(tries), lambda: f"it does not let others pass: {migrated}")
            goes_on(load)
        assert not migrated.done()
        reader.rollback()
        assert "applied" in migrated.result().good().stdout
    goes_on(load)
    upgrade.agrees()


def contents(database):
    """Everything that is stored, and every object of the schema."""
    tables = [name for name, in database.execute("SELECT relname FROM pg_class WHERE relnamespace = 'verdict'::regnamespace AND relkind = 'r'")]
    return ({name: database.execute(f"SELECT t::text FROM {name} t ORDER BY 1") for name in tables},
            database.execute("SELECT oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'verdict'::regnamespace ORDER BY 1"))


VERBS = (("status",), ("exec", "set a 1"), ("submit",))


def resolver(program, dsn):
    return subprocess.run([program("resolver/verdict-resolver"), "--dsn", dsn, "--log-level", "off"], text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE_S, check=False)


def test_new_programs_on_the_old_schema(upgrade, program):
    """One line, what to do about it, and nothing is written."""
    before = contents(upgrade.database)
    for verb in VERBS:
        run(program, *verb, dsn=upgrade.database.dsn()).wrong("is at version .* this program needs", hint="verdict migrate")
    done = resolver(program, upgrade.database.dsn())
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and len(lines) == 2 and "run: verdict migrate" in lines[1], done.stderr
    assert contents(upgrade.database) == before


def test_old_programs_that_start_on_the_new_schema(upgrade, old, old_goes_on, program):
    """They serve, if they know that a newer schema may serve them; older ones refuse it with one line, and write nothing."""
    run(program, "migrate", dsn=upgrade.database.dsn()).good()
    if old_goes_on:
        upgrade.leads(upgrade.start(old, "old-1"), upgrade.work(old))
        upgrade.agrees()
        return
    before = contents(upgrade.database)
    for verb in VERBS:
        run(old, *verb, dsn=upgrade.database.dsn()).wrong("is at version .* this program knows versions up to", hint="use a newer program")
    done = resolver(old, upgrade.database.dsn())
    assert done.returncode == 2 and "use a newer program" in done.stderr, done.stderr
    assert contents(upgrade.database) == before


def test_programs_of_this_build_on_a_later_schema(database, program, tmp_path):
    """What a migration that only adds leaves to them: all. One that they could not live with says so, and they refuse."""
    database.execute("ALTER TABLE lease ADD COLUMN later text")
    database.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9998, 'later', 'x')")
    world = Upgrade(program, database, tmp_path)
    try:
        node = world.start(program, "a")
        world.leads(node, world.work(program))
        database.execute("UPDATE schema_migrations SET served = false")
        database.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'latest', 'x')")
        run(program, "exec", "set a 1", dsn=database.dsn()).wrong("is at version 9999", hint="use a newer program")
        assert resolver(program, database.dsn()).returncode == 2
        world.agrees()
    finally:
        world.close()
