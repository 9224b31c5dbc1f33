# SPDX-License-Identifier: Apache-2.0
"""verdict submit: lines in, verdicts out."""
import collections
import json
import os
import pty
import signal
import socket
import subprocess
import time

import pytest
from cli import cluster, environment, lives, verdict  # noqa: F401 (fixtures)
from resolver_world import World
from waiting import PATIENCE_S, rest_of, wait_until


@pytest.fixture
def submit(verdict, cluster):
    verdict("exec", 'clearrange "" \\xff', dsn=cluster).good()

    def run(lines, *arguments, code=0):
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n"
        done = verdict("submit", *arguments, dsn=cluster, stdin=text)
        assert done.code == code, done
        return done
    return run


def rows(verdict, dsn):
    done = verdict("exec", 'getrange "" \\xff', dsn=dsn).good()
    return dict(line.split(" = ", 1) for line in done.lines[:-1])


def number(text):
    """Of 8 bytes little-endian, as they are printed."""
    raw = bytearray()
    while text:
        if text.startswith("\\x"):
            raw.append(int(text[2:4], 16))
            text = text[4:]
        else:
            raw.append(ord(text[0]))
            text = text[2:] if text.startswith("\\\\") else text[1:]
    return int.from_bytes(raw, "little", signed=True)


def test_one_verdict_a_line(submit, verdict, cluster):
    done = submit([{"id": "7", "ops": [["set", "k", "v"], ["add", "n", 5], ["clear_range", "a", "b"]], "reads": [["a", "b"]]},
                   {"id": 8, "ops": [["set", "\\x00\\\\", "\\xff"]]}, "", {"ops": [["add", "n", -2]]}])
    told = {line["line"]: line for line in done.json_lines}
    assert sorted(told) == [1, 2, 4]
    assert told[1]["id"] == "7" and told[2]["id"] == 8 and "id" not in told[4]
    for line in told.values():
        assert set(line) - {"id"} == {"line", "verdict", "version", "order"} and line["verdict"] == "committed"
    assert len({(line["version"], line["order"]) for line in told.values()}) == 3
    assert rows(verdict, cluster) == {"k": "v", "\\x00\\\\": "\\xff", "n": "\\x03" + "\\x00" * 7}
    assert done.stderr.startswith("verdict submit: 3 lines in ") and done.stderr.endswith(": 3 committed\n")


def test_conflicts_are_reported_and_not_retried(submit, verdict, cluster):
    """Everybody reads and writes the same key: of those that meet in a batch one wins. The sum tells the winners."""
    lines = [{"id": str(i), "ops": [["add", "n", 1], ["set", "hot", str(i)]], "reads": [["hot", "hot\\x00"]]} for i in range(300)]
    done = submit(lines, "--in-flight", "100", code=1)
    kinds = collections.Counter(line["verdict"] for line in done.json_lines)
    assert set(kinds) == {"committed", "conflict"} and sum(kinds.values()) == 300
    assert number(rows(verdict, cluster)["n"]) == kinds["committed"]
    lost = next(line for line in done.json_lines if line["verdict"] == "conflict")
    assert lost["reason"] == "not_committed" and lost["error"] == 1020
    assert lost["conflict"]["begin"] == "hot" and lost["conflict"]["end"] == "hot\\x00" and lost["conflict"]["version"] > 0


def test_retry_until_committed(submit, verdict, cluster):
    lines = [{"ops": [["add", "n", 1], ["set", "hot", "x"]], "reads": [["hot", "hot\\x00"]]} for i in range(60)]
    done = submit(lines, "--in-flight", "20", "--retry")
    assert number(rows(verdict, cluster)["n"]) == 60
    assert max(line["attempts"] for line in done.json_lines) > 1


