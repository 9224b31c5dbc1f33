# SPDX-License-Identifier: Apache-2.0
"""Runs one test of a build and says how it ended: a mutant counts as caught only if a test failed by what it asserts (or what
the program itself asserts), not because something could not be built, started or found."""
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import xml.etree.ElementTree as xml

PYTHON = "/usr/bin/python3"  # Debian's, as ctest has it: it has pytest and psycopg
PASSED, FAILED, BROKEN = "passed", "failed", "broken"
UNIT_S, PYTEST_S = 120, 600  # for what hangs
# A test that waits for what never comes has failed as well: these come from tests/support and pytest.
FAILURES = re.compile(r"(?:\w+\.)*(AssertionError|TimeoutError|Empty|Failed|TimeoutExpired)\b|assert ")


@dataclasses.dataclass
class End:
    how: str  # PASSED, FAILED, BROKEN
    words: str  # of the failure, or why it is broken


def programs_of(root, test):
    """Paths of what a test needs to have been built, below the build folder."""
    file = test.split("::")[0]
    path, = [p for p in (pathlib.Path(root) / "tests").rglob(file.split("/")[-1]) if "build" not in p.relative_to(root).parts]
    if path.suffix == ".c":
        return [f"{path.parent.relative_to(root)}/{path.stem}"]
    text = path.read_text(encoding="utf-8") + (pathlib.Path(root) / "tests/conftest.py").read_text(encoding="utf-8")
    for module in sorted((pathlib.Path(root) / "tests/support").glob("*.py")):
        if re.search(rf"^(?:import|from) {module.stem}\b", text, re.M):
            text += module.read_text(encoding="utf-8")
    return sorted(set(re.findall(r'program\("([\w./-]+)"\)', text)))


def run(tree, test):
    path, _, name = test.partition("::")
    file, = (p for p in (tree.folder / "tests").rglob(path.split("/")[-1]))
    if file.suffix == ".c":
        program = [tree.build / file.parent.relative_to(tree.folder) / file.stem]
        if file.parent.name == "integration":
            program = [PYTHON, tree.folder / "tests/support/private_pg.py", "--", *program]
        return _run_unit(program, name)
    return _run_pytest(tree, f"{file}::{name}")


def _command(command, timeout_s, **more):
    """What it ended with and said; None if it did not end. Nothing of it is left."""
    with subprocess.Popen([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **more) as process:
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
        return subprocess.CompletedProcess(command, process.returncode, said)


def _run_unit(program, name):
    done = _command(program, UNIT_S)
    if done is None:
        return End(BROKEN, "it did not end")
    if re.search(rf"\[  FAILED  \] {name}\b", done.stdout):
        its = re.search(rf"\[ RUN      \] {name}\n(.*?)\[  FAILED  \] {name}\b", done.stdout, re.S)
        its = its[1] if its else ""
        said, own = re.search(r"\[ +ERROR +\] --- (.*)", its), re.search(r".*check failed.*", its)
        words = own[0] if own else said[1] if said else ""
        crashed = re.search(r"Segmentation fault|Bus error|Floating point", its)
        return End(BROKEN, crashed[0]) if crashed else End(FAILED, words)
    if re.search(rf"\[       OK \] {name}\b", done.stdout):
        return End(PASSED, "")
    # a check of the program's own ends the whole of it where cmocka does not get hold of it
    running = re.findall(r"\[ RUN      \] (\w+)", done.stdout)
    own = re.search(r".*check failed.*", done.stdout)
    if own and running and running[-1] == name:
        return End(FAILED, own[0])
    return End(BROKEN, f"status {done.returncode}: {done.stdout[-300:]}")


def _run_pytest(tree, node):
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        environment = {**os.environ, "VERDICT_BUILD": str(tree.build), "PYTHONDONTWRITEBYTECODE": "1",
                       "VERDICT_PATIENCE_S": os.environ.get("VERDICT_PATIENCE_S", "30")}
        done = _command([PYTHON, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report.name}", node],
                        PYTEST_S, cwd=tree.folder, env=environment)
        if done is None:
            return End(BROKEN, "it did not end")
        try:
            cases = list(xml.parse(report.name).getroot().iter("testcase"))
        except xml.ParseError:
            cases = []
    bad = [part for case in cases for part in case if part.tag in ("failure", "error")]
    if done.returncode == 0 and cases:
        return End(PASSED, "")
    if not bad:
        return End(BROKEN, f"status {done.returncode}: {done.stdout[-500:]}")
    words = (bad[0].get("message") or bad[0].text or "").strip()
    # with an error, the fixture's end has found that a program died on an assertion
    words = words.removeprefix("failed on teardown with ").strip('"')
    return End(FAILED if FAILURES.match(words) else BROKEN, " ".join(words.split()))
