# SPDX-License-Identifier: Apache-2.0
"""A password in a connection string is told to nobody: by no verb and no daemon, in no form of the string, whether the connection
succeeds, fails, or is not even tried because the string, or the command around it, is malformed."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import urllib.parse

import pytest

import resolver_world as rw
from cli import environment, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S, rest_of, wait_until

# Made of pieces of its own between everything that somebody may have to quote, so that a part of it is found as well.
PIECES = ("Kq7wA", "Zx9vB", "Tb5nC", "Gh3mD", "Rd8pE", "Lc2fF", "Yj6sG", "Wn4kH", "Pv1tI", "Mx0zJ", "Hs9dK", "Bf3gL", "Jt7rM")
SPECIAL = "".join(map("".join, zip(PIECES, "@ '\"/?#%:&=\\$")))
PLAIN = "Qw8eN"
WRONG = "Vu2yO"  # not the account's
ALL = (*PIECES, PLAIN, WRONG)

# What a run of each verb looks like: its arguments and its input. (up and down make their own cluster, and take no string.)
RUNS = {
    "up": None,
    "down": None,
    "migrate": ([], ""),
    "status": (["--json"], ""),
    "observe": (["--json"], ""),
    "exec": (["set secret 1; get secret"], ""),
    "shell": ([], "set secret 1\nget secret\n"),
    "submit": (["--processes", "2"], '{"ops":[["set","secret","1"]]}\n'),
    "clients": ([], ""),
    "doctor": ([], ""),
    "dump": (["-", "--format", "jsonl"], ""),
    "elect": (["--handover"], ""),  # nobody is there to take over
    "load": (["-", "--prefix", "nothing/"],
             '{"verdict_dump":1,"id":"030d0224dded2b5f84452304de68587d","version":1,"begin":"nothing/","end":"nothing0","counters":false}\n'),
    "purge": (["--dry-run"], ""),
    "bench": (["blind", "--seconds", "1", "--warmup", "0", "--keys", "10", "--in-flight", "2", "--json"], ""),
}

ENDS = {"doctor": (0, 1), "elect": (2,), "load": (2,)}  # else 0, or 130 after Ctrl-C


def silent(text, where):
    """Nothing of any password, also not as it is written in a URI."""
    found = [piece for piece in ALL if piece in text]
    assert found == [], f"{where} tells {found}: {text[:2000]}"


def quoted(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Strings:
    """Connection strings to one database, in all forms: (the string, further environment)."""

    def __init__(self, database, password, user="secretive"):
        self.database, self.password, self.user = database, password, user

    def pairs(self, port=None, name=None):
        return (f"host=127.0.0.1 port={port or self.database.server.port} dbname={name or self.database.name} user={self.user}"
                f" password={quoted(self.password)}"), {}

    def uri(self, port=None, name=None):
        return (f"postgresql://{self.user}:{urllib.parse.quote(self.password, safe='')}@127.0.0.1:{port or self.database.server.port}"
                f"/{name or self.database.name}"), {}

    def parameter(self, port=None, name=None):
        return (f"postgresql://127.0.0.1:{port or self.database.server.port}/{name or self.database.name}?user={self.user}"
                f"&password={urllib.parse.quote(self.password, safe='')}"), {}

    def variable(self, port=None, name=None):
        dsn, _ = self.pairs(port, name)
        return dsn[:dsn.index(" password=")], {"PGPASSWORD": self.password}

    def forms(self):
        return (self.pairs, self.uri, self.parameter, self.variable)


@pytest.fixture
def strings(database, postgres):
    """One for a password: the account may do everything, so that verbs succeed."""
    def make(password, real=None):
        database.execute("DO $$ BEGIN CREATE ROLE secretive SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        with postgres.connect() as session:
            session.execute("SELECT set_config('x.y', %s, false)", (real or password,))
            session.execute("DO $$ BEGIN EXECUTE format('ALTER ROLE secretive PASSWORD %L', current_setting('x.y')); END $$")
        return Strings(database, password)
    return make


@pytest.fixture
def node(database, program, tmp_path):
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    world.lead()
    yield world
    world.close()


def run(program, verb, dsn, more, *flags):
    """Everything that a verb says; observe has no end of its own."""
    arguments, said = RUNS[verb]
    process = subprocess.Popen([program("cli/verdict"), verb, *flags, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               env=environment(VERDICT_DSN=dsn, PGCONNECT_TIMEOUT="60", **more))
    told = ""
    if verb == "observe":
        told = process.stdout.readline()
        process.send_signal(signal.SIGINT)
    told += process.communicate(said, timeout=PATIENCE_S)[0] or ""
    silent(told, f"verdict {verb} ({process.returncode})")
    return process.returncode, told


def verbs_with_a_string():
    return [verb for verb, what in RUNS.items() if what is not None]


def test_all_verbs_are_here(verdict):
    told = verdict("--help").good().stdout
    assert sorted(re.findall(r"^  (\w+) ", told, re.M)) == sorted(RUNS)
    for verb in RUNS:
        takes = any(setting["name"] == "dsn" for setting in verdict(verb, "--settings-json").good().json_lines[0]["settings"])
        assert takes == (RUNS[verb] is not None), verb


def test_connections_that_succeed(program, strings, node):
    """Each verb, with the four forms of the string dealt out among them, and the password with everything in it."""
    made = strings(SPECIAL)
    forms = made.forms()
    for i, verb in enumerate(verbs_with_a_string()):
        for form in (forms[i % 4], forms[(i + 1) % 4]) if verb != "bench" else (forms[i % 4],):
            dsn, more = form()
            code, told = run(program, verb, dsn, more)
            assert code in ENDS.get(verb, (0, 130)), f"{verb} {form.__name__}: {told}"
            assert code != 2 or "no other node" in told or "cut short" in told, told


def test_connections_that_fail(program, strings, database):
    """Nobody is there; no such database; a password that is not the account's."""
    made = strings(WRONG, real=PLAIN)
    good = Strings(database, SPECIAL)
    for i, verb in enumerate(verbs_with_a_string()):
        ways = (good.forms()[i % 4](port=1), made.forms()[(i + 2) % 4](), good.forms()[(i + 1) % 4](name="nowhere"))
        for dsn, more in ways if verb in ("status", "submit") else (ways[i % 2],):
            code, told = run(program, verb, dsn, more)
            assert code == 2 and told.count("\n") <= 3, (verb, told)