def test_many_processes(submit, verdict, cluster):
    done = submit([{"ops": [["add", "n", 1], ["set", f"k{i}", str(i)]]} for i in range(5000)], "--processes", "3", "--in-flight", "200")
    assert sorted(line["line"] for line in done.json_lines) == list(range(1, 5001))
    found = rows(verdict, cluster)
    assert number(found.pop("n")) == 5000 and found == {f"k{i}": str(i) for i in range(5000)}


def test_reads_are_judged_from_the_version_that_is_given(submit):
    def one(line, code=0, *settings):
        return submit([line], *settings, code=code).json_lines[0]
    reads = {"ops": [["set", "other", "x"]], "reads": [["a", "b"]]}
    first = one({"ops": [["set", "a", "1"]]})["version"]
    second = one({"ops": [["set", "a", "2"]]})["version"]
    lost = one({**reads, "read_version": first}, 1)
    assert lost["error"] == 1020 and lost["conflict"]["version"] == second
    assert one({**reads, "read_version": second})["verdict"] == "committed"
    assert one({**reads, "read_version": 12}, 1)["error"] == 1007
    assert one({**reads, "read_version": second + 10**12}, 1)["error"] == 1009
    again = one({**reads, "read_version": first}, 0, "--retry")
    assert again["verdict"] == "committed" and again["attempts"] == 2


def test_malformed_lines_are_told_and_the_rest_goes_on(submit, verdict, cluster):
    done = submit([{"ops": [["set", "a", "1"]]}, "{", {"ops": [["sett", "a", "1"]]}, {"ops": [["set", "b", "2"]], "read_version": -12},
                   "[]", {"ops": [["set", "c", "\\x0"]]}, {"ops": [["set", "d", "4"]]}, '{"ops":[["set","e","\xff"]]}'], code=2)
    assert sorted(line["line"] for line in done.json_lines) == [1, 7, 8]
    told = done.stderr.splitlines()
    assert sorted(line.split(": ")[1] for line in told[:-1]) == [f"line {n}" for n in (2, 3, 4, 5, 6)]
    assert any(line.startswith("verdict submit: line 4: read_version ") for line in told)
    assert told[-1].endswith("3 committed, 5 malformed")
    assert set(rows(verdict, cluster)) == {"a", "d", "e"}


def test_refused_ones_do_nothing_and_the_rest_goes_on(submit, verdict, cluster):
    done = submit([{"ops": [["set", "a", "1"]]}, {"ops": [["set", "b", "2"], ["set", "k" * 3000, "x"]]},
                   {"ops": [["set", "c", "3"], ["set", "x", "v" * 100001]]}, {"ops": [["set", "d", "4"], ["clear_range", "b", "a"]]},
                   {"ops": [["set", "\\xff", "x"]]}, {"ops": [["set", "e", "5"]], "reads": [["b", "a"]]},
                   {"ops": [["set_versionstamped_key", "short", "x"]]}, {"ops": [["set", "z", "9"]]}], code=1)
    told = {line["line"]: line for line in done.json_lines}
    assert [told[n]["verdict"] for n in range(1, 9)] == ["committed", *["rejected"] * 6, "committed"]
    assert [told[n]["error"] for n in range(2, 8)] == [2102, 2103, 2005, 2004, 2005, 2000]
    assert told[2]["reason"] == "key_too_large" and "kkk" in told[2]["message"]
    assert set(rows(verdict, cluster)) == {"a", "z"}


def test_files_and_nothing(submit, verdict, cluster, tmp_path):
    path = tmp_path / "lines"
    path.write_text(json.dumps({"ops": [["set", "last", "without a line feed"]]}))
    assert verdict("submit", path, dsn=cluster).good().json_lines[0]["verdict"] == "committed"
    assert verdict("submit", "-", dsn=cluster, stdin="").good().stdout == ""
    path.write_text("\n\n  \n")
    assert verdict("submit", path, dsn=cluster).good().stdout == ""


