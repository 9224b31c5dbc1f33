# SPDX-License-Identifier: Apache-2.0
"""The life of a commit on the follower's side, while the test plays the leader: whatever is lost, cut or forged, each commit is
told once, and it is told the truth."""
import itertools
import os
import random
import signal
import threading
import time

import pytest

from commit_player import CANCELLED, CONFLICT, SQL_ERROR, TOO_OLD, UNKNOWN, Driver, Leader
from waiting import PATIENCE_S, wait_until

DESK, INBOX = "verdict-follower/verdict", "verdict-inbox/verdict"
ARRIVAL_ORDER = "SELECT sequence FROM commit_requests ORDER BY arrival"


@pytest.fixture
def leader(database):
    made = Leader(database)
    yield made
    made.close()


@pytest.fixture
def driver(program, database):
    made = []

    def make(dsn=None, **options):
        made.append(Driver(program, dsn or database.dsn(), **options))
        return made[-1]
    yield make
    for one in made:
        one.kill()


def backends(database, role):
    """The pids of our connections of that role."""
    return [row[0] for row in database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = %s", [database.name, role])]


def terminate(database, role):
    for pid in backends(database, role):
        database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


class Stopped:
    """The follower's process stands still."""

    def __init__(self, worker):
        self.worker = worker

    def __enter__(self):
        self.worker.process.send_signal(signal.SIGSTOP)

    def __exit__(self, *_):
        self.worker.process.send_signal(signal.SIGCONT)


# ---- replies ----

@pytest.mark.parametrize("base", [False, True])
def test_one_commit(driver, leader, base):
    worker = driver(base=base).ready()
    worker.order("submit 1 cafe")
    row, = leader.wait_queue(1).values()
    client, generation, _ = worker.who()
    assert row[:4] == (1, client, generation, 0) and row[5] == b"\xca\xfe"
    version = leader.decide([row])
    assert worker.verdict(1) == (0, version, 0, 0, 0, "")
    assert worker.ask("newest") == str(version)
    worker.close()


@pytest.mark.parametrize("reply", [True, False], ids=["by reply", "by look"])
def test_each_verdict_with_its_details(driver, leader, reply):
    worker = driver().ready()
    worker.order("submits 1 5 20")
    rows = list(leader.wait_queue(5).values())
    version = leader.decide(rows, {2: (CONFLICT, 3, 1999999999, None), 3: (TOO_OLD, 0, 0, None),
                                   4: (SQL_ERROR, 0, 0, "value too long for \"my\" column")}, reply=reply)
    assert worker.verdicts(range(1, 6)) == [
        (0, version, 0, 0, 0, ""), (CONFLICT, version, 0, 3, 1999999999, ""), (TOO_OLD, version, 0, 0, 0, ""),
        (SQL_ERROR, version, 0, 0, 0, "value too long for \"my\" column"), (0, version, 4, 0, 0, "")]


def test_a_look_finds_what_no_reply_told(driver, leader):
    worker = driver().ready()
    worker.order("submit 1 00")
    version = leader.decide(leader.wait_queue(1).values(), reply=False)
    assert worker.verdict(1) == (0, version, 0, 0, 0, "")


def test_what_is_queued_goes_on_waiting(driver, leader):
    worker = driver().ready()
    worker.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    wait_until(lambda: worker.numbers("statements")["inbox"] >= 2, "it is looked at")
    assert worker.told == {} and leader.queue() == {1: row}
    leader.decide([row])
    worker.verdict(1)


def test_forged_and_malformed_replies_are_not_believed(driver, leader):
    worker = driver().ready()
    worker.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    channel = leader.reply_channel(row[1])
    token = f"{row[4] % 2**64:016x}"
    other = f"{(row[4] + 1) % 2**64:016x}"
    for payload in ["", "r1", "r1 ", "r2 5 1:" + token + ":0:0:0", "r1 x 1:" + token + ":0:0:0",
                    f"r1 5 1:{other}:0:0:0", f"r1 5 1:{token.upper()}x:0:0:0", f"r1 5 2:{token}:0:0:0",
                    f"r1 5 1:{token}:0:0", f"r1 5 -1:{token}:0:0:0", f"r1 5 1:{token}:99999999:0:0",
                    f"r1 5 1:{token}:0:65536:0", f"r1 99999999999999999999 1:{token}:0:0:0", "x" * 7000]:
        leader.notify(channel, payload)
    worker.numbers("counts")
    time.sleep(0.2)
    assert worker.told == {}
    leader.version += 7
    leader.notify(channel, f"r1 {leader.version} what=ever 1:{other}:0:5:0 1:{token}:0:6:0:later=1 more")
    assert worker.verdict(1) == (0, leader.version, 6, 0, 0, "")


def test_a_reply_is_told_once(driver, leader):
    worker = driver().ready()
    worker.order("submits 1 3 5")
    rows = list(leader.wait_queue(3).values())
    leader.decide(rows)
    worker.verdicts([1, 2, 3])
    leader.send(rows[0][1], [leader.entry(r, i, {}) for i, r in enumerate(rows)] * 2)
    leader.send(rows[0][1], [leader.entry(rows[0], 0, {1: (CONFLICT, 0, 0, None)})])
    worker.order("submit 4 00")
    leader.decide(leader.wait_queue(1).values())
    worker.verdict(4)  # the driver's reader fails on a verdict that comes twice
    worker.close()


# ---- many ----

def waiting_or_sent(worker):
    counts = worker.numbers("counts")
    return counts["waiting"] + counts["sending"]


def test_a_thousand_in_flight_over_few_connections(driver, leader, database):
    worker = driver(max_connections=3).ready()
    with database.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.commit_requests IN SHARE MODE")
        worker.order("submits 1 1000 50")
        wait_until(lambda: waiting_or_sent(worker) == 1000, "all have begun, and the first statement is under way")
    rows = list(leader.wait_queue(1000).values())
    assert len(backends(database, DESK)) + len(backends(database, INBOX)) <= 4
    assert worker.numbers("statements")["desk"] <= 12, "checks, one registration, and what gathered in one or two statements"
    assert database.execute(ARRIVAL_ORDER) == [(n,) for n in range(1, 1001)]
    assert len({row[4] for row in rows}) == 1000, "a token each"
    version = leader.decide(rows)
    assert worker.verdicts(range(1, 1001)) == [(0, version, n, 0, 0, "") for n in range(1000)]


def test_commits_gather_while_a_statement_is_under_way(driver, leader, database):
    worker = driver().ready()
    before = worker.numbers("statements")["desk"]
    with database.connect() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE verdict.commit_requests IN SHARE MODE")
            worker.order("submit 1 00")
            wait_until(lambda: worker.numbers("counts")["sending"] == 1, "the first is under way")
            for number in range(2, 102):
                worker.order(f"submit {number} 00")
            assert worker.numbers("counts")["waiting"] == 100
    rows = leader.wait_queue(101)
    assert worker.numbers("statements")["desk"] - before == 2
    leader.decide(rows.values())
    worker.verdicts(range(1, 102))


def test_a_statement_is_bounded_in_bytes(driver, leader, database):
    worker = driver().ready()
    before = worker.numbers("statements")["desk"]
    with database.connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE verdict.commit_requests IN SHARE MODE")
        worker.order("submits 1 9 1000000")
        wait_until(lambda: waiting_or_sent(worker) == 9, "all have begun, and the first statement is under way")
    leader.wait_queue(9)
    assert worker.numbers("statements")["desk"] - before == 3, "four megabytes each"
    leader.decide(leader.queue().values())
    worker.verdicts(range(1, 10))


def test_above_max_in_flight_commits_wait_in_the_library(driver, leader):
    worker = driver(max_in_flight=10).ready()
    worker.order("submits 1 25 8")
    first = list(leader.wait_queue(10).values())
    wait_until(lambda: worker.numbers("counts")["submitted"] == 10, "ten are there")
    assert worker.numbers("counts")["waiting"] == 15
    worker.order("give_up 25")
    assert worker.verdict(25)[0] == CANCELLED, "it was never sent"
    leader.decide(first)
    leader.decide(leader.wait_queue(10).values())
    leader.decide(leader.wait_queue(4).values())
    assert [v[0] for v in worker.verdicts(range(1, 25))] == [0] * 24
    assert worker.numbers("counts")["last"] == 24


# ---- losses ----

def test_the_desk_is_lost_before_the_statement_arrives(driver, leader, database):
    worker = driver().ready()
    with database.connect() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE verdict.commit_requests IN SHARE MODE")
            worker.order("submits 1 3 5")
            wait_until(lambda: worker.numbers("counts")["sending"] == 3, "under way")
            terminate(database, DESK)
            wait_until(lambda: worker.numbers("counts")["sending"] == 0, "the loss is noticed")
            assert worker.told == {} and worker.numbers("counts")["submitted"] == 0
    rows = leader.wait_queue(3)
    assert sorted(rows) == [1, 2, 3]
    leader.decide(rows.values())
    assert [v[0] for v in worker.verdicts([1, 2, 3])] == [0, 0, 0]


def test_a_lost_inbox_is_followed_by_a_look(driver, leader, database):
    """At once, and not when it is time for one: that would be after half a second."""
    worker = driver().ready()
    numbers = itertools.count(1, 5)

    def took():
        """From before it was submitted: without a look at once, half a second at least."""
        first = next(numbers)
        begun = time.monotonic()
        worker.order(f"submits {first} 5 5")
        rows = list(leader.wait_queue(5).values())
        with Stopped(worker):
            leader.connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
                                      " AND application_name = %s", [database.name, INBOX])
            version = leader.decide(rows)
        assert worker.verdicts(range(first, first + 5)) == [(0, version, n, 0, 0, "") for n in range(5)]
        return time.monotonic() - begun
    wait_until(lambda: took() < 0.45, "a look at once")  # many tries, where everything is slow
    last = next(numbers)
    worker.order(f"submit {last} 00")
    leader.decide(leader.wait_queue(1).values())
    assert worker.verdict(last)[0] == 0, "and it listens again"


