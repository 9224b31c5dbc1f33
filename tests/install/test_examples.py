# SPDX-License-Identifier: Apache-2.0
"""The programs that users are shown: docs/api.md's, and those of follower/examples and events/examples. Built as a stranger would, run on a cluster."""
import os
import pathlib
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli import cluster, environment, verdict  # noqa: F401 (fixtures)

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ["VERDICT_BUILD"])


def run(*command, code=0, timeout=120, **more):
    done = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False, **more)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def sanitizers():
    setting = re.search(r"^VERDICT_SANITIZE:STRING=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return [f"-fsanitize={setting[1]}"] if setting and setting[1] else []


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the library was installed, and what a build against it needs to know."""
    prefix = tmp_path_factory.mktemp("prefix")
    for component in ("library", "development"):
        run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
    library = next(prefix.rglob("libverdict.so")).parent
    return {**os.environ, "PKG_CONFIG_PATH": str(library / "pkgconfig"), "LDFLAGS": " ".join([f"-Wl,-rpath,{library}", *sanitizers()])}


@pytest.fixture(scope="module")
def examples(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples") / "examples"
    for room in ("follower", "events"):
        shutil.copytree(ROOT / room / "examples", folder, dirs_exist_ok=True)
        run("make", "-C", folder, env={**installed, "CFLAGS": "-Werror"})
    return folder


@pytest.fixture
def example(examples, cluster):
    def call(name, *arguments, code=0):
        return run(examples / name, *arguments, code=code, env=environment(VERDICT_DSN=cluster))
    return call


def blocks(kind):
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.M | re.S)


def build(installed, folder, name, source, *packages):
    (folder / f"{name}.c").write_text(source, encoding="utf-8")
    flags = run("pkg-config", "--cflags", "--libs", "verdict", *packages, env=installed).split()
    run("cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", folder / f"{name}.c", "-o", folder / name, *flags, *installed["LDFLAGS"].split(), env=installed)
    return folder / name


def test_the_tutorial_prints_what_it_says(installed, cluster, verdict, tmp_path):
    verdict("exec", 'clearrange "" \\xff', dsn=cluster).good()
    program = build(installed, tmp_path, "tutorial", "\n".join(blocks("c")))
    assert run(program, env=environment(VERDICT_DSN=cluster)) == "".join(blocks("text"))


def test_the_tutorial_on_a_loop_of_ones_own(installed, cluster, verdict, tmp_path):
    program = build(installed, tmp_path, "loop", "".join(blocks("c async")), "libevent_core")
    assert run(program, env=environment(VERDICT_DSN=cluster)) == "committed\n"
    assert verdict("exec", "get hello", dsn=cluster).good().lines[0] == "hello = loop"


def test_wordcount_takes_over(example, cluster, verdict, tmp_path):
    text = tmp_path / "text"
    text.write_text("one two two")
    verdict("exec", f"set wordcount/claim/0/{text} gone", dsn=cluster).good()
    example("wordcount", "work", text)
    assert example("wordcount", "report") == ""
    example("wordcount", "work", "--take-over", text)
    assert example("wordcount", "report") == "1 one\n2 two\n"
    example("wordcount", "work", "--take-over", text)
    assert example("wordcount", "report") == "1 one\n2 two\n"


def test_bank(example):
    assert example("bank", "open", "10", "100") == "10 1000\n"
    made, total = example("bank", "transfer", "4", "25").splitlines()
    assert re.fullmatch(r"\d+ of 100 transfers made, the others had no money", made) and total == "10 1000"
    assert example("bank", "total") == "10 1000\n"
    example("bank", "open", "1", "1", code=2)


def test_queue(example, examples, cluster):
    example("queue", "push", "a", "b", "c")
    example("queue", "push", "d")
    assert [example("queue", "pop") for _ in range(4)] == ["a\n", "b\n", "c\n", "d\n"]
    example("queue", "pop", code=1)
    waiting = [subprocess.Popen([examples / "queue", "pop", "--wait"], stdout=subprocess.PIPE, text=True, env=environment(VERDICT_DSN=cluster))
               for _ in range(2)]
    example("queue", "push", "e")
    example("queue", "push", "f")
    assert sorted(process.communicate(timeout=60)[0] for process in waiting) == ["e\n", "f\n"]
    example("queue", code=2)


def test_index(example):
    for name, city in (("ada", "london"), ("alan", "london"), ("grace", "new york"), ("al", "lon")):
        example("index", "put", name, city)
    assert example("index", "find", "london") == "ada\nalan\n"
    example("index", "put", "ada", "new york")
    example("index", "remove", "alan")
    assert example("index", "find", "london") == "" and example("index", "find", "new york") == "ada\ngrace\n"
    assert example("index", "find", "lon") == "al\n"


def test_watch(examples, cluster, verdict):
    process = subprocess.Popen([examples / "watch", "lamp", "2"], stdout=subprocess.PIPE, text=True, bufsize=1, env=environment(VERDICT_DSN=cluster))
    assert process.stdout.readline() == "absent\n"
    verdict("exec", "set lamp on", dsn=cluster).good()
    assert process.stdout.readline() == "value on\n"
    verdict("exec", "clear lamp", dsn=cluster).good()
    assert process.stdout.readline() == "absent\n"
    assert process.wait(60) == 0


def test_leaderboard(example):
    example("leaderboard", "fill", "3000")
    example("leaderboard", "score", "ann", "2000000")
    example("leaderboard", "score", "bob", "1500000")
    example("leaderboard", "score", "ann", "1000001")
    assert example("leaderboard", "top", "2") == "1500000 bob\n1000001 ann\n"
    assert example("leaderboard", "rank", "bob") == "1 of 3002\n" and example("leaderboard", "rank", "ann") == "2 of 3002\n"
    assert example("leaderboard", "rank", "nobody", code=1) == "nobody has no points\n"


def test_accounts(example):
    example("accounts", "open", "ann", "100")
    example("accounts", "open", "bob", "0")
    example("accounts", "open", "ann", "7", code=1)
    example("accounts", "transfer", "ann", "bob", "30")
    example("accounts", "transfer", "bob", "ann", "31", code=1)
    example("accounts", "transfer", "ann", "nobody", "1", code=1)
    assert example("accounts", "history", "ann") == "1 opened 100\n2 sent 30 bob\n"
    assert example("accounts", "history", "bob") == "1 opened 0\n2 received 30 ann\n"
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda names: example("accounts", "transfer", *names, "1", "15"), (("ann", "bob"), ("ann", "bob"), ("bob", "ann"))))
    assert example("accounts", "total") == "2 100\n"
    history = example("accounts", "history", "ann").splitlines()
    assert [line.split()[0] for line in history] == [str(version) for version in range(1, 2 + 45 + 1)]
    assert [sum(line.split()[1:] == [what, "1", "bob"] for line in history) for what in ("sent", "received")] == [30, 15]
    example("accounts", "transfer", "ann", "ann", "1", code=2)
