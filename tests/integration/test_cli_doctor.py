# SPDX-License-Identifier: Apache-2.0
"""verdict doctor: what is well is said to be, and each thing that is not is found; what cannot be seen is said to be unseen."""
import contextlib
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
import resolver_world as rw
import rough_proxy
from cli import verdict  # noqa: F401 (fixture)
from waiting import wait_until


@pytest.fixture
def doctor(verdict):
    """{check: (level, text, advice)}; of several of one check the worst."""
    def look(dsn, *arguments, code=None, **env):
        done = verdict("doctor", "--json", *arguments, dsn=dsn, **env)
        assert done.code in (0, 1) and done.stderr == "", done
        found = {}
        for line in done.json_lines:
            assert set(line) == {"check", "level", "text", "advice"}
            is_worse = line["level"] in ("warning", "problem")
            if line["check"] not in found or is_worse:
                found[line["check"]] = (line["level"], line["text"], line["advice"])
            assert not is_worse or line["advice"], line
        has_problem = "problem" in {level for level, _, _ in found.values()}
        assert done.code == (1 if has_problem else 0) and (code is None or done.code == code), done
        return found
    return look


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()


@pytest.fixture
def account(database):
    """account("x", "IN ROLE …"): a connection string of a role of that name."""
    made = []

    def make(name, of=""):
        database.execute(f"CREATE ROLE {name} LOGIN {of}")
        made.append(name)
        return database.dsn(user=name)
    yield make
    for name in made:
        database.execute(f"DROP ROLE {name}")


def levels(found, *checks):
    return {check: found[check][0] for check in checks}


# ---- a store that is well ----

def test_well(doctor, verdict, world, account):
    world.lead("a")
    world.node("b")
    wait_until(lambda: world.database.execute("SELECT count(*) FROM nodes()") == [(2,)], "b is not connected")
    dsn = account("inspector", "IN ROLE verdict_observer, pg_read_all_stats")
    found = doctor(dsn, code=0)
    assert {level for level, _, _ in found.values()} == {"ok", "unseen"}
    assert [check for check, (level, _, _) in found.items() if level == "unseen"] == ["disk"]
    assert "inspector may act as observer" in found["account"][1]
    assert {f"table-{name}" for name in ("kv", "commit_requests", "outcomes", "watermark")} < set(found)
    shown = verdict("doctor", dsn=dsn).good()
    assert shown.lines[-1].endswith(" ok, 0 warnings, 0 problems, 1 unseen")
    assert any(line.startswith("ok       leader                 a serves") for line in shown.lines)


def test_one_resolver_and_then_none(doctor, world):
    leader = world.lead("a")
    assert levels(doctor(world.database.dsn(), code=0), "leader", "nodes") == {"leader": "ok", "nodes": "warning"}
    leader.stop()
    world.database.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                           " VALUES (gen_random_uuid(), 1, 1, 0, 1, 'x')")
    found = doctor(world.database.dsn(), code=1)
    assert levels(found, "leader", "nodes", "queue") == {"leader": "problem", "nodes": "problem", "queue": "warning"}
    assert "last leader was a" in found["leader"][1]


# ---- roles ----

def test_a_stranger(doctor, account):
    """Sees the server, and is told what he does not see."""
    found = doctor(account("stranger"))
    assert levels(found, "account", "sessions", "old-snapshots", "leader", "fsync") == {
        "account": "warning", "sessions": "unseen", "old-snapshots": "unseen", "leader": "unseen", "fsync": "ok"}


def test_a_follower(doctor, account, database):
    """Of other sessions he is told the oldest snapshot alone, not whose it is."""
    dsn = account("worker", "IN ROLE verdict_follower")
    with database.connect(autocommit=False) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        found = doctor(dsn, "--old", "1ms")
    assert found["sessions"][0] == "unseen" and found["old-snapshots"][0] == "problem"
    assert "may not look at" in found["old-snapshots"][1] and "postgres" not in found["old-snapshots"][1]


def test_rights_of_the_resolver(doctor, database):
    assert doctor(database.dsn())["resolver-role"][0] == "ok"
    database.execute("REVOKE pg_signal_backend FROM verdict_resolver")
    try:
        assert doctor(database.dsn())["resolver-role"][0] == "warning"
    finally:
        database.execute("GRANT pg_signal_backend TO verdict_resolver")


# ---- schemas ----

def test_schemas(doctor, database, empty_database):
    found = doctor(empty_database.dsn(), code=1)
    assert found["schema"][0] == "problem" and "verdict migrate" in found["schema"][2] and found["leader"][0] == "unseen"
    database.execute("DELETE FROM schema_migrations WHERE number > 2")
    found = doctor(database.dsn(), code=1)
    assert found["schema"][0] == "problem" and "is at version 2" in found["schema"][1]
    assert found["fsync"][0] == "ok"


# ---- what holds back vacuum ----

def test_a_held_snapshot(doctor, database):
    with database.connect(autocommit=False, application_name="nightly") as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        assert doctor(database.dsn())["old-snapshots"][0] == "ok"
        level, text, advice = doctor(database.dsn(), "--old", "5ms", code=1)["old-snapshots"]
        assert level == "problem" and "postgres (nightly)" in text and "pg_terminate_backend" in advice
        wait_until(lambda: doctor(database.dsn(), "--old", "1s")["old-snapshots"][0] == "warning", "it does not grow old")
    assert doctor(database.dsn(), "--old", "5ms")["old-snapshots"][0] == "ok"


