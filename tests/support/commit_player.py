# SPDX-License-Identifier: Apache-2.0
"""The commit path's two ends for tests: Driver runs commit_driver.c, Leader plays the leader by SQL, as far as a follower
can tell the difference."""
import queue
import struct
import subprocess
import threading

from waiting import PATIENCE_S, wait_until

CONFLICT, TOO_OLD, UNKNOWN, CANCELLED, SQL_ERROR = 1020, 1007, 1021, 1025, 7002


class Driver:
    def __init__(self, program, dsn, schema="verdict", base=False, **options):
        command = [program("tests/integration/commit_driver"), *(["--base"] if base else []), dsn, schema,
                   *(f"{name}={value}" for name, value in options.items())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        self.told = {}
        self.order_of_telling = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            words = line.rstrip("\n").split(" ", 7)
            if words[0] == "told":
                number = int(words[1])
                assert number not in self.told, f"told twice: {line}"
                self.order_of_telling.append(number)
                self.told[number] = (*map(int, words[2:7]), words[7])
            else:
                self.lines.put(line.rstrip("\n"))

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, word, timeout_s=PATIENCE_S):
        """The next line, which begins with this word."""
        line = self.lines.get(timeout=timeout_s)
        assert line.split(" ")[0] == word, line
        return line[len(word) + 1:]

    def ask(self, line):
        self.order(line)
        return self.answer(line)

    def ready(self):
        self.answer("ready")
        return self

    def who(self):
        client, generation, reply = self.ask("who").split()
        return client, int(generation), reply

    def numbers(self, what):
        return {name: int(value) for name, value in (word.split("=") for word in self.ask(what).split())}

    def verdict(self, number, timeout_s=PATIENCE_S):
        wait_until(lambda: number in self.told, f"a verdict for {number}", timeout_s)
        return self.told[number]

    def verdicts(self, numbers, timeout_s=PATIENCE_S):
        wait_until(lambda: all(n in self.told for n in numbers), "all verdicts", timeout_s)
        return [self.told[n] for n in numbers]

    def close(self, timeout_s=PATIENCE_S):
        if self.process.poll() is None:
            self.order("close")
            line = self.lines.get(timeout=timeout_s)
            while line != "closed":
                assert line == "failed 1101 the database was closed", line
                line = self.lines.get(timeout=timeout_s)
            self.process.wait(timeout_s)
        self.reader.join(5)
        assert self.process.returncode == 0, self.process.returncode
        self.process.stdin.close()
        self.process.stdout.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Leader:
    """Claims, decides and replies when the test says so. Entries are (sequence, code, order, range, version, note)."""

    def __init__(self, database):
        self.database = database
        self.connection = database.connect(autocommit=True)
        self.connection.execute(f'SET search_path = "{database.schema}", pg_temp')
        self.version = 2_000_000_000

    def close(self):
        self.connection.close()

    def queue(self):
        """What waits: sequence → row."""
        cursor = self.connection.execute(
            "SELECT sequence, encode(uuid_send(client), 'hex'), generation, acknowledged, token, payload "
            "FROM commit_requests ORDER BY arrival")
        return {row[0]: row for row in cursor.fetchall()}

    def wait_queue(self, count):
        wait_until(lambda: len(self.queue()) == count, f"{count} requests in the queue, not {len(self.queue())}")
        return self.queue()

    def reply_channel(self, client):
        (reply,), = self.connection.execute("SELECT to_hex(reply) FROM clients WHERE client = %s::uuid", [client]).fetchall()
        return f"{self.database.schema}_reply_{reply:0>16}"

    def decide(self, rows, verdicts=None, reply=True):
        """Deletes the rows, writes the outcomes of one batch, and replies. verdicts: sequence → (code, a, b, note)."""
        verdicts = verdicts or {}
        self.version += 1000
        by_client = {}
        for order, row in enumerate(rows):
            by_client.setdefault(row[1], []).append((order, row))
        with self.connection.transaction():
            for client, members in by_client.items():
                self._record(client, members, verdicts)
        if reply:
            for client, members in by_client.items():
                self.send(client, [self.entry(row, order, verdicts) for order, row in members])
        return self.version

    def _record(self, client, members, verdicts):
        first = min(row[0] for _, row in members)
        last = max(row[0] for _, row in members)
        entries = details = b""
        notes = None
        for order, row in members:
            code, a, b, note = verdicts.get(row[0], (0, order, 0, None))
            entries += struct.pack(">IHHQ", row[0] - first, code, a if code == 0 else 0, 0)
            if code == CONFLICT:
                details += struct.pack(">IIQ", row[0] - first, a, b)
            if note is not None:
                notes = {**(notes or {}), str(row[0]): note}
        self.connection.execute("DELETE FROM commit_requests WHERE client = %s::uuid AND sequence = ANY (%s)",
                                [client, [row[0] for _, row in members]])
        self.connection.execute("DELETE FROM watermark")
        self.connection.execute("INSERT INTO watermark VALUES (%s, gen_random_uuid())", [self.version])
        import json
        self.connection.execute(
            "INSERT INTO outcomes VALUES (%s::uuid, %s, %s, %s, %s, %s, %s::jsonb)",
            [client, first, last, self.version, entries, details or None, json.dumps(notes) if notes else None])

    @staticmethod
    def entry(row, order, verdicts, token=None):
        code, a, b, _ = verdicts.get(row[0], (0, order, 0, None))
        token = (row[4] if token is None else token) % 2 ** 64
        return f"{row[0]}:{token:016x}:{code}:{a}:{b}"

    def send(self, client, entries, version=None, size=7900):
        channel = self.reply_channel(client)
        head = f"r1 {self.version if version is None else version}"
        payload = head
        for entry in entries:
            if len(payload) + 1 + len(entry) > size:
                self.notify(channel, payload)
                payload = head
            payload += " " + entry
        self.notify(channel, payload)

    def notify(self, channel, payload):
        self.connection.execute("SELECT pg_notify(%s, %s)", [channel, payload])