def test_ctrl_c_finishes_what_is_in_flight(verdict, database, program, tmp_path):
    """The leader is frozen until Ctrl-C has come: then every line that was taken gets its verdict."""
    world = World(database, program("resolver/verdict-resolver"), tmp_path)
    leader = world.lead(settings={"lease-ttl": "60s"})
    leader.send(signal.SIGSTOP)
    process = subprocess.Popen([program("cli/verdict"), "submit", "--in-flight", "8"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=database.dsn()))
    try:
        process.stdin.write((json.dumps({"ops": [["add", "n", 1]]}) + "\n") * 20)
        process.stdin.flush()
        wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(8,)], "8 requests")
        process.send_signal(signal.SIGINT)
        leader.send(signal.SIGCONT)
        out, err = rest_of(process)
        assert process.returncode == 130, err
        told = [json.loads(line) for line in out.splitlines()]
        assert len(told) >= 8 and all(line["verdict"] == "committed" for line in told)
        assert number(rows(verdict, database.dsn())["n"]) == len(told)
    finally:
        process.kill()
        world.close()


def test_ctrl_c_before_it_begins_and_twice(program, database):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        command = [program("cli/verdict"), "submit"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment(
            VERDICT_DSN=f"host=127.0.0.1 port={silent.getsockname()[1]}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S) == (b"", b"") and process.returncode == 130
        connection.close()
    # Nobody leads: the first waits for verdicts, the second does not.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment(VERDICT_DSN=database.dsn()))
    process.stdin.write('{"ops":[["set","a","1"]]}\n')
    process.stdin.flush()
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "a request")
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        worker = int(children.read().split()[0])
    # what comes at once behind the first is the same Ctrl-C
    wait_until(lambda: process.poll() is not None or process.send_signal(signal.SIGINT), "it does not hear", step_s=0.4)
    out, err = rest_of(process)
    assert process.returncode == 130 and out == "" and "may or may not have been committed" in err, (out, err)
    wait_until(lambda: not lives(worker), "the worker ends with it")


def test_out_of_time_without_a_leader(verdict, database):
    done = verdict("submit", "--timeout", "500ms", dsn=database.dsn(), stdin='{"ops":[["set","a","1"]]}\n')
    assert done.code == 1 and done.json_lines[0]["verdict"] == "cancelled" and done.json_lines[0]["error"] == 1031, done


def test_a_worker_that_is_killed_is_told(program, database):
    process = subprocess.Popen([program("cli/verdict"), "submit"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=database.dsn()))
    process.stdin.write('{"ops":[["set","a","1"]]}\n')
    process.stdin.flush()
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "a request")
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        os.kill(int(children.read().split()[0]), signal.SIGKILL)
    out, err = rest_of(process)
    assert process.returncode == 2 and out == ""
    assert "a worker process has ended with 1 line unanswered" in err


def test_progress_on_a_terminal_only(cluster, program, tmp_path):
    path = tmp_path / "lines"
    path.write_text("".join(json.dumps({"ops": [["set", f"p{i}", "x" * 200]]}) + "\n" for i in range(20000)))
    reader, writer = pty.openpty()
    process = subprocess.Popen([program("cli/verdict"), "submit", str(path)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=writer, env=environment(VERDICT_DSN=cluster))
    os.close(writer)
    told = b""
    while True:
        try:
            got = os.read(reader, 4096)
        except OSError:
            break
        if not got:
            break
        told += got
    os.close(reader)
    assert process.wait(PATIENCE_S) == 0
    assert b"/s" in told and b" %, " in told and b" s left" in told
    assert told.rstrip().endswith(b"20000 committed")


def test_a_reader_that_goes_away(cluster, program):
    process = subprocess.Popen([program("cli/verdict"), "submit"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=cluster))
    process.stdout.close()
    for i in range(10):
        try:
            process.stdin.write(json.dumps({"ops": [["set", "r", str(i)]]}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            break
        time.sleep(0.05)
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(PATIENCE_S) == 2
    assert "standard output" in process.stderr.read()
