# SPDX-License-Identifier: Apache-2.0
"""verdict dump and verdict load: what comes back is what was there, and a file is there whole or not at all."""
import json
import os
import random
import re
import signal
import stat
import struct
import subprocess
import threading

import pytest

import resolver_world
from cli import environment, verdict  # noqa: F401
from dump_world import COUNTERS, Store, content, counters_of, fill, stores  # noqa: F401
from resolver_world import SET, sequenced
from waiting import rest_of, wait_until

LARGE = 100_000


@pytest.fixture
def store(stores):
    return stores()


def everything(rows):
    """Keys of every byte, the empty key and values, one as large as may be, and many."""
    yield b"", b"of the empty key"
    for byte in range(255):
        yield bytes([byte]), b"" if byte % 3 == 0 else bytes([byte]) * byte
        yield bytes([byte, 0xFF, 0, 0xFE]), bytes(range(256))
    yield b"large/" + bytes(range(32)), os.urandom(LARGE)
    for i in range(rows):
        yield b"many/%08d" % i, b"%d" % (i * i)


def dumped(verdict, store, file, *more):
    done = verdict("dump", str(file), "--json", "--schema", store.schema, *more, dsn=store.dsn).good()
    return done.json_lines[0]


def loaded(verdict, store, file, *more):
    return verdict("load", str(file), "--json", "--schema", store.schema, *more, dsn=store.dsn).good().json_lines[0]


def test_round_trip(verdict, stores, tmp_path):
    """Into another schema, with the counters, which go on counting; and versions lie above those of the dump."""
    source, target = stores(), stores("other")
    rows = dict(everything(100_000))
    fill(source, rows.items())
    client = source.world.client()
    for _ in range(3):
        client.commit([sequenced(b"c", b"numbered/")])
    client.commit([sequenced(b"d", b"numbered2/")])
    before = content(source)
    first = dumped(verdict, source, tmp_path / "first")
    assert first["rows"] == len(before) and first["counters"] is True
    assert first["bytes"] == sum(len(k) + len(v) for k, v in before.items())
    assert first["version"] <= client.snapshot()[1]
    assert loaded(verdict, target, tmp_path / "first")["digest"] == first["digest"]
    assert content(target) == before and counters_of(target) == {b"c": 3, b"d": 1}
    second = dumped(verdict, target, tmp_path / "second")
    assert second["digest"] == first["digest"] and second["id"] != first["id"]
    assert second["version"] > first["version"]
    writer = target.world.client()
    verdicts = [writer.commit([sequenced(b"c", b"numbered/")]), writer.commit([(SET, b"a", b"1")])]
    assert verdicts[0].code == 0 and verdicts[0].b == 3
    assert all(v.version > first["version"] for v in verdicts)


def test_both_forms_say_the_same(verdict, stores, tmp_path):
    source, target = stores(), stores()
    fill(source, list(everything(3000)))
    binary, lines = dumped(verdict, source, tmp_path / "b"), dumped(verdict, source, tmp_path / "j", "--format", "jsonl")
    assert {k: binary[k] for k in ("rows", "bytes", "digest")} == {k: lines[k] for k in ("rows", "bytes", "digest")}
    text = (tmp_path / "j").read_text("ascii").splitlines()
    assert len(text) == lines["rows"] + 2 and json.loads(text[0])["verdict_dump"] == 1
    assert loaded(verdict, target, tmp_path / "j")["digest"] == binary["digest"]
    assert content(target) == content(source)
    assert dumped(verdict, target, tmp_path / "b2")["digest"] == binary["digest"]


def test_versions_of_a_later_store(verdict, stores, tmp_path):
    """A store whose versions are far ahead: what is loaded elsewhere lies below all that is given there."""
    source, target = stores(), stores()
    lock = resolver_world.field(9, 1) + resolver_world.field(11, b"0123456789abcdef")
    client = source.world.client()
    assert client.commit(extra=lock + resolver_world.field(10, 1) + b"\x61" + struct.pack("<Q", 10 ** 15)).code == 0
    assert client.commit(extra=lock + resolver_world.field(10, 2)).code == 0
    stamped = client.commit([(resolver_world.STAMPED_KEY, b"s" + b"\0" * 10 + struct.pack("<I", 1), b"v")])
    assert stamped.version > 10 ** 15
    dumped(verdict, source, tmp_path / "f")
    loaded(verdict, target, tmp_path / "f")
    writer = target.world.client()
    writer.commit([(resolver_world.STAMPED_KEY, b"s" + b"\0" * 10 + struct.pack("<I", 1), b"new")])
    assert [v for _, v in sorted(content(target).items())] == [b"v", b"new"]


