# SPDX-License-Identifier: Apache-2.0
"""verdict exec and shell: the language, its output, its verdicts."""
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
from cli import cluster, environment, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S, rest_of, wait_until

COMMITTED = r"committed version=\d+ order=\d+"
READ_ONLY = "committed version=-1 read-only"


@pytest.fixture
def run(verdict, cluster):
    """run(script): its lines, the last of which is the verdict."""
    verdict("exec", 'clearrange "" \\xff', dsn=cluster).good()

    def execute(script, code=0):
        done = verdict("exec", script, dsn=cluster) if len(script) < 100000 else verdict("exec", "-", dsn=cluster, stdin=script)
        assert done.code == code, done
        return done.lines
    return execute


def committed(lines):
    assert re.fullmatch(COMMITTED, lines[-1]), lines
    return lines[:-1]


def test_reads_and_writes(run):
    assert committed(run("set a 1; get a; add n 5; getrange a z limit 10; clear a")) == [
        "a = 1", "a = 1", "n = \\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00"]
    assert run("get a; get n") == ["a absent", "n = \\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00", READ_ONLY]
    committed(run("add n -6"))
    assert run("get n")[0] == "n = " + "\\xff" * 8


def test_bytes(run):
    committed(run('set "a key; with \\"quotes\\"" ""; set \\x00\\xfe\\\\ \\x0a; set ä é'))
    assert run('getrange "" \\xff') == ["\\x00\\xfe\\\\ = \\x0a", 'a key; with "quotes" = ', "\\xc3\\xa4 = \\xc3\\xa9", READ_ONLY]


def test_ranges(run):
    committed(run(";".join(f"set k{i:03} {i}" for i in range(200))))
    assert run("getrange k001 k004") == ["k001 = 1", "k002 = 2", "k003 = 3", READ_ONLY]
    assert run("getrange k k9 limit 2 reverse") == ["k199 = 199", "k198 = 198", READ_ONLY]
    assert run("getrange k k9 snapshot")[:-1] == [f"k{i:03} = {i}" for i in range(200)]
    assert run("getrange k k9 reverse")[:-1] == [f"k{i:03} = {i}" for i in reversed(range(200))]
    assert run("getrange z a") == [READ_ONLY]
    committed(run("clearrange k010 k199"))
    assert len(run("getrange k k9")) == 12


def test_a_range_larger_than_one_piece(run):
    """Several pieces, in both directions: 300 rows of 1,000 bytes."""
    value = "v" * 1000
    committed(run("\n".join(f"set r{i:03} {value}" for i in range(300))))  # too long for an argument
    assert [line[:4] for line in run("getrange r s")[:-1]] == [f"r{i:03}" for i in range(300)]
    assert [line[:4] for line in run("getrange r s reverse limit 250")[:-1]] == [f"r{i:03}" for i in reversed(range(50, 300))]


def test_selectors(run):
    committed(run("set b 1; set d 2; set f 3"))
    assert run("getkey last_less_than d; getkey last_less_or_equal d; getkey first_greater_than d; "
               "getkey first_greater_or_equal d; getkey first_greater_or_equal d 1; getkey last_less_than b; "
               "getkey firstgreaterthan f snapshot")[:-1] == [
                   "key b", "key d", "key f", "key d", "key f", "key ", "key \\xff"]


def test_every_atomic_op(run):
    committed(run("set and \\x0f; set or \\x0f; set xor \\x0f; set app ab; set max \\x05; set min \\x05; "
                  "set bmax b; set bmin b; set cc x; set keep x"))
    committed(run("bit_and and \\x3c; bitor or \\x30; bit_xor xor \\xff; append_if_fits app cd; max max \\x09; min min \\x09; "
                  "byte_max bmax c; byte_min bmin a; compare_and_clear cc x; compareandclear keep y"))
    assert run('getrange "" \\xff')[:-1] == [
        "and = \\x0c", "app = abcd", "bmax = c", "bmin = a", "keep = x", "max = \\x09", "min = \\x05", "or = ?", "xor = \\xf0"]


def test_versionstamps(run):
    lines = run("set_versionstamped_key p\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00 v; "
                "set_versionstamped_value q \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00; versionstamp")
    stamp = committed(lines)[0].removeprefix("versionstamp ")
    assert run("getrange p r")[:-1] == [f"p{stamp} = v", f"q = {stamp}"]
    version = int(re.search(r"version=(\d+)", lines[-1])[1])
    raw = re.sub(rb"\\x(..)", lambda m: bytes.fromhex(m[1].decode()), stamp.replace("\\\\", "\\x5c").encode())
    assert int.from_bytes(raw[:8], "big") == version


def test_transactions_of_ones_own(run):
    lines = run("begin; set a 1; commit; begin; get a; set b 2; reset; set c 3; commit; get b; get c")
    assert re.fullmatch(COMMITTED, lines[0]) and lines[1] == "a = 1" and re.fullmatch(COMMITTED, lines[2])
    assert lines[3:] == ["b absent", "c = 3", READ_ONLY]
    assert run("") == []


