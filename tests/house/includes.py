# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (docs/architecture.md): the walls between the rooms.

Our own headers are included in quotes from the root ("common/base/arena.h") or, public ones, as <verdict/…> or
"verdict/…". The first row of WALLS whose pattern fits a file says what it may see of ours; DOORS says who may include a
library that only one room knows.
"""
import re

from tree import PUBLIC, ROOT, finish, read, sources, without_comments

COUNTED = "ages|hot|metrics|spread"  # of resolver/metrics
PURE = "batch|clients|conflict|fold|lock|memory|outcome|precondition|presence|reply|resolve|sequence|version|lease|window"

# file, and which of our headers it may include (both regular expressions that match from the start)
WALLS = [
    (r"common/base/", r"common/base/"),
    (r"common/text/", r"common/(base|text)/"),
    (r"common/kv/codec\.c$", r"common/(base|kv)/|verdict\.pb-c\.h$"),
    (r"common/kv/", r"common/(base|kv)/"),
    (r"common/loop/", r"common/(base|loop)/"),
    (r"common/pg/", r"common/(base|loop|pg)/|migrations/"),
    # the pure heart of the resolver sees only base, kv and itself
    (rf"resolver/({PURE})\.[ch]$", rf"common/(base|kv)/|resolver/({PURE})\.h$"),
    (rf"resolver/metrics/({COUNTED})\.[ch]$", rf"common/(base|kv)/|resolver/({PURE})\.h$|resolver/metrics/({COUNTED})\.h$"),
    (r"resolver/", r"common/|resolver/"),
    (r"follower/examples/", r"verdict/"),
    (r"follower/include/", r"verdict/"),
    (r"follower/", r"common/(base|text|kv|loop|pg)/|follower/|verdict/"),
    (r"events/(include|examples)/", r"verdict/"),
    (r"events/", r"verdict/|events/|common/base/"),
    (r"cli/", r"verdict/|cli/|bench/|events/|common/(base|text)/"),
    (r"bench/compare/", r"bench/|common/|verdict/"),
    (r"bench/micro/", r"bench/micro/|common/(base|kv)/|resolver/"),
    (r"bench/", r"verdict/|bench/|common/(base|text)/"),
    (r"docs/model/", r"docs/model/"),
    (r"tests/", r""),
]

# library header, who may include it, and why so few
DOORS = [
    (r"libpq", r"common/pg/|bench/compare/|tests/", "only common/pg knows libpq"),
    (r"event2/event\.h", r"common/loop/|resolver/metrics/http\.c$|follower/examples/|tests/", "only common/loop and the metrics server know libevent"),
    (r"event2/(?!event\.h)", r"common/loop/|resolver/metrics/http\.c$|tests/", "only the metrics server and common/loop may know evhttp"),
    (r"verdict\.pb-c\.h|protobuf-c/", r"common/kv/codec\.c$|tests/", "only the codec knows protobuf"),
    (r"jansson\.h", r"common/text/json\.h|common/text/settings|cli/|bench/|tests/", "JSON is for programs"),
    (r"openssl/", r"resolver/|cli/dump_digest|tests/", "libverdict links libpq, libevent and protobuf-c only"),
    (r"(bsd/|uthash|ut|editline/|histedit)", r"(?!common/base/)", "base is libc only"),
    (r"common/text/(json|settings)", r"common/text/|resolver/|cli/|bench/|tests/", "what needs jansson is for programs"),
]


def includes(path):
    for number, line in enumerate(without_comments(read(path)).splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if found:
            yield number, found.group(1), found.group(2)


def is_ours(name):
    return any((ROOT / top / name).is_file() for top in ("", *PUBLIC))


def judge(path, quote, name):
    """What is wrong with an include, or None."""
    generated = re.match(r"verdict\.pb-c\.h$|migrations/", name)
    for header, friends, why in DOORS:
        if re.match(header, name) and not re.match(friends, path):
            return f"{name} is not for this room: {why}"
    if quote == '"' and re.match("(follower|events)/examples/", path):
        return None if (ROOT / path).with_name(name).is_file() else f'"{name}" is not beside the examples, which users take away as they are'
    if quote == '"' and not generated and not is_ours(name):
        return f'"{name}" is no header of ours, written from the root'
    if not is_ours(name) and not generated:
        return None
    allowed = next(allowed for pattern, allowed in WALLS if re.match(pattern, path))
    return None if re.match(allowed, name) else f"{name} is behind a wall"


def main():
    wrong, checked = [], 0
    for path in sources():
        for number, quote, name in includes(path):
            checked += 1
            problem = judge(path, quote, name)
            if problem:
                wrong.append(f"{path}:{number}: {problem}")
    finish(wrong, checked)


main()
