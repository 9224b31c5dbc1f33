# SPDX-License-Identifier: Apache-2.0
"""The model in docs/model and the code name each other: each step that stands for something in the code has a mark there,
"model: <step>" in a comment, each mark names such a step, and the README speaks of every switch, invariant and step."""
import re

from tree import ROOT, finish, read, sources

MARK = re.compile(r"\bmodel: ([a-z_]+(?:, [a-z_]+)*)")
README = "docs/model/README.md"


def marks():
    for path in [*sources("resolver", "follower"), *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "migrations").glob("*.sql")))]:
        for number, line in enumerate(read(path).splitlines(), 1):
            for names in MARK.findall(line):
                for name in names.split(", "):
                    yield path, number, name


def main():
    steps = dict(re.findall(r'^\s*X\((\w+), MD_\w+, +"(\w+)"\)', read("docs/model/step.h"), re.M))
    setup = read("docs/model/setup.h")
    switches = re.findall(r'X\([A-Z_]+, "([a-z-]+)", +\d+,', setup)
    invariants = re.findall(r'X\([A-Z_]+,\s+"([a-z-]+)",', setup.split("define MD_INVARIANTS", 1)[1])
    wrong, marked = [], set()
    for path, number, name in marks():
        marked.add(name)
        if steps.get(name) != "code":
            wrong.append(f"{path}:{number}: the model has no step {name} that stands for something in the code")
    wrong += [f"docs/model/step.h: {name} has no mark in the code" for name, where in steps.items() if where == "code" and name not in marked]
    wrong += [f"docs/model/step.h: {name} is neither the code's nor the environment's" for name, where in steps.items()
              if where not in ("code", "environment")]
    text = read(README)
    wrong += [f"{README} does not name {name}" for name in [*switches, *invariants, *steps] if f"`{name}`" not in text]
    if not (len(steps) > 30 and len(switches) > 40 and len(invariants) > 10):
        wrong.append("docs/model: its tables cannot be read")
    finish(wrong, len(marked) + len(switches) + len(invariants))


main()
