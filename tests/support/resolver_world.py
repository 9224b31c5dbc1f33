# SPDX-License-Identifier: Apache-2.0
"""Followers by hand and resolvers as processes: what the tests of the resolver are made of.

A Client speaks the protocol of docs/protocol.md straight over psycopg: it registers, inserts encoded requests into the
queue, listens for its replies, and looks. A Node is a verdict-resolver with its log. A World is a database with some of
both, cleaned up at the end.
"""
import hashlib
import os
import pathlib
import re
import secrets
import select
import signal
import struct
import subprocess
import time
import uuid

from waiting import PATIENCE_S, wait_until

SET, CLEAR, ADD, CLEAR_RANGE, MAX, STAMPED_KEY, STAMPED_VALUE = 0, 1, 2, 3, 12, 14, 15
SEQUENCED_KEY, SEQUENCED_VALUE = 128, 129
VALUE, PRESENT, ABSENT, EMPTY = 1, 2, 3, 4
COMMITTED, TOO_OLD, FUTURE, CONFLICT, CANCELLED = 0, 1007, 1009, 1020, 1025


# ---- the wire format (proto/verdict.proto) ----

def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """Bytes, or a non-negative int; what is empty or 0 is left out, as proto3 does."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


def message(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def mutation(op, key, value=b"", no_write_conflict=False, counter=b"", stamped=False):
    return (field(1, op) + field(2, key) + field(3, value) + field(4, int(no_write_conflict)) + field(5, counter)
            + field(6, int(stamped)))


def sequenced(counter, prefix, value=b"", stamped=False):
    return SEQUENCED_KEY, prefix, value, False, b"\xff/counter/" + counter, stamped


def encode(mutations=(), reads=(), writes=(), term=b"\0" * 16, version=0, extra=b""):
    out = field(1, 1) + field(2, term) + varint(3 << 3 | 1) + struct.pack("<Q", version)
    for begin, end in reads:
        out += message(4, field(1, begin) + field(2, end))
    for begin, end in writes:
        out += message(5, field(1, begin) + field(2, end))
    for item in mutations:
        out += message(6, mutation(*item))
    return out + extra


def demands(*preconditions):
    """For `extra`: each (kind, key[, value])."""
    return b"".join(message(8, field(1, kind) + field(2, key) + field(3, *value or [b""]))
                    for kind, key, *value in preconditions)


def key_range(key):
    return key, key + b"\0"


# ---- followers ----

class Verdict:
    def __init__(self, version, code, a, b, further=0):
        self.version, self.code, self.a, self.b, self.further = version, code, a, b, further

    def __repr__(self):
        return f"Verdict(version={self.version}, code={self.code}, a={self.a}, b={self.b})"

    def __eq__(self, other):
        return vars(self) == vars(other)


class Client:
    def __init__(self, database):
        self.database = database
        self.schema = database.schema
        self.id = uuid.uuid4()
        self.reply = secrets.randbits(63)
        self.sequence = 0
        self.acknowledged = 0
        self.tokens = {}
        self.verdicts = {}
        self.replies = 0  # how many entries came, copies too
        self.numbers = {}  # of commits with several counters: what the reply says of the further ones
        self.inbox = self._session("inbox")
        self.session = self._session("follower")
        self.inbox.execute(f"LISTEN {self.schema}_reply_{self.reply:016x}")
        self.generation, self.term, self.version = self.session.execute(
            "SELECT generation, term, version FROM register(%s, %s)", (self.id, self.reply)).fetchone()
        self.term = self.term.bytes

    def _session(self, role):
        connection = self.database.connect(application_name=f"verdict-{role}/{self.schema}")
        connection.execute(f"SET search_path = {self.schema}, pg_temp")
        return connection

    def reconnect(self):
        for connection in (self.inbox, self.session):
            connection.close()
        self.inbox = self._session("inbox")
        self.session = self._session("follower")
        self.inbox.execute(f"LISTEN {self.schema}_reply_{self.reply:016x}")

    def snapshot(self):
        """The newest (term, version)."""
        term, version = self.session.execute(
            "SELECT term, version FROM watermark ORDER BY version DESC LIMIT 1").fetchone()
        self.term, self.version = term.bytes, version
        return self.term, self.version

    def get(self, key):
        row = self.session.execute("SELECT value FROM kv WHERE key = %s", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def request(self, mutations=(), reads=(), writes=(), at=None, extra=b""):
        term, version = at or (self.term, self.version)
        return encode(mutations, reads, writes, term, version, extra)

    def submit_payloads(self, payloads, ring=True, sequences=None, resend=False):
        """Inserts the requests in one statement; their sequence numbers."""
        if sequences is None:
            sequences = list(range(self.sequence + 1, self.sequence + 1 + len(payloads)))
            self.sequence += len(payloads)
        for sequence in sequences:
            self.tokens.setdefault(sequence, secrets.randbits(63))
        insert = ("INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload) "
                  "SELECT %s, s, %s, %s, t, p FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS r(s, t, p)")
        if resend:
            insert += " ON CONFLICT DO NOTHING"
        values = [self.id, self.generation, self.acknowledged, sequences, [self.tokens[s] for s in sequences],
                  list(payloads)]
        if ring:
            self.session.execute(f"WITH sent AS ({insert}) SELECT pg_notify(%s, '')",
                                 [*values, f"{self.schema}_doorbell"])
        else:
            self.session.execute(insert, values)
        return sequences

    def submit(self, mutations=(), reads=(), writes=(), at=None, ring=True, extra=b""):
        return self.submit_payloads([self.request(mutations, reads, writes, at, extra)], ring=ring)[0]

    def resend(self, sequence, payload):
        self.submit_payloads([payload], sequences=[sequence], resend=True)

    def hear(self, timeout_s=0.05):
        """Takes in the replies that come within this time."""
        connection = self.inbox.pgconn
        select.select([connection.socket], [], [], timeout_s)
        connection.consume_input()
        while True:
            notification = connection.notifies()
            if notification is None:
                return
            kind, version, *entries = notification.extra.decode().split()
            assert kind == "r1" and len(notification.extra) < 7900
            for entry in entries:
                sequence, token, code, a, b, *further = entry.split(":")
                self.replies += 1
                if self.tokens.get(int(sequence)) != int(token, 16):
                    continue
                verdict = Verdict(int(version), int(code), int(a), int(b), *map(int, further[:1]))
                if int(code) == 0 and further[1:]:
                    self.numbers[int(sequence)] = list(map(int, further[1:]))
                known = self.verdicts.setdefault(int(sequence), verdict)
                assert known == verdict, f"two verdicts for {sequence}: {known}, {verdict}"

    def wait(self, *sequences, timeout_s=PATIENCE_S):
        """The verdicts of these requests, as replies bring them."""
        end = time.monotonic() + timeout_s
        while not all(s in self.verdicts for s in sequences):
            if time.monotonic() > end:
                missing = [s for s in sequences if s not in self.verdicts]
                raise TimeoutError(f"no verdict for {missing[:10]} of {len(sequences)}")
            self.hear()
        return [self.verdicts[s] for s in sequences]

    def commit(self, mutations=(), reads=(), writes=(), at=None, timeout_s=PATIENCE_S, extra=b""):
        return self.wait(self.submit(mutations, reads, writes, at, extra=extra), timeout_s=timeout_s)[0]

    def look(self, *sequences):
        """Rows of (sequence, state, code, version, place, detail_range, detail_version, note, further)."""
        rows = self.session.execute("SELECT * FROM look(%s, %s, %s)",
                                    (self.id, self.generation, list(sequences))).fetchall()
        return {row[0]: row for row in rows}

    def settle(self, sequence, payload, timeout_s=PATIENCE_S):
        """What a follower does about a request in doubt: looks, sends again, looks; its (code, version, place)."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            _, state, code, version, place, *_ = self.look(sequence)[sequence]
            if state == 2:
                return code, version, place
            if state == 0:
                self.resend(sequence, payload)
            assert state in (0, 1, 2), f"state {state}"
            time.sleep(0.01)
        raise TimeoutError(f"no outcome for {sequence}")

    def cancel(self, sequence):
        return self.session.execute("SELECT * FROM cancel(%s, %s, %s)",
                                    (self.id, self.generation, sequence)).fetchone()

    def close(self):
        self.inbox.close()
        self.session.close()


