# SPDX-License-Identifier: Apache-2.0
"""clang-format decides layout: every source is as clang-format 14 leaves it."""
import shutil
import subprocess

from tree import ROOT, finish, skip, sources

TOOL = "clang-format-14"


def main():
    if shutil.which(TOOL) is None:
        skip(f"{TOOL} is not installed")
    paths = list(sources())
    wrong = []
    for begin in range(0, len(paths), 50):
        done = subprocess.run([TOOL, "--dry-run", "--Werror", *paths[begin:begin + 50]], cwd=ROOT, text=True,
                              stderr=subprocess.PIPE, check=False)
        complained = {line.split(":")[0] for line in done.stderr.splitlines() if "clang-format-violations" in line}
        wrong += [f"{path}: {TOOL} -i {path}" for path in sorted(complained)]
        if done.returncode != 0 and not complained:
            wrong.append(done.stderr)
    finish(wrong, len(paths))


main()
