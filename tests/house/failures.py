# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/failures.md, docs/semantics-tests.md, docs/security.md and docs/operations.md name exists, and every one of the tests of faults and overload is
named in the first. What docs/security.md claims in a table names its tests. Each rule has rows in its table, and each row of that and of what went wrong elsewhere names a test; what is
said to catch a mutant of a rule (tests/mutants) is in the row of that rule, or of another one."""
import re
import sys

from tree import ROOT, finish, read

sys.path.insert(0, str(ROOT / "tests/mutants"))
from table import MUTANTS  # noqa: E402

PAGE = "docs/failures.md"
NAMED = r"`([\w./]+\.(?:py|c))(?:::(\w+))?`"
ELSEWHERE_LEAST = 24


def tests_named(page):
    return set(re.findall(NAMED, read(page)))


def not_there(page):
    """What is wrong with the tests that a page names."""
    files = {}  # name → the text of all files of that name
    for path in (ROOT / "tests").rglob("*"):
        if path.suffix in (".py", ".c"):
            files[path.name] = files.get(path.name, "") + path.read_text(encoding="utf-8")
    for file, test in sorted(tests_named(page)):
        text = files.get(file.split("/")[-1])
        if text is None:
            yield f"{page}: there is no {file}"
        elif test and not re.search(rf"^(?:def|static void) {test}\(", text, re.M):
            yield f"{page}: {file} has no {test}"


def rows_of(text, heading):
    """The rows of the table below a heading, without its head."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\|(?!---)(.*)\|$", section, re.M)[1:]


def claims(page):
    """What is wrong with a page whose tables claim something in each row."""
    yield from not_there(page)
    rows = [row for row in re.findall(r"^\|(?!---)(.*)\|$", read(page), re.M) if not row.endswith("| Tests ")]
    if not rows:
        yield f"{page}: claims nothing"
    for row in rows:
        if not re.search(NAMED, row.split("|")[-1]):
            yield f"{page}: no test in the row{row}"


def rules(text):
    """What is wrong with the two tables."""
    numbers = re.findall(r"^\*\*(\d+)\. ", read("docs/rules.md"), re.M)
    rows = rows_of(text, "The rules and their tests")
    tabled = [row.split()[0] for row in rows]
    if sorted(tabled, key=int) != tabled or list(dict.fromkeys(tabled)) != numbers:
        yield f"{PAGE}: the rules are {', '.join(numbers)}, the table has {', '.join(tabled)}"
    elsewhere = rows_of(text, "What went wrong elsewhere")
    if len(elsewhere) < ELSEWHERE_LEAST:
        yield f"{PAGE}: {len(elsewhere)} lines of what went wrong elsewhere, there were {ELSEWHERE_LEAST}"
    for row in [*rows, *elsewhere]:
        if not re.search(NAMED, row.split("|")[-1]):
            yield f"{PAGE}: no test in the row{row}"
    tests = {f"{file}::{test}" for row in rows for file, test in re.findall(NAMED, row)}
    for mutant in MUTANTS:
        held = [re.sub(r"\[.*", "", test) for test in mutant.caught_by]
        if mutant.rule != 0 and not tests.intersection(held):
            yield f"{PAGE}: none of the tests that catch {mutant.name} is in the table of the rules"


def main():
    text, named, others = read(PAGE), tests_named(PAGE), "docs/semantics-tests.md"
    wrong = [*not_there(PAGE), *not_there(others), *not_there("docs/operations.md"), *claims("docs/security.md")]
    for path in sorted(path for room in ("fault", "overload") for path in (ROOT / "tests" / room).glob("test_*.py")):
        for test in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M):
            if (path.name, test) not in named:
                wrong.append(f"{PAGE}: does not name {path.name}::{test}")
    wrong += rules(text)
    finish(wrong, min(len(named), len(tests_named(others))))


main()