def test_what_is_neither_queued_nor_decided_is_sent_again(driver, leader, database):
    worker = driver().ready()
    worker.order("submits 1 5 9")
    before = leader.wait_queue(5)
    database.execute("TRUNCATE commit_requests")
    after = leader.wait_queue(5)
    assert after == before, "the same requests, the same tokens"
    leader.decide(after.values())
    assert [v[0] for v in worker.verdicts(range(1, 6))] == [0] * 5


def test_what_is_sent_again_goes_in_order_of_sequence(driver, leader, database):
    """Also after some of them were decided meanwhile: two who send and delete the same rows meet them in one order."""
    worker = driver().ready()
    worker.order("submits 1 30 9")
    leader.wait_queue(30)
    for decided in ([7, 23], [2, 30]):
        rows = leader.queue()
        leader.decide([rows[n] for n in decided])
        worker.verdicts(decided)
        database.execute("TRUNCATE commit_requests")
        leader.wait_queue(len(rows) - 2)
        order = [n for n, in database.execute(ARRIVAL_ORDER)]
        assert order == sorted(order)
    leader.decide(leader.queue().values())
    assert [v[0] for v in worker.verdicts(range(1, 31))] == [0] * 30


def test_postgresql_crashes_with_commits_in_flight(servers, migrate, program):
    server = servers()
    database = server.migrated(migrate)
    worker = Driver(program, database.dsn()).ready()
    leader = Leader(database)
    worker.order("submits 1 200 30")
    before = leader.wait_queue(200)
    leader.decide(list(before.values())[:50], reply=False)
    server.crash()
    worker.order("submits 201 10 30")
    time.sleep(0.5)
    assert worker.told == {}
    server.start()
    leader = Leader(database)
    wait_until(lambda: len(leader.queue()) >= 160, "the rest is there again")
    assert [v[:2] for v in worker.verdicts(range(1, 51))] == [(0, 2_000_001_000)] * 50, "durable verdicts outlive a crash"
    rows = leader.wait_queue(160)
    assert all(before[n][4:] == row[4:] for n, row in rows.items() if n <= 200)
    leader.version = 3_000_000_000
    leader.decide(rows.values())
    assert [v[0] for v in worker.verdicts(range(51, 211))] == [0] * 160
    worker.close()
    leader.close()


