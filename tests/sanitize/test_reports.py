# SPDX-License-Identifier: Apache-2.0
"""The sanitizers themselves: a defect in a process that nobody looks at fails the test that started it (support/reports.py)."""
import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
SAID = {"overflow": "heap-buffer-overflow", "leak": "detected memory leaks", "undefined": "__ubsan_handle_add_overflow",
        "abort": "ABRT", "race": "data race"}
BUILT_WITH = os.environ.get("VERDICT_SANITIZE", "").split(",")
DEFECTS = (["overflow", "leak", "abort"] if "address" in BUILT_WITH else []) + (
    ["undefined"] if "undefined" in BUILT_WITH else []) + (["race"] if "thread" in BUILT_WITH else [])

CASE = """
import subprocess
import pytest

@pytest.fixture(scope={scope!r})
def process():
    yield
    subprocess.run([{program!r}, {during!r}], check=True)

def test_that_ignores_it(process):
    pass
"""


def verdict_on(tmp_path, **case):
    (tmp_path / "test_case.py").write_text(CASE.format(**case))
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", str(tmp_path)],
                          env={**os.environ, "PYTHONPATH": str(TESTS)}, cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False)


def test_there_are_defects_to_plant():
    assert DEFECTS, BUILT_WITH


# function: at the end of a test; module: from what a file's tests share, after the last of them
@pytest.mark.parametrize("defect, scope", [*((defect, "function") for defect in DEFECTS), *((defect, "module") for defect in DEFECTS[:1])])
def test_a_defect_fails_the_test(tmp_path, program, defect, scope):
    done = verdict_on(tmp_path, program=program("tests/sanitize/planted"), during=defect, scope=scope)
    assert done.returncode == 1, done.stdout
    assert "a sanitizer reports" in done.stdout and SAID[defect] in done.stdout, done.stdout


def test_no_defect_fails_no_test(tmp_path, program):
    done = verdict_on(tmp_path, program=program("tests/sanitize/planted"), during="nothing", scope="function")
    assert done.returncode == 0, done.stdout
