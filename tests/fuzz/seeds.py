# SPDX-License-Identifier: Apache-2.0
"""Writes what the fuzz targets begin with: seeds.py FOLDER makes FOLDER/<target>/<name> from what the documentation and the tests
say themselves, so that a fuzzer begins with things that make sense. What libFuzzer then finds is merged into corpus/<target>:

    python3 tests/fuzz/seeds.py /tmp/seeds
    build/fuzz/tests/fuzz/job_fuzz -merge=1 tests/fuzz/corpus/job /tmp/seeds/job build/fuzz/tests/fuzz/found/job
"""
import hashlib
import json
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import resolver_world as rw  # noqa: E402

TERM = b"term of today.."
TERMS = {0: TERM + b"\0", 1: b"term before....\0"}


# ---- rows of the queue: see row_take in resolve_fuzz.c ----

def row(payload, client=0, flags=0, version=0):
    return bytes([client | flags, version]) + struct.pack("<H", len(payload)) + payload


COPY, END, OTHER, RAW = 4, 8, 16, 32


def resolve_seeds():
    key, stamp = rw.key_range, b"\0" * 4
    stamped = b"k" + b"." * 10 + b"\1\0\0\0"
    numbered = b"n" + b"." * 8 + b"\1\0\0\0"
    yield "set", row(rw.encode([(rw.SET, b"a", b"1")]))
    yield "conflict", (row(rw.encode([(rw.SET, b"a", b"1")], [key(b"b")])) + row(rw.encode([(rw.ADD, b"b", b"1")], [key(b"a")]), 1)
                       + row(rw.encode([(rw.CLEAR, b"a")], [key(b"a")], extra=rw.field(7, 1)), 2, END))
    yield "ranges", (row(rw.encode([(rw.CLEAR_RANGE, b"a", b"c")], [(b"a", b"z")], [(b"x", b"y")]), 0, END)
                     + row(rw.encode([(rw.SET, b"b", b"")], [(b"", b"\xff")]), 1, END, 1))
    yield "stamps", row(rw.encode([(rw.STAMPED_KEY, stamped, b"v"), (rw.STAMPED_VALUE, b"k", b"." * 10 + stamp)], [key(b"q")]))
    yield "counters", (row(rw.encode([rw.sequenced(b"c", b"p"), (rw.SEQUENCED_VALUE, b"last", numbered, False, b"\xff/counter/c")]))
                       + row(rw.encode([rw.sequenced(b"c", b"p"), rw.sequenced(b"d", b"q", b"." * 10 + stamp, True)]), 1, END))
    held, mine = rw.field(9, 1), rw.field(9, 1) + rw.field(11, b"lock of mine....")
    yield "lock", (row(rw.encode([(rw.SET, b"a", b"1")], extra=mine + rw.field(10, 1) + b"\x61" + struct.pack("<Q", 1 << 50)))
                   + row(rw.encode([(rw.SET, b"b", b"1")]), 1) + row(rw.encode([(rw.SET, b"\xff/counter/c", b"1" * 8)], extra=held), 2)
                   + row(rw.encode([(rw.SET, b"c", b"1")], extra=mine[:-1] + b"!" + rw.field(10, 1)), 1, END)
                   + row(rw.encode([(rw.CLEAR_RANGE, b"a", b"\xff\xff")], extra=mine + rw.field(10, 2)))
                   + row(rw.encode([(rw.SET, b"\xff/x", b"")], extra=held), 1) + row(rw.encode([(rw.SET, b"b", b"")]), 2, END))
    yield "demands", (row(rw.encode([(rw.SET, b"a", b"1")], extra=rw.demands((rw.ABSENT, b"a"), (rw.EMPTY, b"b", b"c"))))
                      + row(rw.encode([(rw.SET, b"b", b"1")], extra=rw.demands((rw.VALUE, b"a", b"1"), (rw.PRESENT, b"a"))), 1, END)
                      + row(rw.encode([(rw.CLEAR_RANGE, b"a", b"z")], extra=rw.demands((rw.EMPTY, b"b", b"c"))), 2, END))
    two = row(rw.encode([(rw.SET, b"b", b"1"), (rw.SET, b"c", b"1")]), 0, END)
    for name, op, value in ("clear", rw.CLEAR, b""), ("compare", 20, b"1"):
        yield f"demands_{name}", (two + row(rw.encode([(op, b"b", value)]), 1)
                                  + row(rw.encode([(rw.SET, b"x", b"1")], extra=rw.demands((rw.EMPTY, b"b", b"d"))), 2)
                                  + row(rw.encode([(op, b"c", value)]), 1)
                                  + row(rw.encode([(rw.SET, b"y", b"1")], extra=rw.demands((rw.EMPTY, b"b", b"d"))), 2, END))
    atomics = [(op, b"n", b"\5\xff") for op in (2, 6, 7, 8, 9, 12, 13, 16, 17, 20)]
    yield "atomics", row(rw.encode(atomics[:6])) + row(rw.encode(atomics[6:]), 1, END)
    payload = rw.encode([(rw.ADD, b"n", b"\1")])
    yield "copies", row(payload) + row(payload, 0, COPY) + row(payload, 0, COPY | OTHER) + row(payload, 0, END) + row(payload, 0, COPY)
    yield "ages", b"".join(row(rw.encode([(rw.SET, b"a", b"1")], [key(b"a")]), version % 3, END, version) for version in range(6))
    yield "garbage", (row(b"\xff\xff") + row(payload + b"\x98\6\1", 1) + row(payload[:-3], 2) + row(b"", 0, END)
                      + row(rw.encode([(99, b"k", b"v")], version=7), 1, RAW) + row(rw.encode([(rw.SET, b"\xff", b"v")])))
    yield "large", row(rw.encode([(rw.SET, b"k" * 2049, b"v")])) + row(rw.encode([(rw.ADD, b"n", b"")] * 60), 1)