def test_a_conflict_names_what_it_lost_to(program, cluster, run):
    """Another one writes what it has read, before it commits."""
    committed(run("set a 1"))
    process = subprocess.Popen([program("cli/verdict"), "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True, env=environment(VERDICT_DSN=cluster))
    process.stdin.write("begin\nget a\n")
    process.stdin.flush()
    assert process.stdout.readline() == "a = 1\n"
    version = re.search(r"version=(\d+)", run("set a 3")[-1])[1]
    process.stdin.write("set z 1\ncommit\n")
    process.stdin.close()
    assert rest_of(process)[0] == f"conflict begin=a end=a\\x00 version={version}\n"


def test_refusals_do_nothing(verdict, cluster, run):
    done = verdict("exec", f"set good 1; set {'k' * 3000} v", dsn=cluster)
    assert done.code == 1 and done.lines == ["rejected reason=key_too_large error=2102"], done
    assert len(done.stderr.splitlines()) == 1 and "kkk" in done.stderr
    assert run("set good 1; set \\xff\\xff v", 1) == ["rejected reason=key_outside_legal_range error=2004"]
    assert run(f"set good 1; set k {'v' * 100001}", 1) == ["rejected reason=value_too_large error=2103"]
    assert run("set good 1; clearrange b a", 1) == ["rejected reason=inverted_range error=2005"]
    assert run("get good") == ["good absent", READ_ONLY]
    verdict("exec", "option nonsense 1; set good 1", dsn=cluster).wrong("option nonsense")
    verdict("exec", "set good 1; gte good", dsn=cluster).wrong("unknown command")
    # What follows a verdict that is not committed was written in the belief that it is.
    assert run("begin; set k \\xff; set \\xff\\xff v; commit; set good 1; get good", 1) == [
        "rejected reason=key_outside_legal_range error=2004"]
    assert run("get good") == ["good absent", READ_ONLY]


def test_the_lock(verdict, cluster, run):
    """Who finds the store locked sees by whom, and gives the lock up, by whichever name of it."""
    def lock():
        shown = verdict("status", dsn=cluster).good().stdout
        told = verdict("status", "--json", dsn=cluster).good().json_lines[0]["lock"]
        assert (f"\nlock        {told}: " in shown) if told else ("\nlock" not in shown)
        found, = [line for line in verdict("doctor", "--json", dsn=cluster).json_lines if line["check"] == "lock"]
        assert found["level"] == ("warning" if told else "ok") and (told or "nobody") in found["text"]
        return told
    name = "0123abcd-0123-4567-89ab-00ff00ff00ff"
    locked = ["rejected reason=database_locked error=1038"]
    assert lock() is None
    committed(run(f"lock {name}; set a 1"))
    try:
        assert lock() == name
        assert run("set a 2", 1) == locked and run("get a", 1) == locked
        assert run(f"unlock {name[::-1]}", 1) == locked and run(f"lock {name[::-1]}", 1) == locked
        assert run("option read_lock_aware; get a")[0] == "a = 1"
        for word in ("", name[1:], name + "0", "g" + name[1:], '""', "\\x00" + name[1:]):
            verdict("exec", f"unlock {word}", dsn=cluster).wrong("unlock: the id ")
        assert lock() == name
    finally:
        committed(run(f"unlock {name.upper().replace('-', '')}"))
    assert lock() is None
    assert run("get a")[0] == "a = 1"


def test_out_of_time_without_a_leader(verdict, database):
    """Nobody leads: the transaction is given up, and that is then certain."""
    began = time.monotonic()
    done = verdict("exec", "--timeout", "500ms", "set a 1", dsn=database.dsn())
    assert done.code == 1 and done.lines == ["cancelled reason=transaction_timed_out error=1031"], done
    assert time.monotonic() - began > 0.4
    assert database.execute("SELECT count(*) FROM commit_requests") == [(0,)]
    assert database.execute("SELECT low_water FROM clients") == [(1,)]  # it has heard that it is cancelled


def test_ctrl_c_gives_up_what_is_in_flight(program, database):
    process = subprocess.Popen([program("cli/verdict"), "exec", "get a; set a 1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=database.dsn()))
    assert process.stdout.readline() == "a absent\n"
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "a request")
    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)
    assert process.returncode == 130, (out, err)
    assert out.splitlines()[-1].startswith("cancelled ") and err == ""
    assert database.execute("SELECT count(*) FROM commit_requests") == [(0,)]


def test_who_asks_again_is_heard_at_once(program, database):
    """Giving up takes the database's word, which somebody holds up here; a second Ctrl-C does not wait for it."""
    process = subprocess.Popen([program("cli/verdict"), "exec", "set a 1"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=database.dsn()))
    with database.connect(autocommit=False) as connection:
        wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "a request")
        connection.execute("SELECT * FROM verdict.watermark FOR UPDATE")
        process.send_signal(signal.SIGINT)
        wait_until(lambda: database.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), "it gives up")
        # what comes at once behind the first is the same Ctrl-C
        wait_until(lambda: process.poll() is not None or process.send_signal(signal.SIGINT), "it does not hear", step_s=0.4)
        out, err = rest_of(process)
    assert process.returncode == 130 and out == "" and "may or may not have been committed" in err, (out, err)


