# SPDX-License-Identifier: Apache-2.0
"""The checker is checked: histories that are correct pass, and each way to break one is called by its name."""
import json
import random
import subprocess

import pytest

from broken import BREAKS, LOSS_BREAKS
from generated import World

ENOUGH = 3  # histories that a break was done to


@pytest.fixture
def run_check(program):
    def run(*arguments):
        return subprocess.run([program("tests/history/check"), "--json", *map(str, arguments)], text=True, timeout=300,
                              capture_output=True, check=False)
    return run


@pytest.fixture
def check(run_check):
    def run(*arguments):
        done = run_check(*arguments)
        assert done.returncode in (0, 1), done.stderr
        told = json.loads(done.stdout)
        assert told["ok"] == (done.returncode == 0) == (told["anomalies"] == 0)
        assert sum(told["kinds"].values()) == told["anomalies"]
        return told
    return run


@pytest.mark.parametrize("losses", [0, 1, 2])
def test_correct_histories_pass(check, tmp_path, losses):
    reads = committed = unknown = 0
    for seed in range(15):
        folder = tmp_path / str(seed)
        folder.mkdir()
        told = check(*World(seed).run(200, losses).write_files(folder))
        assert told["ok"], (seed, told["explained"])
        reads += told["reads"]
        committed += told["committed"]
        unknown += told["unknown_committed"]
    assert reads > 1500 and committed > 700 and unknown > 15


def broken_by(check, tmp_path, name, function, losses):
    """Does it to some histories; each must be called by one of the names."""
    done = 0
    for seed in range(200):
        world = World(seed, keys=4).run(100, losses)
        names = function(world, random.Random(seed))
        if names is None:
            continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        told = check(*world.write_files(folder))
        assert names & set(told["kinds"]), (name, seed, names, told["explained"])
        done += 1
        if done == ENOUGH:
            return
    raise AssertionError(f"{name}: only {done} of 200 histories lent themselves to it")


@pytest.mark.parametrize("name", BREAKS)
def test_broken(check, tmp_path, name):
    broken_by(check, tmp_path, name, BREAKS[name], 0)


@pytest.mark.parametrize("name", LOSS_BREAKS)
def test_broken_loss(check, tmp_path, name):
    broken_by(check, tmp_path, name, LOSS_BREAKS[name], 1)


@pytest.mark.parametrize("wrong", ["lost_update", "write_skew", "phantom", "batch_order", "real_time_read"])
def test_a_wrong_server(check, tmp_path, wrong):
    """A conflict is committed, once; or a transaction gets an old snapshot."""
    done = 0
    for seed in range(200):
        world = World(seed, keys=4, wrong="stale" if wrong == "real_time_read" else wrong).run(100)
        if world.wronged is None or (wrong != "real_time_read" and world.wronged.code != 0):
            continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        told = check(*world.write_files(folder))
        assert wrong in told["kinds"], (seed, told["explained"])
        blamed = f"{world.wronged.worker}/{world.wronged.number} "
        assert all(one["text"].startswith(blamed) for one in told["explained"]), (seed, blamed, told["explained"])
        done += 1
        if done == ENOUGH:
            return
    raise AssertionError(f"only {done} of 200 histories went wrong")


# ---- files ----

def without_final(arguments):
    at = arguments.index("--final")
    return arguments[:at] + arguments[at + 2:]


def test_without_a_dump_nothing_is_invented(check, tmp_path):
    """What a transaction of unknown end wrote is not compared then; all else is."""
    reads = 0
    for seed in range(15):
        folder = tmp_path / str(seed)
        folder.mkdir()
        told = check(*without_final(World(seed).run(150).write_files(folder)))
        assert told["ok"], (seed, told)
        reads += told["reads"]
    assert reads > 80


def test_a_last_line_without_its_end_does_not_count(check, tmp_path):
    """A process that was killed in the middle of a line: the same history without that line."""
    arguments = World(3).run(100).write_files(tmp_path)
    path = next(a for a in arguments if a.endswith("w1.history"))
    before = check(*arguments)
    with open(path, "a", encoding="ascii") as file:
        file.write("E 1 17 10")
    assert check(*arguments) == before


@pytest.mark.parametrize("line", [
    "nonsense", "E 9999 1 0 1 1", "E 1", "R 900 test 1 1 1 1 0 g", "R 900 test 1 1 1 1 0 z a b", "R 900 test 1 1 1 1 0 g a %4",
    "R 900 test 1 1 1 1 0 r a b 0 0 2 a b", "R 900 test 1 1 x 1 0", "R 1 test 1 1 1 1 0", "R 900  test 1 1 1 1 0"])
def test_a_history_that_cannot_be_read_proves_nothing(run_check, tmp_path, line):
    arguments = World(3).run(60).write_files(tmp_path)
    path = tmp_path / "w0.history"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "R 1 test 1 0 0 2 0", line, *lines[1:]]) + "\n")
    done = run_check(*arguments)
    assert done.returncode == 2 and "w0.history:" in done.stderr, (done.stdout, done.stderr)


def test_dumps_and_names_that_cannot_be(run_check, tmp_path):
    arguments = World(3).run(60).write_files(tmp_path)
    final = tmp_path / "final"
    text = final.read_text()
    assert run_check(*arguments).returncode == 0
    for wrong in (text.rsplit("\n", 2)[0] + "\n", text.replace("end ", "end 1"), "", "verdict-final 2 1 h/ h0\nend 0\n"):
        final.write_text(wrong)
        done = run_check(*arguments)
        assert done.returncode == 2, (wrong[-50:], done)
    final.write_text(text)
    assert "two histories" in run_check(*arguments, arguments[-1]).stderr
    assert run_check("--final", str(final)).returncode == 2


@pytest.mark.parametrize("told_at,kinds", [(400, {"aborted_visible": 1}), (900, {})])
def test_what_was_seen_and_lost_before_it_was_told(check, tmp_path, told_at, kinds):
    """A commit was applied and seen, then lost with its server at 500; sent again, it is too old, and is told so. Told so before the
    loss, it must not have been seen."""
    (tmp_path / "writer").write_text(f"verdict-history 1 w1 1\nS 1 bank 100 0 0 120 S h/a w1.1\nE 1 {told_at} 1007\n")
    (tmp_path / "reader").write_text("verdict-history 1 w2 1\nR 1 bank 200 210 1500 220 0 g h/a w1.1\n")
    (tmp_path / "schedule").write_text("500 lost 1000 10000000001000\n")
    (tmp_path / "final").write_text("verdict-final 1 10000000001000 h/ h0\nend 0\n")
    told = check("--final", tmp_path / "final", "--schedule", tmp_path / "schedule", tmp_path / "writer", tmp_path / "reader")
    assert told["kinds"] == kinds