# ---- text ----

def script_seeds():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    source = (ROOT / "tests" / "unit" / "cli_script_test.c").read_text(encoding="utf-8")
    said = re.findall(r"^\| `(\w+)`((?: `[^`]*`)?) \|", page, re.M)
    words = {"NUMBER": "-7", "VERSION": "5", "N": "3", "OFFSET": "-2", "SELECTOR": "first_greater_than"}
    for row_text in re.findall(r'^\t\{ "(\w+)", "([^"]*)"', "".join(p.read_text() for p in sorted((ROOT / "cli").glob("commands_*.c"))), re.M):
        name, pieces = row_text
        text = " ".join(words.get(w, w.lower() if w.isupper() else w) for w in pieces.replace("[", "").replace("]", "").split())
        around = {"begin": "begin; commit", "commit": "set a 1; commit"}
        yield name, b"\0" + around.get(name, f"{name} {text}".strip()).encode()
    for i, text in enumerate(re.findall(r'parse(?:_as)?\("((?:[^"\\]|\\.)*)"', source)):
        yield f"unit{i}", bytes([i % 3]) + text.encode().decode("unicode_escape").encode("latin-1")
    assert said is not None


def job_seeds():
    source = (ROOT / "tests" / "unit" / "cli_submit_job_test.c").read_text(encoding="utf-8")
    for i, text in enumerate(re.findall(r'"(\{(?:[^"\\]|\\.)*\})"', source)):
        yield f"unit{i}", text.encode().decode("unicode_escape").encode("latin-1")
    names = re.findall(r'\{ "(\w+)", "KEY (?:VALUE|OPERAND|NUMBER)', (ROOT / "cli" / "commands_write.c").read_text())
    for name in [*names, "add", "clear_range", "set_versionstamped_key"]:
        yield name, json.dumps({"id": name, "ops": [[name, "k\\xff", "v\\\\"]], "reads": [["a", "b"]]}).encode()
    yield "all", (b'{"id":7,"read_version":9,"ops":[["set","k","v"],["add","n",-5],["clear","\\\\x00"]],"reads":[["a","b"]],'
                  b'"writes":[["c","d"]]}')


