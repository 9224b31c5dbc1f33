# SPDX-License-Identifier: Apache-2.0
"""What a resolver answers over HTTP: how it is, whether it is ready, what it has done; and that no client of HTTP can hold up a
commit."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

import http_ask
import prometheus_text
import resolver_world as rw
from http_ask import ask, status, wait_status
from resolver_world import SET, key_range
from waiting import wait_until

HTTP = {"http-listen": "0"}


@pytest.fixture
def world(database, program, tmp_path):
    made = rw.World(database, program("resolver/verdict-resolver"), tmp_path)
    yield made
    made.close()
    made.no_errors()


@pytest.fixture
def alone(servers, migrate, program, tmp_path):
    """A world on a server of its own, which may be stopped."""
    server = servers()
    made = rw.World(server.migrated(migrate), program("resolver/verdict-resolver"), tmp_path)
    made.server = server
    yield made
    made.close()
    made.no_errors()


def wait_ready(node, code, words):
    def look():
        answer = ask(node, "/readyz")
        seen.append((answer.code, answer.text))
        assert answer.text.count("\n") == 1
        return answer.code == code and words in answer.text
    seen = []
    wait_until(look, lambda: f"{words}: {seen[-1]}", step_s=0.05)


# ---- what it answers ----

def test_the_page_and_its_headers(world):
    node = world.lead("a", HTTP)
    page = ask(node, "/")
    assert page.code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    for name in ("/", "/status", "/healthz", "/nothing"):
        headers = ask(node, name).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"] and "*" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["connection"] == "close"
    etag = page.headers["etag"]
    assert page.headers["cache-control"] == "no-cache" and re.fullmatch('"[0-9a-f]{16}"', etag)
    again = ask(node, "/", headers={"If-None-Match": etag})
    assert again.code == 304 and again.body == b""
    assert ask(node, "/", headers={"If-None-Match": '"other"'}).code == 200
    head = ask(node, "/", method="HEAD")
    assert head.code == 200 and head.body == b"" and int(head.headers["content-length"]) == len(page.body)
    assert ask(node, "/index.html").code == 404 and ask(node, "/../settings.c").code == 404
    assert ask(node, "/healthz?x=1").code == 200
    assert ask(node, "/status").headers["cache-control"] == "no-store"
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        refused = ask(node, "/status", method=method)
        assert refused.code == 405 and refused.headers["allow"] == "GET, HEAD"


def test_the_files_are_those_of_the_folder(world):
    """Each file of resolver/page, whole, with its type."""
    node = world.lead("a", HTTP)
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    folder = pathlib.Path(__file__).resolve().parents[2] / "resolver/page"
    for path in [path for path in folder.iterdir() if path.suffix in types]:
        answer = ask(node, "/" if path.name == "index.html" else f"/{path.name}")
        assert answer.code == 200 and answer.body == path.read_bytes()
        assert answer.headers["content-type"].split(";")[0] == types[path.suffix]


def test_status_of_a_leader_and_of_a_standby(world):
    leader = world.lead("a", HTTP)
    standby = world.node("b", HTTP)
    standby.wait_says("keeper is connected")
    client = world.client()
    assert client.commit([(SET, b"k", b"1")]).code == 0
    assert client.commit([(SET, b"k", b"2")], reads=[key_range(b"k")]).code == rw.CONFLICT
    client.snapshot()
    assert client.commit([(SET, b"k", b"3")], reads=[key_range(b"k")]).code == 0
    assert client.commit([(SET, b"k", b"4")], reads=[key_range(b"k")], at=(client.term, 5)).code == rw.TOO_OLD
    assert client.commit([(99, b"k", b"5")]).code == 2018
    seen = wait_status(leader, lambda s: s["watermark"] == client.snapshot()[1] and len(s["nodes"]) == 2, "the newest")
    assert seen["node"] == "a" and seen["state"] == "leading" and seen["leader"] == "a" and seen["serves"] is True
    assert seen["ready"] is True and seen["why"] is None and seen["schema"] == "verdict"
    totals = seen["totals"]
    assert {name: totals[name] for name in ("committed", "conflict", "too_old", "rejected", "elections", "terms_lost")} == {
        "committed": 2, "conflict": 1, "too_old": 1, "rejected": 1, "elections": 1, "terms_lost": 0}
    assert totals["batches"] >= 5 and seen["batch"]["last"] == 1
    assert seen["conflicting"] == [{"begin": "k", "end": "k\\x00", "count": 1}]
    assert seen["latency_ms"]["p50"] > 0 and seen["latency_ms"]["p99"] >= seen["latency_ms"]["p50"]
    assert seen["window"]["bytes"] > 0 and seen["queue"]["requests"] == 0
    assert [(e["epoch"], e["node"]) for e in seen["elections"]] == [(1, "a")]
    assert {n["node"]: n["leads"] for n in seen["nodes"]} == {"a": True, "b": False}
    row = world.database.execute("SELECT epoch, term::text FROM lease")[0]
    assert (seen["epoch"], seen["term"]) == row
    other = wait_status(standby, lambda s: s["watermark"] == seen["watermark"], "the same watermark")
    assert other["node"] == "b" and other["state"] == "standby" and other["leader"] == "a" and other["ready"] is True
    assert other["totals"]["committed"] == 0 and other["window"]["bytes"] is None and other["latency_ms"]["p50"] is None
    assert set(other) == set(seen)


def test_no_secret_is_told(database, program, tmp_path):
    """Neither the connection string nor a part of it."""
    role = f"quiet_{database.name}"
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'Qw8eNsecret'; GRANT verdict_resolver TO {role}")
    world = rw.World(database, program("resolver/verdict-resolver"), tmp_path,
                     dsn=database.dsn(user=role) + " password=Qw8eNsecret")
    try:
        node = world.lead("a", HTTP)
        for path in ("/", "/status", "/readyz", "/healthz", "/nothing"):
            text = ask(node, path).text
            assert "Qw8eN" not in text and role not in text
    finally:
        world.close()
        database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_what_waits_grows_old(world):
    """A leader that is frozen takes nothing: its standby tells how much waits, and since when."""
    leader = world.lead("a", {**HTTP, "lease-ttl": "600s"})
    standby = world.node("b", {**HTTP, "lease-ttl": "600s"})
    client = world.client()
    assert client.commit([(SET, b"k", b"1")]).code == 0
    seen = wait_status(standby, lambda s: s["leader"] == "a" and s["watermark"] == client.snapshot()[1], "it is told of the commit")
    assert seen["queue"] == {"requests": 0, "oldest_ms": None}
    leader.send(signal.SIGSTOP)
    sequences = client.submit_payloads([client.request([(SET, b"k", b"2")])] * 3)
    wait_status(standby, lambda s: s["queue"]["requests"] == 3 and s["queue"]["oldest_ms"] > 1000, "three wait, and grow old")
    assert of(metrics(standby), "verdict_queue_oldest_seconds") > 1
    leader.send(signal.SIGCONT)
    assert [v.code for v in client.wait(*sequences)] == [0] * 3
    wait_status(standby, lambda s: s["queue"] == {"requests": 0, "oldest_ms": None}, "none waits")


# ---- whether it is ready ----

def test_ready_follows_the_leader(world):
    leader = world.lead("a", HTTP)
    standby = world.node("b", HTTP)
    wait_ready(leader, 200, "a leads")
    wait_ready(standby, 200, "b stands by")
    wait_status(standby, lambda s: s["leader"] == "a", "it was told who leads")
    leader.kill()
    wait_ready(standby, 200, "b leads")
    back = world.node("c", HTTP)
    wait_ready(back, 200, "c stands by")
    wait_status(standby, lambda s: [e["node"] for e in s["elections"]] == ["b", "a"], "both elections")
    assert back.stop() == 0


def test_a_frozen_leader_leaves_its_standby_unready(world):
    """Nobody serves until the lease ends: 503; and the process that is not frozen tells it."""
    leader = world.lead("a", {**HTTP, "lease-ttl": "4s"})
    standby = world.node("b", {**HTTP, "lease-ttl": "4s"}, faults="keeper.before_take_office:1:sleep=3000")
    wait_ready(standby, 200, "b stands by")
    leader.send(signal.SIGSTOP)
    wait_ready(standby, 503, "sees no leader")
    wait_ready(standby, 200, "b leads")


def test_ready_follows_postgresql(alone):
    node = alone.lead("a", HTTP)
    wait_ready(node, 200, "a leads")
    alone.server.stop()
    wait_ready(node, 503, "not connected")
    assert ask(node, "/healthz").code == 200
    assert status(node)["why"] == "is not connected to the database"
    alone.server.start()
    wait_ready(node, 200, "a leads")


def test_before_there_is_a_database(program, tmp_path):
    node = rw.Node(program("resolver/verdict-resolver"), "host=127.0.0.1 port=1", "a", tmp_path, HTTP).start()
    try:
        wait_ready(node, 503, "not connected")
        assert ask(node, "/healthz").code == 200
        seen = status(node)
        assert seen["leader"] is None and seen["watermark"] is None and seen["nodes"] == [] and seen["state"] == "standby"
        assert node.stop() == 0
    finally:
        node.kill()


# ---- where it listens ----

def test_an_address_that_it_cannot_have(program, database):
    resolver = program("resolver/verdict-resolver")

    def refused(address, words):
        done = subprocess.run([resolver, "--dsn", database.dsn(), "--http-listen", address], text=True, capture_output=True,
                              timeout=rw.PATIENCE_S, check=False)
        lines = [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-", line)]
        assert done.returncode == 2 and len(lines) == 2, done.stderr
        assert lines[0].startswith("verdict-resolver: http-listen") and words in lines[0] and lines[1].startswith("hint: ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(str(taken.getsockname()[1]), "in use")
    refused("192.0.2.1:9464", "cannot listen on 192.0.2.1:9464")
    refused("some.where:9464", "not an address")


def test_it_does_not_listen_unless_asked_to(world):
    node = world.lead("a")
    sockets = {os.readlink(path) for path in pathlib.Path(f"/proc/{node.process.pid}/fd").iterdir()}
    inodes = {link[8:-1] for link in sockets if link.startswith("socket:")}
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in pathlib.Path(f"/proc/{node.process.pid}/net/{table}").read_text().splitlines()[1:]]
        assert not [row for row in rows if row[3] == "0A" and row[9] in inodes]


# ---- clients that mean no good ----

def descriptors(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def test_hostile_clients_hold_up_nobody(world):
    """Half requests, huge ones, nonsense, and more connections than there is room for: commits go on, what they held is given
    back, and the next honest client is answered."""
    node = world.lead("a", HTTP)
    client = world.client()
    assert client.commit([(SET, b"k", b"0")]).code == 0
    ask(node, "/healthz")
    before = descriptors(node)
    hostile = [http_ask.begin(node) for _ in range(1000)]
    sent = [b"", b"GET /sta", b"GET /status HTTP/1.1\r\nHost: x\r\n", b"GET /status HTTP/1.1\r\n\r\n" * 50]
    for i, connection in enumerate(hostile):
        with contextlib.suppress(OSError):
            connection.send(sent[i % 4])
    for i in range(50):
        assert client.commit([(SET, b"k", b"%d" % i)]).code == 0
    assert descriptors(node) <= before + 40
    for connection in hostile:
        connection.close()
    assert ask(node, "/healthz").code == 200
    wait_until(lambda: descriptors(node) <= before + 1, "connections are given back")
    assert client.commit([(SET, b"k", b"end")]).code == 0


def test_a_connection_has_its_time(world):
    """Who sends a byte now and then is cut off all the same, and so is who does not read what it asked for."""
    node = world.lead("a", HTTP)
    slow = http_ask.connect(node)
    slow.settimeout(0.2)

    def drip():
        try:
            slow.send(b"G")
            return slow.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True
    wait_until(drip, "who dawdles is cut off")
    slow.close()


def test_long_keys_do_not_make_long_answers(world):
    """What is written for whoever asks is bounded, whatever keys others choose to conflict over."""
    node = world.lead("a", HTTP)
    client = world.client()
    keys = [b"\x01" * 1900 + b"%02d" % i for i in range(10)]
    client.snapshot()
    for key in keys:
        assert client.commit([(SET, key, b"1")]).code == 0
        assert client.commit([(SET, key, b"2")], reads=[key_range(key)]).code == rw.CONFLICT
    answer = ask(node, "/status")
    assert answer.json()["conflicting"] == [{"begin": "\\x01" * 128 + "…", "end": "\\x01" * 128 + "…", "count": 1}] * 10
    assert len(answer.body) < 20_000


def test_what_is_no_request_is_refused(world):
    node = world.lead("a", HTTP)
    client = world.client()
    for sent in (b"\r\n\r\n", b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
                 b"FROB /status HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /status HTTP/9.9\r\n\r\n", b"GET\r\n\r\n",
                 b"GET /status HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                 b"GET /status HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                 b"POST /status HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"z" * 1000,
                 b"POST /status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                 b"GET http://evil.example/status HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
                 b"GET /%00%2e%2e/etc/passwd HTTP/1.0\r\n\r\n"):
        with http_ask.connect(node) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = http_ask.rest(connection)
            assert answer == b"" or re.match(rb"HTTP/1\.[01] [245]\d\d ", answer), answer[:200]
        assert ask(node, "/healthz").code == 200
    assert client.commit([(SET, b"k", b"1")]).code == 0
    assert node.is_running()


# ---- /metrics ----

def metrics(node):
    answer = ask(node, "/metrics")
    assert answer.code == 200 and answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=answer.text, text=True, capture_output=True,
                              timeout=rw.PATIENCE_S, check=False)
        assert done.returncode == 0 and done.stderr == "", done.stderr
    return prometheus_text.parse(answer.text)


def of(families, name, **labels):
    return families[name].samples[tuple(labels.items())]


def test_counters_agree_with_what_was_told(world):
    """Two clients conflict, repeat themselves and err; the sums are those of the replies."""
    node = world.lead("a", HTTP)
    told = {"committed": 0, "conflict": 0, "too_old": 0, "rejected": 0}
    names = {0: "committed", rw.CONFLICT: "conflict", rw.TOO_OLD: "too_old"}
    one, two = world.client(), world.client()
    sent = []
    for client in (one, two):
        client.snapshot()
        requests = [client.request([(SET, b"k%d" % (i % 7), b"v")], reads=[key_range(b"k%d" % (i % 5))]) for i in range(300)]
        requests += [client.request([(99, b"k", b"v")]) for _ in range(3)]
        requests += [client.request([(SET, b"k" * 3000, b"v")]) for _ in range(4)]
        requests += [client.request([(SET, b"k", b"v")], extra=rw.demands((rw.PRESENT, b"nowhere"))) for _ in range(5)]
        requests += [client.request([(SET, b"k", b"v")], reads=[key_range(b"k")], at=(client.term, 7))]
        sent.append((client, requests, client.submit_payloads(requests)))
    for client, requests, sequences in sent:
        for verdict in client.wait(*sequences):
            told[names.get(verdict.code, "rejected")] += 1
        client.resend(sequences[0], requests[0])
    wait_until(lambda: of(metrics(node), "verdict_copies_total", answer="repeated") == 2, "copies are counted")
    seen = metrics(node)
    assert {name: of(seen, "verdict_requests_total", verdict=name) for name in told} == told
    assert told["conflict"] > 100 and told["too_old"] == 2 and told["rejected"] == 24
    assert seen["verdict_rejects_total"].samples == {
        (("reason", "invalid_mutation_type"),): 6, (("reason", "key_too_large"),): 8, (("reason", "precondition_failed"),): 10}
    decided = sum(told.values())
    batches = of(seen, "verdict_batch_requests")
    assert batches.sum == decided and batches.count == of(seen, "verdict_batches_total")
    assert of(seen, "verdict_commit_latency_seconds").count == decided
    assert {labels[0][1] for labels in seen["verdict_stage_seconds"].samples} == {"claim", "base", "resolve", "apply", "publish"}
    assert all(h.count == batches.count for h in seen["verdict_stage_seconds"].samples.values())
    assert sum(h.sum for h in seen["verdict_stage_seconds"].samples.values()) > 0
    assert of(seen, "verdict_state", state="leading") == 1 and of(seen, "verdict_state", state="standby") == 0
    assert status(node)["totals"]["conflict"] == told["conflict"]
    hottest = status(node)["conflicting"]
    assert {row["begin"] for row in hottest} == {f"k{i}" for i in range(5)}
    assert sum(row["count"] for row in hottest) == told["conflict"]


def test_the_documentation_lists_what_is_told(world):
    """Names and types of /metrics and the fields of /status, as docs/monitoring.md has them."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/monitoring.md").read_text()
    node = world.lead("a", HTTP)
    client = world.client()
    assert client.commit([(SET, b"k", b"v")]).code == 0
    seen = wait_status(node, lambda s: s["watermark"] is not None and s["window"]["floor_age_ms"] is not None, "it is probed")
    listed = page.split("## /status")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", listed, flags=re.M) == list(seen)
    for part in ("queue", "totals", "rates", "latency_ms", "batch", "window"):
        row, = re.findall(rf"^\| `{part}` \|.*$", listed, flags=re.M)
        assert [name for name in seen[part] if f"`{name}`" not in row] == []
    listed = page.split("## /metrics")[1].split("\n## ")[0]
    assert dict(re.findall(r"^\| `(\w+)`\S* \| (\w+) \|", listed, flags=re.M)) == {
        family.name: family.kind for family in metrics(node).values()}