def test_the_notify_queue_is_full(driver, leader, database):
    """54000 comes from a trigger here (the real queue holds 8 GB): the same goes without the doorbell."""
    database.execute("""
        CREATE FUNCTION verdict.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF current_query() LIKE '%pg_notify%' THEN
            RAISE 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; END IF;
          RETURN NEW; END $$""")
    database.execute("CREATE TRIGGER full_queue BEFORE INSERT ON commit_requests FOR EACH ROW EXECUTE FUNCTION verdict.full()")
    worker = driver().ready()
    worker.order("submits 1 3 5")
    rows = leader.wait_queue(3)
    worker.order("submit 4 00")
    rows = leader.wait_queue(4)
    leader.decide(rows.values())
    assert [v[0] for v in worker.verdicts(range(1, 5))] == [0] * 4


# ---- giving up ----

def test_given_up_before_it_was_decided(driver, leader, database):
    worker = driver().ready()
    worker.order("submits 1 2 5")
    rows = leader.wait_queue(2)
    worker.order("give_up 1")
    assert worker.verdict(1)[0] == CANCELLED
    assert sorted(leader.queue()) == [2]
    assert database.execute("SELECT sequence FROM tombstones") == [(1,)]
    leader.decide([rows[2]])
    assert worker.verdict(2)[0] == 0