def text_seeds():
    for i, text in enumerate((b"plain", b"\\x00\\xff\\\\", b"a\0b\xc3\xa4\n", b"\\x0", b"\\", b"\\xZZ", b"\xff\xfe\"'")):
        yield f"text{i}", text


def dsn_seeds():
    source = (ROOT / "tests" / "unit" / "base_redact_test.c").read_text(encoding="utf-8")
    found = [text for pair in re.findall(r'\{ "((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)" \}', source) for text in pair[:1]]
    for i, text in enumerate(found):
        plain = text.encode().decode("unicode_escape").encode("latin-1")
        yield f"unit{i}", re.sub(rb"geheim|secret", b"\1", plain)
    for i, text in enumerate((b"postgresql://u:\1@h:5/d?sslmode=require", b"postgres://h/d?user=u&%70assword=\1",
                              b"host=a password='\1 x\\'y' dbname=b", b"postgresql://[::1]:5,h2/d?application_name=x&sslpassword=\1",
                              b"password = \1 host=/tmp", b"postgresq://u:\1@h/d?a=b", b"host=a password=x\"\1\"y")):
        yield f"dsn{i}", text


def settings_seeds():
    table = (ROOT / "resolver" / "settings.c").read_text(encoding="utf-8")
    rows = re.findall(r'VD_SETTING_\w+\s*\("([\w-]+)",[^"]*"([^"]*)"', table)
    for name, initial in rows:
        yield name, (f"{name} = '{initial}'\n${name.upper().replace('-', '_')}={initial or 'x'}\n--{name}={initial or 'y'}").encode()
    yield "all", "\n".join(f"{name} = {initial} # what it is" for name, initial in rows if initial).encode()
    yield "wrong", b"lease-tl = 3s\n"
    yield "bools", b"print-life\n--no-print-life\n--print_life\n$PRINT_LIFE=on\n"
    yield "help", b"--help"
    yield "file", b"dsn = \"host=a password='b c'\" # x\n\n# y\nnode=a-b.c:1\nlog-format=json"


def options_seeds():
    table = (ROOT / "follower" / "settings.c").read_text() + (ROOT / "follower" / "options.c").read_text()
    for name, initial in re.findall(r'\{ "(\w+)", OPTION_\w+, [^}]*?, (-?\d+) \}', table):
        yield name, f"host=a\n{name}\t{initial}".encode()
    for name, kind in re.findall(r'\{ "(\w+)", KIND_(\w+),', table):
        yield name, (f"\n!{name}" + ("\t100" if kind == "NUMBER" else "")).encode()
    for name in ("timeout", "retry_limit", "max_retry_delay", "size_limit"):
        yield f"far_{name}", f"\n!{name}\t99999999999\n!{name}\t-99999999999\n!{name}\t99999999999999999999".encode()
    yield "schema", b"postgresql://h/d\nschema\tother_1\napplication_name\tx y"
    yield "wrong", b"a=b\nschema\tpg_x\nkey_limit\t2601\n!timeout\t-1\nnone"


# ---- bytes ----

def observe_seeds():
    yield "batch", b"b1 version=1000000007 requests=5 committed=1 conflict=2 too_old=1 rejected=1"
    yield "later", b"b1 version=1000000007 requests=5 committed=1 conflict=2 too_old=1 rejected=1 more=2"
    yield "verdicts", b"v1 version=1000000007 00000000000000ab:1:0:3 ffffffffffffffff:2:1020:0"
    yield "large", b"b1 version=9223372036854775807 requests=9223372036854775808"


def place_seeds():
    number = struct.pack(">Q", 2000000007)
    yield "stamp", b"\0" + number + number + b"k" + b"." * 10 + b"\1\0\0\0"
    yield "stamp_front", b"\x10" + number + b"." * 10 + b"\0\0\0\0"
    yield "stamp_no_room", b"\x10" + number + b"." * 10 + b"\1\0\0\0"
    yield "key", b"\x11" + number + b"\2pq" + b"value"
    yield "key_stamped", b"\x31" + number + b"\2p" + b"." * 10 + b"\0\0\0\0"
    yield "value", b"\1" + number + b"\3kk" + b"." * 8 + b"\0\0\0\0"
    yield "value_stamped", b"\x21" + number + b"\x0f" + b"." * 10 + b"\0\0\0\0" + b"." * 9 + b"\1\0\0\0"
    yield "counter", b"\2" + number
    yield "counter_key", b"\2\xff/counter/abc"
    yield "prefix", b"\2ab\xff\xffab\xff\xff"
    for offset in (-16, -2, -1, 0, 1, 2, 15):
        yield f"selector{offset}", bytes([3 | 4 * (offset % 2) | ((offset + 16) << 3)]) + b"c a b c d cc  \xff e toolong"


