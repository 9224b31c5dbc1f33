# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of one's own for tests: in a temporary folder, on its own port and socket, gone at the end.

Server programs refuse to run as root: then the server runs as `postgres` (or `nobody`), and owns its folder. fsync is on and
nothing else is changed, unless parameters are given. The socket trusts everybody; 127.0.0.1 wants the password (SCRAM).
A server dies with the thread that started it, however that ends.

As a program it starts a server, runs a command with VERDICT_TEST_DSN (a fresh database, over the socket),
VERDICT_TEST_DSN_TCP and VERDICT_TEST_PG_PID in its environment, stops the server, and ends with the command's status:

    python3 private_pg.py [--set name=value]... -- command [argument]...
"""
import argparse
import atexit
import contextlib
import ctypes
import itertools
import os
import pathlib
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import psycopg

from waiting import PATIENCE_S, wait_until

SUPERUSER = "postgres"


def bin_dir():
    """The newest server programs on this machine."""
    if os.environ.get("VERDICT_PG_BIN"):
        return pathlib.Path(os.environ["VERDICT_PG_BIN"])
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda p: float(p.parts[-3]) if re.fullmatch(r"[\d.]+", p.parts[-3]) else 0)
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise RuntimeError("no PostgreSQL server programs: install postgresql, or set VERDICT_PG_BIN")
    return pathlib.Path(initdb).resolve().parent


def server_account():
    """Who runs the server: None is ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody to run the server as")


