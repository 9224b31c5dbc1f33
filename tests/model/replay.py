# SPDX-License-Identifier: Apache-2.0
"""replay.py FILE: runs one program, as test_model.py prints it, and says where it disagrees with the model.

VERDICT_BUILD is the build folder."""
import os
import pathlib
import sys

from compare import Comparison, Disagreement
from lane import Lanes
from program import Program


def main():
    program = Program.read(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    with Lanes(os.environ["VERDICT_BUILD"], 1) as lanes:
        lanes[0].send(program)
        answers = lanes[0].receive()
    for index, operation in enumerate(program.operations):
        print(f"{index:4} {operation}: {' '.join(answers.results.get(index, []))}")
    try:
        Comparison(program, answers).run()
    except Disagreement as reason:
        print(f"disagrees\n{reason}")
        return 1
    print("agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
