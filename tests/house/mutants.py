# SPDX-License-Identifier: Apache-2.0
"""The table of tests/mutants is in order: each mutant's text is found exactly once in the sources, what it names exists, and each
rule of docs/rules.md has some. (That they are caught is tests/mutants/run; this one builds nothing.)"""
import collections
import re
import sys

from tree import ROOT, finish, read

sys.path.insert(0, str(ROOT / "tests/mutants"))
from mutant import DoesNotApply  # noqa: E402
from table import MUTANTS  # noqa: E402

LEAST = 100  # mutants in all; none is taken out without another in its place
LEAST_OF_A_RULE = 2


def is_there(test):
    """Whether there is a test of this name."""
    file, _, name = re.sub(r"\[.*", "", test).partition("::")
    pattern = re.compile(rf"^(?:def|static void) {name}\(", re.M)
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob(file))


def problems():
    names = collections.Counter(mutant.name for mutant in MUTANTS)
    schedules = re.findall(r"^def (\w+)\(run\)", read("tests/mutants/histories.py"), re.M)
    yield from (f"two mutants are named {name}" for name, count in names.items() if count > 1)
    for mutant in MUTANTS:
        try:
            mutant.texts()
        except DoesNotApply as why:
            yield f"{why}\n    the sources have moved on: let the mutant follow, so that it says the same"
        yield from (f"{mutant.name}: there is no {test}" for test in mutant.caught_by if not is_there(test))
        if not mutant.caught_by:
            yield f"{mutant.name}: no test is said to catch it"
        if not mutant.history.startswith("-: ") and mutant.history not in schedules:
            yield f"{mutant.name}: history is neither a schedule of histories.py nor a reason"
    rules = collections.Counter(mutant.rule for mutant in MUTANTS)
    for rule in map(int, re.findall(r"^\*\*(\d+)\. ", read("docs/rules.md"), re.M)):
        if rules[rule] < LEAST_OF_A_RULE:
            yield f"rule {rule} has {rules[rule]} mutants"
    if len(MUTANTS) < LEAST:
        yield f"there are {len(MUTANTS)} mutants, {LEAST} are the least"
    if not any(mutant.quick for mutant in MUTANTS):
        yield "no mutant is quick"


finish([f"tests/mutants: {problem}" for problem in problems()], len(MUTANTS))
