# SPDX-License-Identifier: Apache-2.0
"""A mutant: the sources with one sentence of one rule (docs/rules.md) taken out, and the tests that must notice."""
import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class DoesNotApply(Exception):
    """The text that a mutant replaces is not there exactly once: the sources have moved on, and it has to follow."""


@dataclasses.dataclass
class Edit:
    path: str
    old: str
    new: str


@dataclasses.dataclass
class Mutant:
    rule: int
    name: str
    says: str  # what has gone wrong in it, as a sentence about the program
    edits: list
    caught_by: list  # "file::test" or "file::test[parameter]": each of them must fail
    quick: bool = False  # run with all other tests; the others with --all
    history: str = ""  # which schedule of tests/mutants/histories.py shows it; or "-: " and why none can

    def texts(self, root=ROOT):
        """{path: text} of the files that it changes, as they are in it."""
        changed = {}
        for edit in self.edits:
            text = changed.get(edit.path) or (pathlib.Path(root) / edit.path).read_text(encoding="utf-8")
            if text.count(edit.old) != 1:
                raise DoesNotApply(f"{self.name}: found {text.count(edit.old)} times in {edit.path}: {edit.old.strip()[:80]}")
            changed[edit.path] = text.replace(edit.old, edit.new)
        return changed
