# SPDX-License-Identifier: Apache-2.0
"""How the program is used, and how it is used wrongly: one clear line, a hint, the right exit status; migrate, status."""
import json
import re
import signal
import subprocess
import time

import pytest
from cli import environment, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S, rest_of

VERBS = ("up", "down", "migrate", "status", "observe", "doctor", "clients", "purge", "elect", "exec", "shell", "submit")


def test_help_and_version(verdict):
    told = verdict("--help").good().stdout
    assert all(re.search(rf"^  {verb} ", told, re.M) for verb in VERBS)
    for verb in VERBS:
        told = verdict(verb, "--help").good().stdout
        assert told.startswith(f"usage: verdict {verb}")
    assert re.fullmatch(r"verdict \d+\.\d+\.\d+ \(schema version \d+\)\n", verdict("--version").good().stdout)


def test_wrong_words(verdict):
    verdict().wrong("a verb is missing", "--help")
    verdict("stauts").wrong('unknown verb "stauts"', "did you mean status")
    verdict("status", "--jason").wrong("--jason", "did you mean --json")
    verdict("status", "now").wrong('"now"')
    verdict("status", "--interval", "soon").wrong("--interval")
    verdict("status", "--timeout").wrong("--timeout needs a value")
    verdict("status", VERDICT_TIMEOUT="soon").wrong("VERDICT_TIMEOUT")
    verdict("exec").wrong("a script is missing")
    verdict("exec", "get a", "get b").wrong("one script at a time")
    verdict("exec", "gte a").wrong('column 1: unknown command "gte"', "did you mean get")
    verdict("exec", "set a 1; begin; commit").wrong("column 10: begin after")
    verdict("submit", "a", "b").wrong("one file at a time")
    verdict("submit", "--in-flight", "0").wrong("--in-flight")
    verdict("submit", "/nonexistent").wrong("cannot read /nonexistent: No such file or directory")
    verdict("submit", "/").wrong("cannot read /: Is a directory")


NEEDING_A_DATABASE = (("migrate",), ("status",), ("observe",), ("clients",), ("purge",), ("elect", "--handover"), ("exec", "get a"), ("shell",), ("submit",))


@pytest.mark.parametrize("command", NEEDING_A_DATABASE, ids=lambda c: c[0])
def test_databases_that_are_not_there(verdict, postgres, empty_database, command):
    verdict(*command, dsn="host=/nonexistent").wrong("No such file or directory", "PostgreSQL")
    verdict(*command, dsn="host=127.0.0.1 port=1").wrong("Connection refused", "PostgreSQL")
    verdict(*command, dsn="nonsense password=sesame").wrong("connection string", "host=")
    assert "sesame" not in verdict(*command, dsn="nonsense password=sesame").stderr
    verdict(*command, dsn="postgresql://nobody:sesame@/x?wrong=1").wrong("connection string")
    verdict(*command, dsn=empty_database.dsn(user="nobody_at_all")).wrong("nobody_at_all")
    verdict(*command, dsn=postgres.dsn("no_such_database")).wrong("no_such_database")
    verdict(*command, "--schema", "No", dsn=empty_database.dsn()).wrong("schema")
    if command[0] != "migrate":
        verdict(*command, dsn=empty_database.dsn()).wrong("schema.*verdict", "migrate")


@pytest.mark.parametrize("command", NEEDING_A_DATABASE, ids=lambda c: c[0])
def test_a_schema_of_another_version(verdict, database, command):
    database.execute("UPDATE schema_migrations SET served = false")
    database.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'later', repeat('0', 64))")
    verdict(*command, dsn=database.dsn()).wrong("schema")


def test_settings_come_from_everywhere(verdict, database, tmp_path):
    verdict("migrate", "--dsn", database.dsn()).good()
    verdict("migrate", dsn=database.dsn()).good()
    verdict("migrate", PGHOST=str(database.server.folder), PGPORT=str(database.server.port), PGUSER="postgres",
            PGDATABASE=database.name).good()
    settings = tmp_path / "settings"
    settings.write_text(f"# mine\ndsn = {database.dsn()}\n")
    verdict("migrate", "--config", settings).good()
    settings.write_text("dns = x\n")
    verdict("migrate", "--config", settings).wrong(r"settings:1: unknown setting dns", "did you mean dsn")


def test_migrate(verdict, empty_database):
    dsn = empty_database.dsn()
    assert re.fullmatch(r"schema verdict is at version \d+ \(\d+ migrations? applied\)\n", verdict("migrate", dsn=dsn).good().stdout)
    assert "is up to date" in verdict("migrate", dsn=dsn).good().stdout
    assert "schema other is at" in verdict("migrate", "--schema", "other", dsn=dsn).good().stdout
    empty_database.execute("CREATE ROLE powerless LOGIN")
    try:
        verdict("migrate", "--schema", "third", dsn=empty_database.dsn(user="powerless")).wrong("permission denied", "may create")
    finally:
        empty_database.execute("DROP ROLE powerless")


def test_status_when_nobody_leads(verdict, database):
    done = verdict("status", dsn=database.dsn()).good(1)
    assert re.search(r"^leader +none yet$", done.stdout, re.M) and done.stderr == ""
    status = verdict("status", "--json", dsn=database.dsn()).good(1).json_lines[0]
    assert status["leader"] is None and status["serves"] is False and status["nodes"] == [] and status["queue"] == 0
    assert status["oldest_snapshot_ms"] is None


