# SPDX-License-Identifier: Apache-2.0
"""The language of exec and shell reaches every call of a transaction."""
import pathlib
import re
import subprocess

from cli import cluster, environment, verdict  # noqa: F401 (fixtures)
from test_cli_exec import READ_ONLY, committed, run  # noqa: F401 (a fixture)

ROOT = pathlib.Path(__file__).parents[2]
# what a script has no use for: it is not tried again, reset and freed by its end, and asks for numbers after the commit
NOT_REACHED = {"vd_transaction_on_error", "vd_transaction_reset", "vd_transaction_cancel", "vd_transaction_await_first_number"}


def test_every_call_is_reached():
    header = (ROOT / "follower/include/verdict/verdict.h").read_text(encoding="utf-8")
    ours = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cli").glob("*.c"))
    calls = set(re.findall(r"\b(vd_transaction_\w+)\(", header))
    assert len(calls) > 20
    assert {call for call in calls if call not in ours} <= NOT_REACHED


def test_a_range_between_selectors(run):
    committed(run(";".join(f"set k{i} {i}" for i in range(9))))
    assert run("selectrange first_greater_than k2 0 last_less_or_equal k6 0")[:-1] == ["k3 = 3", "k4 = 4", "k5 = 5"]
    assert run("selectrange first_greater_than k2 1 first_greater_or_equal k9 0 limit 2 reverse")[:-1] == ["k8 = 8", "k7 = 7"]
    assert run("set k45 x; selectrange last_less_than k4 0 first_greater_than k45 0 snapshot")[:-1] == ["k3 = 3", "k4 = 4", "k45 = x"]


def test_the_size_and_special_keys(run):
    sizes = [int(line.split()[1]) for line in committed(run("size; set a 1; size; set b 22; size"))]
    assert sizes[0] == 0 and sizes[0] < sizes[1] < sizes[2]
    prefix = "\\xff\\xff/transaction/read_conflict_range/"
    assert run(f"get a; getrange {prefix} {prefix}\\xff") == [
        "a = 1", f"{prefix}a = 1", f"{prefix}a\\x00 = 0", READ_ONLY]


def test_a_read_version_that_is_given(run):
    version = int(run("readversion")[0].split()[1])
    assert run(f"readat {version}; readversion; get a")[:2] == [f"readversion {version}", "a absent"]
    assert run("readat 0", code=1) == ["rejected reason=version_invalid error=2011"]
    assert run("get a; readat 7", code=1)[-1] == "rejected reason=read_version_already_set error=2010"


def test_sequenced_keys(run):
    counter = "\\xff/counter/" + "log"
    assert committed(run(f"setsequencedkey {counter} log/ one; setsequencedkey {counter} log/ two"))[-1] == f"number {counter} 0"
    assert committed(run(f"setsequencedkey {counter} log/ three; setsequencedvalue {counter} last ........\\x00\\x00\\x00\\x00"))[-1] == f"number {counter} 2"
    number = "\\x00" * 7
    assert run("getrange log/ log0; get last")[:-1] == [f"log/{number}\\x00 = one", f"log/{number}\\x01 = two", f"log/{number}\\x02 = three",
                                                        f"last = {number}\\x02"]
    assert run(f"setsequencedkey {counter} log/ one; get log/x", code=1) == ["rejected reason=accessed_unreadable error=1036"]


def test_watches(run, verdict, cluster):
    script = "watch a; watch b; set c 1; commit; set b 2; commit; set a 1; commit; wait; get a"
    lines = run(script)
    assert [line for line in lines if not line.startswith("committed")] == ["changed a", "changed b", "a = 1"]
    assert run("wait") == []
    verdict("exec", "watch a; wait", dsn=cluster).wrong("wait inside a transaction", "commit first")
    verdict("exec", "begin; watch a; wait; commit", dsn=cluster).wrong("wait inside a transaction", "commit first")
    # what did not commit watches nothing
    assert run("watch a; get \\xff", code=1)[-1].startswith("rejected reason=key_outside_legal_range")
    shell = verdict("shell", dsn=cluster, stdin="watch a\nset a 2\nwait\nwait\n").good()
    assert [line for line in shell.lines if not line.startswith("committed")] == ["changed a"]


def test_a_watch_waits_for_others(run, program, verdict, cluster):
    process = subprocess.Popen([program("cli/verdict"), "exec", "watch lamp; commit; wait"], stdout=subprocess.PIPE, text=True, bufsize=1,
                               env=environment(VERDICT_DSN=cluster))
    assert process.stdout.readline().strip() == READ_ONLY
    verdict("exec", "set lamp on", dsn=cluster).good()
    assert process.stdout.readline() == "changed lamp\n"
    assert process.wait(60) == 0


def test_all_that_a_conflict_lost(run, program, verdict, cluster):
    run("set a 1; set b 1; set c 1")
    shell = subprocess.Popen([program("cli/verdict"), "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                             env=environment(VERDICT_DSN=cluster))
    shell.stdin.write("begin; option report_conflicting_keys; get a; get b; get c\n")
    assert [shell.stdout.readline() for _ in range(3)] == ["a = 1\n", "b = 1\n", "c = 1\n"]
    version = re.search(r"version=\d+", run("set a 2; set c 2")[-1])[0]
    out, _ = shell.communicate("set z 1; commit\n", timeout=60)
    assert out.splitlines() == [f"lost begin=c end=c\\x00 {version}", f"conflict begin=a end=a\\x00 {version}"]
    assert shell.returncode == 1


def test_preconditions(run):
    committed(run("set a 1"))
    committed(run("require_value a 1; require_present a; require_absent b; require_empty b c; set b 2"))
    for unmet in ("require_value a 2", "require_present c", "require_absent b", "require_empty a c"):
        assert run(f"{unmet}; set c 3", code=1) == ["rejected reason=precondition_failed error=7001"]
    assert run("get c")[0] == "c absent"


def test_how_much_is_there(run):
    committed(run(";".join(f"set k{i} {i}" for i in range(10))))
    assert run("rangesize k l; rangesize x y")[:-1] == ["rangesize 30", "rangesize 0"]
    keys = run("splitpoints k l 12")[:-1]
    assert keys[0] == "key k" and keys[-1] == "key l" and keys == sorted(keys) and len(keys) > 2