def malformed(port):
    """Strings that cannot be read, or are read as something else than they were meant."""
    return (f"host=127.0.0.1 port={port} password={PIECES[0]} {PIECES[1]}", f"password='{PIECES[0]} host=127.0.0.1",
            f"host=127.0.0.1 password={PIECES[0]}\"{PIECES[1]} \"{PIECES[2]}\"", f"password{PIECES[0]}={PIECES[1]}",
            f"postgresq://app:{PIECES[0]}@127.0.0.1:{port}/x?sslmode=require", f"postgresql:/app:{PIECES[0]}@127.0.0.1/x?a=b",
            f"postgresql://app:{PIECES[0]}%zz{PIECES[1]}@127.0.0.1:{port}/x", f"postgresql://127.0.0.1:{port}/x?password{PIECES[0]}",
            f"postgresql://app:{PIECES[0]}@{PIECES[1]}@127.0.0.1:{port}/x", f"postgresql://app:{PIECES[0]}@{PIECES[1]}/{PIECES[2]}@[::1",
            f"postgresql://app:{PIECES[0]}/{PIECES[1]}@127.0.0.1:{port}/x", f"postgresql://app:{PIECES[0]}?{PIECES[1]}@127.0.0.1:{port}/x")


def test_malformed_strings(program, database):
    verbs = verbs_with_a_string()
    for i, dsn in enumerate(malformed(database.server.port)):
        for verb in (verbs[i % len(verbs)], "status"):
            assert run(program, verb, dsn, {})[0] == 2, (verb, dsn)
        done = subprocess.run([program("resolver/verdict-resolver"), "--print-life"], capture_output=True, text=True, check=False,
                              env=environment(VERDICT_DSN=dsn))
        silent(done.stdout + done.stderr, "verdict-resolver --print-life")