def test_a_lock_is_told_by_every_node(world):
    node, standby = world.lead("a", HTTP), world.node("b", HTTP)
    client = world.client()
    for told, how in ((None, 2), ("6d6d6d6d-6d6d-6d6d-6d6d-6d6d6d6d6d6d", 1), (None, 2)):
        change = rw.field(9, 1) + rw.field(10, how) + rw.field(11, b"m" * 16)
        assert client.commit([(SET, b"k", b"v")], extra=change).code == 0
        for each in (node, standby):
            wait_status(each, lambda s, told=told: s["seen_ms"] is not None and s["lock"] == told, "whose the lock is")
            assert of(metrics(each), "verdict_locked") == (told is not None)


def test_metrics_of_a_standby_and_after_a_failover(world):
    leader = world.lead("a", HTTP)
    standby = world.node("b", HTTP)
    wait_status(standby, lambda s: s["leader"] == "a" and s["ready"] and len(s["nodes"]) == 2, "it sees the leader")
    seen = metrics(standby)
    assert of(seen, "verdict_state", state="standby") == 1 and of(seen, "verdict_ready") == 1
    assert of(seen, "verdict_elections_total") == 0 and of(seen, "verdict_nodes") == 2
    assert "verdict_lease_age_seconds" not in seen and "verdict_window_bytes" not in seen
    leader.kill()
    wait_until(lambda: of(metrics(standby), "verdict_elections_total") == 1, "it is elected")
    wait_status(standby, lambda s: s["leader"] == "b", "it sees itself")
    seen = metrics(standby)
    assert of(seen, "verdict_epoch") == 2 and of(seen, "verdict_lease_age_seconds") < 100
    assert of(seen, "verdict_window_bytes") >= 0 and of(seen, "verdict_leader_serves") == 1
    assert of(seen, "verdict_connection_losses_total", connection="keeper") == 0
    world.database.execute("SELECT pg_terminate_backend(pids[1]) FROM lease")
    wait_until(lambda: of(metrics(standby), "verdict_connection_losses_total", connection="keeper") >= 1, "losses are counted")
