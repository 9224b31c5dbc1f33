# SPDX-License-Identifier: Apache-2.0
"""install_test.py BUILD SOURCE SANITIZE: a stranger's project builds against each of the installed libraries, wherever they were put:
with pkg-config, shared and static, and with find_package, and runs. So do the examples that are shipped."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE, SANITIZE = (*sys.argv[1:3], sys.argv[3] if len(sys.argv) > 3 else "")
HERE = pathlib.Path(__file__).resolve().parent / "stranger"


def run(*command, cwd, **environment):
    done = subprocess.run([str(c) for c in command], cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, **environment}, timeout=300, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def build_with_pkg_config(source, package, sanitize, work, environment):
    shared = run("pkg-config", "--cflags", "--libs", package, cwd=work, **environment).split()
    run("cc", *sanitize, "-std=c17", "-Wall", "-Wextra", "-Werror", source, "-o", "shared", *shared, cwd=work, **environment)
    print(run("./shared", cwd=work, **environment), end="")
    if f"[lib{package}.so.0]" not in run("readelf", "--dynamic", "./shared", cwd=work):
        sys.exit(f"the program asks for {package} by another name than its packages have")
    everything = run("pkg-config", "--static", "--libs", package, cwd=work, **environment).split()
    cflags = run("pkg-config", "--cflags", package, cwd=work, **environment).split()
    static = [f"-l:lib{word[2:]}.a" if word.startswith("-lverdict") else word for word in everything]
    run("cc", *sanitize, *cflags, source, "-o", "static", *static, cwd=work, **environment)
    print(run("./static", cwd=work, **environment), end="")
    if "libverdict" in run("ldd", "./static", cwd=work):
        sys.exit("the static program needs the shared library")


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="verdict-install-"))
    try:
        prefix = work / "there" / "usr"
        for component in ("library", "development"):
            run("cmake", "--install", BUILD, "--prefix", work / "here", "--component", component, cwd=work)
        (work / "there").mkdir()
        (work / "here").rename(prefix)  # nothing may remember where it was put first
        library = next(prefix.rglob("libverdict.so")).parent
        environment = {"PKG_CONFIG_PATH": str(library / "pkgconfig"), "LD_LIBRARY_PATH": str(library)}
        sanitize = [f"-fsanitize={SANITIZE}"] if SANITIZE else []

        for source, package in (("stranger.c", "verdict"), ("events.c", "verdict-events")):
            build_with_pkg_config(HERE / source, package, sanitize, work, environment)

        flags = [f"-DCMAKE_{kind}={' '.join(sanitize)}" for kind in ("C_FLAGS", "CXX_FLAGS", "EXE_LINKER_FLAGS")]
        run("cmake", "-S", HERE, "-B", work / "stranger", f"-DCMAKE_PREFIX_PATH={prefix}", *flags, cwd=work)
        run("cmake", "--build", work / "stranger", cwd=work)
        for program in ("shared", "static", "cxx", "events_shared", "events_static", "events_cxx"):
            print(run(work / "stranger" / program, cwd=work), end="")

        shutil.copytree(pathlib.Path(SOURCE) / "follower" / "examples", work / "examples")
        run("make", "-C", work / "examples", f"LDFLAGS={' '.join(sanitize)}", cwd=work, **environment)
    finally:
        shutil.rmtree(work)


main()
