# SPDX-License-Identifier: Apache-2.0
"""The programs of an older commit, built beside this build, once: that commit's files are taken from the repository's history, so a
clone without it cannot; a test says so and is skipped."""
import contextlib
import fcntl
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VERDICT_BUILD", ROOT / "build" / "dev"))
TARGETS = ("verdict-resolver", "verdict_cli", "worker")


def commit():
    lines = (ROOT / "tests/upgrade/previous").read_text(encoding="utf-8").splitlines()
    return next(line.strip() for line in lines if line and not line.startswith("#"))


def git(*arguments, check=True):
    done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    return done


@contextlib.contextmanager
def alone(folder):
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(*command):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}"


def build():
    """The folder of the build; as quickly as it can be compiled, for no sanitizer looks at the past."""
    which = commit()
    try:
        is_there = git("cat-file", "-e", f"{which}^{{commit}}", check=False).returncode == 0
    except FileNotFoundError:
        is_there = False
    if not is_there:
        pytest.skip(f"skipped: {which[:12]}, the commit of tests/upgrade/previous, is not in this clone: git fetch --unshallow")
    folder = BUILD / "previous" / which[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        if not (folder / "done").exists():
            (folder / "source").mkdir(exist_ok=True)
            files = git("archive", which).stdout
            subprocess.run(["tar", "-x", "-C", str(folder / "source")], input=files, check=True)
            run("cmake", "-S", folder / "source", "-B", folder / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None", "-DVERDICT_TESTS=ON")
            run("cmake", "--build", folder / "build", "--parallel", os.cpu_count(), "--target", *TARGETS)
            (folder / "done").touch()
    return folder / "build"


def knows(pattern, path):
    """Whether a file of that commit has it."""
    text = git("show", f"{commit()}:{path}", check=False).stdout.decode()
    return re.search(pattern, text) is not None
