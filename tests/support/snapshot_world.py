# SPDX-License-Identifier: Apache-2.0
"""For tests of snapshots without a leader: rows and versions are written by SQL, and the server is asked who holds what."""
import psycopg

READER = "verdict-follower/verdict"


def put(database, key, value):
    """As a batch would: the rows and the version in one transaction."""
    with database.connect(autocommit=False) as connection:
        connection.execute("SET search_path = verdict, pg_temp")
        connection.execute("DELETE FROM kv WHERE key = %s", [psycopg.Binary(key)])
        connection.execute("INSERT INTO kv VALUES (%s, %s)", [psycopg.Binary(key), psycopg.Binary(value)])
        connection.execute("UPDATE watermark SET version = version + 1000")


def in_snapshot(database):
    """Backends of ours that hold a transaction block open."""
    return [pid for pid, in database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = %s AND state LIKE 'idle in transaction%%'",
        [database.name, READER])]


def sessions(database):
    (count,), = database.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = %s",
                                 [database.name, READER])
    return count
