# SPDX-License-Identifier: Apache-2.0
"""What the house tests share: the project's sources, and a way to report what is wrong."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLIC = ("follower/include", "events/include")
TOPS = ("common", "resolver", "follower", "events", "cli", "bench", "tests", "docs")


def sources(*tops, suffixes=(".c", ".h")):
    """Paths below the root, as "common/base/arena.c", in order."""
    for top in tops or TOPS:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(ROOT).as_posix()


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def public_name(path):
    """"verdict/verdict.h" for follower/include/verdict/verdict.h; None for what is not public."""
    return next((path.removeprefix(f"{top}/") for top in PUBLIC if path.startswith(f"{top}/")), None)


def without_comments(text):
    """The code, with comments blanked out but line breaks kept; strings stay."""
    def blank(match):
        found = match.group(0)
        return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def finish(wrong, checked):
    """Ends the program: with 1 and the list of what is wrong, or 0. A check of nothing is a failure too."""
    for line in wrong:
        print(line)
    if not checked:
        print("nothing was checked")
    print(f"{checked} checked, {len(wrong)} wrong")
    sys.exit(1 if wrong or not checked else 0)