def test_options_are_taken_whole_or_not_at_all(verdict, database):
    for words in ("timeout\\x00x 5000", 'timeout "5000\\x00"', f'timeout "5000{" " * 70}x"', 'timeout ""', "nonsense", f"{'n' * 70} 1"):
        verdict("exec", f"option {words}", dsn=database.dsn()).wrong("^verdict exec: option ")


# ---- shell ----

def test_shell_without_a_terminal(verdict, cluster, run):
    done = verdict("shell", dsn=cluster, stdin="set s 1\nget s\n\nbegin\nset t 2\nget t\ncommit\nquit\nset never 1\n").good()
    assert re.fullmatch(rf"{COMMITTED}\ns = 1\n{READ_ONLY}\nt = 2\n{COMMITTED}\n", done.stdout), done
    assert run("get never")[0] == "never absent"
    done = verdict("shell", dsn=cluster, stdin="get\nget s\n")
    assert done.code == 2 and done.lines == ["s = 1", READ_ONLY] and "the key is missing" in done.stderr
    done = verdict("shell", dsn=cluster, stdin="set \\xff\\xff 1\nget s\n")
    assert done.code == 1 and done.lines[1] == "s = 1"
    done = verdict("shell", dsn=cluster, stdin="set zero a\0b\nget zero").good()
    assert done.lines[1] == "zero = a\\x00b"
    # A transaction that is still open at the end is dropped.
    verdict("shell", dsn=cluster, stdin="begin\nset dropped 1\n").good()
    assert run("get dropped")[0] == "dropped absent"


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, program, dsn, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program("cli/verdict"), ["verdict", "shell"],
                      environment(VERDICT_DSN=dsn, HOME=str(home), TERM="xterm"))
        self.seen = ""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def expect(self, pattern):
        """Waits until what was written since the last match matches; the match."""
        end = time.monotonic() + PATIENCE_S
        while True:
            text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", self.seen)
            found = re.search(pattern, text)
            if found:
                self.seen = text[found.end():]
                return found
            assert time.monotonic() < end, f"{pattern!r} does not come; there is {text!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    assert re.search(pattern, self.seen), f"ended before {pattern!r}; there was {self.seen!r}"

    def end(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_shell_on_a_terminal(program, cluster, run, tmp_path):
    shell = Terminal(program, cluster, tmp_path)
    shell.expect("help lists the commands")
    shell.expect("verdict> ")
    shell.type("set x 1; get x\n")
    shell.expect("\nx = 1\n")
    shell.expect(f"{COMMITTED}\n")
    shell.type("begin\n")
    shell.expect(r"verdict\*> ")
    shell.type("set y 2\ncommit\n")
    shell.expect(f"{COMMITTED}\n")
    shell.expect("verdict> ")
    # Editing: what is typed wrong is mended with backspace and Ctrl-A.
    shell.type("et xy\x7f\x01g\n")
    shell.expect("\nx = 1\n")
    # History: the line before comes back with Ctrl-P (or the arrow).
    shell.type("\x10\n")
    shell.expect("\nx = 1\n")
    # Ctrl-C drops the line, and the shell goes on.
    shell.type("set x 9")
    shell.expect("set x 9")
    shell.type("\x03")
    shell.type("get x\n")
    shell.expect("\nx = 1\n")
    shell.type("gte x\n")
    shell.expect('unknown command "gte"')
    shell.expect("did you mean get")
    shell.type("help\n")
    shell.expect("getrange BEGIN END")
    shell.expect("verdict> ")
    shell.type("\x04")
    assert shell.end() == 0
    assert "get" in (tmp_path / ".verdict_history").read_text()
    again = Terminal(program, cluster, tmp_path)
    again.expect("verdict> ")
    again.type("\x10\x10\n")
    again.expect('unknown command "gte"')
    again.type("quit\n")
    assert again.end() == 0


def test_ctrl_c_in_a_shell_gives_up_what_runs(program, database, tmp_path):
    """Without a leader a commit waits; Ctrl-C gives it up, and the shell goes on."""
    shell = Terminal(program, database.dsn(), tmp_path)
    shell.expect("verdict> ")
    shell.type("set a 1\n")
    wait_until(lambda: database.execute("SELECT count(*) FROM commit_requests") == [(1,)], "a request")
    shell.type("\x03")
    shell.expect("cancelled reason=")
    shell.expect("verdict> ")
    shell.type("get a\n")
    shell.expect("\na absent\n")
    shell.type("quit\n")
    assert shell.end() == 0


def test_a_shell_that_is_asked_to_end(program, cluster, tmp_path):
    shell = Terminal(program, cluster, tmp_path)
    before = termios.tcgetattr(shell.fd)
    shell.expect("verdict> ")
    shell.type("set half")
    shell.expect("set half")
    os.kill(shell.pid, signal.SIGTERM)
    _, status = os.waitpid(shell.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert termios.tcgetattr(shell.fd) == before
    os.close(shell.fd)
