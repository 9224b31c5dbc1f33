# SPDX-License-Identifier: Apache-2.0
"""Small manners that a compiler does not check, and a report of what grew large (which fails nothing)."""
import re

from tree import ROOT, finish, public_name, read, sources, without_comments

LICENCE = "SPDX-License-Identifier: Apache-2.0"
LINES_MAX = 300
# of libpq's functions those that can fail have one place where a test makes them: common/pg/calls.c
FALLIBLE = re.compile(r"\bPQ(conninfoParse|connectStart\w*|connectPoll|connectdb\w*|setnonblocking|enterPipelineMode|encryptPassword\w*"
                      r"|send\w+|pipelineSync|flush|consumeInput|getResult|notifies|exec\w*|prepare|cancel|getCancel|reset\w*)\(")


def guard_of(path):
    """VD_COMMON_BASE_ARENA_H for common/base/arena.h; VERDICT_ADMIN_H for the public one."""
    public = public_name(path)
    name = re.sub(r"[^A-Za-z0-9]", "_", public or path).upper()
    return name if public else f"VD_{name}"


def judge(path, text):
    lines = text.splitlines()
    if not lines or LICENCE not in lines[0]:
        yield 1, "the first line is not the SPDX line"
    if "\t" not in text and re.search(r"^ {4,}\w", without_comments(text), flags=re.M):
        yield 1, "indented by blanks instead of tabs"
    if path.endswith(".h") and f"#ifndef {guard_of(path)}\n" not in text:
        yield 1, f"include guard is not {guard_of(path)}"
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        if re.match(r"\s*typedef (struct|enum|union)\b", line):
            yield number, "typedef of a struct or enum"
        if path.startswith("common/pg/") and path != "common/pg/calls.c" and FALLIBLE.search(line):
            yield number, "a call of libpq that can fail: through common/pg/calls.h"
        if path.startswith("tests/") and re.search(r"(^|[^\w.])skip\(\)", line):
            yield number, "a skip of cmocka counts as passed in ctest: leave the test out, or end with 77"
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield number, "unfinished: finish it, or say in one line what is missing"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"


def main():
    wrong, checked, large = [], 0, []
    for path in sources():
        text = read(path)
        checked += 1
        wrong += [f"{path}:{number}: {problem}" for number, problem in judge(path, text)]
        if text.count("\n") > LINES_MAX and not path.startswith("tests/"):
            large.append((text.count("\n"), path))
    for path in [*sorted(ROOT.glob("**/*.py")), *sorted(ROOT.glob("**/*.sh")), *sorted(ROOT.glob("**/CMakeLists.txt"))]:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("build/") or "/." in f"/{name}":
            continue
        checked += 1
        if LICENCE not in "".join(path.read_text(encoding="utf-8").splitlines(True)[:3]):
            wrong.append(f"{name}:1: no SPDX line")
    for count, path in sorted(large, reverse=True):
        print(f"large: {path} has {count} lines")
    finish(wrong, checked)


main()
