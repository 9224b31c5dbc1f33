# SPDX-License-Identifier: Apache-2.0
"""Stores to be dumped and loaded: each a database with a schema of its own and a leader, filled and looked at by SQL."""
import pathlib
import struct

import pytest

import resolver_world

COUNTERS = b"\xff/counter/"
STATE = b"\xff/load"


class Store:
    def __init__(self, database, schema, program, folder, settings):
        self.database, self.schema, self.dsn = database, schema, database.dsn()
        self.world = resolver_world.World(database, program("resolver/verdict-resolver"), folder)
        self.settings = {"schema": schema, **settings}
        self.lead("a")

    def lead(self, name):
        return self.world.lead(name, self.settings)

    def execute(self, sql, params=None):
        with self.database.connect() as connection:
            connection.execute(f"SET search_path = {self.schema}, pg_temp")
            cursor = connection.execute(sql, params)
            return cursor.fetchall() if cursor.description else None


@pytest.fixture
def stores(postgres, migrate, program, tmp_path_factory):
    """stores(schema="verdict", **settings of the resolver): a fresh one; on_server: there, instead of the shared one."""
    made = []

    def make(schema="verdict", on_server=None, **settings):
        fresh = (on_server or postgres).migrated(migrate, schema)
        made.append((Store(fresh, schema, program, pathlib.Path(tmp_path_factory.mktemp("nodes")), settings), on_server))
        return made[-1][0]
    yield make
    for store, on_server in made:
        store.world.close()
        store.world.no_errors()
        if on_server is None:
            store.database.drop()


def fill(store, rows):
    """As the leader would have written them; nobody else writes meanwhile."""
    with store.database.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {store.schema}.kv (key, value) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["bytea", "bytea"])
            for row in rows:
                copy.write_row(row)


def content(store):
    """All rows, but for the state of a load that is under way."""
    return {bytes(k): bytes(v) for k, v in store.execute("SELECT key, value FROM kv WHERE key <> %s ORDER BY key", (STATE,))}


def counters_of(store):
    return {k.removeprefix(COUNTERS): struct.unpack(">Q", v)[0] for k, v in content(store).items() if k.startswith(COUNTERS)}


def state_of(store):
    """(phase, rows) of the load that is under way; None: none is."""
    rows = store.execute("SELECT convert_from(value, 'UTF8')::json FROM kv WHERE key = %s", (STATE,))
    return (rows[0][0]["phase"], rows[0][0]["rows"]) if rows else None


def lock_of(store):
    return store.execute("SELECT lock FROM watermark")[0][0]