def digest(payload):
    return struct.unpack(">Q", hashlib.sha256(payload).digest()[:8])[0]


# ---- resolvers ----

class Node:
    """One verdict-resolver."""

    def __init__(self, program, dsn, name, folder, settings=None, faults=None):
        self.name = name
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        self.fault_path = pathlib.Path(folder) / f"{name}.faults"
        self.command = [program, "--dsn", dsn, "--node", name]
        for key, value in {"lease-ttl": "10s", "look-interval": "50ms", **(settings or {})}.items():
            self.command += [f"--{key}", str(value)]
        self.environment = {**os.environ, "VERDICT_FAULT_LOG": str(self.fault_path)} if faults else dict(os.environ)
        if faults:
            self.environment["VERDICT_FAULT"] = faults
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def says(self, sentence):
        return sentence in self.log()

    def wait_says(self, sentence, timeout_s=PATIENCE_S):
        wait_until(lambda: self.says(sentence), lambda: f"{self.name} does not say: {sentence}\n{self.log()[-3000:]}",
                   timeout_s)

    def hits(self, place):
        """How often a fault point did something."""
        text = self.fault_path.read_text() if self.fault_path.exists() else ""
        return len([line for line in text.splitlines() if line.split()[0] == place and line.split()[2] != "none"])

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout_s=PATIENCE_S):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def is_running(self):
        return self.process is not None and self.process.poll() is None


class World:
    def __init__(self, database, program, folder, dsn=None):
        self.database = database
        self.dsn = dsn or database.dsn()  # what the nodes are told
        self.program = program
        self.folder = folder
        self.nodes = {}
        self.clients = []

    def node(self, name, settings=None, faults=None):
        node = Node(self.program, self.dsn, name, self.folder, settings, faults)
        self.nodes[name] = node
        return node.start()

    def lead(self, name="a", settings=None, faults=None):
        """A node that leads."""
        node = self.node(name, settings, faults)
        node.wait_says("state=leading")
        return node

    def client(self):
        client = Client(self.database)
        self.clients.append(client)
        return client

    def leader(self):
        """Who holds the lease, by the lease; None if nobody does."""
        row = self.database.execute("SELECT node FROM lease WHERE NOT released AND expires_at > clock_timestamp()")
        return self.nodes.get(row[0][0]) if row else None

    def close(self):
        for node in self.nodes.values():
            if node.is_running():
                node.send(signal.SIGCONT)
            node.kill()
        for client in self.clients:
            client.close()

    def no_errors(self):
        """No node has died on an assertion or a sanitizer."""
        for node in self.nodes.values():
            text = node.log()
            assert not re.search(r"AddressSanitizer|runtime error:|ThreadSanitizer|check failed|Assertion", text), text[-4000:]
