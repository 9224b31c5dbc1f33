# SPDX-License-Identifier: Apache-2.0
"""The sanitizers themselves: a defect in a process that nobody looks at fails the test that started it (support/reports.py)."""
import os
import pathlib
import subprocess
import sys

from waiting import PATIENCE_S

TESTS = pathlib.Path(__file__).resolve().parent.parent
SAID = {"overflow": "heap-buffer-overflow", "leak": "detected memory leaks", "undefined": "__ubsan_handle_add_overflow",
        "abort": "ABRT", "race": "data race"}
BUILT_WITH = os.environ.get("VERDICT_SANITIZE", "").split(",")
DEFECTS = (["overflow", "leak", "abort"] if "address" in BUILT_WITH else []) + (
    ["undefined"] if "undefined" in BUILT_WITH else []) + (["race"] if "thread" in BUILT_WITH else [])

CASE = """
import subprocess
import pytest

@pytest.fixture(scope={scope!r}, params={defects!r})
def process(request):
    yield
    subprocess.run([{program!r}, request.param], check=True)

def test_that_ignores_it(process):
    pass
"""


def verdict_on(tmp_path, **case):
    (tmp_path / "test_case.py").write_text(CASE.format(**case))
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", str(tmp_path)],
                          env={**os.environ, "PYTHONPATH": str(TESTS)}, cwd=tmp_path, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


def test_each_defect_fails_its_test(tmp_path, program):
    assert DEFECTS, BUILT_WITH
    done = verdict_on(tmp_path, program=program("tests/sanitize/planted"), defects=[*DEFECTS, "nothing"], scope="function")
    assert done.returncode == 1, done.stdout
    for defect in DEFECTS:
        assert SAID[defect] in done.stdout, done.stdout
    # each test passes, and its teardown does not
    assert f"{len(DEFECTS) + 1} passed, {len(DEFECTS)} errors" in done.stdout.replace("1 error ", "1 errors "), done.stdout


def test_a_defect_behind_the_last_test_fails_the_run(tmp_path, program):
    done = verdict_on(tmp_path, program=program("tests/sanitize/planted"), defects=DEFECTS[:1], scope="module")
    assert done.returncode == 1, done.stdout
    assert "a sanitizer reports, after the last test" in done.stdout and SAID[DEFECTS[0]] in done.stdout, done.stdout


def test_no_defect_fails_nothing(tmp_path, program):
    done = verdict_on(tmp_path, program=program("tests/sanitize/planted"), defects=["nothing"], scope="module")
    assert done.returncode == 0, done.stdout
