# SPDX-License-Identifier: Apache-2.0
"""How PostgreSQL carries out the statements of the sources once the tables are large: by which indexes, over how many pages.

The statements run, with their sessions' own settings, on 200,000 keys; auto_explain tells the plan of each, also of those
inside functions. No time is measured."""
import json
import uuid

import psycopg
import pytest
from test_statements import STATEMENTS

ROWS = 200_000
SQL = {(statement.path, statement.name): statement for statement in STATEMENTS}
TABLES = ("kv", "commit_requests", "clients", "outcomes", "tombstones", "watermark", "lease")
SMALL = ("watermark", "lease")  # a row or two: no matter how they are read
BY_INDEX = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "ModifyTable")
TERM, CLIENT, OTHER = (uuid.UUID(int=n) for n in (1, 2, 3))
GENERATION = 7

LEADER = ("resolver/wires.c", "session")
READER = next(which for which in SQL if which[1] == "reader_settings")


def key(number):
    return b"key/%010d" % number


KEYS = [key(number) for number in range(1000, 65000, 1000)]


def fill(connection):
    connection.execute("DELETE FROM watermark")
    connection.execute("INSERT INTO watermark VALUES (5000, %s)", [TERM])
    connection.execute("INSERT INTO kv SELECT convert_to('key/' || lpad(i::text, 10, '0'), 'UTF8'), '\\x00112233'"
                       " FROM generate_series(1, %s) i", [ROWS])
    connection.execute("INSERT INTO clients (client, generation, reply) SELECT CASE i WHEN 1 THEN %s WHEN 2 THEN %s"
                       " ELSE gen_random_uuid() END, %s, i FROM generate_series(1, 5000) i", [CLIENT, OTHER, GENERATION])
    connection.execute("INSERT INTO outcomes SELECT client, s, s, s, '\\x00000000000000000000000000000000'"
                       " FROM clients, generate_series(1, 20) s")
    connection.execute("INSERT INTO outcomes SELECT %s, s, s, s, '\\x00000000000000000000000000000000'"
                       " FROM generate_series(21, 20000) s", [CLIENT])
    connection.execute("INSERT INTO tombstones SELECT client, 1000000 FROM clients")
    connection.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                       " SELECT %s, 30000 + s, %s, 0, s, '\\x00' FROM generate_series(1, 50000) s", [CLIENT, GENERATION])


