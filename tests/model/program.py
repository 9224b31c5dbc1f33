# SPDX-License-Identifier: Apache-2.0
"""A program: what the store holds at first, and operations. Its text is what model_driver takes and what replay.py reads."""

# After the transaction: b bytes, i integer, s word, S word that may be missing.
OPERATIONS = {
    "new": "", "reset": "", "cancel": "", "onerr": "i", "opt": "sS",
    "set": "bb", "clear": "b", "clearr": "bb", "atomic": "ibb", "conf": "sbb", "ranges": "s",
    "get": "bi", "getk": "biii", "range": "biibiiiiiiii", "iter": "biibiiiiii", "next": "", "esize": "bb", "version": "", "readat": "i",
    "seqk": "bbbi", "seqv": "bbbi", "first": "b", "await": "b", "pre": "ibb",
    "commit": "", "stamp": "", "size": "", "committed": "",
}
ENDS = {"new", "reset", "cancel", "onerr"}
READS = {"get", "getk", "range", "next", "esize", "version"}


def word_of(value):
    if isinstance(value, bytes):
        return value.hex() or "-"
    return str(value)


def shown(value):
    """For people."""
    if isinstance(value, bytes) and len(value) > 40 and len(set(value)) == 1:
        return f"{value[:1]!r}*{len(value)}"
    return value if isinstance(value, str) else repr(value)


def bytes_of(word):
    return b"" if word == "-" else bytes.fromhex(word)


class Operation:
    def __init__(self, name, slot, *arguments, together=False):
        self.name = name
        self.slot = slot
        self.arguments = arguments
        self.together = together

    def line(self):
        words = [("+" if self.together else "") + self.name, str(self.slot)]
        return " ".join(words + [word_of(a) for a in self.arguments if a is not None])

    def __str__(self):
        arguments = [shown(a) for a in self.arguments if a is not None]
        return " ".join([f"T{self.slot}", self.name, *arguments]) + (" (together with the next)" if self.together else "")

    @staticmethod
    def read(line):
        name, slot, *words = line.split()
        together, name = name.startswith("+"), name.lstrip("+")
        kinds = OPERATIONS[name]
        arguments = [bytes_of(w) if kind == "b" else int(w) if kind == "i" else w for kind, w in zip(kinds, words)]
        return Operation(name, int(slot), *arguments, together=together)


class Program:
    def __init__(self, content, operations):
        self.content = content
        self.operations = operations

    def text(self):
        lines = [f"kv {word_of(k)} {word_of(v)}" for k, v in sorted(self.content.items())]
        return "\n".join([*lines, *(o.line() for o in self.operations), "run", ""])

    @staticmethod
    def read(text):
        content, operations = {}, []
        for line in text.splitlines():
            line = line.split("#")[0].strip()
            if line.startswith("kv "):
                _, key, value = line.split()
                content[bytes_of(key)] = bytes_of(value)
            elif line and line != "run":
                operations.append(Operation.read(line))
        return Program(content, operations)


class Answers:
    """What the driver said to a program."""

    def __init__(self, lines):
        self.beginning = None
        self.versions = {}
        self.results = {}
        self.content = {}
        self.counters = {}  # before, and after the program
        self.milliseconds = 0
        for line in lines:
            kind, *words = line.split()
            if kind == "i":
                self.beginning = int(words[0]), int(words[1])
            elif kind == "v":
                self.versions.setdefault((int(words[0]), int(words[1])), int(words[2]))
            elif kind == "r":
                self.results[int(words[0])] = words[1:]
            elif kind == "d":
                self.content[bytes_of(words[0])] = bytes_of(words[1])
            elif kind == "c":
                before, now = self.counters.get(bytes_of(words[1]), (0, 0))
                number = int.from_bytes(bytes_of(words[2]), "big")
                self.counters[bytes_of(words[1])] = (number, now) if words[0] == "0" else (before, number)
            elif kind == "end":
                self.milliseconds = int(words[0])
            else:
                raise RuntimeError(f"the driver: {line}")
