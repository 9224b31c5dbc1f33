# SPDX-License-Identifier: Apache-2.0
"""TLS to PostgreSQL, by libpq's own options in the connection string: every connection of every program of ours goes that way, and
what is not the server that was meant is refused with one clear line."""
import re
import secrets
import shutil
import subprocess

import pytest

import private_pg
import resolver_world as rw
from certificates import Authority
from cli import environment, verdict  # noqa: F401 (fixture)
from waiting import wait_until

PASSWORD = secrets.token_hex(12)
CERTIFIED = ("cert_admin", "cert_node", "cert_app")
# who is known by password, by certificate, or by nothing but his name; and nobody without TLS
HBA = "local all postgres trust\n" + "".join(f"hostssl all {name} 127.0.0.1/32 cert\n" for name in CERTIFIED) \
    + "hostssl all anybody 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


class Field:
    """A server that speaks TLS only, an authority that has signed for it, and one that has not."""

    def __init__(self, server, folder):
        self.server = server
        self.authority, self.stranger = Authority(folder, "authority"), Authority(folder, "stranger")
        for name, path in zip(("server.crt", "server.key"), self.authority.issue("server", "subjectAltName=DNS:localhost")):
            self.give(path, name)
        self.give(self.authority.certificate, "root.crt")
        (server.data / "pg_hba.conf").write_text(HBA)
        server.restart(ssl="on", ssl_ca_file="root.crt", password_encryption="scram-sha-256")
        for kind in ("scram", "cert"):
            for name, right in (("admin", "SUPERUSER"), ("node", ""), ("app", "")):
                server.execute(f"CREATE ROLE {kind}_{name} LOGIN {right} PASSWORD '{PASSWORD}'")
        server.execute("CREATE ROLE anybody LOGIN")
        self.database = None

    def give(self, path, name):
        there = self.server.data / name
        shutil.copy(path, there)
        there.chmod(0o600)
        self.server._give(there)

    def dsn(self, user="scram_app", **more):
        parts = {"host": "localhost", "hostaddr": "127.0.0.1", "port": self.server.port, "dbname": self.database.name, "user": user,
                 "password": PASSWORD, "sslmode": "verify-full", "sslrootcert": self.authority.certificate, **more}
        return " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)

    def certified(self, user):
        certificate, key = self.authority.issue(user)
        return self.dsn(user, password=None, sslcert=certificate, sslkey=key)

    def sessions(self):
        """Kind of session of ours → whether all of them are encrypted."""
        rows = self.database.execute("SELECT a.application_name, s.ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)"
                                     " WHERE a.application_name LIKE 'verdict%'")
        kinds = {}
        for name, encrypted in rows:
            kind = name.split("/")[0]
            kinds[kind] = kinds.get(kind, True) and encrypted
        return kinds


@pytest.fixture(scope="module")
def one_field(tmp_path_factory):
    server = private_pg.Server()
    try:
        yield Field(server.init().start(), tmp_path_factory.mktemp("certificates"))
    finally:
        server.destroy()


@pytest.fixture
def field(one_field):
    """With a fresh database."""
    one_field.database = one_field.server.database()
    return one_field


RESOLVER = {"verdict-keeper", "verdict-resolver"}
WORKER = {"verdict-follower", "verdict-inbox"}


def commit(worker):
    """Again, if a change of leader came between."""
    told = None
    while told is None or told.startswith("too_old"):
        worker.stdin.write("set a 1\n")
        told = worker.stdout.readline()
    assert told.startswith("committed"), told


def works(field, program, verdict, folder, admin, node, app):
    """Migrate, lead, commit and look, by these strings; again after all sessions were cut. No session is in the clear."""
    verdict("migrate", dsn=admin).good()
    for name in ("scram", "cert"):
        field.server.execute(f"GRANT verdict_resolver TO {name}_node; GRANT verdict_follower TO {name}_app")
    world = rw.World(field.database, program("resolver/verdict-resolver"), folder, dsn=node)
    worker = subprocess.Popen([program("cli/verdict"), "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                              env=environment(VERDICT_DSN=app))
    try:
        world.lead("a")
        world.node("b").wait_says("keeper is connected")
        for _ in range(2):
            commit(worker)
            wait_until(lambda: set(field.sessions()) == RESOLVER | WORKER, lambda: str(field.sessions()))
            assert all(field.sessions().values())
            field.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'verdict-%'")
        verdict("status", dsn=app).good()
    finally:
        worker.communicate()
        world.close()
    world.no_errors()


def test_by_password_with_channel_binding(field, program, verdict, tmp_path):
    works(field, program, verdict, tmp_path, *(field.dsn(f"scram_{who}", channel_binding="require") for who in ("admin", "node", "app")))
    stored = field.server.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_node'")[0][0]
    assert stored.startswith("SCRAM-SHA-256$")


def test_by_certificate(field, program, verdict, tmp_path):
    works(field, program, verdict, tmp_path, *map(field.certified, CERTIFIED))
    verdict("exec", "get a", dsn=field.dsn("cert_app")).wrong("requires a valid client certificate", hint="user")
    stranger, key = field.stranger.issue("cert_app")
    verdict("exec", "get a", dsn=field.dsn("cert_app", sslcert=stranger, sslkey=key)).wrong("unknown ca|certificate")


REFUSED = {
    "a server of another authority": ({"sslrootcert": "stranger.crt"}, "certificate verify failed"),
    "a server of another name": ({"host": "db.example"}, 'server certificate for "localhost".* does not match host name "db.example"'),
    "an authority that is not there": ({"sslrootcert": "nowhere.crt"}, "nowhere.crt.* does not exist"),
    "in the clear": ({"sslmode": "disable", "sslrootcert": None}, "no encryption"),
    "a server that asks for no proof": ({"user": "anybody", "channel_binding": "require"}, "channel binding"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_who_is_not_meant_is_refused(field, program, verdict, tmp_path, what):
    more, says = REFUSED[what]
    more = {name: field.authority.folder / value if name == "sslrootcert" and value else value for name, value in more.items()}
    dsn = field.dsn(**more)
    for verb, arguments in (("exec", ["set a 1"]), ("migrate", []), ("status", [])):
        verdict(verb, *arguments, dsn=dsn).wrong(says)
    world = rw.World(field.database, program("resolver/verdict-resolver"), tmp_path, dsn=dsn)
    try:
        node = world.node("a")
        node.wait_says("the database cannot be reached, tries again")
        line = next(line for line in node.log().splitlines() if "cannot be reached" in line).replace('\\"', '"')
        assert re.search(says, line) and PASSWORD not in node.log()
    finally:
        world.close()
    assert field.sessions() == {}


def test_a_server_without_tls_is_refused(field, verdict):
    field.server.restart(ssl="off")
    verdict("exec", "set a 1", dsn=field.dsn()).wrong("server does not support SSL, but SSL was required")
