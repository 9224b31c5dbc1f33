# SPDX-License-Identifier: Apache-2.0
"""A copy of the sources and its build, for those who change them on purpose: tests/model/seeded.py and tests/mutants."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LEFT_OUT = {"build", ".git", "__pycache__"}


class Tree:
    """The copy is made in `folder`, or brought up to date there: what has not changed is not built again."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve() / "tree"
        self.build = self.folder / "build"
        self._copy()
        if not (self.build / "build.ninja").exists():
            self.run("cmake", "-G", "Ninja", "-S", self.folder, "-B", self.build, "-DVERDICT_TESTS=ON", "-DCMAKE_C_FLAGS=-O1 -w")

    def _copy(self):
        here = {p.relative_to(ROOT) for p in _files(ROOT)}
        for path in here:
            to, data = self.folder / path, (ROOT / path).read_bytes()
            if not to.exists() or to.read_bytes() != data:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, to)
        if self.folder.exists():
            for path in [p.relative_to(self.folder) for p in _files(self.folder)]:
                if path not in here:
                    (self.folder / path).unlink()

    def run(self, *command):
        """Raises with what it said if it fails."""
        environment = {**os.environ, "CCACHE_BASEDIR": str(self.folder), "CCACHE_NOHASHDIR": "1"}
        if shutil.which("ccache"):
            environment.setdefault("CMAKE_C_COMPILER_LAUNCHER", "ccache")
        done = subprocess.run([str(word) for word in command], cwd=self.folder, text=True, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout[-2000:]}")

    def make(self, *targets, jobs=2):
        """By name, or by the path of what is built, below the build folder."""
        self.run("cmake", "--build", self.build, "--parallel", jobs, "--target", *targets)


def _files(folder):
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        yield from (pathlib.Path(path) / name for name in names if (pathlib.Path(path) / name).is_file())
