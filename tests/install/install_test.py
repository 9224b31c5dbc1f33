# SPDX-License-Identifier: Apache-2.0
"""install_test.py BUILD SOURCE SANITIZE: a stranger's project builds against the installed library, wherever it was put: with
pkg-config, shared and static, and with find_package, and runs. So does the example that is shipped."""
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

        shared = run("pkg-config", "--cflags", "--libs", "verdict", cwd=work, **environment).split()
        run("cc", *sanitize, "-std=c17", "-Wall", "-Wextra", "-Werror", HERE / "stranger.c", "-o", "shared", *shared,
            cwd=work, **environment)
        print(run("./shared", cwd=work, **environment), end="")
        everything = run("pkg-config", "--static", "--libs", "verdict", cwd=work, **environment).split()
        cflags = run("pkg-config", "--cflags", "verdict", cwd=work, **environment).split()
        static = ["-l:libverdict.a" if word == "-lverdict" else word for word in everything]
        run("cc", *sanitize, *cflags, HERE / "stranger.c", "-o", "static", *static, cwd=work, **environment)
        print(run("./static", cwd=work, **environment), end="")
        if "libverdict" in run("ldd", "./static", cwd=work):
            sys.exit("the static program needs the shared library")

        flags = [f"-DCMAKE_{kind}={' '.join(sanitize)}" for kind in ("C_FLAGS", "CXX_FLAGS", "EXE_LINKER_FLAGS")]
        run("cmake", "-S", HERE, "-B", work / "stranger", f"-DCMAKE_PREFIX_PATH={prefix}", *flags, cwd=work)
        run("cmake", "--build", work / "stranger", cwd=work)
        for program in ("shared", "static", "cxx"):
            print(run(work / "stranger" / program, cwd=work), end="")

        shutil.copytree(pathlib.Path(SOURCE) / "follower" / "examples", work / "examples")
        run("make", "-C", work / "examples", f"LDFLAGS={' '.join(sanitize)}", cwd=work, **environment)
    finally:
        shutil.rmtree(work)


main()