def outcome_seeds():
    def entry(offset, code, order, digest=7):
        return struct.pack(">IHHQ", offset, code, order, digest)
    head = struct.pack(">BQB", 0, 1 << 40, 39)
    yield "won", head + b"\5\2" + entry(0, 0, 0) + entry(1, 0, 1)
    yield "lost", head + b"\5\2" + entry(0, 1020, 1) + entry(1, 1007, 0) + struct.pack(">IIQIIQ", 0, 1, 5, 0, 3, 6)
    yield "counters", head + b"\5\1" + entry(3, 0, 0) + struct.pack(">IIQIIQ", 3, 0, 100, 3, 1, 200)
    yield "cut", head + b"\5\2" + entry(0, 0, 0)[:9]
    yield "nobody", head + b"\5\1" + entry(0, 0, 0) + struct.pack(">IIQ", 9, 0, 100)


def dump_seeds():
    """Pieces around which the fuzzer makes the checks, and whole files of JSON lines."""
    def piece(kind, content):
        return kind + struct.pack(">H", len(content)) + content

    def row_of(key, value):
        return struct.pack(">H", len(key)) + key + struct.pack(">I", len(value)) + value

    head = piece(b"H", b"i" * 16 + struct.pack(">QB", 7, 1) + b"\0\0" + b"\0\1\xff")
    rows = row_of(b"", b"") + row_of(b"a", b"1" * 9) + row_of(b"\xff/counter/c", b"\0" * 8)
    part = piece(b"H", b"i" * 16 + struct.pack(">QB", 7, 0) + b"\0\1a" + b"\0\1b")
    yield "whole", b"P" + head + piece(b"R", rows) + piece(b"T", struct.pack(">QQ", 3, 29))
    yield "none", b"P" + head + piece(b"T", struct.pack(">QQ", 0, 0))
    yield "part", b"P" + part + piece(b"R", row_of(b"a", b"")) + piece(b"R", row_of(b"a2", b"x")) + piece(b"T", struct.pack(">QQ", 2, 4))
    yield "cut", b"P" + head + piece(b"R", rows[:-1])
    yield "order", b"P" + head + piece(b"R", row_of(b"b", b"") + row_of(b"a", b"")) + piece(b"T", struct.pack(">QQ", 2, 2))
    lines = [{"verdict_dump": 1, "id": "30" * 16, "version": 7, "begin": "", "end": "\\xff", "counters": True},
             {"key": "a\\x00", "value": "1"}, {"key": "\\xff/counter/c", "value": "\\x00" * 8}]
    text = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    content = row_of(b"a\0", b"1") + row_of(b"\xff/counter/c", b"\0" * 8)
    last = '{"rows":2,"bytes":21,"digest":"%s","check":"%s"}\n' % (hashlib.sha256(content).hexdigest(), hashlib.sha256(text).hexdigest())
    counted = sum(map(len, (b"a\0", b"1", b"\xff/counter/c", b"\0" * 8)))
    yield "lines", text + last.replace('"bytes":21', f'"bytes":{counted}').encode()
    yield "lines_cut", text[:-5]


def main(folder):
    for name, make in sorted(globals().items()):
        if not name.endswith("_seeds"):
            continue
        place = pathlib.Path(folder) / name.removesuffix("_seeds")
        place.mkdir(parents=True, exist_ok=True)
        made = dict(make())
        assert made, name
        for seed, content in made.items():
            (place / seed.replace("-", "_")).write_bytes(content)
        print(place.name, len(made))


if __name__ == "__main__":
    main(sys.argv[1])
