# SPDX-License-Identifier: Apache-2.0
"""settings.py [--write] RESOLVER CLI: docs/configuration.md lists every setting of the daemon and of each verb of the
command line, as --settings-json tells.

The list of each stands between the lines `<!-- settings: NAME -->` and `<!-- end -->`; --write puts it there, and adds a
section at the end for one that is new.
"""
import json
import re
import subprocess
import sys

from tree import ROOT, finish

PAGE = ROOT / "docs/configuration.md"


def output(*command):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True, timeout=120).stdout


def programs(resolver, cli):
    yield [resolver]
    for verb in re.findall(r"^  ([a-z]+) {2,}", output(cli, "--help"), flags=re.M):
        yield [cli, verb]


def table_of(command):
    told = json.loads(output(*command, "--settings-json"))
    lines = ["| setting | type | default | range | environment | |", "|---|---|---|---|---|---|"]
    for row in told["settings"]:
        extent = row["choices"].replace("|", ", ") if "choices" in row else row.get("range", "")
        default = f"`{row['default']}`" if row["default"] else ""
        lines.append(f"| `{row['name']}` | {row['type']} | {default} | {extent} | `{row['environment']}` | {row['help']} |")
    return told["program"], "\n".join(lines)


def main():
    write = "--write" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    wrong, checked = [], 0
    for command in programs(*arguments):
        name, table = table_of(command)
        begin = f"<!-- settings: {name} -->\n"
        checked += table.count("\n") - 1
        if write and begin not in page:
            page += f"\n## {name}\n{begin}<!-- end -->\n"
        found = re.search(re.escape(begin) + r"(.*?)\n?<!-- end -->", page, flags=re.S)
        if write:
            page = page[:found.start()] + f"{begin}{table}\n<!-- end -->" + page[found.end():]
        elif found is None or found.group(1) != table:
            wrong.append(f"the list of {name} in docs/configuration.md is not what the program tells")
    if write:
        PAGE.write_text(page, encoding="utf-8")
    if wrong:
        wrong.append(f"write it anew: tests/house/settings.py --write {' '.join(arguments)}")
    finish(wrong, checked)


main()