def test_given_up_after_it_was_decided(driver, leader):
    worker = driver().ready()
    worker.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    with Stopped(worker):
        version = leader.decide([row], reply=False)
    worker.order("give_up 1")
    assert worker.verdict(1) == (0, version, 0, 0, 0, ""), "the truth, not the wish"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_given_up_while_an_apply_holds_the_lock(driver, leader, database, end):
    worker = driver().ready()
    worker.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    with database.connect(autocommit=False) as apply:
        apply.execute("SET search_path = verdict, pg_temp")
        apply.execute("DELETE FROM commit_requests WHERE sequence = 1")
        apply.execute("DELETE FROM watermark")
        apply.execute("INSERT INTO watermark VALUES (2100000000, gen_random_uuid())")
        apply.execute("INSERT INTO outcomes VALUES (%s::uuid, 1, 1, 2100000000, %s)", [row[1], bytes(16)])
        worker.order("give_up 1")
        time.sleep(6 if end == "commit" else 1.5)
        assert worker.told == {}, "nobody knows yet, and the database answers: nobody loses patience"
        worker.order("submit 2 00")
        wait_until(lambda: 2 in leader.queue(), "others are not in its way")
        getattr(apply, end)()
    if end == "commit":
        assert worker.verdict(1) == (0, 2100000000, 0, 0, 0, "")
    else:
        assert worker.verdict(1)[0] == CANCELLED
    assert worker.numbers("counts")["submitted"] == 1


def test_given_up_when_too_much_is_given_up(driver, leader, database):
    """The database takes no tombstone so far above the low-water for now: it answers, so nobody loses patience."""
    worker = driver().ready()
    client, _, _ = worker.who()
    database.execute("UPDATE clients SET low_water = -100000 WHERE client = %s::uuid", (client,))
    worker.order("submit 1 00")
    leader.wait_queue(1)
    worker.order("give_up 1")
    time.sleep(2.5)
    assert worker.told == {}
    database.execute("UPDATE clients SET low_water = 0 WHERE client = %s::uuid", (client,))
    assert worker.verdict(1)[0] == CANCELLED


def test_given_up_while_it_is_sent(driver, leader, database):
    """The tombstone is there before the statement arrives: what arrives late is refused by the leader's fence."""
    worker = driver().ready()
    with database.connect() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE verdict.commit_requests IN SHARE MODE")
            worker.order("submit 1 00")
            wait_until(lambda: worker.numbers("counts")["sending"] == 1, "under way")
            worker.order("give_up 1")
            wait_until(lambda: worker.numbers("counts")["giving_up"] == 1, "given up")
            time.sleep(0.7)
            assert worker.told == {}
    assert worker.verdict(1)[0] == CANCELLED
    assert database.execute("SELECT sequence FROM tombstones") == [(1,)] or worker.numbers("counts")["acknowledged"] == 1


