# SPDX-License-Identifier: Apache-2.0
"""The calls of verdict/admin.h beyond what the verbs of `verdict` use."""
import re
import subprocess

import psycopg
import pytest
from cli import environment, folder, up, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S


@pytest.fixture
def admin(program):
    def run(dsn, *arguments, code=0):
        done = subprocess.run([program("tests/integration/admin_driver"), dsn, *map(str, arguments)], text=True, timeout=PATIENCE_S,
                              capture_output=True, check=False, env=environment())
        assert done.returncode == code, done
        return done.stdout.strip()
    return run


def test_purge_forgets_clients_long_gone(admin, database):
    for age in ("1 minute", "2 hours", "3 hours"):
        database.execute("INSERT INTO clients (client, generation, reply, seen_at) "
                         "VALUES (gen_random_uuid(), 1, 1, clock_timestamp() - %s::interval)", (age,))
    database.execute("INSERT INTO outcomes SELECT client, 1, 1, 1, ''::bytea FROM clients")
    database.execute("INSERT INTO tombstones SELECT client, 2 FROM clients")
    assert admin(database.dsn(), "purge", 3600 * 1000) == "2"
    for name in ("clients", "outcomes", "tombstones"):
        assert database.execute(f"SELECT count(*) FROM {name}") == [(1,)]
    assert admin(database.dsn(), "purge", 3600 * 1000) == "0"
    assert "negative" in admin(database.dsn(), "purge", -1, code=1)


def test_purge_needs_the_resolvers_role(admin, database):
    database.execute("CREATE ROLE purger LOGIN IN ROLE verdict_follower, verdict_observer")
    try:
        assert re.match(r"0\n7002: .*permission denied", admin(database.dsn(user="purger"), "purge", 1, code=1))
    finally:
        database.execute("DROP ROLE purger")


def test_accounts(admin, database):
    """A password that is set twice is the second; it is kept as a verifier; names cannot smuggle SQL in."""
    try:
        admin(database.dsn(), "account", "worker", "first", 1)
        admin(database.dsn(), "account", "worker", "it's \\ 2nd", 5)
        stored, = database.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'worker'")[0]
        assert stored.startswith("SCRAM-SHA-256$")
        with psycopg.connect(host="127.0.0.1", port=database.server.port, dbname=database.name, user="worker",
                             password="it's \\ 2nd") as connection:
            connection.execute("SELECT * FROM verdict.kv")
            connection.execute("SELECT * FROM verdict.nodes()")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM verdict.kv")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=database.server.port, dbname=database.name, user="worker", password="first")
        assert "cannot be the name" in admin(database.dsn(), "account", "x; DROP ROLE y", "p", 1, code=1)
        assert "2nd" not in database.server.log()
    finally:
        database.execute("DROP ROLE IF EXISTS worker")


def test_hand_over(admin, up, verdict, folder):
    home = folder / "home"
    cluster = up("--dir", home, "--nodes", 3)
    secrets = dict(line.split(" = ") for line in (home / "secrets").read_text().splitlines())
    node = f"postgresql://node:{secrets['node-password']}@{cluster.dsn.split('@')[1]}"
    before = verdict("status", "--json", dsn=cluster.dsn).good().json_lines[0]
    leader = admin(node, "hand_over")
    after = verdict("status", "--json", dsn=cluster.dsn).good().json_lines[0]
    assert after["term"] != before["term"] and after["epoch"] > before["epoch"] and after["leader"] == leader
    assert "permission denied" in admin(cluster.dsn, "hand_over", code=1)


def test_hand_over_without_a_leader(admin, database):
    assert "nobody leads" in admin(database.dsn(), "hand_over", code=1)


def test_a_handle_goes_on_after_an_interrupt(admin, database):
    admin(database.dsn(), "interrupted")
