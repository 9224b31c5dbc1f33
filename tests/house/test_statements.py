# SPDX-License-Identifier: Apache-2.0
"""Every SQL statement of the sources prepares on the migrated schema, gives the columns that its reader expects, by name and
type, and may be executed by the role that runs it.

The statements are the `struct vd_pg_statement` of the sources, as the preprocessor leaves them.
"""
import re
import subprocess

import psycopg
import pytest
from tree import ROOT, read, sources

TYPES = {name: int(number) for name, number in re.findall(r"(VD_PG_\w+) = (\d+)", read("common/pg/rows.h"))}
FLAGS = subprocess.run(["pkg-config", "--cflags", "libpq", "libevent", "libprotobuf-c"], text=True, stdout=subprocess.PIPE,
                       check=True).stdout.split()

# who runs what; the first pattern that fits the file
ROLES = [
    (r"follower/admin/(tend|hand_over)", "resolver"),
    (r"follower/admin/", "observer"),
    (r"follower/", "follower"),
    (r"resolver/", "resolver"),
    (r"common/pg/migrate", None),
    (r"common/pg/", "follower"),
]


class Statement:
    def __init__(self, path, body, in_array):
        def field(pattern):
            found = re.search(pattern, body, flags=re.S)
            return found.group(1) if found else ""
        self.path = path
        self.in_array = in_array
        self.name = field(r'\.name\s*=\s*"(\w+)"')
        literals = field(r'\.sql\s*=\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
        self.sql = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals)).replace('\\"', '"').replace("\\\\", "\\")
        self.params = [TYPES[name] for name in re.findall(r"VD_PG_\w+", field(r"\.params\s*=\s*\{([^}]*)\}"))]
        self.columns = [(name, TYPES[of]) for name, of in re.findall(r'\{\s*"(\w+)",\s*(VD_PG_\w+)\s*\}', body)]

    @property
    def role(self):
        return next((role for pattern, role in ROLES if re.match(pattern, self.path)), None)

    def __str__(self):
        return f"{self.path}:{self.name}"


def statements():
    found = []
    for path in sources("common", "resolver", "follower", suffixes=(".c",)):
        if "struct vd_pg_statement" not in read(path):
            continue
        code = subprocess.run(["cc", "-E", "-P", "-D_GNU_SOURCE", "-I.", "-Ifollower/include", *FLAGS, path], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, check=True).stdout
        for array, body in re.findall(r"\bstruct vd_pg_statement \w+((?:\[\w*\])*) = (\{.*?\});", code, flags=re.S):
            members = re.split(r"\{(?=\s*\.name)", body)[1:] if array else [body]
            assert members, f"{path} has an array without statements"
            found += [Statement(path, one, bool(array)) for one in members]
    return found


STATEMENTS = statements()


def test_none_was_overlooked():
    written = sum(len(re.findall(r"\bstruct vd_pg_statement\s+\w+\s*=\s*\{", read(path)))
                  for path in sources("common", "resolver", "follower", suffixes=(".c",)))
    assert sum(not statement.in_array for statement in STATEMENTS) == written > 30
    assert all(statement.name and statement.sql for statement in STATEMENTS)


def test_names_are_unique_in_a_program():
    for tops in (r"common/pg/|resolver/", r"common/pg/|follower/"):
        names = [statement.name for statement in STATEMENTS if re.match(tops, statement.path)]
        assert sorted(names) == sorted(set(names))


@pytest.fixture(scope="module")
def connection(postgres, migrate):
    database = postgres.migrated(migrate)
    with database.connect() as connection:
        connection.execute('SET search_path = "verdict", pg_temp')
        connection.execute("SET plan_cache_mode = force_generic_plan")  # else a null makes a strict function vanish
        yield connection
    database.drop()


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_prepares_fits_its_reader_and_is_allowed(connection, statement):
    pg = connection.pgconn
    prepared = pg.prepare(b"", statement.sql.encode(), statement.params)
    assert prepared.status == psycopg.pq.ExecStatus.COMMAND_OK, prepared.error_message.decode()
    described = pg.describe_prepared(b"")
    got = [(described.fname(i).decode(), described.ftype(i)) for i in range(described.nfields)]
    if statement.columns:
        assert got == statement.columns
    if statement.role and re.match(r"SELECT|INSERT|UPDATE|DELETE|WITH", statement.sql):
        allowed(connection, statement)


def allowed(connection, statement):
    types = [connection.execute("SELECT %s::regtype::text", [oid]).fetchone()[0] for oid in statement.params]
    arguments = f"({', '.join(types)})" if types else ""
    nulls = f"({', '.join(['NULL'] * len(types))})" if types else ""
    with connection.transaction(force_rollback=True):
        connection.execute(f"PREPARE asked {arguments} AS {statement.sql}".encode(), prepare=False)
        connection.execute(f"SET LOCAL ROLE verdict_{statement.role}")
        connection.execute(f"EXPLAIN EXECUTE asked {nulls}".encode(), prepare=False)
    connection.execute("DEALLOCATE ALL")