class Session:
    """Statements as one of our sessions runs them, and what auto_explain says of the last one."""

    def __init__(self, database, settings, cache_mode=None):
        self.plans = []
        self.prepared = set()
        self.connection = psycopg.connect(database.dsn(), autocommit=True, cursor_factory=psycopg.ClientCursor)
        self.connection.add_notice_handler(self._notice)
        self.execute("SET search_path = verdict, pg_temp")
        self.execute("SET jit = off")  # session.c, for every session of ours
        if settings:
            self.execute(SQL[settings].sql)
        if cache_mode:
            self.execute(f"SET plan_cache_mode = {cache_mode}")
        for line in ("LOAD 'auto_explain'", "SET auto_explain.log_format = json", "SET auto_explain.log_level = notice",
                     "SET auto_explain.log_analyze = on", "SET auto_explain.log_timing = off",
                     "SET auto_explain.log_nested_statements = on"):
            self.execute(line)

    def _notice(self, notice):
        text = notice.message_primary
        if "plan:" in text:
            self.plans.append(json.loads(text[text.index("{"):]))

    def execute(self, sql, params=None):
        return self.connection.execute(sql, params)

    def run(self, statement, params):
        if statement.name not in self.prepared:
            types = [self.execute("SELECT %s::regtype::text", [oid]).fetchone()[0] for oid in statement.params]
            self.execute(f"PREPARE {statement.name} {'(' + ', '.join(types) + ')' if types else ''} AS "
                         + statement.sql.replace("%", "%%"), [])
            self.prepared.add(statement.name)
        self.execute(f"EXECUTE {statement.name}" + (f"({', '.join(['%s'] * len(params))})" if params else ""), params)

    def explain(self, statement, params):
        """The plans of the statement and of all that it called."""
        self.plans = []
        self.execute("SET auto_explain.log_min_duration = 0")
        self.run(statement, params)
        self.execute("SET auto_explain.log_min_duration = -1")
        assert self.plans, f"nothing is known of {statement}"
        return self.plans

    def close(self):
        self.connection.close()


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def params_of(at):
    """What each statement is run with, once; `at` counts the runs."""
    here = [key(number + at) for number in range(1000, 65000, 1000)]
    sequences = list(range(30001, 30129))
    return {
        ("resolver/claim.c", "claim"): [at, list(range(at + 1, at + 301)), 1000, 1 << 20, [OTHER], [5]],
        ("resolver/claim.c", "claim_with_lane"): [at, list(range(at + 1, at + 301)), 1000, 1 << 20, [OTHER], [5], [CLIENT], 10000, 1000, 8],
        ("resolver/claim.c", "load_clients"): [[OTHER], 1 << 30],
        ("resolver/claim.c", "load_outcomes"): [[OTHER]],
        ("resolver/claim.c", "load_tombstones"): [[CLIENT, OTHER], [1000000, 5]],
        ("resolver/claim.c", "load_base"): [here, 1 << 30],
        ("resolver/claim.c", "load_stretches"): [here, [k + b"\xff" for k in here], [3] * len(here), 1 << 30],
        ("resolver/waiting.c", "low_waters"): [[CLIENT, OTHER]],
        ("resolver/apply.c", "delete_requests"): [list(range(at * 100 + 1, at * 100 + 101))],
        ("resolver/apply.c", "fence"): [TERM, 5000 + at, 5001 + at, False, [CLIENT], [GENERATION], [30001], [1] * 128, sequences],
        ("resolver/apply.c", "clear_ranges"): [here, [k + b"\0" for k in here], 1000],
        ("resolver/apply.c", "delete_keys"): [here],
        ("resolver/apply.c", "upsert"): [here, [b"value"] * len(here)],
        ("resolver/apply.c", "insert_outcomes"): [[CLIENT], [30001 + at], [30001 + at], [at], [bytes(16)], [None], [""]],
        ("resolver/apply.c", "forget"): [[CLIENT, OTHER], [GENERATION] * 2, [at * 10 + 10, at + 1]],
        ("resolver/settle.c", "read_watermark"): [],
        ("resolver/metrics/probe.c", "probe_oldest"): [],
        ("follower/snapshot/batch.c", "read_watermark"): [],
        ("follower/snapshot/batch.c", "read_keys"): [here],
        **{("follower/snapshot/batch.c", name): [key(1000 + at), key(150000), 100, 80000]
           for name in ("read_range", "read_range_keys", "read_range_reverse", "read_range_keys_reverse")},
        ("follower/commit/outcome.c", "look"): [CLIENT, GENERATION, sequences],
        ("follower/commit/outcome.c", "cancel"): [CLIENT, GENERATION, 30500 + at],
        ("follower/commit/outcome.c", "acknowledge"): [OTHER, GENERATION, at + 1],
        ("follower/commit/submit.c", "resend_quietly"): [CLIENT, GENERATION, 0, [30001, 990000 + at], [1, 2], [b"1", b"2"]],
    }


def settings_of(path):
    return LEADER if path.startswith("resolver/") else READER if "snapshot" in path else None


@pytest.fixture(scope="module", params=["counted when it was empty", "counted"])
def large(request, postgres, migrate):
    database = postgres.migrated(migrate)
    with database.connect() as connection:
        connection.execute("SET search_path = verdict, pg_temp")
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        connection.execute("ANALYZE")
        fill(connection)
        if request.param == "counted":
            connection.execute("ANALYZE")
    yield database
    database.drop()


@pytest.mark.parametrize("cache_mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("which", params_of(0), ids=lambda which: which[1])
def test_by_an_index(large, which, cache_mode):
    statement = SQL[which]
    session = Session(large, settings_of(statement.path), cache_mode)
    if which[1] != "cancel":  # which insists on a transaction of its own
        session.execute("BEGIN")
    for at in range(6):  # then PostgreSQL thinks of a generic plan
        session.run(statement, params_of(at)[which])
    for plan in session.explain(statement, params_of(6)[which]):
        assert "JIT" not in plan
        for node in nodes(plan["Plan"]):
            if node.get("Relation Name") in TABLES and node["Relation Name"] not in SMALL:
                assert node["Node Type"] in BY_INDEX, plan
                rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
                assert rows * node["Actual Loops"] <= 2000, plan
    session.close()


def test_all_that_touch_a_table_are_looked_at():
    once = {"registration", "register", "purge", "submit", "submit_quietly", "resend"}  # an insert, a sweep, or the same with a bell
    missing = [str(s) for s in STATEMENTS  # estimates (measure.c) take samples, and are not exact about what they look at
               if not s.path.endswith("measure.c") and s.path.startswith(("resolver/", "follower/commit/", "follower/snapshot/")) and (s.path, s.name) not in params_of(0)
               and s.name not in once and any(table in s.sql for table in TABLES if table not in SMALL)]
    assert missing == []


# ---- what an old snapshot costs ----

HOT, BATCHES = 20, 2000


def pages_of(plan):
    """With the writing sub-statements of a WITH, which run when the statement itself is over."""
    top = plan["Plan"]
    apart = [node for node in nodes(top) if node is not top and node["Node Type"] == "ModifyTable"]
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in [top, *apart])