def test_a_string_where_none_belongs(program, strings, folder_of_files):
    """Whoever forgets --dsn, or the name of a setting, finds the string in the error, but not the password."""
    uri = strings(PLAIN).uri()[0]
    pairs = strings(PLAIN).pairs()[0]
    config = folder_of_files / "config"
    config.write_text(f"{uri}?a=b\n")
    words = [[uri], ["--help", uri], [f"--dns={uri}"], ["--dns", uri], ["--dsn", uri, uri], [pairs], ["--config", str(config)],
             ["--schema", "-", uri]]
    for i, verb in enumerate((*RUNS, None)):
        program_and_verb = [program("cli/verdict"), verb] if verb else [program("resolver/verdict-resolver")]
        for arguments in words if verb in (None, "status", "submit") else (words[0], words[i % len(words)]):
            if verb in ("exec", "shell") and arguments == ["--dsn", uri, uri]:
                continue
            done = subprocess.run([*program_and_verb, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                  timeout=PATIENCE_S, env=environment(PGHOST="/nowhere"))
            silent(done.stdout + done.stderr, f"{verb} {arguments}")
            assert done.returncode == (0 if "--help" in arguments else 2), done
    for word in (uri, pairs, f"app:{PLAIN}@127.0.0.1"):
        done = subprocess.run([program("cli/verdict"), word, "status"], capture_output=True, text=True, check=False, env=environment())
        silent(done.stdout + done.stderr, "a verb")
        assert done.returncode == 2
    done = subprocess.run([program("cli/verdict"), "status", "--help"], capture_output=True, text=True, check=False,
                          env=environment(VERDICT_DSN=uri))
    silent(done.stdout + done.stderr, "--help")


@pytest.fixture
def folder_of_files(tmp_path):
    return tmp_path


# ---- the daemon ----

@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_resolver(program, strings, database, tmp_path, log_format):
    """At its most talkative, while it leads, while nobody is there, and while it is refused; and what the server sees of it."""
    made = strings(SPECIAL)
    settings = {"log-level": "debug", "log-format": log_format}
    forms = made.forms()[:3] if log_format == "text" else made.forms()[3:]
    worlds = []
    try:
        for form in forms:
            dsn, more = form()
            world = rw.World(database, program("resolver/verdict-resolver"), tmp_path, dsn=dsn)
            worlds.append(world)
            with told_in(more):
                node = world.node(f"n{len(worlds)}", settings)
            wait_until(lambda: re.search(r'state"?[=:]"?leading', node.log()), node.log)
            assert world.client().commit([(rw.SET, b"a", b"1")]).code == 0
            silent(pathlib.Path(f"/proc/{node.process.pid}/cmdline").read_text() if more else "", "its command line")
            seen = database.execute("SELECT application_name, query FROM pg_stat_activity")
            silent(repr(seen), "pg_stat_activity")
            silent(repr(database.execute("SELECT node FROM lease")), "the lease")
            assert node.stop() == 0
            silent(node.log(), "its log")
        for place in ({"port": 1}, {"name": "nowhere"}):
            world = rw.World(database, program("resolver/verdict-resolver"), tmp_path, dsn=made.uri(**place)[0])
            worlds.append(world)
            node = world.node(f"n{len(worlds)}", settings)
            wait_until(lambda: "cannot be reached" in node.log() or not node.is_running(), node.log)
            node.kill()
            silent(node.log(), "its log")
    finally:
        for world in worlds:
            world.close()


@contextlib.contextmanager
def told_in(more):
    os.environ.update(more)
    try:
        yield
    finally:
        for name in more:
            del os.environ[name]


# ---- children ----

def descendants(pid):
    found = [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [far for child in found for far in descendants(child)]


@pytest.mark.parametrize("verb", ["submit", "bench"])
def test_children(program, strings, database, node, verb):
    """What others on the machine see of the processes that a verb starts, and what PostgreSQL shows of their sessions."""
    dsn, more = strings(SPECIAL).uri()
    arguments = ["--processes", "2"] if verb == "submit" else ["blind", "--processes", "2", "--seconds", "60", "--warmup", "0"]
    process = subprocess.Popen([program("cli/verdict"), verb, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               env=environment(VERDICT_DSN=dsn, **more))
    try:
        if verb == "submit":
            process.stdin.write('{"ops":[["set","secret","1"]]}\n' * 10)
            process.stdin.flush()
        sessions = "SELECT application_name, query FROM pg_stat_activity WHERE usename = 'secretive'"
        wait_until(lambda: len(descendants(process.pid)) == 2 and database.execute(sessions), "they do not run")
        for pid in (process.pid, *descendants(process.pid)):
            silent(pathlib.Path(f"/proc/{pid}/cmdline").read_text() + pathlib.Path(f"/proc/{pid}/comm").read_text(), "a process")
        silent(repr(database.execute(sessions)), "pg_stat_activity")
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        told = rest_of(process)
    silent(repr(told), verb)
