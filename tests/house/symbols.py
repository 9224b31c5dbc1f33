# SPDX-License-Identifier: Apache-2.0
"""symbols.py LIBRARY INCLUDE: what libverdict.so or libverdict-events.so shows: exactly the functions that the public headers
below INCLUDE declare, all vd_…; and what it needs: libpq, libevent, protobuf-c and libc, or libverdict and libc, nothing
else."""
import re
import subprocess
import sys

from tree import finish, read, sources, without_comments

NEEDED = {
    "follower/include": r"lib(pq|event_core-[\d.]+|event_pthreads-[\d.]+|event-[\d.]+|protobuf-c|c|m|pthread|asan|ubsan|tsan)\.so|ld-linux",
    "events/include": r"lib(verdict|c|pthread|asan|ubsan|tsan)\.so|ld-linux",
}


def output(*command):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout


def declared(include):
    names = set()
    for path in sources(include, suffixes=(".h",)):
        code = re.sub(r"^\s*#.*?(?<!\\)$", "", without_comments(read(path)), flags=re.M | re.S)
        for found in re.finditer(r"\bVD_(?:PUBLIC|CHECKED)\b([^;{]*?)\b(\w+)\s*(?:\(|;|\[)", code):
            names.add(found.group(2))
    return names


def main():
    library, include = sys.argv[1:3]
    exported = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines()}
    promised = declared(include)
    wrong = [f"{name} is exported and is not vd_…" for name in sorted(exported) if not name.startswith("vd_")]
    wrong += [f"{name} is exported, but no public header declares it" for name in sorted(exported - promised)]
    wrong += [f"{name} is declared in a public header, but not exported" for name in sorted(promised - exported)]
    for line in output("readelf", "-d", library).splitlines():
        found = re.search(r"\(NEEDED\).*\[(.*)\]", line)
        if found and not re.match(NEEDED[include], found.group(1)):
            wrong.append(f"the library needs {found.group(1)}")
    finish(wrong, len(exported & promised))


main()
