# SPDX-License-Identifier: Apache-2.0
"""The fields of a resolver's log are those that docs/monitoring.md lists, of one type each; and none has a name that stands in
every line already, or a line of JSON would have it twice."""
import re

from tree import finish, read, sources

FIELD = re.compile(r'\bVD_LOG_(TEXT|INT|UINT|REAL|BOOL|BYTES|DSN)\(\s*"(\w+)"')
TYPES = {"TEXT": "text", "BYTES": "text", "DSN": "text", "INT": "number", "UINT": "number", "REAL": "number", "BOOL": "bool"}
EVERY_LINE = {"time", "level", "program", "pid", "message", "node", "cut"}


def main():
    used, wrong = {}, []
    for path in sources("common", "resolver", suffixes=(".c",)):
        if path == "common/base/log.c":
            continue
        for kind, name in FIELD.findall(read(path)):
            used.setdefault(name, set()).add(TYPES[kind])
            if name in EVERY_LINE:
                wrong.append(f"{path}: a field of the log is called {name}, as one that is in every line")
    part = read("docs/monitoring.md").split("## The log")[1].split("\n## ")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", part, flags=re.M))
    for name, types in sorted(used.items()):
        if {listed.get(name)} != types:
            wrong.append(f"docs/monitoring.md says {listed.get(name)} of the field {name}, which is {', '.join(sorted(types))}")
    wrong += [f"docs/monitoring.md lists {name}, which no line of the log has" for name in listed if name not in used]
    wrong += [f"docs/monitoring.md does not name {name}" for name in EVERY_LINE if f"`{name}`" not in part]
    finish(wrong, len(used))


main()
