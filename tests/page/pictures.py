# SPDX-License-Identifier: Apache-2.0
"""Takes the pictures of docs/monitoring.md: two nodes under load that changes, a leader that is killed, keys that many fight for.

    VERDICT_BUILD=build/release /usr/bin/python3 tests/page/pictures.py [--seconds 300] [FOLDER]

FOLDER: docs/images. The font is what the browser finds on this machine: with the package fonts-inter the pictures look as they
do there.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import browser as browsers  # noqa: E402
import private_pg  # noqa: E402
from page_world import PageWorld  # noqa: E402

# when, as a part of the time: what happens then
STORY = [
    (0.02, lambda world: world.load("rmw", "--in-flight", 32, "--keys", 50000)),
    (0.08, lambda world: world.nodes["a"].kill()),
    (0.09, lambda world: world.serving("a", "3s")),
    (0.14, lambda world: world.load("hot_rmw", "--in-flight", 4, "--keys", 5, "--distribution", "zipf")),
    (0.30, lambda world: world.load("blind", "--in-flight", 64)),
    (0.55, lambda world: world.unload("blind")),
    (0.66, lambda world: world.load("churn", "--in-flight", 4)),
    (0.80, lambda world: world.load("blind", "--in-flight", 256)),
    (0.93, lambda world: world.conflict(b"orders/open/2024-11", 60)),
    (0.95, lambda world: world.conflict(b"stock/\x00\x17\xff", 25)),
    (1.00, lambda world: None),
]


def program(name):
    return str(pathlib.Path(os.environ.get("VERDICT_BUILD", ROOT / "build/release")).resolve() / name)


def migrate(dsn, schema="verdict"):
    subprocess.run([program("tests/integration/pg_migrate"), dsn, schema], check=True, stdout=subprocess.DEVNULL)


def tell(world, seconds):
    begun = time.monotonic()
    for part, act in STORY:
        time.sleep(max(0, begun + part * seconds - time.monotonic()))
        act(world)


def take(page, folder):
    """The page as it is now, on a wide screen by day and on a phone by night."""
    page.look(1320, 1010, scale=1.25)
    time.sleep(1.5)
    page.picture(folder / "page-light.png", whole=True)
    page.look(390, 1180, dark=True, scale=2, phone=True)
    time.sleep(1.5)
    page.picture(folder / "page-dark-phone.png")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "docs/images")
    arguments = parser.parse_args()
    server = private_pg.Server().init().start()
    with tempfile.TemporaryDirectory() as folder, browsers.Browser() as browser:
        world = PageWorld(server.migrated(migrate), program, folder, browser)
        try:
            world.serving("a", "3s").wait_says("state=leading")
            page = world.page(world.serving("b", "3s"))
            tell(world, arguments.seconds)
            arguments.folder.mkdir(parents=True, exist_ok=True)
            take(page, arguments.folder)
        finally:
            world.close()
            server.destroy()


main()