@pytest.mark.parametrize("held", ["LOCK TABLE verdict.kv IN EXCLUSIVE MODE", "SELECT 1 FROM verdict.watermark FOR UPDATE"])
def test_who_waits_for_a_lock(doctor, database, account, held):
    """A table or a row, and as anybody: the wait and whose lock it is are seen."""
    dsn = account("anybody")
    with (database.connect(autocommit=False) as holder, database.connect(autocommit=False) as waiter,
          ThreadPoolExecutor(1) as pool):
        holder.execute(held)
        holder_pid = holder.info.backend_pid
        waits = pool.submit(waiter.execute, held)
        wait_until(lambda: database.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE waitstart < clock_timestamp() -"
                                            " interval '1 second')") == [(True,)], "nobody waits")
        found = doctor(dsn)
        holder.rollback()
        waits.result(60)
        waiter.rollback()
    assert found["waits"][0] in ("warning", "problem")
    assert found["waits"][1].endswith(f"for process {holder_pid}"), found["waits"]
    assert doctor(dsn)["waits"][0] == "ok"


def test_slots_and_prepared_transactions(doctor, servers, migrate):
    server = servers(wal_level="logical", max_prepared_transactions=5)
    database = server.migrated(migrate)
    assert levels(doctor(database.dsn()), "replication-slots", "prepared-transactions") == {
        "replication-slots": "ok", "prepared-transactions": "ok"}
    database.execute("SELECT pg_create_physical_replication_slot('left_behind', true)")
    with database.connect(autocommit=False) as connection:
        connection.execute("INSERT INTO verdict.kv VALUES ('a', 'b')")
        connection.execute("PREPARE TRANSACTION 'forgotten'")
    found = doctor(database.dsn(), "--old", "1ms", code=1)
    assert found["replication-slots"][0] == "warning" and "left_behind" in found["replication-slots"][1]
    assert found["prepared-transactions"][0] == "problem" and "forgotten" in found["prepared-transactions"][1]


def test_dead_rows(doctor, database):
    database.execute("ALTER TABLE kv SET (autovacuum_enabled = off)")
    database.execute("INSERT INTO kv SELECT g::text::bytea, 'x' FROM generate_series(1, 70000) g")
    assert doctor(database.dsn())["table-kv"][0] == "ok"
    database.execute("DELETE FROM kv")
    wait_until(lambda: doctor(database.dsn())["table-kv"][0] == "warning", "dead rows are not seen")


# ---- servers ----

def test_settings_of_the_server(doctor, servers, migrate):
    server = servers(fsync="off", full_page_writes="off", autovacuum="off", idle_session_timeout="300s",
                     statement_timeout="5s", synchronous_commit="off", max_connections=10)
    database = server.migrated(migrate)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(database.connect())
        found = doctor(database.dsn(), code=1)
    assert levels(found, "fsync", "full-page-writes", "autovacuum", "time-outs", "synchronous-commit") == {
        "fsync": "problem", "full-page-writes": "problem", "autovacuum": "problem", "time-outs": "warning", "synchronous-commit": "ok"}
    assert found["connections"][0] in ("warning", "problem") and "of 7 are in use" in found["connections"][1]
    assert "which commits of Verdict do not follow" in found["synchronous-commit"][1]


def test_a_standby(doctor, servers, migrate):
    server = servers()
    database = server.migrated(migrate)
    standby = server.standby()
    wait_until(lambda: standby.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (database.name,)) == [(1,)], "it lags")
    wait_until(lambda: doctor(standby.dsn(database.name), code=1)["schema"][0] == "ok", "it lags")
    found = doctor(standby.dsn(database.name), code=1)
    assert found["server"][0] == "problem" and "is a standby" in found["server"][1]
    assert levels(found, "listen", "leader", "fsync") == {"listen": "unseen", "leader": "unseen", "fsync": "ok"}


def test_clocks(doctor, servers, migrate, program):
    """The server's is an hour ahead, and then set while we look."""
    server = servers()
    server.stop()
    clock, library = server.folder / "clock", server.folder / "moved_clock.so"
    clock.write_bytes(struct.pack("=q", 0))
    shutil.copy(program("tests/fault/moved_clock.so"), library)
    for path in (clock, library):
        path.chmod(0o644)
    server.environment = {"LD_PRELOAD": str(library), "VERDICT_CLOCK": str(clock)}
    server.start()
    database = server.migrated(migrate)
    assert levels(doctor(database.dsn()), "clock", "clock-rate") == {"clock": "ok", "clock-rate": "ok"}
    with open(clock, "r+b", buffering=0) as file:
        file.write(struct.pack("=q", 3600))
        found = doctor(database.dsn())
        assert found["clock"][0] == "warning" and "3600.0 s ahead" in found["clock"][1] and found["clock-rate"][0] == "ok"


# ---- the wire, and what does not go ----

def test_not_there(verdict, database):
    verdict("doctor", dsn="host=127.0.0.1 port=1").wrong("Connection refused", "PostgreSQL")
    verdict("doctor", dsn=database.dsn(user="nobody_at_all")).wrong("nobody_at_all")
    verdict("doctor", "--old", "0", dsn=database.dsn()).wrong("--old")


def test_a_pooler_that_breaks_listen(doctor, database):
    """It takes LISTEN without a word, and delivers nothing."""
    between = rough_proxy.RoughProxy(database.server.port)
    try:
        between.deafen("verdict-observer")
        dsn = database.dsn(tcp=True).replace(f"port={database.server.port}", f"port={between.port}")
        found = doctor(f"{dsn} sslmode=disable gssencmode=disable", code=1)
    finally:
        between.close()
    level, text, advice = found["listen"]
    assert level == "problem" and "pooler" in text and "sessions" in advice
    assert found["wire"][0] == "ok" and found["fsync"][0] == "ok"