# ---- parts ----

def test_parts(verdict, stores, tmp_path):
    source, target = stores(), stores()
    fill(source, [(b"a/1", b""), (b"b/1", b"1"), (b"b/2", b"2"), (b"b\xff", b"3"), (b"c", b"4")])
    source.world.client().commit([sequenced(b"c", b"z")])
    fill(target, [(b"a/other", b"stays")])
    part = dumped(verdict, source, tmp_path / "b", "--prefix", "b/")
    assert (part["rows"], part["counters"], part["begin"], part["end"]) == (2, False, "b/", "b0")
    assert dumped(verdict, source, tmp_path / "r", "--begin", "a/1\\x00", "--end", "b\\xff")["rows"] == 2
    verdict("load", str(tmp_path / "b"), dsn=target.dsn).wrong("the store is not empty$", "--replace .* --prefix")
    verdict("load", str(tmp_path / "r"), "--prefix", "b/", dsn=target.dsn).wrong("more than it was to be")
    loaded(verdict, target, tmp_path / "b", "--prefix", "b/")
    assert content(target) == {b"a/other": b"stays", b"b/1": b"1", b"b/2": b"2"}
    verdict("load", str(tmp_path / "b"), "--prefix", "b/", dsn=target.dsn).wrong("not empty where the dump goes")
    fill(target, [(b"b/0", b"goes")])
    loaded(verdict, target, tmp_path / "b", "--prefix", "b/", "--replace")
    assert content(target) == {b"a/other": b"stays", b"b/1": b"1", b"b/2": b"2"}
    dumped(verdict, source, tmp_path / "all")
    verdict("load", str(tmp_path / "all"), "--prefix", "b/", dsn=target.dsn).wrong("more than it was to be", "whole store")
    loaded(verdict, target, tmp_path / "all", "--replace")
    assert content(target) == content(source) and counters_of(target) == {b"c": 1}
    for wrong in (["--prefix", "a", "--begin", "b"], ["--begin", "b", "--end", "a"], ["--end", "\\xff\\xff"], ["--prefix", "\\x"]):
        verdict("dump", str(tmp_path / "no"), *wrong, dsn=source.dsn).wrong("--prefix|no keys between|bad escape")
    assert not list(tmp_path.glob("no*"))


def test_replacing_more_than_a_clear_may_delete(verdict, stores, tmp_path):
    source, target = stores(), stores(**{"clear-max-rows": 60_000})
    fill(source, [(b"x", b"")])
    dumped(verdict, source, tmp_path / "f")
    fill(target, ((b"%07d" % i, b"") for i in range(130_000)))
    loaded(verdict, target, tmp_path / "f", "--replace")
    assert content(target) == {b"x": b""}


# ---- the file ----

def test_a_file_that_is_there_stays(verdict, store, tmp_path):
    file = tmp_path / "f"
    file.write_text("precious")
    verdict("dump", str(file), dsn=store.dsn).wrong("is there already", "--force")
    assert file.read_text() == "precious" and list(tmp_path.iterdir()) == [file]
    dumped(verdict, store, file, "--force")
    assert file.read_bytes().startswith(b"VDDUMP1\n") and list(tmp_path.iterdir()) == [file]
    verdict("dump", str(tmp_path), "--force", dsn=store.dsn).wrong("cannot be written")
    verdict("dump", str(tmp_path / "no" / "f"), dsn=store.dsn).wrong("cannot be written: No such file")
    verdict("dump", dsn=store.dsn).wrong("name of one file")
    verdict("load", str(tmp_path / "none"), dsn=store.dsn).wrong("cannot be read: No such file")


