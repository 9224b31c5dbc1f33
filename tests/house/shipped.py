# SPDX-License-Identifier: Apache-2.0
"""What is shipped says as much as its users want to know: no file of deploy/ asks for debug logs or traces its commands, and the
programs' own default is not debug either."""
import re

from tree import ROOT, finish, read

LOUD = re.compile(r"log[-_]level\W+debug|LOG_LEVEL\W+debug|--verbose\b|^\s*set -\w*x|log_(?:min_messages|statement)\W+(?:debug|all)", re.I | re.M)


def main():
    wrong = []
    files = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        wrong += [f"{path.relative_to(ROOT)}: asks for more than users want to read: {found[0].strip()}" for found in LOUD.finditer(text)]
    default = re.search(r'VD_SETTING_CHOICE\("log-level", [^"]*"(\w+)"', read("resolver/settings.c"))
    if default is None or default[1] != "info":
        wrong.append("resolver/settings.c: log-level is not info by default")
    finish(wrong, len(files))


main()
