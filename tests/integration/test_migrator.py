# SPDX-License-Identifier: Apache-2.0
"""Migrating with few rights: an account that may create neither roles nor schemas, after an administrator has run what
`verdict migrate --print-roles` prints; and what it is told if nobody has."""
import contextlib

import pytest

import resolver_world as rw
from cli import verdict  # noqa: F401 (fixture)

HINT = "hint: .*verdict migrate --schema {} --print-roles"
# who owns what, and what is granted, of everything in a schema; whoever made it
RIGHTS = """
    SELECT 'schema', n.nspname::text, pg_get_userbyid(nspowner), nspacl::text FROM pg_namespace n WHERE nspname = %(schema)s
    UNION ALL
    SELECT relkind::text, relname, pg_get_userbyid(relowner), relacl::text FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'column', attrelid::regclass || '.' || attname, NULL, attacl::text FROM pg_attribute
     WHERE attacl IS NOT NULL AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = %(schema)s::regnamespace)
    UNION ALL
    SELECT 'function', oid::regprocedure::text, pg_get_userbyid(proowner), proacl::text FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'type', typname, pg_get_userbyid(typowner), typacl::text FROM pg_type WHERE typnamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'role', r.rolname, NULL, array_agg(g.rolname ORDER BY 1)::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
      JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname LIKE %(schema)s || '\\_%%' GROUP BY r.rolname
    ORDER BY 1, 2"""


@pytest.fixture
def server(servers):
    """With an account that has an odd name and no rights, and a worker's."""
    one = servers()
    one.execute('CREATE ROLE "the ""migrator""" LOGIN')
    one.execute("CREATE ROLE worker LOGIN")
    return one


def as_migrator(database):
    return database.dsn(user="'the \"migrator\"'")


def roles_of(verdict, schema, *more):
    return verdict("migrate", "--print-roles", "--schema", schema, *more).good().stdout


def test_with_roles_that_are_there(server, program, verdict, tmp_path):
    few, many = server.database(), server.database()
    sql = roles_of(verdict, "store", "--account", 'the "migrator"')
    for _ in range(2):
        few.schema = "public"
        few.execute(sql)
    assert "applied" in verdict("migrate", "--schema", "store", dsn=as_migrator(few)).good().stdout
    verdict("migrate", "--schema", "store", dsn=many.dsn()).good()  # by a superuser
    with contextlib.ExitStack() as sessions:
        of_few, of_many = (sessions.enter_context(one.connect()).execute(RIGHTS, {"schema": "store"}).fetchall() for one in (few, many))
    assert of_few == of_many and len(of_few) > 40
    few.schema = "store"
    server.execute("GRANT store_follower TO worker")
    world = rw.World(few, program("resolver/verdict-resolver"), tmp_path, dsn=as_migrator(few))
    try:
        world.lead("a", {"schema": "store"})
        assert "committed" in verdict("exec", "--schema", "store", "set a 1", dsn=few.dsn(user="worker")).good().stdout
    finally:
        world.close()


def test_without_them(server, verdict):
    """May create nothing; has a schema of its own; finds the roles and is a member of none: nothing is half done."""
    database = server.database()
    for prepare, says in (
            ("SELECT 1", "create schema: .*permission denied for database"),
            ('CREATE SCHEMA store AUTHORIZATION "the ""migrator"""', "permission denied to create role"),
            (roles_of(verdict, "store").replace("ALTER SCHEMA", "-- "), "must be member of role|must be able to SET ROLE")):
        database.schema = "public"
        database.execute(prepare)
        verdict("migrate", "--schema", "store", dsn=as_migrator(database)).wrong(says, hint=HINT.format("store"))
        assert database.execute("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('store')") == [(0,)]


def test_what_is_no_schema_is_not_printed(verdict):
    verdict("migrate", "--print-roles", "--schema", "Bad-Name").wrong("Bad-Name")