def test_many_given_up(driver, leader):
    worker = driver().ready()
    worker.order("submits 1 300 5")
    leader.wait_queue(300)
    for number in range(1, 301):
        worker.order(f"give_up {number}")
    assert {v[0] for v in worker.verdicts(range(1, 301))} == {CANCELLED}
    assert leader.queue() == {}


def test_given_up_while_the_database_cannot_decide(driver, leader, database):
    """It answers, but it has lost its tables: nobody waits for that for ever."""
    worker = driver().ready()
    worker.order("submit 1 00")
    leader.wait_queue(1)
    database.execute("DROP SCHEMA verdict CASCADE")
    worker.order("submit 2 00")
    time.sleep(1.5)
    assert worker.told == {}
    worker.order("give_up 1")
    worker.order("give_up 2")
    assert {v[0] for v in worker.verdicts([1, 2])} == {UNKNOWN}


# ---- identity ----

def test_a_forgotten_client_takes_a_new_identity(driver, leader, database):
    worker = driver().ready()
    before = worker.who()
    worker.order("submits 1 3 5")
    leader.wait_queue(3)
    database.execute("DELETE FROM clients")
    told = worker.verdicts([1, 2, 3])
    assert {v[0] for v in told} == {UNKNOWN} and "does not know this client" in told[0][5]
    worker.order("submit 4 00")
    wait_until(lambda: any(row[1] != before[0] for row in leader.queue().values()), "sent as somebody else")
    after = worker.who()
    assert after[0] != before[0] and after[2] == before[2]
    leader.decide([row for row in leader.queue().values() if row[1] == after[0]])
    assert worker.verdict(4)[0] == 0


def test_a_new_identity_begins_where_the_old_one_ended(driver, leader, database):
    """Its numbers go on, and cancel() refuses what is far above the low-water: so it is told, though nothing is decided."""
    worker = driver().ready()
    worker.order("submits 1 3 5")
    leader.wait_queue(3)
    database.execute("DELETE FROM clients")
    worker.verdicts([1, 2, 3])
    wait_until(lambda: database.execute("SELECT low_water FROM clients") == [(3,)], "the new client has told its low-water")


def test_a_generation_that_is_not_ours(driver, leader, database):
    worker = driver().ready()
    worker.order("submit 1 00")
    leader.wait_queue(1)
    database.execute("UPDATE clients SET generation = generation + 1")
    assert worker.verdict(1)[0] == UNKNOWN


def test_acknowledgements_ride_along_and_go_alone(driver, leader, database):
    worker = driver().ready()
    worker.order("submits 1 3 5")
    rows = leader.wait_queue(3)
    leader.decide([rows[1], rows[3]])
    worker.verdicts([1, 3])
    worker.order("submit 4 00")
    assert leader.wait_queue(2)[4][3] == 1, "2 is open, so 3 is not acknowledged"
    leader.decide(leader.queue().values())
    worker.verdicts([2, 4])
    wait_until(lambda: database.execute("SELECT low_water FROM clients") == [(4,)], "told alone")
    assert database.execute("SELECT count(*) FROM outcomes") == [(0,)]


def test_an_idle_database_asks_nothing(driver, leader):
    worker = driver().ready()
    worker.order("submit 1 00")
    leader.decide(leader.wait_queue(1).values())
    worker.verdict(1)
    wait_until(lambda: worker.numbers("counts")["acknowledged"] == 1, "acknowledged")
    before = worker.numbers("statements")
    time.sleep(1.5)
    assert worker.numbers("statements") == before


# ---- durability ----

