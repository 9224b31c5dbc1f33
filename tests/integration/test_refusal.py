# SPDX-License-Identifier: Apache-2.0
"""A server that will not have us is told from one that is away by its numbers: its words may be in any language."""
import socket
import struct
import subprocess
import threading

import pytest
from cli import environment
from waiting import wait_until

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class Foreigner:
    """Answers every session with one ErrorResponse."""

    def __init__(self, sqlstate, words, location):
        """sqlstate None: asks for a password in clear instead."""
        fields = {"S": "SCHWERWIEGEND", "V": "FATAL", "C": sqlstate or "", "M": words}
        if location:
            fields.update(F="auth.c", L="326", R="auth_failed")
        body = b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0"
        self.answer = b"E" + struct.pack("!I", len(body) + 4) + body if sqlstate else b"R" + struct.pack("!II", 8, 3)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.dsn = f"host=127.0.0.1 port={self.listener.getsockname()[1]} user=app password=geheim dbname=x"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                session, _ = self.listener.accept()
            except OSError:
                return
            with session:
                while True:
                    head = session.recv(8, socket.MSG_WAITALL)
                    if len(head) < 8:
                        break
                    size, version = struct.unpack("!II", head)
                    if version in (SSL_REQUEST, GSS_REQUEST):
                        session.sendall(b"N")
                        continue
                    session.recv(size - 8, socket.MSG_WAITALL)
                    session.sendall(self.answer)
                    break

    def close(self):
        self.listener.close()


@pytest.fixture
def foreigner():
    made = []

    def make(*arguments):
        made.append(Foreigner(*arguments))
        return made[-1].dsn
    yield make
    for one in made:
        one.close()


REFUSALS = [("28P01", "Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen"), ("28000", "kein Eintrag in pg_hba.conf"),
            ("3D000", "Datenbank »x« existiert nicht"), ("42501", "keine Berechtigung für Datenbank »x«")]
ABSENCES = [("57P03", "das Datenbanksystem startet"), ("53300", "tut mir leid, schon zu viele Verbindungen")]


def opened(program, dsn):
    """What vd_database_ready ends with."""
    done = subprocess.run([program("tests/integration/transaction_driver"), dsn, "connect_timeout=1500"], input="", text=True,
                          capture_output=True, timeout=60, check=False)
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize("location", [True, False])
@pytest.mark.parametrize("sqlstate, words", REFUSALS)
def test_refused(program, foreigner, sqlstate, words, location):
    dsn = foreigner(sqlstate, words, location)
    told = opened(program, dsn)
    assert told.startswith("failed 2104 ") and f"SCHWERWIEGEND: {words}; check user, password and database" in told.replace(":  ", ": ")
    done = subprocess.run([program("cli/verdict"), "status", "--dsn", dsn], text=True, capture_output=True, env=environment(),
                          timeout=60, check=False)
    error, hint = done.stderr.splitlines()
    assert done.returncode == 2 and error.endswith(words) and hint == "hint: check user, password and database"


@pytest.mark.parametrize("sqlstate, words", ABSENCES)
def test_away(program, foreigner, sqlstate, words):
    dsn = foreigner(sqlstate, words, True)
    told = opened(program, dsn)
    assert told.startswith("failed 1031 ") and told.endswith(words), told
    done = subprocess.run([program("cli/verdict"), "status", "--dsn", dsn], text=True, capture_output=True, env=environment(),
                          timeout=60, check=False)
    assert done.returncode == 2 and "check user" not in done.stderr


def test_no_password(program, foreigner):
    """It is libpq that misses it, in words of its own."""
    dsn = foreigner(None, "", False).replace("password=geheim", "passfile=/dev/null")
    assert opened(program, dsn).startswith("failed 2104 ")


def test_a_schema_that_cannot_be_read_now(program, servers, migrate):
    """Somebody holds the table of migrations for longer than we wait for locks: that is no refusal, and it passes."""
    server = servers()
    database = server.migrated(migrate)
    with database.connect(autocommit=False) as stranger:
        stranger.execute("LOCK TABLE verdict.schema_migrations")
        process = subprocess.Popen([program("tests/integration/transaction_driver"), database.dsn(), "connect_timeout=120000"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: "canceling statement due to lock timeout" in server.log(), "our patience ends")
    told = process.stdout.readline()
    process.stdin.close()
    process.wait(60)
    assert told == "ready\n"
