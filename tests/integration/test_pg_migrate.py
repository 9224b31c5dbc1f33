# SPDX-License-Identifier: Apache-2.0
"""Migrations: one winner of many first starts, and one clear line for everything that must be refused."""
import re
import subprocess
import threading

import pytest
from waiting import PATIENCE_S


def test_first_run_second_run_and_check(empty_database, migrate):
    dsn = empty_database.dsn()
    check = migrate(dsn, "verdict", "check", check=False)
    assert check.returncode == 1
    assert check.stdout.startswith("missing version=0")
    assert "hint: run: verdict migrate --schema verdict" in check.stdout

    first = migrate(dsn)
    newest = int(re.match(r"ok version=(\d+) applied=\1\n", first.stdout).group(1))
    assert newest >= 1
    assert migrate(dsn).stdout == f"ok version={newest} applied=0\n"
    assert migrate(dsn, "verdict", "check").stdout == f"ok version={newest} applied=0\n"

    rows = empty_database.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
    assert [r[0] for r in rows] == list(range(1, newest + 1))
    assert rows[0][1] == "store"
    assert all(re.fullmatch(r"[0-9a-f]{64}", r[2]) for r in rows)
    assert empty_database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_functions_keep_the_path(empty_database, migrate):
    migrate(empty_database.dsn(), "other_name")
    paths = empty_database.execute("""
        SELECT DISTINCT c FROM pg_proc p, unnest(p.proconfig) c
         WHERE p.pronamespace = 'other_name'::regnamespace AND c LIKE 'search_path=%'""")
    assert paths == [("search_path=other_name, pg_temp",)]


def test_two_schemas_in_one_database(empty_database, migrate):
    assert migrate(empty_database.dsn(), "one").returncode == 0
    assert migrate(empty_database.dsn(), "two").returncode == 0
    assert migrate(empty_database.dsn(), "one", "check").returncode == 0


def test_a_word_of_sql_is_a_legal_name(empty_database, migrate):
    assert migrate(empty_database.dsn(), "order").returncode == 0


def test_concurrent_first_starts(empty_database, program):
    """Six at once: each ends well, and exactly one applied anything."""
    outputs = []

    def run():
        outputs.append(subprocess.run([program("tests/integration/pg_migrate"), empty_database.dsn(), "verdict"],
                                      text=True, capture_output=True, timeout=PATIENCE_S, check=False))
    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.returncode for o in outputs] == [0] * 6, [o.stdout + o.stderr for o in outputs]
    applied = sorted(int(o.stdout.split("applied=")[1]) for o in outputs)
    assert applied[:5] == [0] * 5 and applied[5] > 0


def test_concurrent_first_starts_of_different_schemas(postgres, program):
    """Roles belong to the whole server: the same schema name in several databases meets there."""
    databases = [postgres.database() for _ in range(4)]
    processes = [subprocess.Popen([program("tests/integration/pg_migrate"), d.dsn(), "meets"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True) for d in databases]
    outputs = [p.communicate(timeout=PATIENCE_S)[0] for p in processes]
    assert [p.returncode for p in processes] == [0] * 4, outputs
    for database in databases:
        database.drop()


def test_changed_checksum_is_refused(database, migrate):
    database.execute("UPDATE schema_migrations SET checksum = repeat('0', 64) WHERE number = 1")
    for more in ([], ["check"]):
        done = migrate(database.dsn(), "verdict", *more, check=False)
        assert done.returncode == 1
        assert done.stdout.startswith("differs")
        assert 'message: migration 0001 of schema "verdict" is not the one that this program knows' in done.stdout


def test_newer_schema_is_refused(database, migrate):
    database.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (999, 'future', 'x')")
    assert migrate(database.dsn(), "verdict", "check").stdout == "ok version=999 applied=0\n", "it only adds, so who uses it may"
    database.execute("UPDATE schema_migrations SET served = false WHERE number < 999")
    for more in ([], ["check"]):
        done = migrate(database.dsn(), "verdict", *more, check=False)
        assert done.returncode == 1
        assert done.stdout.startswith("too_new version=999")
        assert 'message: schema "verdict" is at version 999, this program knows versions up to ' in done.stdout
        assert "hint: use a newer program" in done.stdout


@pytest.mark.parametrize("name", ["", "Verdict", "1st", "a-b", "a b", 'a"b', "pg_own", "x" * 41, "ü", "a;drop"])
def test_bad_schema_names(empty_database, migrate, name):
    done = migrate(empty_database.dsn(), name, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("refused version=0 applied=0\nmessage: ")
    assert "is not a legal name for a schema" in done.stdout
    assert "hint: a schema's name begins with a-z or _" in done.stdout


def test_longest_name(empty_database, migrate):
    assert migrate(empty_database.dsn(), "x" * 40).returncode == 0


def test_missing_privilege(postgres, empty_database, migrate):
    postgres.execute("DROP ROLE IF EXISTS nobody_special")
    postgres.execute("CREATE ROLE nobody_special LOGIN")
    done = migrate(empty_database.dsn(user="nobody_special"), "verdict", check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("refused version=0 applied=0")
    assert "message: migration 0001_store: create schema: ERROR 42501 permission denied for database" in done.stdout
    assert "hint: migrate as an account that may create schemas" in done.stdout
    assert empty_database.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'verdict'") == [(0,)]
    assert empty_database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_check_without_privilege_on_the_schema(postgres, database, migrate):
    postgres.execute("DROP ROLE IF EXISTS stranger")
    postgres.execute("CREATE ROLE stranger LOGIN")
    done = migrate(database.dsn(user="stranger"), "verdict", "check", check=False)
    assert done.stdout.startswith("refused")
    assert "hint: grant the role verdict_resolver, verdict_follower or verdict_observer to this account" in done.stdout
    postgres.execute("GRANT verdict_follower TO stranger")
    assert migrate(database.dsn(user="stranger"), "verdict", "check").stdout.startswith("ok")
    postgres.execute("DROP ROLE stranger")


def test_held_lock_is_waited_for(empty_database, migrate):
    """Without a waiting statement: nobody who waits holds a snapshot."""
    with empty_database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(hashtextextended('verdict migrations of verdict', 0))")
        outputs = []
        thread = threading.Thread(target=lambda: outputs.append(migrate(empty_database.dsn())))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        waiting = holder.execute("""SELECT count(*) FROM pg_stat_activity
                                     WHERE application_name = 'verdict-migrate' AND backend_xmin IS NOT NULL
                                       AND state = 'active' AND wait_event_type = 'Lock'""").fetchone()
        assert waiting == (0,)
        holder.execute("SELECT pg_advisory_unlock_all()")
        thread.join(PATIENCE_S)
    assert outputs[0].stdout.startswith("ok")