def test_a_link_in_the_way_is_not_followed(verdict, store, tmp_path):
    """A name that somebody else has set in a folder of all empties no file of ours."""
    other, partial = tmp_path / "other", tmp_path / "f.partial"
    other.write_text("precious")
    partial.symlink_to(other)
    verdict("dump", str(tmp_path / "f"), dsn=store.dsn).wrong("f.partial cannot be written")
    assert other.read_text() == "precious" and not (tmp_path / "f").exists()


def test_through_a_pipe(program, stores):
    source, target = stores(), stores()
    fill(source, list(everything(2000)))
    command = [program("cli/verdict"), "dump", "-", "--dsn", source.dsn]
    dump = subprocess.run(command, env=environment(), capture_output=True, check=True)
    assert re.match(rb"dumped \d+ rows", dump.stderr)
    load = subprocess.run([program("cli/verdict"), "load", "-", "--dsn", target.dsn], env=environment(), input=dump.stdout,
                          capture_output=True, check=False)
    assert load.returncode == 0, load
    assert content(target) == content(source)


def test_a_full_disk(program, store, tmp_path):
    fill(store, ((b"%05d" % i, b"v" * 1000) for i in range(3000)))
    for place in ("f", "-"):
        script = 'ulimit -f 600; exec "$0" dump "$1" --dsn "$2"' + (' > "$3"' if place == "-" else "")
        name = str(tmp_path / place) if place != "-" else "-"
        done = subprocess.run(["bash", "-c", script, program("cli/verdict"), name, store.dsn, str(tmp_path / "out")],
                              env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 2, done
        told = done.stderr.splitlines()
        assert re.search("cannot be written: File too large", told[0]) and told[1].startswith("hint: make room") and len(told) == 2, done
        assert done.stdout == "" and not (tmp_path / "f").exists() and not (tmp_path / "f.partial").exists()


@pytest.mark.parametrize("number, left", [(signal.SIGINT, []), (signal.SIGKILL, ["f.partial"])])
def test_who_is_stopped_leaves_no_file(program, store, tmp_path, number, left):
    fill(store, ((b"%06d" % i, os.urandom(300)) for i in range(20_000)))
    process = subprocess.Popen([program("cli/verdict"), "dump", str(tmp_path / "f"), "--dsn", store.dsn], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment())
    wait_until(lambda: (tmp_path / "f.partial").exists() and (tmp_path / "f.partial").stat().st_size > 0, "a part of it", step_s=0.002)
    process.send_signal(number)
    out, err = rest_of(process)
    assert process.returncode == (130 if number == signal.SIGINT else -9) and out == "", (out, err)
    assert sorted(p.name for p in tmp_path.iterdir()) == left
    again = subprocess.run([program("cli/verdict"), "dump", str(tmp_path / "f"), "--dsn", store.dsn], env=environment(), check=False,
                           capture_output=True)
    assert again.returncode == 0 and sorted(p.name for p in tmp_path.iterdir()) == ["f"]
    assert stat.S_ISREG((tmp_path / "f").stat().st_mode)


def test_a_dump_under_load_is_of_one_moment(verdict, store, tmp_path):
    """Money moves between accounts all the while; every dump has all of it, once."""
    accounts = {b"account/%05d" % i: 100 for i in range(2000)}
    fill(store, ((name, b"%d %s" % (money, b"." * 500)) for name, money in accounts.items()))
    ends = threading.Event()
    moved = [0]

    def move():
        chance, client, names = random.Random(7), store.world.client(), list(accounts)
        while not ends.is_set():
            a, b = chance.sample(names, 2)
            money = chance.randrange(50)
            accounts[a] -= money
            accounts[b] += money
            assert client.commit([(SET, name, b"%d %s" % (accounts[name], b"." * 500)) for name in (a, b)]).code == 0
            moved[0] += 1

    thread = threading.Thread(target=move)
    thread.start()
    try:
        for i in range(6):
            wait_until(lambda: moved[0] > 20 * i, "money moves")
            dumped(verdict, store, tmp_path / str(i), "--format", "jsonl")
            rows = [json.loads(line) for line in (tmp_path / str(i)).read_text().splitlines()[1:-1]]
            assert len(rows) == 2000 and sum(int(row["value"].split()[0]) for row in rows) == 200_000
    finally:
        ends.set()
        thread.join()
    assert moved[0] > 100
