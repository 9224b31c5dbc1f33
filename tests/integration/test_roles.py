# SPDX-License-Identifier: Apache-2.0
"""What each role may do is decided here, object by object, and everything else is tried and refused. What stands in the schema is
taken from the catalogue: a table, a function or a sequence that nobody has decided about fails the test."""
import itertools

import psycopg
import pytest

READ = frozenset({"SELECT"})
NOTHING = frozenset()
SENT = ("client", "sequence", "generation", "acknowledged", "token", "payload")

# table: what follower and observer may do with the whole of it
TABLES = {
    "kv": (READ, NOTHING),
    "commit_requests": (NOTHING, NOTHING),
    "clients": (NOTHING, NOTHING),
    "outcomes": (NOTHING, NOTHING),
    "tombstones": (NOTHING, NOTHING),
    "watermark": (READ, READ),
    "gate": (NOTHING, NOTHING),
    "lease": (READ, READ),
    "schema_migrations": (READ, READ),
}
# and by columns alone
COLUMNS = {("commit_requests", "follower"): ("INSERT", SENT)}
SEQUENCES = {"commit_requests_arrival_seq"}
TYPES = {"answer"}
# function: who may call it beside its owner, and whether it runs with the owner's rights
BOTH, FOLLOWER, OBSERVER, NOBODY = {"follower", "observer"}, {"follower"}, {"observer"}, set()
FUNCTIONS = {
    "register": (FOLLOWER, True),
    "look": (FOLLOWER, True),
    "acknowledge": (FOLLOWER, True),
    "cancel": (FOLLOWER, True),
    "queue_length": (BOTH, True),
    "oldest_snapshot": (BOTH, True),
    "nodes": (BOTH, True),
    "registrations": (OBSERVER, True),
    **{name: (NOBODY, False) for name in (
        "random_bigint", "insist_on_durability", "insist_on_an_end", "wait_for_standbys", "answers", "share_watermark",
        "fence", "clear_ranges", "forget", "purge", "end_holders", "take_office", "renew", "release",
        "ask_to_hand_over", "age_ms", "client_name", "purge_told")},
}
LOCKS = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE",
         "ACCESS EXCLUSIVE")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
ROLES = ("follower", "observer", "nobody")


def may(table, role):
    return {"follower": TABLES[table][0], "observer": TABLES[table][1]}.get(role, NOTHING)


