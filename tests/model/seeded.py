# SPDX-License-Identifier: Apache-2.0
"""seeded.py [NAME...]: does the model find bugs? Each patch of seeded/ puts one into a copy of the tree, which is built; then
programs run until one disagrees. A patch that does not apply any more, or a bug that is not found, is a failure.

VERDICT_CASES says after how many programs a bug counts as not found, VERDICT_SEED which ones."""
import os
import pathlib
import random
import sys
import tempfile
import time

from lane import Lanes
from run import Failure, Run
from source_tree import Tree  # lane.py says where

HERE = pathlib.Path(__file__).resolve().parent
CASES = int(os.environ.get("VERDICT_CASES", "5000"))
SEED = int(os.environ.get("VERDICT_SEED", random.randrange(1 << 31)))
TARGETS = ["model_driver", "verdict-resolver", "pg_migrate"]


class Patched(Tree):
    def patch(self, path, *how):
        self.run("patch", "-p1", "--batch", "--no-backup-if-mismatch", "--fuzz=0", *how, "-i", path)


def find(tree):
    """What the first program says that disagrees, and how many ran."""
    with Lanes(tree.build, 1) as lanes:
        run = Run(lanes, SEED, CASES, shrinks=False)
        try:
            run.run()
        except Failure as failure:
            return failure, run.done + 1
    return None, run.done


def judge(tree, path):
    """Whether the bug is found."""
    try:
        tree.patch(path, "--dry-run")
    except RuntimeError as refused:
        print(f"{path.stem}: the patch does not apply any more: mend it\n{refused}", flush=True)
        return False
    tree.patch(path)
    try:
        tree.make(*TARGETS)
        begun = time.monotonic()
        failure, count = find(tree)
    finally:
        tree.patch(path, "-R")
    if failure is None:
        print(f"{path.stem}: NOT found by {count} programs", flush=True)
        return False
    reason = str(failure.reason).splitlines()[0]
    print(f"{path.stem}: found by program {count}, {time.monotonic() - begun:.0f} s: {reason[:120]}", flush=True)
    return True


def main():
    patches = [p for p in sorted((HERE / "seeded").glob("*.patch")) if not sys.argv[1:] or p.stem in sys.argv[1:]]
    print(f"VERDICT_SEED={SEED}, {len(patches)} bugs", flush=True)
    with tempfile.TemporaryDirectory(prefix="vdseeded-") as folder:
        tree = Patched(folder)
        found = [judge(tree, path) for path in patches]
    print(f"{sum(found)} of {len(found)} found")
    return 0 if found and all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
