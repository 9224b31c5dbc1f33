# SPDX-License-Identifier: Apache-2.0
"""A load that is interrupted, undone, given up, or watched: the store is locked until all of it is there, or nothing."""
import os
import re
import signal
import subprocess

import pytest

from cli import environment, verdict  # noqa: F401
from dump_world import content, counters_of, fill, lock_of, state_of, stores  # noqa: F401
from resolver_world import SET, sequenced
from waiting import PATIENCE_S, rest_of, wait_until

ROWS = 12_000  # of 1 kB: twelve transactions


@pytest.fixture(scope="module")
def dump_of(program, tmp_path_factory):
    """dump_of(store, form): a dump of it."""
    def make(store, form="binary"):
        file = tmp_path_factory.mktemp("dumps") / form
        subprocess.run([program("cli/verdict"), "dump", str(file), "--format", form, "--dsn", store.dsn], check=True,
                       env=environment(), capture_output=True)
        return file
    return make


@pytest.fixture
def source(stores):
    store = stores()
    fill(store, ((b"%06d" % i, os.urandom(500) * 2) for i in range(ROWS)))
    store.world.client().commit([sequenced(b"c", b"zz/")])
    return store


def begin(program, store, file, stdin=None):
    return subprocess.Popen([program("cli/verdict"), "load", str(file), "--dsn", store.dsn], stdin=stdin or subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def stop_at(process, store, rows, number=signal.SIGKILL):
    """Sends the signal once so many rows are stored; how many there are then."""
    wait_until(lambda: process.poll() is not None or (state_of(store) or ("", -1))[1] >= rows, "it loads", step_s=0.001)
    process.send_signal(number)
    if number != signal.SIGSTOP:
        rest_of(process)
        # what it has submitted is decided without it
        wait_until(lambda: store.execute("SELECT count(*) FROM commit_requests") == [(0,)], "its last request is decided")
    return state_of(store)[1]


# ---- others ----

def test_everybody_else_waits(verdict, program, stores, source, dump_of):
    target = stores()
    before = target.world.client()
    process = begin(program, target, dump_of(source))
    stop_at(process, target, 2000, signal.SIGSTOP)
    assert before.commit([(SET, b"x", b"")]).code == 1038  # began before
    for script in ("get 000001", "set x 1"):
        done = verdict("exec", script, dsn=target.dsn)
        assert done.code == 1 and done.lines == ["rejected reason=database_locked error=1038"], done
    verdict("dump", os.devnull + ".no", dsn=target.dsn).wrong("cannot be written|store is locked")
    verdict("dump", "-", dsn=target.dsn).wrong("store is locked", "verdict load --abort")
    waits = subprocess.Popen([program("cli/verdict"), "submit", "--retry", "--dsn", target.dsn], text=True, env=environment(),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    waits.stdin.write('{"ops":[["set","zzz","1"]]}\n')
    waits.stdin.flush()
    process.send_signal(signal.SIGCONT)
    assert process.wait(PATIENCE_S) == 0
    out, _ = waits.communicate(timeout=PATIENCE_S)
    assert waits.returncode == 0 and '"verdict":"committed"' in out
    assert lock_of(target) is None and state_of(target) is None
    assert content(target) == {**content(source), b"zzz": b"1"}


def test_a_store_that_somebody_else_has_locked(verdict, program, stores, source, dump_of):
    target, file = stores(), dump_of(source)
    first = begin(program, target, file)
    stop_at(first, target, 1000, signal.SIGSTOP)
    other = stores()
    verdict("load", str(dump_of(other)), dsn=target.dsn).wrong("load of another file, of which \\d+ rows", "--abort")
    second = begin(program, target, file)  # the same one goes on; the first finds out
    out, err = rest_of(second)
    assert second.returncode == 0, err
    first.send_signal(signal.SIGCONT)
    out, err = rest_of(first)
    assert first.returncode == 2 and "somebody else goes on with this load" in err, (out, err)
    assert content(target) == content(source) and lock_of(target) is None
    verdict("load", "--abort", dsn=target.dsn).wrong("no load is under way")


# ---- interrupted ----

@pytest.mark.parametrize("form", ["binary", "jsonl"])
def test_killed_again_and_again(verdict, program, stores, source, dump_of, form):
    target, file = stores(), dump_of(source, form)
    seen = []
    for rows in (0, 3000, 6000, 9000):
        seen.append(stop_at(begin(program, target, file), target, rows))
        assert state_of(target)[0] == "loading" and lock_of(target) is not None
    assert seen == sorted(seen) and seen[-1] >= 9000
    done = verdict("load", str(file), "--json", dsn=target.dsn).good()
    assert done.json_lines[0]["resumed_at"] == seen[-1] and done.json_lines[0]["rows"] == ROWS + 2
    assert content(target) == content(source) and counters_of(target) == {b"c": 1}
    assert lock_of(target) is None and state_of(target) is None


def test_ctrl_c_and_then_a_pipe(verdict, program, stores, source, dump_of):
    """Whatever way the bytes come: what counts is that they are the same."""
    target, file = stores(), dump_of(source)
    process = begin(program, target, file)
    wait_until(lambda: (state_of(target) or ("", -1))[1] >= 2000, "it loads", step_s=0.001)
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)
    assert process.returncode == 130 and "interrupted at row" in err and "--abort" in err, err
    with open(file, "rb") as stream:
        piped = subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE)
        again = begin(program, target, "-", piped.stdout)
        piped.stdout.close()
        out, err = rest_of(again)
    assert again.returncode == 0 and "were there from before" in out, (out, err)
    assert content(target) == content(source)


