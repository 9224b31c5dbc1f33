# SPDX-License-Identifier: Apache-2.0
"""Faults by chance, from a seed (tests/fault/run): a brief run in which each kind of fault happens; VERDICT_FULL=1 makes it a long one.
That the seed says it all, and that Ctrl-C leaves nothing behind."""
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import fault_schedule
from waiting import wait_until

RUN = pathlib.Path(__file__).resolve().parent / "run"


@pytest.fixture
def run(program):
    """run(*arguments): the finished process."""
    def start(*arguments, wait=True):
        build = pathlib.Path(program("resolver/verdict-resolver")).parent.parent
        process = subprocess.Popen([sys.executable, RUN, "--build", build, *map(str, arguments)], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        if not wait:
            return process
        out, err = process.communicate()
        return subprocess.CompletedProcess(RUN, process.returncode, out, err)
    return start


def left_behind(session, folder):
    """The command lines of all processes of a session, and of those that know of a folder."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state, _, _, its_session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if state != "Z" and (int(its_session) == session or folder in command):
            found.append(command)
    return found


def test_everything_fails(run):
    """Each kind of fault of the schedule happened, and all is well in the end."""
    seed, minutes = (4, 30) if os.environ.get("VERDICT_FULL") else (3, 0.6)
    done = run("--seed", seed, "--minutes", minutes, "--json")
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{done.stdout}"
    report = json.loads(done.stdout)
    assert report["failures"] == [] and report["outcomes"]["committed"] > 500, report
    assert set(report["injected"]) == {event.kind for event in fault_schedule.schedule(seed, minutes)}
    assert set(report["injected"]) >= set(fault_schedule.KINDS) - set(fault_schedule.SLOW)


def test_the_seed_says_it_all(run):
    first, again, other = (run("--seed", seed, "--minutes", 10, "--list").stdout for seed in (7, 7, 8))
    assert first == again != other
    assert len(first.splitlines()) > 100
    for kind in set(fault_schedule.KINDS) - set(fault_schedule.SLOW):
        assert f" {kind} " in first


def test_what_is_not_there_is_refused(run):
    for wrong in (["--only", "pg-crahs"], ["--minutes", "0"], ["--workers", "0"], ["--sed", "1"]):
        done = run(*wrong)
        assert done.returncode == 2 and "error:" in done.stderr, wrong


def test_an_interrupt_leaves_nothing_behind(run):
    process = run("--seed", 5, "--minutes", 5, wait=False)
    lines = []
    wait_until(lambda: lines.append(process.stderr.readline()) or "[" in lines[-1], lambda: "".join(lines))
    folder = next(line.split()[-1] for line in lines if line.startswith("# in "))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and "stopped" in err, err
    assert not os.path.exists(folder)
    assert left_behind(process.pid, folder) == []