class Port:
    """One of 127.0.0.1 that no other test server has while this lives, also while the server is restarted: outside of what
    the system gives to connections, and held against other tests by an abstract socket."""

    def __init__(self):
        for number in random.sample(range(26000, 32000), 1000):
            self.claim = socket.socket(socket.AF_UNIX)
            try:
                self.claim.bind(f"\0verdict-test-port-{number}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
                self.number = number
                return
            except OSError:
                self.claim.close()
        raise RuntimeError("no port is free")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG: an immediate stop


def children_of(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Server:
    """One PostgreSQL: start, stop, crash, restart; standby() makes one that follows it, promote() lets that one lead."""

    def __init__(self, params=None, folder=None):
        self.params = dict(params or {})
        self.environment = {}  # what the server has beyond ours
        self.account = server_account()
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="vdpg-"))
        self._give(self.folder)
        self.data = self.folder / "data"
        self.password = secrets.token_hex(12)
        self.claimed = Port()
        self.port = self.claimed.number
        self.process = None
        self.standbys = []
        self._names = itertools.count(1)
        self._templates = {}
        atexit.register(self.destroy)

    # ---- life ----

    def _give(self, path):
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run(self, *command, check=True, **more):
        """A server program, as the server's account."""
        as_account = {} if self.account is None else {
            "user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        done = subprocess.run([str(bin_dir() / command[0]), *map(str, command[1:])], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder,
                              **as_account, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout}")
        return done

    def init(self, *options):
        """options: further ones of initdb."""
        password_file = self.folder / "password"
        password_file.write_text(self.password + "\n")
        password_file.chmod(0o600)
        self._give(password_file)
        self.run("initdb", "--pgdata", self.data, "--username", SUPERUSER, "--encoding=UTF8", "--locale=C", "--no-sync",
                 "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", password_file, *options)
        return self

    def start(self, wait=True):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
                    "max_connections": 200, "max_prepared_transactions": 0, "log_line_prefix": "%m [%p] ",
                    **self.params}
        command = [str(bin_dir() / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        as_account = {} if self.account is None else {
            "user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            preexec_fn=die_with_parent, start_new_session=True,
                                            env={**os.environ, **self.environment}, **as_account)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended: {self.log()[-2000:]}")
            try:
                lines = (self.data / "postmaster.pid").read_text().splitlines()
            except OSError:
                return False
            return len(lines) >= 8 and lines[0].strip() == str(self.process.pid) and lines[7].strip() in ("ready", "standby")
        wait_until(ready, "PostgreSQL does not get ready")
        return self

    def stop(self, mode="fast"):
        """smart, fast or immediate."""
        if self.process is None:
            return
        self.process.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.crash()
        self.process = None

    def crash(self):
        """As if the power went: kill -9 for the postmaster and everything under it, at once."""
        if self.process is None:
            return
        pid = self.process.pid
        self.process.send_signal(signal.SIGSTOP)  # so that it starts nothing new meanwhile
        children = children_of(pid)
        for victim in [*children, pid]:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{c}") for c in children), "the server's children do not end")
        self.process = None

    def restart(self, mode="fast", **params):
        """Stops if it runs, and starts on the same port; params replace parameters (None takes one away)."""
        self.stop(mode)
        for name, value in params.items():
            if value is None:
                self.params.pop(name, None)
            else:
                self.params[name] = value
        return self.start()

    def signal_backend(self, pid, number):
        """kill -9, SIGSTOP, SIGCONT for one backend of this server."""
        if pid not in children_of(self.process.pid):
            raise ValueError(f"{pid} is not a backend of this server")
        os.kill(pid, number)

    @contextlib.contextmanager
    def shut_door(self):
        """Who is connected works on; who comes has to wait outside until the end of the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def destroy(self):
        for standby in self.standbys:
            standby.destroy()
        self.standbys = []
        if self.process is not None:
            self.stop("immediate")
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    # ---- replication ----

    def copy_to(self, data):
        """A base backup, as the data folder of that name."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        self.run("pg_basebackup", "--pgdata", copy, "--checkpoint=fast", "--no-sync", "--wal-method=stream",
                 "--dbname", self.dsn("postgres"))
        shutil.rmtree(data, ignore_errors=True)
        shutil.move(copy, data)

    def standby(self, name="standby1", params=None, place=None, start=True, through=None):
        """A streaming standby of this server, started; its application_name is `name` (for synchronous_standby_names). place:
        a server that does not run, whose folder and port it takes. start: unless False. through: the port of a proxy before us."""
        other = place or Server()
        other.params = {**self.params, **(params or {})}
        other.params.pop("synchronous_standby_names", None)
        other.password = self.password
        self.copy_to(other.data)
        connection = f"host={self.folder} port={self.port} user={SUPERUSER} application_name={name}"
        if through is not None:
            connection = (f"host=127.0.0.1 port={through} user={SUPERUSER} password={self.password} application_name={name} "
                          "sslmode=disable gssencmode=disable")
        with open(other.data / "postgresql.auto.conf", "a", encoding="utf-8") as conf:
            conf.write(f"primary_conninfo = '{connection}'\n")
        signal_file = other.data / "standby.signal"
        signal_file.touch()
        other._give(signal_file)
        # the standby's account reads the primary's socket folder: both are the same account
        if place is None:
            self.standbys.append(other)
        return other.start() if start else other

    def replace_data(self, backup):
        """By a base backup (copy_to), which is used up; this server does not run. When it starts, it recovers as from an archive,
        that is to a timeline of its own."""
        shutil.rmtree(self.data)
        shutil.move(backup, self.data)
        with open(self.data / "postgresql.auto.conf", "a", encoding="utf-8") as conf:
            conf.write("restore_command = '/bin/false'\n")
        signal_file = self.data / "recovery.signal"
        signal_file.touch()
        self._give(signal_file)

    def promote(self):
        """Ends the recovery of this standby; returns when it takes writes."""
        self.run("pg_ctl", "promote", "-D", self.data, "--wait")
        return self

    def await_a_standby_that_never_comes(self, name="nobody"):
        """Every commit waits from now on, for a standby of this name that is not there (yet). (That a reload is over tells no
        session: the checkpointer makes the others wait.)"""
        self.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.execute("SELECT pg_reload_conf()")
        wait_until(self._is_waited_for, "no commit waits")

    def _is_waited_for(self):
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
        with contextlib.closing(self.connect()) as probe:
            pid = probe.info.backend_pid
            probe.pgconn.send_query(b"COMMENT ON DATABASE postgres IS 'probe'")
            while probe.pgconn.is_busy():
                if self.execute(waits, [pid]):
                    self.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
                    return True
                probe.pgconn.consume_input()
        return False

    # ---- databases ----

    def dsn(self, database="postgres", user=SUPERUSER, tcp=False, **more):
        parts = {"host": "127.0.0.1" if tcp else self.folder, "port": self.port, "dbname": database, "user": user, **more}
        if tcp and "password" not in parts:
            parts["password"] = self.password
        return " ".join(f"{name}={value}" for name, value in parts.items())

    def connect(self, database="postgres", autocommit=True, **more):
        return psycopg.connect(self.dsn(database, **more), autocommit=autocommit)

    def execute(self, sql, params=None, database="postgres"):
        """One statement in a session of its own; its rows, if there are any."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql, params)
            return cursor.fetchall() if cursor.description else None

    def database(self, template=None):
        """A fresh database."""
        name = f"test{next(self._names)}_{os.getpid()}"
        self.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return Database(self, name)

    def migrated(self, migrate, schema="verdict"):
        """A fresh database with a migrated schema: a copy of a template that `migrate(dsn, schema)` made once."""
        if schema not in self._templates:
            template = self.database()
            migrate(template.dsn(), schema)
            self._templates[schema] = template.name
        copy = self.database(self._templates[schema])
        copy.schema = schema
        return copy


class Database:
    """One database of a server."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.schema = "verdict"

    def dsn(self, **more):
        return self.server.dsn(self.name, **more)

    def connect(self, **more):
        return self.server.connect(self.name, **more)

    def execute(self, sql, params=None):
        """One statement in a session of its own, with the schema in its path."""
        with self.connect() as connection:
            connection.execute(f'SET search_path = "{self.schema}", pg_temp')
            cursor = connection.execute(sql, params)
            return cursor.fetchall() if cursor.description else None

    def drop(self):
        self.server.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def main():
    parser = argparse.ArgumentParser(description="run a command against a private PostgreSQL")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    server = Server(params=dict(item.split("=", 1) for item in arguments.set))
    try:
        server.init().start()
        database = server.database()
        environment = {**os.environ, "VERDICT_TEST_DSN": database.dsn(), "VERDICT_TEST_DSN_TCP": database.dsn(tcp=True),
                       "VERDICT_TEST_PG_PID": str(server.process.pid)}
        return subprocess.run(arguments.command, env=environment, check=False).returncode
    finally:
        server.destroy()


if __name__ == "__main__":
    sys.exit(main())