def test_given_up(verdict, program, stores, source, dump_of):
    target, file = stores(), dump_of(source)
    stop_at(begin(program, target, file), target, 4000)
    verdict("load", "--abort", str(file), dsn=target.dsn).wrong("without a file")
    verdict("load", "--abort", dsn=target.dsn).good()
    assert content(target) == {} and lock_of(target) is None and state_of(target) is None
    assert target.world.client().commit([(SET, b"x", b"")]).code == 0
    # one that replaces goes on, from whatever it was at
    fill(target, ((b"old/%06d" % i, b"") for i in range(120_000)))
    process = subprocess.Popen([program("cli/verdict"), "load", str(file), "--replace", "--dsn", target.dsn], env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stop_at(process, target, 0)
    verdict("load", str(file), "--replace", dsn=target.dsn).good()
    assert content(target) == content(source)


def test_unlocked_by_hand_in_the_middle(verdict, program, stores, source, dump_of):
    """Others may have written then, so nothing goes on, and nothing is removed, unless somebody locks it again."""
    target, file = stores(), dump_of(source)
    stop_at(begin(program, target, file), target, 2000)
    verdict("exec", f"unlock {lock_of(target)}", dsn=target.dsn).good()
    assert target.world.client().commit([(SET, b"x", b"")]).code == 0
    before = content(target)
    for arguments in ([str(file)], ["--abort"]):
        done = verdict("load", *arguments, dsn=target.dsn).wrong("was unlocked in the middle of a load", "verdict exec 'lock ")
    assert content(target) == before
    verdict("exec", re.search("'(lock .*)'", done.stderr)[1], dsn=target.dsn).good()
    verdict("load", "--abort", dsn=target.dsn).good()
    assert content(target) == {} and lock_of(target) is None and state_of(target) is None


# ---- the leader, the server ----

def test_leader_and_server_are_killed(program, servers, stores, source, dump_of):
    server = servers()
    target = stores(on_server=server)
    process = begin(program, target, dump_of(source))
    stop_at(process, target, 2000, signal.SIGSTOP)
    target.world.nodes["a"].kill()
    target.lead("b")
    process.send_signal(signal.SIGCONT)
    stop_at(process, target, 5000, signal.SIGSTOP)
    server.crash()
    process.send_signal(signal.SIGCONT)
    server.start()
    out, err = rest_of(process)
    assert process.returncode == 0, (out, err)
    assert content(target) == content(source) and lock_of(target) is None
    assert target.world.client().commit([(SET, b"x", b"")]).code == 0


# ---- what is wrong with a file ----

def spoiled(data, at, how):
    return data[:at] if how == "cut" else data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


@pytest.mark.parametrize("form", ["binary", "jsonl"])
def test_a_file_that_is_not_whole_writes_nothing(verdict, stores, dump_of, tmp_path, form):
    """At all its bytes: tests/unit/cli_dump_test.c. Here: what follows."""
    source, target = stores(), stores()
    fill(source, [(b"a", b"1"), (b"b", b"\xff" * 40)])
    data, file = dump_of(source, form).read_bytes(), tmp_path / "spoiled"
    for at in [*range(0, len(data), 23), len(data) - 1]:
        for how in ("cut", "flip"):
            file.write_bytes(spoiled(data, at, how))
            verdict("load", str(file), dsn=target.dsn).wrong("is cut short|is altered|is no dump")
    file.write_bytes(data + b"\n")
    verdict("load", str(file), dsn=target.dsn).wrong("more follows its end")
    assert content(target) == {} and target.execute("SELECT count(*) FROM commit_requests") == [(0,)]
    assert target.execute("SELECT count(*) FROM clients") == [(0,)]  # nobody even asked


@pytest.mark.parametrize("form, how", [("binary", "cut"), ("binary", "flip"), ("jsonl", "cut"), ("jsonl", "flip")])
def test_a_pipe_that_is_not_whole_is_undone(verdict, program, stores, source, dump_of, form, how):
    target = stores()
    data = dump_of(source, form).read_bytes()
    done = subprocess.run([program("cli/verdict"), "load", "-", "--dsn", target.dsn], env=environment(),
                          input=spoiled(data, len(data) * 3 // 4, how), capture_output=True, check=False)
    told = done.stderr.decode().splitlines()
    assert done.returncode == 2 and done.stdout == b"" and len(told) == 2, done
    assert "is cut short" in told[0] or "is altered" in told[0], told
    assert told[1] == "hint: nothing of it is loaded, and the store is unlocked"
    assert content(target) == {} and lock_of(target) is None and state_of(target) is None
    assert target.world.client().commit([(SET, b"x", b"")]).code == 0


def test_what_a_pipe_replaces_is_gone_if_it_is_not_whole(verdict, program, stores, source, dump_of):
    """Nobody can know before, so it is told."""
    target = stores()
    data = dump_of(source, "binary").read_bytes()
    assert target.world.client().commit([(SET, b"old", b"")]).code == 0
    done = subprocess.run([program("cli/verdict"), "load", "-", "--replace", "--dsn", target.dsn], env=environment(),
                          input=data[:-1], capture_output=True, check=False)
    assert done.returncode == 2 and b"what was there before is removed as well" in done.stderr, done
    assert content(target) == {} and lock_of(target) is None


def test_a_value_that_the_store_does_not_take(verdict, stores, dump_of):
    source, target = stores(**{"value-limit": "200kB"}), stores()
    fill(source, [(b"%04d" % i, b"v" * 1000) for i in range(3000)] + [(b"z", b"v" * 150_000)])
    verdict("load", str(dump_of(source)), dsn=target.dsn).wrong("does not take a row", "nothing of it is loaded")
    assert content(target) == {} and lock_of(target) is None
