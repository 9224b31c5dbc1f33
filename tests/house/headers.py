# SPDX-License-Identifier: Apache-2.0
"""headers.py CC CXX BUILD: each header compiles alone; the public ones also as strict C17 and C++17, without our settings,
with all warnings as errors."""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tree import ROOT, finish, sources

PUBLIC = "follower/include"
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
              f"-I{PUBLIC}", f"-I{build}", *flags]
    jobs = []
    for path in sources("common", "resolver", "follower", "cli", "bench", "events", "docs", suffixes=(".h",)):
        jobs.append((inside, path))
        if path.startswith(f"{PUBLIC}/"):
            name = path.removeprefix(f"{PUBLIC}/")
            jobs.append(([cc, "-xc", "-std=c17", *WARNINGS, f"-I{PUBLIC}"], name))
            jobs.append(([cxx, "-xc++", "-std=c++17", *WARNINGS, f"-I{PUBLIC}"], name))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda job: compiles(*job), jobs))
    finish([result for result in results if result], len(jobs))


main()
