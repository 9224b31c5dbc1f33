# SPDX-License-Identifier: Apache-2.0
"""How verdict-resolver starts, and what it says when it cannot: one clear line with a hint, exit code 2, no password."""
import json
import pathlib
import re
import signal
import subprocess
import time

import pytest

import resolver_world as rw
from service_manager import ServiceManager


@pytest.fixture
def run(program):
    def call(*arguments, **environment):
        return subprocess.run([program("resolver/verdict-resolver"), *arguments], text=True, capture_output=True, timeout=rw.PATIENCE_S,
                              env={"PATH": "/usr/bin", **environment}, check=False)
    return call


def refused(done, *words):
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-", line)]
    assert len(lines) == 2 and lines[0].startswith("verdict-resolver: ") and lines[1].startswith("hint: "), done.stderr
    for word in words:
        assert word in done.stderr


def test_wrong_settings(run, tmp_path):
    refused(run("--lese-ttl", "3s"), "unknown setting --lese-ttl", "did you mean --lease-ttl")
    refused(run("--lease-ttl", "soon"), "lease-ttl")
    refused(run("--dsn", "host=x passwort=geheim"), "passwort")
    refused(run("--schema", "Bad-Name"), "Bad-Name")
    refused(run("--node", "n" * 60), "at most 37")
    refused(run("--node", "a b"), "letters, digits")
    refused(run("--lease-ttl", "1s", "--look-interval", "900ms"), "look-interval")
    config = tmp_path / "resolver.conf"
    config.write_text("schema = verdict\nbatch-request = 5\n")
    refused(run("--config", str(config)), ".conf:2: ", "batch-requests")
    assert "--lease-ttl" in run("--help").stdout
    assert run("--print-life").stdout.startswith("stateDiagram-v2")


def test_no_schema_and_another_version(run, empty_database, database):
    refused(run("--dsn", empty_database.dsn()), "verdict migrate")
    refused(run("--dsn", database.dsn(), "--schema", "other"), "other")
    database.execute("UPDATE schema_migrations SET checksum = repeat('0', 64)")
    refused(run("--dsn", database.dsn()))
    database.execute("UPDATE schema_migrations SET number = 999 WHERE number = (SELECT max(number) FROM schema_migrations)")
    refused(run("--dsn", database.dsn()))


def test_a_role_that_may_not_resolve(run, database):
    role = f"plain_{database.name}"
    database.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA verdict TO {role};"
                     f" GRANT SELECT ON schema_migrations TO {role}")
    try:
        refused(run("--dsn", database.dsn(user=role)), "GRANT verdict_resolver TO")
    finally:
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_member_of_the_role_leads(program, database, tmp_path):
    """Least privilege: no superuser; it leads, commits and sweeps."""
    role = f"daemon_{database.name}"
    database.execute(f"CREATE ROLE {role} LOGIN; GRANT verdict_resolver TO {role}")
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path, dsn=database.dsn(user=role))
    try:
        first = world.lead("a")
        second = world.node("b")
        second.wait_says("keeper is connected")
        client = world.client()
        assert client.commit([(rw.SET, b"a", b"1")]).code == 0
        time.sleep(1.2)
        first.kill()
        assert client.commit([(rw.SET, b"a", b"2")], at=client.snapshot()).code == 0
        assert not second.says("a chore of the leader failed")
    finally:
        world.close()
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_an_unreachable_database_is_waited_for(program, servers, migrate, tmp_path):
    """It tries again, says so, ends on SIGTERM, and serves when the database is there."""
    server = servers()
    database = server.migrated(migrate)
    server.stop()
    secret = "geheim-und-lang"
    dsn = f"host=127.0.0.1 port={server.port} dbname={database.name} user=postgres password={secret}"
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path, dsn=dsn)
    try:
        node = world.node("a")
        node.wait_says("the database cannot be reached, tries again")
        assert node.stop() == 0
        world.dsn = database.dsn()
        node = world.node("b", {"log-format": "json"})
        node.wait_says("the database cannot be reached, tries again")
        server.start()
        rw.wait_until(lambda: node.says('"state":"leading"'), "it does not lead")
        assert world.client().commit([(rw.SET, b"a", b"1")]).code == 0
        assert node.stop() == 0
        for line in node.log().splitlines():
            assert json.loads(line)["program"] == "verdict-resolver"
        assert secret not in world.nodes["a"].log() + node.log()
        # stopped while the database is gone: the hand-over is bounded
        node = world.lead("c", {"handover-timeout": "200ms"})
        server.stop()
        assert node.stop() == 0
    finally:
        world.close()
    world.no_errors()


@pytest.fixture
def manager():
    one = ServiceManager()
    yield one
    one.close()


def test_a_service_manager_is_told(program, servers, migrate, tmp_path, manager):
    """Not ready while the database is away, and it says so; ready once, as a standby too; alive all the time; stopping at the end."""
    server = servers()
    database = server.migrated(migrate)
    server.stop()
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    try:
        with manager.starting():
            node = world.node("a")
        manager.wait_told("STATUS=the database cannot be reached, tries again: ")
        manager.wait_told("WATCHDOG=1", 3)
        assert "READY=1" not in manager.told()
        server.start()
        manager.wait_told("READY=1")
        manager.wait_told("STATUS=leading: gives every request its verdict")
        with manager.starting():
            world.node("b")
        manager.wait_told("READY=1", 2)
        assert node.stop() == 0 and "STOPPING=1" in manager.told()
        manager.wait_told("STATUS=leading: ", 2)
        assert manager.told().count("READY=1") == 2
    finally:
        world.close()
    world.no_errors()


def test_who_is_refused_is_never_ready(run, empty_database, manager):
    refused(run("--dsn", empty_database.dsn(), **manager.environment), "verdict migrate")
    assert "READY=1" not in manager.told()


def test_a_loop_that_hangs_gives_no_sign_of_life(program, database, tmp_path, manager):
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    try:
        with manager.starting():
            world.lead("a", faults="drain.before_apply:1:sleep=600000")
        manager.wait_told("WATCHDOG=1", 3)
        world.client().submit([(rw.SET, b"a", b"1")])
        rw.wait_until(lambda: world.nodes["a"].hits("drain.before_apply"), "it does not hang")
        count = len(manager.told())
        time.sleep(1)
        assert len(manager.told()) == count
    finally:
        world.close()


def test_a_second_signal_ends_at_once(program, database, tmp_path):
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    try:
        node = world.lead("a", {"handover-timeout": "600s"})
        lock = database.connect(autocommit=False)
        lock.execute("SELECT version FROM verdict.watermark ORDER BY version DESC LIMIT 1 FOR SHARE")
        world.client().submit([(rw.SET, b"a", b"1")])
        rw.wait_until(lambda: database.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                               " AND datname = current_database() AND query LIKE '%fence(%'"), "no apply waits")
        node.send(signal.SIGTERM)
        node.wait_says("is asked to stop")
        assert node.is_running()
        node.send(signal.SIGTERM)
        assert node.process.wait(rw.PATIENCE_S) == 1
        lock.rollback()
        lock.close()
    finally:
        world.close()


def test_the_fault_points_are_documented():
    root = pathlib.Path(__file__).resolve().parents[2]
    named = set()
    for room in ("resolver", "follower", "common/pg", "common/loop"):
        for path in (root / room).rglob("*.c"):
            named |= set(re.findall(r'VD_FAULT\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    rows = [line for line in (root / "docs/faults.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert named == {name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row.split("|")[1])}
