# SPDX-License-Identifier: Apache-2.0
"""headers.py CC CXX BUILD: each header compiles alone; the public ones also as strict C17 and C++17, without our settings,
with all warnings as errors."""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tree import PUBLIC, ROOT, finish, public_name, sources

SEEN = [f"-I{top}" for top in PUBLIC]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wundef"]
LIBRARIES = ["libpq", "libevent", "libprotobuf-c", "jansson"]


def compiles(command, header):
    done = subprocess.run([*command, "-fsyntax-only", "-"], cwd=ROOT, text=True, input=f'#include "{header}"\n',
                          stderr=subprocess.PIPE, check=False)
    return None if done.returncode == 0 else f"{header} does not compile alone by {' '.join(command)}\n{done.stderr}"


def main():
    cc, cxx, build = sys.argv[1:4]
    flags = subprocess.run(["pkg-config", "--cflags", *LIBRARIES], text=True, stdout=subprocess.PIPE, check=True).stdout.split()
    inside = [cc, "-xc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-I.",
              *SEEN, f"-I{build}", *flags]
    jobs = []
    for path in sources("common", "resolver", "follower", "cli", "bench", "events", "docs", suffixes=(".h",)):
        jobs.append((inside, path))
        name = public_name(path)
        if name is not None:
            jobs.append(([cc, "-xc", "-std=c17", *WARNINGS, *SEEN], name))
            jobs.append(([cxx, "-xc++", "-std=c++17", *WARNINGS, *SEEN], name))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda job: compiles(*job), jobs))
    finish([result for result in results if result], len(jobs))


main()