def test_an_answer_with_a_warning_does_not_count(servers, migrate, program):
    """The look waits for a standby that does not come; when that wait is broken off, nothing is told."""
    server = servers()
    database = server.migrated(migrate)
    worker = Driver(program, database.dsn()).ready()
    leader = Leader(database)
    worker.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    server.await_a_standby_that_never_comes()
    leader.connection.execute("SET synchronous_commit = local")
    version = leader.decide([row], reply=False)

    def waiting():
        return [pid for pid, event in database.execute("SELECT pid, wait_event FROM pg_stat_activity")
                if event == "SyncRep"]
    for _ in range(2):
        pid = wait_until(waiting, "the look waits for the standby")[0]
        database.execute("SELECT pg_cancel_backend(%s)", [pid])
        time.sleep(0.3)
        assert worker.told == {}
    server.execute("ALTER SYSTEM RESET synchronous_standby_names")
    server.execute("SELECT pg_reload_conf()")
    assert worker.verdict(1) == (0, version, 0, 0, 0, "")
    worker.close()
    leader.close()


def test_who_waits_for_a_standby_is_not_given_up(servers, migrate, program):
    """A look and a registration owe their answers for longer than any other statement may: each goes on waiting, on the
    connection that it is on, and leaves no row of backends that wait for nobody."""
    server = servers()
    database = server.migrated(migrate)
    looks = Driver(program, database.dsn()).ready()
    leader = Leader(database)
    looks.order("submit 1 00")
    row, = leader.wait_queue(1).values()
    server.await_a_standby_that_never_comes()
    leader.connection.execute("SET synchronous_commit = local")
    version = leader.decide([row], reply=False)
    registers = Driver(program, database.dsn(), connect_timeout=60000)

    def waiting():
        return sorted(database.execute("SELECT application_name, pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
    wait_until(lambda: len(waiting()) == 2, "the look and the registration wait for the standby")
    first = waiting()
    assert [name for name, _ in first] == [DESK, INBOX]
    questions = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%state_change%%' AND pid <> pg_backend_pid()"
    wait_until(lambda: database.execute(questions) == [(2,)], "each was asked about")
    time.sleep(1.5)  # and asked about again
    assert waiting() == first and looks.told == {}
    server.execute("ALTER SYSTEM RESET synchronous_standby_names")
    server.execute("SELECT pg_reload_conf()")
    assert looks.verdict(1) == (0, version, 0, 0, 0, "")
    registers.ready()
    for worker in (looks, registers):
        worker.close()
    leader.close()


# ---- opening and closing ----

def test_what_is_wrong_is_said_at_ready(driver, database, postgres, empty_database):
    unreachable = driver(dsn="host=127.0.0.1 port=1 dbname=x", connect_timeout=700)
    assert unreachable.answer("failed").startswith("1031 the database was not to be reached in time: ")
    password = driver(dsn=database.dsn(tcp=True, password="wrong"))
    said = password.answer("failed")
    assert said.startswith("2104 ") and "authentication failed" in said and "wrong" not in said
    nowhere = driver(dsn=postgres.dsn("no_such_database"))
    assert nowhere.answer("failed").startswith("2104 ")
    empty = driver(dsn=empty_database.dsn())
    assert "verdict migrate" in empty.answer("failed")
    database.execute("UPDATE schema_migrations SET served = false")
    database.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (999, 'later', 'x')")
    newer = driver()
    said = newer.answer("failed")
    assert said.startswith("2104 ") and "newer" in said
    for one in (unreachable, password, nowhere, empty, newer):
        one.close()


def test_a_schema_that_comes_later(driver, empty_database, migrate):
    worker = driver(dsn=empty_database.dsn())
    assert worker.answer("failed").startswith("2104 ")
    migrate(empty_database.dsn())
    wait_until(lambda: worker.ask("newest") != "0", "registered")
    worker.order("ready")
    worker.ready()


@pytest.mark.parametrize("options,said", [
    ({"nonsense": 1}, "2007 there is no option \"nonsense\""),
    ({"max_connections": "many"}, "2006 option max_connections must be a number from 2 to 1000, not \"many\""),
    ({"max_in_flight": 0}, "2006 option max_in_flight must be"),
])
def test_wrong_options(program, database, options, said):
    worker = Driver(program, database.dsn(), **options)
    assert worker.answer("failed").startswith(said)
    assert worker.process.wait(PATIENCE_S) == 2


def test_a_wrong_connection_string(program):
    worker = Driver(program, "host=a password='se cret port=1")
    said = worker.answer("failed")
    assert said.startswith("2104 ") and "cret" not in said


def test_an_account_without_the_role(driver, database, postgres):
    postgres.execute("DROP ROLE IF EXISTS stranger")
    postgres.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    worker = driver(dsn=database.dsn(user="stranger"))
    assert worker.answer("failed").startswith("2104 ")
    postgres.execute("GRANT verdict_follower TO stranger")
    wait_until(lambda: worker.ask("newest") != "0", "registered after the grant")


def test_the_follower_role_is_enough(driver, database, postgres):
    postgres.execute("DROP ROLE IF EXISTS worker_account")
    postgres.execute("CREATE ROLE worker_account LOGIN")
    postgres.execute("GRANT verdict_follower TO worker_account")
    worker = driver(dsn=database.dsn(user="worker_account")).ready()
    leader = Leader(database)
    worker.order("submits 1 3 5")
    rows = leader.wait_queue(3)
    database.execute("TRUNCATE commit_requests")
    leader.wait_queue(3)
    worker.order("give_up 1")
    assert worker.verdict(1)[0] == CANCELLED
    leader.decide([rows[2], rows[3]], reply=False)
    worker.verdicts([2, 3])
    wait_until(lambda: worker.numbers("counts")["acknowledged"] == 3, "acknowledged")
    leader.close()


@pytest.mark.parametrize("base", [False, True])
def test_a_child_of_fork_may_do_nothing(driver, leader, base):
    worker = driver(base=base).ready()
    assert worker.ask("fork") == "2000 2000"
    worker.order("submit 1 00")
    leader.decide(leader.wait_queue(1).values())
    assert worker.verdict(1)[0] == 0, "and the parent goes on"
    worker.close()


@pytest.mark.parametrize("base", [False, True])
def test_close_gives_up_what_is_open(driver, leader, database, base):
    worker = driver(base=base, max_in_flight=20).ready()
    worker.order("submits 1 40 5")
    leader.wait_queue(20)
    worker.close()
    assert {v[0] for v in worker.verdicts(range(1, 41))} == {CANCELLED}
    assert leader.queue() == {}
    assert database.execute("SELECT low_water, (SELECT count(*) FROM tombstones) FROM clients") == [(20, 0)]


def test_close_gives_a_database_that_cannot_say_up_in_the_end(driver, leader, database):
    worker = driver().ready()
    worker.order("submit 1 00")
    leader.wait_queue(1)
    with database.connect(autocommit=False) as apply:
        apply.execute("DELETE FROM verdict.watermark")
        worker.close()
        apply.rollback()
    assert worker.verdict(1)[0] == UNKNOWN


def test_close_without_a_database(driver):
    worker = driver(dsn="host=127.0.0.1 port=1", connect_timeout=600_000)
    worker.order("submit 1 00")
    worker.close()
    assert worker.verdict(1)[0] == CANCELLED, "it was never sent"


def test_given_up_while_the_database_is_gone(servers, migrate, program):
    server = servers()
    database = server.migrated(migrate)
    worker = Driver(program, database.dsn()).ready()
    leader = Leader(database)
    worker.order("submit 1 00")
    leader.wait_queue(1)
    leader.close()
    server.stop("immediate")
    worker.order("submit 2 00")
    time.sleep(1.5)
    assert worker.told == {}
    begun = time.monotonic()
    worker.order("give_up 2")
    worker.order("give_up 1")
    assert worker.verdict(2)[0] == CANCELLED, "it was never sent"
    assert worker.verdict(1)[0] == UNKNOWN
    assert time.monotonic() - begun > 0.8
    worker.close()


# ---- all of it at once ----

@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_is_lost_now_and_then(driver, leader, database, seed):
    """A leader that loses replies, connections cut at random, the queue emptied, commits given up: each commit is told once,
    and what it is told is what was decided."""
    rng = random.Random(int(os.environ.get("VERDICT_SEED", seed)))
    worker = driver(max_in_flight=200).ready()
    client, _, _ = worker.who()
    decided, payloads = {}, {}
    total, done = 1500, threading.Event()

    def trouble():
        while not done.is_set():
            time.sleep(rng.uniform(0.05, 0.4))
            what = rng.random()
            if what < 0.4:
                terminate(database, DESK)
            elif what < 0.8:
                terminate(database, INBOX)
            else:
                database.execute("TRUNCATE commit_requests")
    troublemaker = threading.Thread(target=trouble)
    troublemaker.start()
    try:
        submitted = 0
        end = time.monotonic() + 5 * PATIENCE_S
        while len(worker.told) < total:
            assert time.monotonic() < end, f"{len(worker.told)} of {total} told: {worker.numbers('counts')}"
            if submitted < total and submitted - len(worker.told) < 300:
                count = min(rng.randint(1, 60), total - submitted)
                worker.order(f"submits {submitted} {count} {rng.randint(1, 40)}")
                submitted += count
            if rng.random() < 0.2 and submitted:
                worker.order(f"give_up {rng.randrange(submitted)}")
            turn(leader, client, decided, payloads, rng)
    finally:
        done.set()
        troublemaker.join()
    assert all(v[0] in (0, CONFLICT, CANCELLED) for v in worker.told.values())
    committed = sorted((version, order) for version, order, code in decided.values() if code == 0)
    assert sorted(v[1:3] for v in worker.told.values() if v[0] == 0) == committed, "told committed: what was committed"
    assert sum(v[0] == CONFLICT for v in worker.told.values()) == sum(d[2] == CONFLICT for d in decided.values())
    assert sum(v[0] == CANCELLED for v in worker.told.values()) == total - len(decided)
    worker.close()


def turn(leader, client, decided, payloads, rng):
    """One batch as a leader would do it: copies of what is decided are answered again, cancelled ones are refused."""
    connection = leader.connection
    rows = connection.execute(
        "SELECT sequence, token, payload, acknowledged FROM commit_requests ORDER BY arrival LIMIT %s", [rng.randint(1, 80)]).fetchall()
    if not rows:
        time.sleep(0.01)
        return
    entries, fresh = [], []
    with connection.transaction():
        numbers = [row[0] for row in rows]
        connection.execute("DELETE FROM commit_requests WHERE sequence = ANY (%s)", [numbers])
        connection.execute("SELECT share_watermark()")
        gone = {r[0] for r in connection.execute("SELECT sequence FROM tombstones").fetchall()}
        (low_water,), = connection.execute("SELECT low_water FROM clients").fetchall()
        leader.version += 1000
        for sequence, token, payload, _ in rows:
            assert payloads.setdefault(sequence, (token, payload)) == (token, payload), "one number, one request"
            if sequence in gone or sequence <= low_water:
                continue
            if sequence not in decided:
                fresh.append(sequence)
                decided[sequence] = (leader.version, len(fresh) - 1, CONFLICT if rng.random() < 0.2 else 0)
            version, order, code = decided[sequence]
            entries.append((version, f"{sequence}:{token % 2**64:016x}:{code}:{order if code == 0 else 0}:0"))
        record(connection, client, fresh, decided, leader.version)
    if rng.random() < 0.7:
        for version in {v for v, _ in entries}:
            leader.send(client, [text for v, text in entries if v == version], version=version)


def record(connection, client, fresh, decided, version):
    import struct
    if not fresh:
        return
    first = min(fresh)
    entries = b"".join(struct.pack(">IHHQ", n - first, decided[n][2], decided[n][1] if decided[n][2] == 0 else 0, 0)
                       for n in sorted(fresh))
    connection.execute("DELETE FROM watermark")
    connection.execute("INSERT INTO watermark VALUES (%s, gen_random_uuid())", [version])
    connection.execute("INSERT INTO outcomes VALUES (%s::uuid, %s, %s, %s, %s)",
                       [client, first, max(fresh), version, entries])