class Batches:
    """The statements of one-client batches that write the same few keys again and again, and one that comes and goes."""

    def __init__(self, session):
        self.session = session
        self.at = 0

    def steps(self):
        n = self.at = self.at + 1
        keys = [key(number) for number in range(1, HOT + 1)]
        self.session.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload)"
                             " VALUES (%s, %s, %s, 0, 1, '\\x00')", [CLIENT, n, GENERATION])
        arrival = n - 200 if n > 200 else 0
        yield ("resolver/claim.c", "claim"), [arrival, [], 1000, 1 << 20, [], []]
        yield ("resolver/claim.c", "load_base"), [keys, 1 << 30]
        yield ("resolver/apply.c", "delete_requests"), [[n]]
        yield ("resolver/apply.c", "fence"), [TERM, 4999 + n, 5000 + n, False, [CLIENT], [GENERATION], [n], [1], [n]]
        if n % 2 == 0:
            yield ("resolver/apply.c", "delete_keys"), [[key(ROWS + n - 1)]]
            yield ("resolver/apply.c", "upsert"), [keys, [b"value"] * HOT]
        else:
            yield ("resolver/apply.c", "upsert"), [[*keys, key(ROWS + n)], [b"value"] * (HOT + 1)]
        yield ("resolver/apply.c", "insert_outcomes"), [[CLIENT], [n], [n], [n], [bytes(16)], [None], [""]]
        if n % 100 == 0:
            yield ("resolver/apply.c", "forget"), [[CLIENT], [GENERATION], [n]]

    def pass_by(self, count):
        for _ in range(count):
            for which, params in self.steps():
                self.session.run(SQL[which], params)

    def counted(self):
        """The most pages that each statement looks at, in as many batches as it takes to do all there is to do."""
        pages = {}
        for _ in range(100):
            for which, params in self.steps():
                plans = self.session.explain(SQL[which], params)
                pages[which[1]] = max(pages.get(which[1], 0), *map(pages_of, plans))
        return pages


def test_an_old_snapshot_does_not_make_batches_and_reads_dearer(postgres, migrate):
    """What it holds back grows with each batch; what a batch or a read of the newest looks at does not. (But for a key that is
    absent and was there again and again: nothing says so but all its old versions.)"""
    database = postgres.migrated(migrate)
    session = Session(database, LEADER, "auto")
    session.execute("SET synchronous_commit = off")
    session.execute("SET auto_explain.log_buffers = on")
    session.execute("DELETE FROM watermark")
    session.execute("INSERT INTO watermark VALUES (5000, %s)", [TERM])
    session.execute("INSERT INTO clients (client, generation, reply) VALUES (%s, %s, 1)", [CLIENT, GENERATION])
    batches = Batches(session)
    batches.pass_by(100)
    reader = Session(database, READER, "auto")
    reader.execute("SET auto_explain.log_buffers = on")
    reads = {("follower/snapshot/batch.c", "read_keys"): [[key(number) for number in range(1, HOT + 1)]],
             ("resolver/settle.c", "read_watermark"): []}

    def counted():
        pages = batches.counted()
        for which, params in reads.items():
            plan = reader.explain(SQL[which], params)[-1]  # behind what preparing it took
            pages[which[1]] = pages_of(plan)
        return pages
    with database.connect(autocommit=False) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM verdict.kv")
        batches.pass_by(400)
        before = counted()
        batches.pass_by(BATCHES)
        after = counted()
    session.close()
    reader.close()
    database.drop()
    assert set(before) == set(after) and len(after) == 10
    # indexes grow deeper by a page or two, that is all
    grown = {name: (before[name], after[name]) for name in after if after[name] > 1.2 * before[name] + 4}
    assert grown == {}, (grown, after)
