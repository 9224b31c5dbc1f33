# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/failures.md and docs/semantics-tests.md name exists, and every one of the tests of faults and overload is
named in the first; so is each rule."""
import re

from tree import ROOT, finish, read

PAGE = "docs/failures.md"


def tests_named(page):
    return set(re.findall(r"`([\w./]+\.(?:py|c))(?:::(\w+))?`", read(page)))


def not_there(page):
    """What is wrong with the tests that a page names."""
    files = {path.name: path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".c")}
    for file, test in sorted(tests_named(page)):
        path = files.get(file.split("/")[-1])
        if path is None:
            yield f"{page}: there is no {file}"
        elif test and not re.search(rf"^(?:def|static void) {test}\(", path.read_text(encoding="utf-8"), re.M):
            yield f"{page}: {file} has no {test}"


def main():
    text, named, others = read(PAGE), tests_named(PAGE), "docs/semantics-tests.md"
    wrong = [*not_there(PAGE), *not_there(others)]
    for path in sorted(path for room in ("fault", "overload") for path in (ROOT / "tests" / room).glob("test_*.py")):
        for test in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M):
            if (path.name, test) not in named:
                wrong.append(f"{PAGE}: does not name {path.name}::{test}")
    rules = re.findall(r"^\*\*(\d+)\. ", read("docs/rules.md"), re.M)
    tabled = re.findall(r"^\| (\d+) ", text, re.M)
    if rules != tabled:
        wrong.append(f"{PAGE}: the rules are {', '.join(rules)}, the table has {', '.join(tabled)}")
    finish(wrong, min(len(named), len(tests_named(others))))


main()
