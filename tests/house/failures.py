# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/failures.md names exists, and every one of the fault tests is named there; so is each rule."""
import re

from tree import ROOT, finish, read

PAGE = "docs/failures.md"


def main():
    text = read(PAGE)
    named = set(re.findall(r"`([\w./]+\.(?:py|c))(?:::(\w+))?`", text))
    files = {path.name: path for path in (ROOT / "tests").rglob("*") if path.suffix in (".py", ".c")}
    wrong = []
    for file, test in sorted(named):
        path = files.get(file.split("/")[-1])
        if path is None:
            wrong.append(f"{PAGE}: there is no {file}")
        elif test and not re.search(rf"^(?:def|static void) {test}\(", path.read_text(encoding="utf-8"), re.M):
            wrong.append(f"{PAGE}: {file} has no {test}")
    for path in sorted((ROOT / "tests/fault").glob("test_*.py")):
        for test in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M):
            if (path.name, test) not in named:
                wrong.append(f"{PAGE}: does not name {path.name}::{test}")
    rules = re.findall(r"^\*\*(\d+)\. ", read("docs/rules.md"), re.M)
    tabled = re.findall(r"^\| (\d+) ", text, re.M)
    if rules != tabled:
        wrong.append(f"{PAGE}: the rules are {', '.join(rules)}, the table has {', '.join(tabled)}")
    finish(wrong, len(named))


main()