def test_status_sees_queue_and_snapshots(verdict, database):
    database.execute("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload) "
                     "SELECT gen_random_uuid(), 1, 1, 0, 1, 'x' FROM generate_series(1, 7)")
    with database.connect(autocommit=False) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        time.sleep(0.3)
        status = verdict("status", "--json", dsn=database.dsn()).good(1).json_lines[0]
    assert status["queue"] == 7
    assert 250 <= status["oldest_snapshot_ms"] < 10 * 60_000


def test_an_observer_sees_it_all(verdict, database):
    database.execute("CREATE ROLE onlooker LOGIN IN ROLE verdict_observer")
    try:
        with database.connect(application_name="verdict-keeper/verdict/n1", autocommit=False) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT 1")
            status = verdict("status", "--json", dsn=database.dsn(user="onlooker")).good(1).json_lines[0]
        assert [node["node"] for node in status["nodes"]] == ["n1"]
        assert status["nodes"][0]["up_ms"] >= 0 and status["oldest_snapshot_ms"] is not None
    finally:
        database.execute("DROP ROLE onlooker")


def interrupt_after_lines(program, arguments, dsn, lines):
    process = subprocess.Popen([program("cli/verdict"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment(VERDICT_DSN=dsn))
    told = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)
    assert process.returncode == 130, err
    assert err == ""
    return told + out.splitlines()


def test_watching_ends_with_ctrl_c(program, database):
    told = interrupt_after_lines(program, ["status", "--json", "--watch", "--interval", "50ms"], database.dsn(), 3)
    assert all(json.loads(line)["schema"] == "verdict" for line in told)


def test_observing_reads_what_a_leader_says_and_nothing_else(program, database):
    process = subprocess.Popen([program("cli/verdict"), "observe", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=database.dsn()))
    assert json.loads(process.stdout.readline())["event"] == "listening"
    for payload in ("nonsense", "b1 version=x", "b1 version=8 requests=2 committed=1 conflict=1 too_old=0 rejected=0",
                    "v1 version=8 00000000000000ff:3:0:0 00000000000000ff:4:1020:0 more=5", "v1 version=9 zz:1:0:0"):
        database.execute("SELECT pg_notify('verdict_verdicts', %s)", (payload,))
    told = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert told[0] == {"event": "batch", "version": 8, "requests": 2, "committed": 1, "conflict": 1, "too_old": 0, "rejected": 0}
    assert told[1] == {"event": "verdict", "version": 8, "follower": "00000000000000ff", "sequence": 3, "verdict": "committed",
                       "order": 0}
    assert told[2]["verdict"] == "conflict" and told[2]["error"] == 1020
    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)
    assert (process.returncode, out, err) == (130, "", "")


def test_observing_asks_the_leader_to_list_verdicts_and_comes_back(program, database):
    with database.connect() as listener:
        listener.execute("LISTEN verdict_doorbell")
        process = subprocess.Popen([program("cli/verdict"), "observe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=environment(VERDICT_DSN=database.dsn()))
        try:
            assert process.stdout.readline().startswith("listening ")
            assert next(listener.notifies()).payload == "observe"
            database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             "WHERE application_name = 'verdict-observer' AND datname = current_database()")
            assert process.stdout.readline().startswith("lost ")
            assert process.stdout.readline().startswith("listening ")
        finally:
            process.send_signal(signal.SIGINT)
            rest_of(process)
        assert process.returncode == 130


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["exec", "--help"], ["status", "--json"], ["observe"],
                                     ["migrate"], ["exec", "get a; get b"], ["exec", "set \\xff 1"], ["shell"]], ids=" ".join)
def test_output_that_cannot_be_written(program, database, command):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("cli/verdict"), *command], stdout=full, stderr=subprocess.PIPE, text=True, input="get a\n",
                              env=environment(VERDICT_DSN=database.dsn()), timeout=PATIENCE_S, check=False)
    assert done.returncode == 2 and done.stderr.count("standard output cannot be written") == 1


def test_closed_descriptors(program, database):
    """They are errors, and never another file: results printed into a connection would be a disaster."""
    def run(command, closed):
        done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", program("cli/verdict"), *command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=environment(VERDICT_DSN=database.dsn()), timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout, done.stderr
    for command in (["exec", "-"], ["shell"], ["submit"]):
        code, out, err = run(command, "<&-")
        assert (code, out) == (2, "") and "cannot read standard input: Bad file descriptor" in err
    read = "a absent\ncommitted version=-1 read-only\n"
    assert run(["exec", "get a"], "<&-") == (0, read, "")
    assert run(["exec", "get a"], "2>&-") == (0, read, "")
    assert run(["exec", "gte a"], "2>&-") == (2, "", "")
    for command in (["exec", "get a"], ["status"], ["--help"]):
        code, out, err = run(command, ">&-")
        assert (code, out) == (2, "") and "standard output cannot be written" in err
    assert run(["exec", "get a"], "<&- >&- 2>&-") == (2, "", "")


def test_a_server_that_swallows_everything(verdict):
    """A time-out, and it says so."""
    import socket
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        verdict("status", "--timeout", "1s", dsn=f"host=127.0.0.1 port={port}").wrong("did not answer|no answer|in time")