@pytest.fixture
def accounts(postgres, database):
    """Accounts that have one role each, and one without any."""
    for role in ("follower", "observer", "resolver"):
        postgres.execute(f"DO $$ BEGIN CREATE ROLE roles_{role} LOGIN IN ROLE verdict_{role};"
                         " EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    postgres.execute("DO $$ BEGIN CREATE ROLE roles_nobody LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    sessions = {}
    for role in (*ROLES, "resolver"):
        sessions[role] = database.connect(user=f"roles_{role}", autocommit=False)
    yield sessions
    for session in sessions.values():
        session.close()


def outcome(session, sql):
    """The SQLSTATE that a statement ends with, None if it is done; nothing of it stays."""
    try:
        if sql.startswith("COPY") and sql.endswith("STDOUT"):
            with session.cursor().copy(sql) as rows:
                list(rows)
        else:
            session.autocommit = sql.startswith("ALTER SYSTEM")
            session.execute(sql)
        return None
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        session.rollback()
        session.autocommit = False


def refused(session, sql):
    state = outcome(session, sql)
    assert state == "42501", f"{session.info.user}: {sql}: {state or 'was done'}"


def granted(session, sql):
    state = outcome(session, sql)
    assert state != "42501", f"{session.info.user}: {sql}: refused"


# ---- the catalogue ----

def names(database, sql, schema="verdict"):
    return [row[0] for row in database.execute(sql, (schema,))]


def relations(database, kinds):
    return names(database, f"SELECT relname FROM pg_class WHERE relkind::text = ANY ('{{{kinds}}}') AND relnamespace = %s::regnamespace")


def calls(database, schema="verdict"):
    """(name, a call with nulls)"""
    return database.execute(
        "SELECT proname, format('SELECT %%I.%%I(%%s)', %s::text, proname, (SELECT string_agg(format('NULL::%%s', t::regtype), ', ' ORDER BY n)"
        " FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(t, n))) FROM pg_proc WHERE pronamespace = %s::regnamespace",
        (schema, schema))


def test_everything_is_decided(database):
    assert sorted(relations(database, "r,p,f")) == sorted(TABLES)
    assert sorted(relations(database, "S")) == sorted(SEQUENCES)
    assert relations(database, "v,m") == []
    assert sorted(relations(database, "c")) == sorted(TYPES)
    functions = [name for name, _ in calls(database)]
    assert sorted(functions) == sorted(FUNCTIONS)  # and none has two forms
    strangers = names(database, "SELECT typname FROM pg_type WHERE typnamespace = %s::regnamespace AND typrelid = 0 AND typelem = 0")
    assert strangers == []


def test_functions_are_safe_to_own(database):
    """All belong to the resolver, are closed to PUBLIC, and have their search path fixed, the temporary schema last."""
    rows = database.execute(
        "SELECT proname, prosecdef, proconfig, pg_get_userbyid(proowner),"
        " EXISTS (SELECT 1 FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0)"
        " FROM pg_proc WHERE pronamespace = 'verdict'::regnamespace")
    for name, is_definer, config, owner, is_public in rows:
        assert "search_path=verdict, pg_temp" in (config or ()), name
        assert owner == "verdict_resolver" and not is_public, name
        assert is_definer == FUNCTIONS[name][1], name


def test_what_the_roles_are(database):
    """Not one of them is more than it must be."""
    rows = database.execute(
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolbypassrls,"
        " array(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1)"
        " FROM pg_roles r WHERE rolname LIKE 'verdict\\_%%' ORDER BY 1", ())
    assert [(name, is_more, of) for name, is_more, of in rows if name.split("_")[1] in ("follower", "observer", "resolver")] == [
        ("verdict_follower", False, []), ("verdict_observer", False, []),
        ("verdict_resolver", False, ["pg_read_all_stats", "pg_signal_backend"])]
    grants = database.execute("SELECT DISTINCT pg_get_userbyid(a.grantee)::text, a.privilege_type FROM pg_namespace n,"
                              " aclexplode(n.nspacl) a WHERE nspname = 'verdict' ORDER BY 1, 2")
    assert grants == [("verdict_follower", "USAGE"), ("verdict_observer", "USAGE"), ("verdict_resolver", "CREATE"),
                      ("verdict_resolver", "USAGE")]
    assert database.execute("SELECT count(*) FROM pg_default_acl") == [(0,)]


# ---- tables ----

def columns(database):
    """Of each table."""
    found = {}
    for table, column in database.execute("SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r'"
                                          " WHERE relnamespace = 'verdict'::regnamespace AND attnum > 0 AND NOT attisdropped"):
        found.setdefault(table, []).append(column)
    return {table: found.get(table, []) for table in TABLES}


def attempts(table, its_columns, schema="verdict"):
    """(right, statement)"""
    name = f"{schema}.{table}"
    yield "SELECT", f"SELECT count(*) FROM {name}"
    yield "SELECT", f"COPY {name} TO STDOUT"
    yield "SELECT", f"CREATE TEMP TABLE copied AS SELECT * FROM {name}"
    yield ("INSERT", "any"), f"INSERT INTO {name} DEFAULT VALUES"  # whoever may write some column
    yield "DELETE", f"DELETE FROM {name}"
    yield "TRUNCATE", f"TRUNCATE {name}"
    yield "TRIGGER", f"CREATE TRIGGER t BEFORE INSERT ON {name} EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    for column in its_columns:
        yield "SELECT", f"SELECT {column} FROM {name}"
        yield ("INSERT", column), f"INSERT INTO {name} ({column}) OVERRIDING SYSTEM VALUE SELECT NULL WHERE false"
        yield "UPDATE", f"UPDATE {name} SET {column} = DEFAULT WHERE false"
        yield "UPDATE", f"INSERT INTO {name} ({column}) OVERRIDING SYSTEM VALUE SELECT NULL WHERE false RETURNING {column}"
    for lock in ("KEY SHARE", "SHARE", "NO KEY UPDATE", "UPDATE"):
        yield "UPDATE", f"SELECT 1 FROM {name} FOR {lock}"
    yield "OWNER", f"ALTER TABLE {name} ADD COLUMN mine integer"
    yield "OWNER", f"ALTER TABLE {name} DISABLE TRIGGER ALL"
    yield "OWNER", f"ALTER TABLE {name} OWNER TO CURRENT_USER"
    yield "OWNER", f"ALTER TABLE {name} SET (autovacuum_enabled = off)"
    yield "OWNER", f"DROP TABLE {name}"
    yield "OWNER", f"CREATE RULE r AS ON INSERT TO {name} DO INSTEAD NOTHING"
    yield "OWNER", f"CREATE POLICY p ON {name}"
    yield "OWNER", f"COMMENT ON TABLE {name} IS 'mine'"
    yield "OWNER", f"REINDEX TABLE {name}"
    yield "OWNER", f"CLUSTER {name}"
    yield "OWNER", f"CREATE INDEX ON {name} ((1))"
    yield "OWNER", f"CREATE STATISTICS s ON a, b FROM {name}" if not its_columns else f"ALTER TABLE {name} RENAME {its_columns[0]} TO mine"
    yield "OWNER", f"CREATE TEMP TABLE heir () INHERITS ({name})"


def told_of_tables(database):
    """What the server says: {(role, table, right)} and {(role, table, column, right)}."""
    of_all = database.execute(
        "SELECT r, c.relname, p FROM pg_class c, unnest(%s::text[]) r, unnest(%s::text[]) p WHERE c.relkind = 'r'"
        " AND c.relnamespace = 'verdict'::regnamespace AND has_table_privilege('roles_' || r, c.oid, p)", (list(ROLES), list(RIGHTS)))
    by_column = database.execute(
        "SELECT r, c.relname, a.attname, p FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0, unnest(%s::text[]) r,"
        " unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) p WHERE c.relkind = 'r' AND c.relnamespace = 'verdict'::regnamespace"
        " AND has_column_privilege('roles_' || r, c.oid, a.attnum, p)", (list(ROLES),))
    return set(of_all), set(by_column)


def test_what_the_server_says_of_tables(accounts, database):
    of_all, by_column = told_of_tables(database)
    expected = {(role, table, right) for role in ROLES for table in TABLES for right in may(table, role)}
    assert of_all == expected
    its = columns(database)
    whole = {(role, table, column, right) for role, table, right in expected for column in its[table]}
    some = {(role, table, column, right) for (table, role), (right, names) in COLUMNS.items() for column in names}
    assert by_column == whole | some


@pytest.mark.parametrize("role", ROLES)
def test_tables(accounts, database, role):
    session = accounts[role]
    its = columns(database)
    for table in TABLES:
        allowed = may(table, role)
        right, some = COLUMNS.get((table, role), (None, ()))
        for needed, sql in attempts(table, its[table]):
            if isinstance(needed, tuple):
                is_allowed = needed[0] in allowed or (needed[0] == right and needed[1] in (*some, "any"))
            else:
                is_allowed = needed in allowed
            (granted if is_allowed else refused)(session, sql)
        for lock in LOCKS:  # whoever may read may hold off a DROP, and no more
            by_reading = lock == "ACCESS SHARE" and "SELECT" in allowed
            (granted if by_reading else refused)(session, f"LOCK TABLE verdict.{table} IN {lock} MODE")


def test_sequences_and_types(accounts, database):
    for role, name in itertools.product(ROLES, SEQUENCES):
        for call in ("nextval('{}')", "setval('{}', 1)", "currval('{}')"):
            refused(accounts[role], f"SELECT {call.format('verdict.' + name)}")
        refused(accounts[role], f"SELECT last_value FROM verdict.{name}")
        refused(accounts[role], f"ALTER SEQUENCE verdict.{name} RESTART")
        refused(accounts[role], f"DROP SEQUENCE verdict.{name}")
    for role in ROLES:
        refused(accounts[role], "ALTER TYPE verdict.answer ADD ATTRIBUTE mine integer")


# ---- functions ----

def test_functions(accounts, database):
    signatures = dict(database.execute("SELECT proname, format('verdict.%%I(%%s)', proname, oidvectortypes(proargtypes)) FROM pg_proc"
                                       " WHERE pronamespace = 'verdict'::regnamespace", ()))
    for role, (name, call) in itertools.product(ROLES, calls(database)):
        is_allowed = role in FUNCTIONS[name][0]
        (granted if is_allowed else refused)(accounts[role], call)
        refused(accounts[role], f"ALTER FUNCTION {signatures[name]} SECURITY INVOKER")
        refused(accounts[role], f"DROP FUNCTION {signatures[name]}")
        if not is_allowed:  # who may call it gets a warning, and nothing is granted
            refused(accounts[role], f"GRANT EXECUTE ON FUNCTION {signatures[name]} TO PUBLIC")


# ---- elsewhere ----

EVERYWHERE = [
    "CREATE TABLE verdict.mine ()", "CREATE FUNCTION verdict.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine", "DROP SCHEMA verdict CASCADE", "ALTER SCHEMA verdict RENAME TO mine",
    "SET ROLE verdict_resolver", "SET ROLE postgres", "SET SESSION AUTHORIZATION postgres", "SET ROLE other_resolver",
    "SET ROLE other_follower", "CREATE ROLE mine", "ALTER ROLE postgres PASSWORD 'x'", "GRANT verdict_resolver TO CURRENT_USER",
    "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "COPY (SELECT 1) TO PROGRAM 'true'", "SELECT pg_read_file('PG_VERSION')",
    "SELECT * FROM pg_authid", "CREATE EXTENSION adminpack", "CREATE PUBLICATION mine FOR ALL TABLES", "CREATE EVENT TRIGGER e ON"
    " ddl_command_start EXECUTE FUNCTION suppress_redundant_updates_trigger()", "SET session_replication_role = replica",
    "SELECT pg_switch_wal()", "SELECT lo_import('/etc/hostname')", "SELECT pg_export_snapshot(), pg_create_restore_point('x')",
    "ALTER DATABASE postgres SET search_path = mine", "LOAD 'nothing'",
]
OF_THE_RESOLVER = {"CREATE TABLE verdict.mine ()", "CREATE FUNCTION verdict.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
                   "DROP SCHEMA verdict CASCADE", "SET ROLE verdict_resolver"}


def test_elsewhere(accounts, database, migrate):
    """And not in another schema of Verdict, on the same server, either."""
    migrate(database.dsn(), "other")
    other = [sql for table, its in columns(database).items() for _, sql in attempts(table, its, "other")]
    other += [call for _, call in calls(database, "other")]
    other += ["CREATE TABLE other.mine ()", "SELECT nextval('other.commit_requests_arrival_seq')"]
    for role, session in accounts.items():
        for sql in EVERYWHERE:
            is_own = role == "resolver" and sql in OF_THE_RESOLVER
            state = outcome(session, sql)
            assert (state is None) if is_own else state in ("42501", "58P01"), (role, sql, state)
        for sql in other:
            refused(session, sql)


# ---- what stands in front of a name ----

def evil(session, schema):
    """Things named as those that the functions use, wherever an attacker may put them; each of them raises."""
    bang = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil was called'; END $$"
    for table in TABLES:
        session.execute(f"CREATE {'TEMP' if schema == 'pg_temp' else ''} TABLE {schema}.{table} (one integer)")
    for name, (_, _) in FUNCTIONS.items():
        session.execute(f"CREATE FUNCTION {schema}.{name}(VARIADIC a text[] DEFAULT NULL) RETURNS integer {bang}")
    session.execute(f"CREATE FUNCTION {schema}.{'answers'}(uuid, bigint, bigint[]) RETURNS integer {bang}")
    session.execute(f"CREATE FUNCTION {schema}.{'random_bigint'}() RETURNS bigint {bang}")
    for name, types in (("clock_timestamp", ""), ("current_setting", "text"), ("set_config", "text, text, boolean"),
                        ("octet_length", "bytea"), ("pg_backend_pid", ""), ("greatest_one", "bigint")):
        session.execute(f"CREATE FUNCTION {schema}.{name}({types}) RETURNS text {bang}")
    for left, right in (("uuid", "uuid"), ("bigint", "bigint"), ("text", "text"), ("bytea", "bytea")):
        session.execute(f"CREATE FUNCTION {schema}.same({left}, {right}) RETURNS boolean {bang}")
        for operator in ("=", "<>", "<=", ">"):
            session.execute(f"CREATE OPERATOR {schema}.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {schema}.same)")
    session.execute(f"CREATE TYPE {schema}.answer AS (sequence text)")


@pytest.mark.parametrize("schema", ["pg_temp", "evil"])
def test_search_path(accounts, database, schema):
    """What the functions call is what the migration meant, whatever is named alike and stands in front."""
    session = accounts["follower"]
    session.autocommit = True
    if schema == "evil":  # somebody lets him have a schema
        database.execute("CREATE SCHEMA evil AUTHORIZATION roles_follower")
    evil(session, schema)
    session.execute(f"SET search_path = {schema}, pg_catalog, verdict" if schema == "evil" else "SET search_path = pg_temp, verdict")
    client, generation = session.execute(
        "SELECT c, r.generation FROM (SELECT pg_catalog.gen_random_uuid() AS c) s, verdict.register(s.c, 7) r").fetchone()
    assert database.execute("SELECT reply FROM clients WHERE client = %s", (client,)) == [(7,)]
    insert = ("INSERT INTO verdict.commit_requests (client, sequence, generation, acknowledged, token, payload)"
              " VALUES (%s, %s, %s, 0, 1, 'x')")
    for sequence in (1, 2):
        session.execute(insert, (client, sequence, generation))
    look = "SELECT state FROM verdict.look(%s, %s, '{1,2,3}')"
    assert session.execute(look, (client, generation)).fetchall() == [(1,), (1,), (0,)]
    assert session.execute("SELECT code FROM verdict.cancel(%s, %s, 1)", (client, generation)).fetchone() == (1025,)
    assert database.execute("SELECT sequence FROM tombstones") == [(1,)]
    session.execute("SELECT verdict.acknowledge(%s, %s, 1)", (client, generation))
    assert database.execute("SELECT low_water FROM clients WHERE client = %s", (client,)) == [(1,)]
    assert session.execute("SELECT verdict.queue_length(10)").fetchone() == (1,)
    session.execute("SELECT verdict.oldest_snapshot()")
    session.execute("SELECT * FROM verdict.nodes()")
    # the constraints of the queue too: the table's owner meant octet_length of pg_catalog
    with pytest.raises(psycopg.errors.CheckViolation):
        session.execute(insert.replace("'x'", "''"), (client, 9, generation))
